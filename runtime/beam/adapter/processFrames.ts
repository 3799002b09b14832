/** Frames of the tasks that watch processes, {rows, OldestMs, Total, Put, Gone} (agent/proc_watch.erl), from their bytes. */
import type { NodeName, ProcessField } from '../../model.ts';
import type { RawTerm } from '../../term/cursor.ts';
import { readRaw } from '../../term/cursor.ts';
import type { PageRows } from './processRows.ts';
import { ProcessRows } from './processRows.ts';

export type RowFrame = {
  /** null while not all processes have been looked at. */
  readonly oldestMs: number | null;
  readonly total: number;
  /** Rows that are new or other than before. */
  readonly page: PageRows;
  /** Processes that do not belong to it any more, as `placeKey` names them. */
  readonly gone: readonly string[];
};

export class FrameReader {
  readonly #node: NodeName;
  readonly #rows: ProcessRows;

  /** `items` as the task was asked for them. */
  constructor(node: NodeName, keys: readonly ProcessField[], items: readonly string[]) {
    this.#node = node;
    this.#rows = new ProcessRows(keys, items);
  }

  /** Null for what is no such frame. */
  read(raw: RawTerm): RowFrame | null {
    const read = readRaw(raw, (cursor): RowFrame => {
      cursor.tupleOf(5);
      cursor.atom();
      const oldestMs = cursor.number();
      const total = cursor.number();
      const { of, ...rows } = this.#rows.read(cursor);
      const gone: string[] = [];
      cursor.list(() => {
        cursor.pid((_node, _creation, id, serial) => {
          gone.push(`${String(id)}.${String(serial)}`);
        });
      });
      return {
        oldestMs: oldestMs < 0 ? null : oldestMs,
        total,
        gone,
        page: { of: of ?? { node: this.#node, creation: 0 }, ...rows },
      };
    });
    return read.ok ? read.value : null;
  }
}
