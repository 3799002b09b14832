/**
 * The result of an operation as text a person reads: its facts as lines, its lists as tables, its trees as trees. The whole as JSON is one
 * step away. No editor in it.
 */
import type { Json } from '../../runtime/model.ts';
import type { PlanSummary } from '../../server/protocol/operation.ts';
import { visibleText } from '../../server/protocol/visibleText.ts';
import { isArsenalError, isRecord, recordsIn } from '../decode.ts';
import { listingOf } from '../rows.ts';
import { padEnd, tableOf, widestOf } from './table.ts';
import { valueText } from './valueText.ts';

export type ResultText = {
  readonly text: string;
  /** One line, when the whole result fits in one. */
  readonly summary: string | null;
};

type Fields = { readonly [key: string]: unknown };

const longestSummary = 200;
const mostInSummary = 6;
const widestFact = 2_000;
const widestLine = 100;
const deepest = 6;

/** Renders `result` of the operation called `title`. */
export function renderResult(title: string, result: Json): ResultText {
  const shown = withTermsAsText(result);
  const head = visibleText(title);
  const listing = isRecord(shown) && isList(shown) ? listingOf(shown) : null;
  const rows = listing === null ? [] : recordsIn(listing.items);
  if (!isRecord(shown) || (listing !== null && rows.length < listing.items.length)) {
    return { text: `${head}\n\n${blockOf(shown, []).join('\n')}\n`, summary: summaryOf(shown) };
  }
  const { items: _items, total: _total, next: _next, nodes, truncated, ...rest } = shown;
  // That a list is whole needs no words.
  const others = listing === null ? shown : truncated === true ? { ...rest, nodes, truncated } : { ...rest, nodes };
  // What became of each node is said where it is not as wished.
  const facts = isCoverage(nodes) ? omit(others, 'nodes') : others;
  const factLines = fieldsOf(facts, []);
  const listLines = listing === null ? [] : listOf(rows);
  const count =
    listing === null ? '' : `: ${listing.total === null ? rows.length : `${rows.length} / ${listing.total}`}`;
  const lines = [
    `${head}${count}`,
    '',
    ...listLines,
    ...(listLines.length > 0 && factLines.length > 0 ? [''] : []),
    ...factLines,
    ...coverage(nodes),
    ...(listing?.next == null ? [] : ['…']),
  ];
  return { text: `${lines.join('\n').trimEnd()}\n`, summary: listing === null ? summaryOf(shown) : null };
}

/** Whether it is a list, and not something that has items beside other things. */
function isList(result: Fields): boolean {
  const others = Object.keys(result).filter((key) => key !== 'items' && key !== 'nodes');
  return 'total' in result || 'next' in result || others.length === 0;
}

/** A plan as a page: what would be done, whom it touches, whether it can be undone. */
export function renderPlan(title: string, plan: PlanSummary, undo: string): string {
  const touches = plan.touches.length === 0 ? [] : ['', ...tableOf(plan.touches)];
  return `${[visibleText(title), '', visibleText(plan.summary, 2_000), undo, ...touches].join('\n')}\n`;
}

/** Indented JSON in which nothing steers the eye. A string is not cut, because it is data; its own escapes stay JSON's. */
export function visibleJson(result: Json): string {
  const lines = JSON.stringify(result, null, 2).split('\n');
  return `${lines.map((line) => visibleText(line, line.length + 1)).join('\n')}\n`;
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

function listOf(rows: readonly Fields[]): readonly string[] {
  if (rows.length === 0) return ['none'];
  if (rows.some(isBranch)) return rows.flatMap((row) => treeOf(row, '', ''));
  const deep = [...new Set(rows.flatMap((row) => Object.keys(row).filter((key) => isListOfRecords(row[key]))))];
  if (deep.length === 0) return tableOf(rows);
  // What a row has a list of stands below the table, under the row's name.
  const flat = rows.map((row) => Object.fromEntries(Object.entries(row).filter(([key]) => !deep.includes(key))));
  const below = rows.flatMap((row) =>
    deep.flatMap((key) => {
      const list = isListOfRecords(row[key]) ? recordsIn(row[key]) : [];
      if (list.length === 0) return [];
      return ['', `${nameOf(row)} ${visibleText(key)} (${list.length})`.trim(), ...indented(listOf(list))];
    }),
  );
  return [...tableOf(flat), ...below];
}

/** The fields of a record: what fits in a line each, names in one column; then what needs more, each below its name. */
function fieldsOf(record: Fields, path: readonly string[]): readonly string[] {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined && value !== null);
  const facts = entries.filter(([, value]) => isFact(value));
  const width = widestOf(facts.map(([key]) => visibleText(key)));
  const lines = facts.flatMap(([key, value]) => {
    const [first = '', ...further] = wrapped(valueText([...path, key], value, widestFact));
    return [`${padEnd(visibleText(key), width)}  ${first}`, ...further.map((line) => `${' '.repeat(width)}  ${line}`)];
  });
  const parts = entries
    .filter(([, value]) => !isFact(value))
    .flatMap(([key, value]) => {
      const count = Array.isArray(value) ? ` (${value.length})` : '';
      return ['', `${visibleText(key)}${count}`, ...indented(blockOf(value, [...path, key]))];
    });
  return facts.length === 0 && parts[0] === '' ? parts.slice(1) : [...lines, ...parts];
}

