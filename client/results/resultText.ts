/** The result of an operation as text a person reads: a table for a list, indented JSON for the rest. No editor in it. */
import type { Json } from '../../runtime/model.ts';
import { visibleText } from '../../server/protocol/visibleText.ts';
import { isRecord, recordsIn } from '../decode.ts';
import { listingOf } from '../rows.ts';

export type ResultText = {
  /** For the editor's colouring. A table is plain text: Markdown would be wrapped, and its columns with it. */
  readonly language: 'plaintext' | 'json';
  readonly text: string;
  /** One line, when the whole result fits in one. */
  readonly summary: string | null;
};

type Cells = { readonly [column: string]: unknown };

const widestCell = 60;
const mostColumns = 12;
const longestSummary = 200;
const mostInSummary = 6;

/** Renders `result` of the operation called `title`. */
export function renderResult(title: string, result: Json): ResultText {
  const shown = withTermsAsText(result);
  const listing = listingOf(shown);
  const rows = listing === null ? [] : recordsIn(listing.items);
  if (listing === null || rows.length === 0 || rows.length < listing.items.length) {
    return { language: 'json', text: `${visibleJson(shown)}\n`, summary: summaryOf(shown) };
  }
  const count = listing.total === null ? `${rows.length}` : `${rows.length} / ${listing.total}`;
  const lines = [
    `${visibleText(title)}: ${count}`,
    '',
    ...table(rows),
    ...coverage(shown),
    ...(listing.next === null ? [] : ['…']),
  ];
  return { language: 'plaintext', text: `${lines.join('\n')}\n`, summary: null };
}

/** A term is answered as text for the eye beside the term itself; here the eye reads. */
function withTermsAsText(value: Json): Json {
  if (Array.isArray(value)) return value.map(withTermsAsText);
  if (!isObject(value)) return value;
  const { display, term } = value;
  if (typeof display === 'string' && term !== undefined && Object.keys(value).length === 2) return display;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withTermsAsText(part)]));
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return isRecord(value);
}

/** Indented JSON in which nothing steers the eye. A string is not cut, because it is data; its own escapes stay JSON's. */
function visibleJson(result: Json): string {
  const lines = JSON.stringify(result, null, 2).split('\n');
  return lines.map((line) => visibleText(line, line.length + 1)).join('\n');
}

function table(rows: readonly Cells[]): readonly string[] {
  const columns = columnsOf(rows);
  const head = columns.map((column) => visibleText(column, widestCell));
  const body = rows.map((row) => columns.map((column) => cell(row[column])));
  const widths = columns.map((_, at) => Math.max(...[head, ...body].map((line) => lengthOf(line[at] ?? ''))));
  const isNumber = columns.map((column) => rows.every((row) => typeof row[column] === 'number' || row[column] == null));
  const line = (cells: readonly string[]) =>
    cells
      .map((text, at) => (isNumber[at] === true ? padStart(text, widths[at] ?? 0) : padEnd(text, widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...body.map(line)];
}

/** Every key of any row. The id of a process says its node and how it is printed; saying it twice would only take room. */
function columnsOf(rows: readonly Cells[]): readonly string[] {
  const all = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const said = all.includes('pid') ? ['node', 'display'] : [];
  return all.filter((column) => !said.includes(column)).slice(0, mostColumns);
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '';
  return visibleText(typeof value === 'string' ? value : JSON.stringify(value), widestCell);
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - lengthOf(text)));
}

function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - lengthOf(text))) + text;
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
      return `⚠ ${cell(node['node'])}: ${cell(node['status'])}${error === undefined ? '' : `, ${cell(error)}`}`;
    }),
  ];
}

/** `pid: <0.1.0>, reason: :killed`: for a small flat object or a scalar. */
function summaryOf(result: Json): string | null {
  if (!isRecord(result)) return isFlat(result) ? visibleText(String(result), longestSummary) : null;
  const entries = Object.entries(result);
  if (entries.length === 0 || entries.length > mostInSummary) return null;
  const parts = entries.flatMap(([key, value]) => (isFlat(value) ? [`${key}: ${String(value)}`] : []));
  if (parts.length < entries.length) return null;
  const text = parts.join(', ');
  return text.length > longestSummary ? null : visibleText(text, longestSummary);
}

function isFlat(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
