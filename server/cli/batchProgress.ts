/** What `arsenal run` writes of a batch on its way: a line on stderr for each item as it ends. */
import type { Json } from '../../runtime/model.ts';
import { isJsonObject } from '../gateway/jsonApi.ts';
import type { OperationProgress } from '../protocol/operation.ts';
import { visibleText } from '../protocol/visibleText.ts';
import type { CliIo } from './io.ts';
import { cellText } from './report.ts';

/** For `onProgress` of a batch's call. An item that is undone afterwards has a second line. */
export function batchProgress({ stderr }: Pick<CliIo, 'stderr'>): (progress: OperationProgress) => void {
  const ended = new Set<string>();
  return (progress) => {
    if (progress.is !== 'rows') return;
    for (const row of progress.rows) {
      const line = itemLine(row, ended);
      if (line !== null) stderr.write(`${visibleText(line, 500)}\n`);
    }
  };
}

/** `2 ended  done  kill_process (cart)  12.3 ms`; null for what is no item. */
function itemLine(row: Json, ended: Set<string>): string | null {
  if (!isJsonObject(row)) return null;
  const { id, operation, status, error, durationMs } = row;
  if (typeof id !== 'string' || typeof status !== 'string') return null;
  ended.add(id);
  const why = error !== undefined && isJsonObject(error) ? `: ${cellText(error['message'])}` : '';
  const took = typeof durationMs === 'number' ? `  ${durationMs.toFixed(1)} ms` : '';
  return `${ended.size} ended  ${status}  ${cellText(operation)} (${id})${why}${took}`;
}
