/** Rows of any records as a table of text. No editor in it. */
import { isArsenalError, isRecord } from '../decode.ts';
import { visibleText } from '../../server/protocol/visibleText.ts';
import { valueText } from './valueText.ts';

export type Cells = { readonly [column: string]: unknown };

const widestCell = 60;
/** Nothing stands behind it. */
const widestLast = 160;
const mostColumns = 16;

/** The lines of a table of `rows`: head, rule, a line each; numbers stand at the right. What no row says has no column. */
export function tableOf(rows: readonly Cells[]): readonly string[] {
  const flat = rows.map((row) => flattened(row, []));
  const columns = columnsOf(flat);
  const head = headOf(columns);
  const widest = (at: number) => (at === columns.length - 1 ? widestLast : widestCell);
  const body = flat.map((row) => columns.map((column, at) => valueText(column.split('.'), row[column], widest(at))));
  const widths = columns.map((_, at) => widestOf([head, ...body].map((line) => line[at] ?? '')));
  const isNumber = columns.map((column) => flat.every((row) => typeof row[column] === 'number' || row[column] == null));
  const line = (cells: readonly string[]) =>
    cells
      .map((text, at) => (isNumber[at] === true ? padStart(text, widths[at] ?? 0) : padEnd(text, widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...body.map(line)];
}

/** What is one level down becomes columns of its own: `durationMs.p95`. */
function flattened(row: Cells, path: readonly string[]): Cells {
  const cells: { [column: string]: unknown } = {};
  for (const [key, value] of Object.entries(row)) {
    const here = [...path, key];
    if (path.length === 0 && isRecord(value) && !isArsenalError(value) && Object.keys(value).length <= 8) {
      Object.assign(cells, flattened(value, here));
    } else {
      cells[here.join('.')] = value;
    }
  }
  return cells;
}

/** Every key of any row. The id of a process says its node and how it is printed; saying it twice would only take room. */
function columnsOf(rows: readonly Cells[]): readonly string[] {
  const all = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const said = all.includes('pid') ? ['node', 'display'] : [];
  const isSaid = (column: string) => rows.some((row) => !isNothing(row[column]));
  const shown = all.filter((column) => !said.includes(column) && isSaid(column));
  // What only programs read comes last.
  const isId = (column: string) => ['requestId', 'correlationId', 'parent'].includes(column);
  return [...shown.filter((column) => !isId(column)), ...shown.filter(isId)].slice(0, mostColumns);
}

/** The last part of a column's name, where no other column ends like it. */
function headOf(columns: readonly string[]): readonly string[] {
  const last = columns.map((column) => column.split('.').at(-1) ?? column);
  const isAlone = (name: string) => last.filter((other) => other === name).length === 1;
  return columns.map((column, at) => {
    const short = last[at] ?? column;
    return visibleText(isAlone(short) ? short : column, widestCell);
  });
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0;
}

/** How many characters the longest of them has, however many there are: `Math.max` takes no more than a call can have arguments. */
export function widestOf(texts: readonly string[]): number {
  return texts.reduce((widest, text) => Math.max(widest, lengthOf(text)), 0);
}

export function lengthOf(text: string): number {
  return Array.from(text).length;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - lengthOf(text)));
}

function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - lengthOf(text))) + text;
}