function blockOf(value: unknown, path: readonly string[]): readonly string[] {
  if (path.length >= deepest) return [valueText([], value, widestFact)];
  if (Array.isArray(value)) {
    const rows = recordsIn(value);
    if (rows.length > 0 && rows.length === value.length) return listOf(rows);
    return value.flatMap((each) => (isFact(each) ? [valueText(path, each, widestFact)] : blockOf(each, [...path, ''])));
  }
  return isRecord(value)
    ? fieldsOf(value, path)
    : String(value)
        .split('\n')
        .map((line) => visibleText(line, 2_000));
}

/** What stands in one line behind its name. */
function isFact(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\n');
  if (Array.isArray(value)) return value.every((each) => each === null || typeof each !== 'object');
  return !isRecord(value) || isArsenalError(value) || Object.keys(value).length === 0;
}

function isListOfRecords(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0 && recordsIn(value).length === value.length;
}

/** What a row is called by: its first text. */
function nameOf(row: Fields): string {
  const first = Object.values(row).find((value) => typeof value === 'string');
  return valueText([], first, 60);
}

function isBranch(row: Fields): boolean {
  return Array.isArray(row['children']) && recordsIn(row['children']).length > 0;
}

/** A record with `children`, and those below it. */
function treeOf(row: Fields, first: string, further: string): readonly string[] {
  const children = Array.isArray(row['children']) ? recordsIn(row['children']) : [];
  const { node, display, ...rest } = omit(row, 'children');
  const said = typeof rest['pid'] === 'string' ? rest : { node, display, ...rest };
  const words = Object.entries(said).flatMap(([key, value]) => {
    if (value === undefined || value === null || value === '' || !isFact(value)) return [];
    return [typeof value === 'string' ? visibleText(value, 60) : `${visibleText(key)} ${valueText([key], value, 60)}`];
  });
  return [
    `${first}${words.join('  ')}`,
    ...children.flatMap((child, at) => {
      const isLast = at === children.length - 1;
      return treeOf(child, `${further}${isLast ? '└─ ' : '├─ '}`, `${further}${isLast ? '   ' : '│  '}`);
    }),
  ];
}

/** Lines of words, none longer than fits beside others. */
function wrapped(text: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > widestLine) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`));
}

function omit(record: Fields, key: string): Fields {
  return Object.fromEntries(Object.entries(record).filter(([each]) => each !== key));
}

const coverageStatuses: readonly unknown[] = ['ok', 'partial', 'missing'];

function isCoverage(nodes: unknown): boolean {
  return Array.isArray(nodes) && nodes.every((node) => isRecord(node) && coverageStatuses.includes(node['status']));
}

/** The nodes that did not answer in full: a hole in a list is always said. */
function coverage(nodes: unknown): readonly string[] {
  const holes = isCoverage(nodes) && Array.isArray(nodes) ? recordsIn(nodes).filter(isHole) : [];
  if (holes.length === 0) return [];
  const cell = (value: unknown) => valueText([], value, 60);
  return [
    '',
    ...holes.map(({ node, status, error }) => {
      const message = isRecord(error) ? error['message'] : undefined;
      return `⚠ ${cell(node)}: ${cell(status)}${message === undefined ? '' : `, ${cell(message)}`}`;
    }),
  ];
}

function isHole(node: Fields): boolean {
  return node['status'] !== 'ok';
}

/** `<0.1.0> shop@host, reason: :killed`: for a small flat object or a scalar. */
function summaryOf(result: Json): string | null {
  if (!isRecord(result)) return isFlat(result) ? visibleText(String(result), longestSummary) : null;
  const { pid, node, display } = result;
  const process = typeof pid === 'string' && typeof node === 'string' && typeof display === 'string';
  const isSaid = (key: string) => process && ['pid', 'node', 'display'].includes(key);
  const entries = Object.entries(result).filter(([key]) => !isSaid(key));
  if (entries.length > mostInSummary || Object.keys(result).length === 0) return null;
  const parts = entries.flatMap(([key, value]) =>
    isFlat(value) ? [`${key}: ${value === null ? 'none' : valueText([key], value, longestSummary)}`] : [],
  );
  if (parts.length < entries.length) return null;
  const text = [...(process ? [`${display} ${node}`] : []), ...parts].join(', ');
  return text.length > longestSummary ? null : visibleText(text, longestSummary);
}

function isFlat(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
