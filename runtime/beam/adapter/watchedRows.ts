/** Processes as the rows of a watch. */
import type { Json, ProcessField, ProcessRow } from '../../model.ts';
import { pidText, processId } from '../../model.ts';
import type { ScanQuery } from '../../port.ts';
import { valueAt } from '../../processQuery.ts';
import type { KeyedRow } from '../../watch.ts';
import type { PageRows } from './processRows.ts';

export type Top = NonNullable<ScanQuery['top']>;

/** One row of a page. */
export type Place<P extends PageRows = PageRows> = { readonly page: P; readonly at: number };

/** Tells apart the processes of one life of a node. */
export function placeKey({ page, at }: Place): string {
  return `${String(page.ids[at])}.${String(page.serials[at])}`;
}

export function valueOfPlace({ page, at }: Place, key: ProcessField): Json {
  return valueAt(page.columns, key, at) ?? null;
}

/** With those of `keys` that rows of watches have. */
export function watchedRow(place: Place, keys: readonly ProcessField[]): KeyedRow {
  const { page, at } = place;
  const pid = { ...page.of, id: page.ids[at] ?? 0, serial: page.serials[at] ?? 0 };
  const text = (key: ProcessField): string | null => {
    const value = valueOfPlace(place, key);
    return typeof value === 'string' ? value : null;
  };
  const number = (key: ProcessField): number => Number(valueOfPlace(place, key) ?? 0);
  const row: ProcessRow = {
    pid: processId(pid),
    node: pid.node,
    display: pidText(pid),
    ...(keys.includes('registered_name') && { registeredName: text('registered_name') }),
    ...(keys.includes('initial_call') && { initialCall: text('initial_call') }),
    ...(keys.includes('current_function') && { currentFunction: text('current_function') }),
    ...(keys.includes('status') && { status: text('status') ?? '' }),
    ...(keys.includes('memory') && { memory: number('memory') }),
    ...(keys.includes('reductions') && { reductions: number('reductions') }),
    ...(keys.includes('message_queue_len') && { messageQueueLen: number('message_queue_len') }),
  };
  return [row.pid, row];
}

/** All rows of a page. */
export function watchedRows(page: PageRows, keys: readonly ProcessField[]): readonly KeyedRow[] {
  return Array.from(page.ids.keys(), (at) => watchedRow({ page, at }, keys));
}
