/** What one state file says, as far as it has been read. */
import type { Json } from '../../../runtime/model.ts';
import { sizeUpTo } from '../../core/plainData.ts';
import type { Writer } from '../audit/writer.ts';
import { Buckets, cellOf } from './buckets.ts';
import type { CallBegun, CallEnded, StateRecord } from './records.ts';
import { isEnded } from './records.ts';

/** Of all results that are kept. */
export const mostResultCharacters = 16_777_216;

export type Trimming = { readonly entries: number; readonly since: number; readonly resultsSince: number };

export class FileView {
  readonly calls = new Map<string, CallBegun | CallEnded>();
  readonly buckets = new Buckets();
  /** null until it says `open`: until then it counts for nothing. */
  writer: Writer | null = null;
  replaces: readonly string[] = [];
  bytesRead = 0;

  take(record: StateRecord): void {
    switch (record.is) {
      case 'open':
        this.writer = record.writer;
        this.replaces = record.replaces;
        for (const cell of record.cells) this.buckets.take(cellOf(cell));
        // What stands before it is younger.
        for (const call of record.calls) if (!this.calls.has(call.requestId)) this.calls.set(call.requestId, call);
        return;
      case 'begun':
        this.calls.set(record.call.requestId, record.call);
        return;
      case 'ended':
        this.keep(record.call);
        if (this.writer !== null) this.buckets.count(record.call, record.call.startedAt, record.call);
        return;
      case 'result':
        this.keepResult(record.requestId, record.result);
    }
  }

  /** A call is over: kept, as the newest. */
  keep(call: CallEnded): void {
    this.calls.delete(call.requestId);
    this.calls.set(call.requestId, call);
  }

  keepResult(requestId: string, result: Json): void {
    const call = this.calls.get(requestId);
    if (call !== undefined && isEnded(call)) this.calls.set(requestId, { ...call, result });
  }

  /** Has all that a dead writer's has, which counts no more: what was running there was cut off. */
  absorb(dead: FileView): void {
    for (const cell of dead.buckets.cells(-Infinity, Infinity)) this.buckets.take(cell);
    for (const [requestId, call] of dead.calls) {
      if (!this.calls.has(requestId)) this.calls.set(requestId, isEnded(call) ? call : { ...call, interrupted: true });
    }
  }

  /** Keeps the newest calls, and of these only results that are young enough, the newest so far as there is room. */
  trim(limits: Trimming): void {
    const newest = [...this.calls.values()].toSorted((a, b) => b.startedAt - a.startedAt).slice(0, limits.entries);
    const kept: (CallBegun | CallEnded)[] = [];
    let characters = 0;
    for (const call of newest) {
      if (call.startedAt < limits.since) continue;
      if (!isEnded(call) || call.result === null) kept.push(call);
      else {
        characters += sizeUpTo(call.result, mostResultCharacters);
        const isKept = characters <= mostResultCharacters && call.startedAt + call.durationMs >= limits.resultsSince;
        kept.push(isKept ? call : { ...call, result: null });
      }
    }
    this.calls.clear();
    for (const call of kept.toReversed()) this.calls.set(call.requestId, call);
  }
}
