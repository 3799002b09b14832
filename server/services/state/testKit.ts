/** What the tests of the state share: files in memory that can fail, and calls. */
import { FaultyFiles } from '../audit/faultyFiles.ts';
import { CallKind } from './kinds.ts';
import type { CallBegun, CallEnded, EndedCall } from './records.ts';
import type { StateFiles } from './stateFiles.ts';
import type { OngoingCall } from './stateStore.ts';

/** A disk for tests whose files can be removed too; of the lock, which is no log, `list` says nothing. */
export class FaultyStateFiles extends FaultyFiles implements StateFiles {
  remove(name: string): Promise<void> {
    this.files.delete(name);
    return Promise.resolve();
  }

  override async list(): Promise<readonly string[]> {
    return (await super.list()).filter((name) => name.endsWith('.jsonl'));
  }
}

export function begunCall(requestId: string, change: Partial<CallBegun> = {}): CallBegun {
  return {
    requestId,
    parent: null,
    operation: 'list_processes',
    category: 'process',
    connection: 'sim',
    principal: 'ada',
    via: 'editor',
    mode: 'run',
    startedAt: 1_000_000,
    correlationId: null,
    params: {},
    ...change,
  };
}

export function endedCall(requestId: string, change: Partial<CallEnded> = {}): CallEnded {
  return { ...begunCall(requestId), durationMs: 5, cpuMs: null, error: null, result: null, ...change };
}

/** The same as a store is told of it while it goes on. */
export function ongoingCall(requestId: string, change: Partial<CallBegun> = {}): OngoingCall {
  return { requestId, begun: () => begunCall(requestId, change) };
}

/** The same as a store is told of it when it is over. */
export function overCall(requestId: string, change: Partial<CallEnded> = {}): EndedCall {
  const { operation, category, connection, principal, via, background, params, result, ...call } = endedCall(
    requestId,
    change,
  );
  return {
    ...call,
    kind: new CallKind({ operation, category, connection, principal, via, ...(background === true && { background }) }),
    paramsJson: JSON.stringify(params),
    resultJson: result === null ? null : JSON.stringify(result),
  };
}
