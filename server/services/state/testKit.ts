/** What the tests of the state share: files in memory that can fail, and calls. */
import { FaultyFiles } from '../audit/faultyFiles.ts';
import type { CallBegun, CallEnded } from './records.ts';
import type { StateFiles } from './stateFiles.ts';

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
