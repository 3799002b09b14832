/** What the operations of one test cluster have beside its runtime: batches, what was called, what can be undone. Nothing is on disk. */
import type { Runtime } from '../../runtime/port.ts';
import type { CallExtras, PipelineServices } from '../core/calls.ts';
import type { Caller } from '../core/context.ts';
import type { Pipeline } from '../core/pipeline.ts';
import type { Registry } from '../core/registry.ts';
import type { CallState } from '../operations/analytics/state.ts';
import type { Undoables } from '../operations/analytics/undoOperation.ts';
import type { Batches } from '../operations/registry/executeBatch.ts';
import type { OperationAnswer, OperationCall } from '../protocol/operation.ts';
import type { Result } from '../../runtime/model.ts';
import { BatchRunner } from '../services/batch/batches.ts';
import type { BatchServices } from '../services/batch/batches.ts';
import { CallStateOf } from '../services/state/callState.ts';
import type { StateFiles } from '../services/state/stateFiles.ts';
import { StateManager } from '../services/state/stateManager.ts';
import { StateStore } from '../services/state/stateStore.ts';
import { UndoableCalls } from '../services/undoables.ts';

/** Files that nobody reads again: a test has nobody to answer to afterwards. */
const noFiles: StateFiles = {
  create: () =>
    Promise.resolve({
      append: () => Promise.resolve(),
      sync: () => Promise.resolve(),
      truncate: () => Promise.resolve(),
      close: () => Promise.resolve(),
    }),
  list: () => Promise.resolve([]),
  read: () => Promise.resolve(new Uint8Array()),
  size: () => Promise.resolve(0),
  remove: () => Promise.resolve(),
};

export class Kept {
  readonly state: CallState;
  readonly batches: Batches;
  readonly undoables: UndoableCalls;
  readonly undoable: NonNullable<PipelineServices['undoable']>;
  readonly #manager: StateManager;
  readonly #pipeline: () => Pipeline;

  /** `pipeline`: that which calls go through; it is told of `undoable`. */
  constructor(registry: Registry, runtime: Runtime, pipeline: () => Pipeline) {
    this.#pipeline = pipeline;
    this.#manager = new StateManager(new StateStore(noFiles), (name) => registry.find(name));
    this.state = new CallStateOf(this.#manager);
    this.undoables = new UndoableCalls((id) => (id === runtime.id ? runtime : null));
    this.undoable = (call) => this.undoables.keep(call);
    this.batches = new BatchRunner({
      pipeline: this.#itemPipeline(),
      find: (name) => registry.find(name),
      learn: () => Promise.resolve(),
      outcome: () => Promise.resolve(),
      undone: () => Promise.resolve(),
    });
  }

  /** Runs a call, and keeps that it was. */
  run(call: OperationCall, extras: CallExtras): Promise<Result<OperationAnswer>> {
    return this.#manager.run(call, extras, (own) => this.#pipeline().execute(call, own));
  }

  #itemPipeline(): BatchServices['pipeline'] {
    return {
      execute: (call, extras) => this.run(call, extras),
      prepare: (call, extras) => this.#pipeline().prepare(call, extras),
      runPlanned: (call, extras, plan) =>
        this.#manager.runAs(
          call,
          extras,
          (own) => this.#pipeline().runPlanned(call, own, plan),
          ({ answer }) => answer,
        ),
    };
  }
}

/** Of whom something is kept: each test cluster calls as a caller of its own. */
const keptOf = new WeakMap<Caller, Kept>();

/** The caller of a test cluster, by whom operations that all clusters share know which it is. */
export function callerOf(kept: Kept): Caller {
  const caller: Caller = { principal: 'test', via: 'cli', role: 'admin' };
  keptOf.set(caller, kept);
  return caller;
}

function of(caller: Caller): Kept {
  const kept = keptOf.get(caller);
  if (kept === undefined) throw new Error('that is no caller of a test cluster');
  return kept;
}

/** What operations that all clusters share are made with: each call finds what is of its own cluster. */
export const shared = {
  batches: {
    plan: (context, params) => of(context.caller).batches.plan(context, params),
    apply: (context, steps) => of(context.caller).batches.apply(context, steps),
  } satisfies Batches,
  state: {
    history: (caller) => of(caller).state.history(caller),
    stats: (caller, query) => of(caller).state.stats(caller, query),
    persistence: () => ({ is: 'ok' }),
    cancel: (requestId, caller) => of(caller).state.cancel(requestId, caller),
  } satisfies CallState,
  undoables: {
    find: (undo) => of(undo.caller).undoables.find(undo),
    undo: (undo, budget) => of(undo.caller).undoables.undo(undo, budget),
  } satisfies Undoables,
} as const;
