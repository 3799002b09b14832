/** What a fake cluster holds for its callers. */
import type { Holding, HoldingOwner } from '../model.ts';
import type { LiveProcess } from './fakeCluster.ts';
import { incarnationOfProcess } from './fakeCluster.ts';

/** By id, with how each is undone. */
export type Holdings = Map<string, Holding & { release(): void }>;

/** A suspension of `process`, for `owner`. */
export function hold(process: LiveProcess, how: 'process' | 'sys', owner: HoldingOwner, lingerMs: number): Holding {
  return {
    id: crypto.randomUUID(),
    kind: how === 'sys' ? 'sys_suspension' : 'suspension',
    at: incarnationOfProcess(process),
    target: process.pid,
    owner,
    lingerMs,
  };
}

/** The holdings as data. */
export function listed(holdings: Holdings): readonly Holding[] {
  return [...holdings.values()].map(({ id, kind, at, target, owner, lingerMs }) => ({
    id,
    kind,
    at,
    target,
    owner,
    lingerMs,
  }));
}
