/** The result of an operation as text a person reads: a table for a list, indented JSON for the rest. No editor in it. */
import type { Json } from '../../runtime/model.ts';
import { visibleText } from '../../server/protocol/visibleText.ts';
import { isRecord, recordsIn } from '../decode.ts';
import { listingOf } from '../rows.ts';

export type ResultText = {
  /** For the editor's colouring. */
  readonly language: 'markdown' | 'json';
  readonly text: string;
  /** One line, when the whole result fits in one. */
  readonly summary: string | null;
};

const widestCell = 60;
const mostColumns = 10;
const longestSummary = 120;

/** Renders `result` of the operation called `title`. */
export function renderResult(title: string, result: Json): ResultText {
  const listing = listingOf(result);
  const rows = listing === null ? [] : recordsIn(listing.items);
  if (listing !== null && rows.length > 0 && rows.length === listing.items.length) {
    const shown = listing.total === null ? `${rows.length}` : `${rows.length} / ${listing.total}`;
    const text = [
      `# ${visibleText(title)}`,
      '',
      shown,
      '',
      ...table(rows),
      ...coverage(result),
      ...more(listing.next),
    ].join('\n');
    return { language: 'markdown', text: `${text}\n`, summary: null };
  }
  return { language: 'json', text: `${visibleJson(result)}\n`, summary: summaryOf(result) };
}

/** Indented JSON in which nothing steers the eye. A string is not cut, because it is data; its own escapes stay JSON's. */
function visibleJson(result: Json): string {
  const lines = JSON.stringify(result, null, 2).split('\n');
  return lines.map((line) => visibleText(line, line.length + 1)).join('\n');
}

function table(rows: readonly { readonly [key: string]: unknown }[]): readonly string[] {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].slice(0, mostColumns);
  const cells = [
    columns.map((column) => visibleText(column, widestCell)),
    ...rows.map((row) => columns.map((column) => cell(row[column]))),
  ];
  const widths = columns.map((_, at) => Math.max(3, ...cells.map((line) => Array.from(line[at] ?? '').length)));
  const lines = cells.map((line) => `| ${line.map((text, at) => pad(text, widths[at] ?? 0)).join(' | ')} |`);
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [lines[0] ?? '', rule, ...lines.slice(1)];
}

function cell(value: unknown): string {
  const text = value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  // A pipe ends a cell, a backslash or an angle bracket means something to Markdown.
  return visibleText(text, widestCell).replace(/[\\|<>`]/g, (character) => `\\${character}`);
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - Array.from(text).length));
}

/** The nodes that did not answer in full: a hole in a list is always said. */
function coverage(result: Json): readonly string[] {
  const nodes = isRecord(result) && Array.isArray(result['nodes']) ? recordsIn(result['nodes']) : [];
  const holes = nodes.filter((node) => node['status'] !== 'ok');
  if (holes.length === 0) return [];
  return [
    '',
    ...holes.map((node) => {
      const error = isRecord(node['error']) ? node['error']['message'] : undefined;
      return `- ⚠ ${cell(node['node'])}: ${cell(node['status'])}${error === undefined ? '' : `, ${cell(error)}`}`;
    }),
  ];
}

function more(next: string | null): readonly string[] {
  return next === null ? [] : ['', '…'];
}

/** `exited: true, reason: killed`: for a small flat object or a scalar. */
function summaryOf(result: Json): string | null {
  if (!isRecord(result)) return isFlat(result) ? visibleText(String(result), longestSummary) : null;
  const entries = Object.entries(result);
  if (entries.length === 0 || entries.length > 4) return null;
  const parts = entries.flatMap(([key, value]) => (isFlat(value) ? [`${key}: ${String(value)}`] : []));
  if (parts.length < entries.length) return null;
  const text = parts.join(', ');
  return text.length > longestSummary ? null : visibleText(text, longestSummary);
}

function isFlat(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
