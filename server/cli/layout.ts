/** How pages of text and tables fit what they are written to: wrapped, aligned, and coloured only on a terminal that wants it. */
import { visibleText } from '../protocol/visibleText.ts';
import type { Screen } from './io.ts';

/** Lines longer than this are hard to read, however wide the terminal is. */
const widestPage = 100;
const narrowestPage = 30;
/** Where there is no terminal, a cell is cut only against what nobody can mean. */
const longestCell = 2_000;
const gap = 2;

/** Emphasis: headings and names, and how grave something is. */
type Ink = 'bold' | 'dim' | 'red' | 'yellow';
const codes: { readonly [I in Ink]: readonly [number, number] } = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  yellow: [33, 39],
};

/** `text` in that ink, where the screen has colours. */
export function inked({ colors }: Screen, ink: Ink, text: string): string {
  const [on, off] = codes[ink];
  return colors && text !== '' ? `\u001b[${on}m${text}\u001b[${off}m` : text;
}

/** How wide a page of text is. */
export function pageWidth({ columns }: Screen): number {
  return Math.max(narrowestPage, Math.min(widestPage, columns ?? widestPage));
}

/** Text broken at blanks into lines that fit, each indented. A word that is longer than a line stands alone. */
export function wrapped(text: string, width: number, indent: number): string {
  const room = Math.max(10, width - indent);
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ').filter((each) => each !== '')) {
      if (line !== '' && widthOf(line) + 1 + widthOf(word) > room) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines.map((line) => (line === '' ? '\n' : `${' '.repeat(indent)}${line}\n`)).join('');
}

type TableText = {
  readonly text: string;
  /** Columns for which there was no room. */
  readonly left: readonly string[];
};

/**
 * A table as terminals and pipes like it: columns without lines, numbers to the right; nothing in a cell can steer the terminal. In a pipe
 * every cell is whole. On a terminal it fits: first go columns that only repeat a part of the first one, then text columns are cut to
 * what can still be told apart, then those furthest to the right go.
 */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[], screen: Screen): TableText {
  const most = screen.columns === null ? longestCell : Math.max(narrowestPage, screen.columns);
  const columns = head.map((name, at): Column => {
    const cells = rows.map((row) => visibleText(row[at] ?? '', most));
    const isNumeric = cells.some((cell) => cell !== '') && cells.every((cell) => /^(-?\d+(\.\d+)?)?$/.test(cell));
    return { name: visibleText(name, most), cells, isNumeric, width: widestOf([visibleText(name, most), ...cells]) };
  });
  const shown = screen.columns === null ? columns : fitting(columns, screen.columns);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => padded(cell, shown[at]))
      .join(' '.repeat(gap))
      .trimEnd();
  const lines = [
    inked(screen, 'bold', line(shown.map(({ name }) => name))),
    ...rows.map((_, row) => line(shown.map(({ cells }) => cells[row] ?? ''))),
  ];
  const names = new Set(shown.map(({ name }) => name));
  return {
    text: lines.map((each) => `${each}\n`).join(''),
    left: columns.map(({ name }) => name).filter((name) => !names.has(name)),
  };
}

type Column = {
  readonly name: string;
  readonly cells: readonly string[];
  readonly isNumeric: boolean;
  readonly width: number;
};

/** Less than this of a text tells nothing. */
const leastText = 14;

function fitting(all: readonly Column[], room: number): readonly Column[] {
  let columns = all;
  const least = (each: Column, at: number): number =>
    at === 0 || each.isNumeric ? each.width : Math.min(each.width, Math.max(leastText, widthOf(each.name)));
  const narrowest = (those: readonly Column[]): number =>
    those.reduce((sum, each, at) => sum + least(each, at), gap * (those.length - 1));
  const drop = (at: number): void => {
    columns = columns.filter((_, each) => each !== at);
  };
  if (natural(columns) > room) columns = columns.filter((each, at) => at === 0 || !repeats(each, columns[0]));
  while (narrowest(columns) > room && columns.length > 1) drop(leastMissed(columns));
  return shrunk(columns, room, least);
}

/**
 * The column to go: one of whole objects, which no cell shows; else text, the furthest to the right, but the first text last, which is
 * mostly a name; figures are what a table is looked at for.
 */
function leastMissed(columns: readonly Column[]): number {
  const last = (goes: (column: Column) => boolean): number => columns.findLastIndex((each, at) => at > 0 && goes(each));
  const isText = ({ isNumeric }: Column): boolean => !isNumeric;
  const isWide = (column: Column): boolean => isText(column) && column.width >= leastText;
  const first = columns.findIndex((each, at) => at > 0 && isWide(each));
  const candidates = [last(isObjects), last(isWide), last(isText)];
  return candidates.find((at) => at > 0 && at !== first) ?? (first > 0 ? first : columns.length - 1);
}

function isObjects({ cells }: Column): boolean {
  const said = cells.filter((cell) => cell !== '');
  return said.length > 0 && said.every((cell) => cell.startsWith('{') || cell.startsWith('[{'));
}

function natural(columns: readonly Column[]): number {
  return columns.reduce((sum, { width }) => sum + width, gap * (columns.length - 1));
}

/** Takes from the widest text until it fits. */
function shrunk(
  columns: readonly Column[],
  room: number,
  least: (each: Column, at: number) => number,
): readonly Column[] {
  const widths = columns.map(({ width }) => width);
  let over = natural(columns) - room;
  while (over > 0) {
    const candidates = widths.map((width, at) => {
      const column = columns[at];
      return column !== undefined && width > least(column, at) ? width : -1;
    });
    const widest = candidates.indexOf(Math.max(...candidates));
    if ((candidates[widest] ?? -1) < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    over -= 1;
  }
  return columns.map((column, at) => ({ ...column, width: widths[at] ?? column.width }));
}

/** Whether every cell of a column is a part of the first column's. */
function repeats(column: Column, first: Column | undefined): boolean {
  const bare = (cell: string): string => cell.replace(/^(#PID)?<(.*)>$/, '$2');
  return (
    first !== undefined &&
    !column.isNumeric &&
    column.cells.some((cell) => cell !== '') &&
    column.cells.every((cell, row) => (first.cells[row] ?? '').includes(bare(cell)))
  );
}

function padded(cell: string, column: Column | undefined): string {
  const width = column?.width ?? 0;
  const space = width - widthOf(cell);
  if (space < 0)
    return `${Array.from(cell)
      .slice(0, Math.max(0, width - 1))
      .join('')}…`;
  return column?.isNumeric === true ? ' '.repeat(space) + cell : cell + ' '.repeat(space);
}

/** Columns that the widest of these texts takes; there can be more of them than a call has arguments. */
export function widestOf(texts: readonly string[]): number {
  return texts.reduce((widest, text) => Math.max(widest, widthOf(text)), 0);
}

/** Columns a text takes: two for each letter of the wide scripts. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += wide.test(character) ? 2 : 1;
  return width;
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u;
