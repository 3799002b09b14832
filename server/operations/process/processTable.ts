/**
 * Many processes as the columns in which they came. Rows are made of those only that are shown: 30,000 as objects take a hundred times
 * as long as their columns do.
 */
import type { Json, ProcessField, RowPage } from '../../../runtime/model.ts';
import type { ListRow, Rows } from '../lists.ts';
import { readSort } from '../lists.ts';
import type { ProcessFieldName } from '../processRows.ts';
import { cell, isProcessField, processFields, rowAt } from '../processRows.ts';

/** Rows of several pages, in order. */
export class ProcessTable implements Rows {
  readonly #pages: readonly RowPage[];
  readonly #fields: readonly ProcessFieldName[];
  /** The number of the first row of each page. */
  readonly #starts: readonly number[];
  /** Which rows, in which order. */
  readonly #order: Uint32Array;

  private constructor(pages: readonly RowPage[], fields: readonly ProcessFieldName[], order: Uint32Array) {
    this.#pages = pages;
    this.#fields = fields;
    this.#starts = startsOf(pages);
    this.#order = order;
  }

  /** The rows of the pages but for those of `without`, sorted; what stands in no order stays as it came. */
  static of(
    pages: readonly RowPage[],
    fields: readonly ProcessFieldName[],
    sort: string | undefined,
    without: ProcessTable | null = null,
  ): ProcessTable {
    const count = pages.reduce((sum, { ids }) => sum + ids.length, 0);
    const known = without === null ? null : without.#keys();
    const starts = startsOf(pages);
    const order = Uint32Array.from({ length: count }, (_none, at) => at);
    const left = known === null ? order : order.filter((row) => !known.has(keyAt(pages, starts, row)));
    return new ProcessTable(pages, fields, sorted(left, pages, sort));
  }

  /** These rows, then those of another table with the same fields. */
  followedBy(other: ProcessTable): ProcessTable {
    const own = this.#pages.reduce((sum, { ids }) => sum + ids.length, 0);
    const order = new Uint32Array(this.#order.length + other.#order.length);
    order.set(this.#order);
    order.set(
      other.#order.map((row) => row + own),
      this.#order.length,
    );
    return new ProcessTable([...this.#pages, ...other.#pages], this.#fields, order);
  }

  /** The first of them. */
  head(most: number): ProcessTable {
    return this.#order.length <= most ? this : new ProcessTable(this.#pages, this.#fields, this.#order.slice(0, most));
  }

  get length(): number {
    return this.#order.length;
  }

  slice(from: number, to: number): readonly ListRow[] {
    return Array.from(this.#order.subarray(from, to), (row) => {
      const { page, at } = placeOf(this.#pages, this.#starts, row);
      return rowAt(page, at, this.#fields);
    });
  }

  #keys(): ReadonlySet<string> {
    return new Set(Array.from(this.#order, (row) => keyAt(this.#pages, this.#starts, row)));
  }
}

function startsOf(pages: readonly RowPage[]): readonly number[] {
  let start = 0;
  return pages.map(({ ids }) => {
    const own = start;
    start += ids.length;
    return own;
  });
}

function placeOf(pages: readonly RowPage[], starts: readonly number[], row: number) {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= row) low = middle;
    else high = middle - 1;
  }
  const page = pages[low];
  if (page === undefined) throw new Error('Every row is of a page.');
  return { page, at: row - (starts[low] ?? 0) };
}

/** Names a process among those of one answer. */
function keyAt(pages: readonly RowPage[], starts: readonly number[], row: number): string {
  const { page, at } = placeOf(pages, starts, row);
  return `${page.of.node} ${String(page.of.creation)} ${String(page.ids[at])} ${String(page.serials[at])}`;
}

/** By the field of a sort text; null last, and among equals as they came. */
function sorted(rows: Uint32Array, pages: readonly RowPage[], sort: string | undefined): Uint32Array {
  if (sort === undefined) return rows;
  const { field, direction } = readSort(sort);
  if (!isProcessField(field)) return rows;
  const ranks = ranksOf(pages, processFields[field].key, direction === 'descending' ? -1 : 1);
  return rows.sort((one, other) => (ranks[one] ?? 0) - (ranks[other] ?? 0) || one - other);
}

/** A number for each row, in whose order they stand; a number beyond all others for null. */
function ranksOf(pages: readonly RowPage[], key: ProcessField, sign: 1 | -1): Float64Array {
  const ranks = new Float64Array(pages.reduce((sum, { ids }) => sum + ids.length, 0));
  const texts = rankedTexts(pages, key);
  let row = 0;
  for (const page of pages) {
    for (const at of page.ids.keys()) {
      const value = cell(page, key, at);
      ranks[row] = rankOf(value, texts, sign);
      row += 1;
    }
  }
  return ranks;
}

function rankOf(value: Json, texts: ReadonlyMap<string, number>, sign: 1 | -1): number {
  if (typeof value === 'number') return sign * value;
  const place = typeof value === 'object' ? undefined : texts.get(String(value));
  return place === undefined ? Number.MAX_VALUE : sign * place;
}

/** The place of each text that there is, in their order. */
function rankedTexts(pages: readonly RowPage[], key: ProcessField): ReadonlyMap<string, number> {
  const texts = new Set<string>();
  for (const { columns } of pages) {
    const column = columns[key];
    if (column === undefined || column.as === 'number') continue;
    for (const value of column.values)
      if (typeof value === 'string' || typeof value === 'boolean') texts.add(String(value));
  }
  return new Map([...texts].sort(compare).map((text, at) => [text, at]));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
