/** Pages of rows as rows.erl sends them, read from their bytes into the columns of a {@link RowPage}; no term is built for a row. */
import type { Column, Incarnation, Json, ProcessField, RowPage, Scalar } from '../../model.ts';
import { columnKind } from '../../processQuery.ts';
import type { TermCursor } from '../../term/cursor.ts';
import type { RowColumn } from '../../term/rows.ts';
import { DictionaryColumn, NumberColumn, PidColumn, TermColumn } from '../../term/rows.ts';
import { fieldValue, itemOf } from './processFields.ts';

/** The rows of one page, as far as the node says them. */
export type ReadRows = Omit<PageRows, 'of'> & {
  /** The life of the node that the pids are of; null when there are none. */
  readonly of: Incarnation | null;
};

/** A page without the moment it was taken at. */
export type PageRows = Omit<RowPage, 'takenAt'>;

type FieldColumn = { readonly key: ProcessField; readonly item: string; readonly reader: Reader };
type Reader =
  | { readonly as: 'number'; readonly column: NumberColumn }
  | { readonly as: 'dictionary'; readonly column: DictionaryColumn<Scalar> }
  | { readonly as: 'json'; readonly column: TermColumn<Json> };

/** Reads one page after the other, of one scan. */
export class ProcessRows {
  readonly #pids = new PidColumn();
  readonly #fields: readonly FieldColumn[];
  /** For each item, in the order they come in, what takes its value. */
  readonly #takers: readonly (readonly RowColumn[])[];
  #row = 0;

  /** `items` as the node was asked for them; a field of `keys` whose item is not among them is null in every row. */
  constructor(keys: readonly ProcessField[], items: readonly string[]) {
    this.#fields = [...new Set(keys)].map((key) => ({ key, item: itemOf(key), reader: readerOf(key) }));
    this.#takers = items.map((item) =>
      this.#fields.filter((field) => field.item === item).map(({ reader }) => reader.column),
    );
  }

  /** The next term is a page. Throws the damage of the cursor, see `readRaw`. */
  read(cursor: TermCursor): ReadRows {
    this.#row = 0;
    const readItem = (at: number): void => {
      this.#readItem(cursor, at);
    };
    cursor.list(
      () => {
        cursor.tupleOf(2);
        this.#pids.read(cursor, this.#row);
        // `undefined` stands for one that has ended: the next row takes its place.
        if (cursor.kind() === 'atom') cursor.skip();
        else {
          cursor.list(readItem);
          this.#row += 1;
        }
      },
      (rows) => {
        this.#pids.begin(rows);
        for (const { reader } of this.#fields) reader.column.begin(rows);
      },
    );
    const rows = this.#row;
    return {
      of: this.#pids.of,
      ids: cut(this.#pids.ids, rows),
      serials: cut(this.#pids.serials, rows),
      columns: Object.fromEntries(this.#fields.map(({ key, reader }) => [key, columnOf(reader, rows)])),
    };
  }

  #readItem(cursor: TermCursor, at: number): void {
    cursor.tupleOf(2);
    cursor.skip();
    const takers = this.#takers[at];
    if (takers === undefined || takers.length === 0) {
      cursor.skip();
      return;
    }
    const from = cursor.at;
    for (const taker of takers) {
      cursor.at = from;
      taker.read(cursor, this.#row);
    }
  }
}

function readerOf(key: ProcessField): Reader {
  const kind = columnKind(key);
  if (kind === 'number') return { as: kind, column: new NumberColumn() };
  if (kind === 'json') return { as: kind, column: new TermColumn((term) => fieldValue(key, term)) };
  return { as: kind, column: new DictionaryColumn((term) => scalarOf(fieldValue(key, term))) };
}

function scalarOf(value: Json): Scalar {
  return typeof value === 'object' ? null : value;
}

function columnOf(reader: Reader, rows: number): Column {
  switch (reader.as) {
    case 'number': {
      const values = cut(reader.column.values, rows);
      // What a node of an older release does not know is 0, as a column of numbers has no null.
      if (reader.column.others > 0) for (const [at, value] of values.entries()) if (Number.isNaN(value)) values[at] = 0;
      return { as: 'number', values };
    }
    case 'json': {
      const { values } = reader.column;
      return { as: 'json', values: values.length === rows ? values : Array.from({ length: rows }, () => null) };
    }
    case 'dictionary': {
      const { index, values } = reader.column;
      // No value was read: the node has no such item.
      return { as: 'dictionary', index: cut(index, rows), values: values.length === 0 ? [null] : values };
    }
  }
}

/** The first of them; a copy only when there are fewer, so that the buffer of a page is just as long as the page. */
function cut<T extends { readonly length: number; slice(from: number, to: number): T }>(values: T, rows: number): T {
  return values.length === rows ? values : values.slice(0, rows);
}
