/** What the tests of the core share: a pipeline over fakes that can be looked into. */
import { Type } from 'typebox';
import { expect } from 'vitest';
import type { FakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { failure } from '../../runtime/errors.ts';
import type { ArsenalError, Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Access } from '../protocol/connection.ts';
import type { OperationAnswer, OperationCall } from '../protocol/operation.ts';
import type {
  AuditTrail,
  CallExtras,
  Claim,
  ClaimedCall,
  FinishedCall,
  Intent,
  IntentOutcome,
  PipelineServices,
} from './calls.ts';
import type { Caller } from './context.ts';
import type { AnyOperation, AnyReadOperation, AnyWriteOperation, Plan } from './operation.ts';
import { Pipeline } from './pipeline.ts';
import { Registry } from './registry.ts';

export const admin: Caller = { principal: 'ada', via: 'editor', role: 'admin' };

/** An operation that looks, with what a test wants different. */
export function looking(change: Partial<AnyReadOperation> = {}): AnyReadOperation {
  return {
    name: 'look_around',
    title: 'Look Around',
    description: 'Looks.',
    category: 'sample',
    severity: 'read',
    idempotent: true,
    needs: ['cluster.nodes'],
    params: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 9, default: 3 }) }),
    result: Type.Object({ seen: Type.Integer() }),
    examples: [],
    execute: () => Promise.resolve(ok({ seen: 1 })),
    ...change,
  };
}

export const plan: Plan<Json> = {
  summary: 'Touch a@h',
  touches: [{ node: 'a@h', what: 'a touch' }],
  severity: 'change',
  undo: 'no',
  steps: { n: 1 },
};

/** An operation that changes something, with what a test wants different. */
export function changing(change: Partial<AnyWriteOperation> = {}): AnyWriteOperation {
  return {
    name: 'touch_node',
    title: 'Touch Node',
    description: 'Touches.',
    category: 'sample',
    severity: 'change',
    idempotent: false,
    needs: ['cluster.nodes', 'processes.start'],
    params: Type.Object({ node: Type.String({ maxLength: 20 }) }),
    result: Type.Object({ touched: Type.Boolean() }),
    examples: [],
    plan: () => Promise.resolve(ok(plan)),
    apply: () => Promise.resolve(ok({ touched: true })),
    ...change,
  };
}

export type Bench = {
  readonly pipeline: Pipeline;
  readonly registry: Registry;
  readonly runtime: FakeRuntime;
  readonly intents: readonly Intent[];
  readonly outcomes: readonly IntentOutcome[];
  readonly finished: readonly FinishedCall[];
  readonly claimed: readonly ClaimedCall[];
  readonly settled: readonly { readonly answer: Result<OperationAnswer>; readonly executed: boolean }[];
  readonly corrected: readonly Result<OperationAnswer>[];
  readonly run: (call?: Partial<OperationCall>, extras?: Partial<CallExtras>) => Promise<Result<OperationAnswer>>;
};
export type BenchOptions = {
  readonly operations?: readonly AnyOperation[];
  /** Instead of one with these operations. */
  readonly registry?: Registry;
  readonly access?: () => Access;
  readonly auditFails?: boolean;
  readonly admit?: PipelineServices['admit'];
  readonly claim?: Claim;
  readonly observers?: PipelineServices['observers'];
  readonly runtime?: FakeRuntime;
  readonly services?: Pick<PipelineServices, 'middlewares' | 'spans' | 'answers'>;
};

/** A pipeline over a fake runtime `a` with one node, and services that remember what they were asked. */
export function bench(options: BenchOptions = {}): Bench {
  const { operations = [looking(), changing()], access = () => 'full', auditFails = false } = options;
  const registry = options.registry ?? new Registry();
  for (const operation of options.registry === undefined ? operations : []) {
    valueOf(registry.register(operation, { from: 'builtin' }));
  }
  const runtime = options.runtime ?? createFakeRuntime({ id: 'a', nodes: [{ name: 'a@h', processes: [] }] });
  const intents: Intent[] = [];
  const outcomes: IntentOutcome[] = [];
  const finished: FinishedCall[] = [];
  const claimed: ClaimedCall[] = [];
  const settled: { answer: Result<OperationAnswer>; executed: boolean }[] = [];
  const corrected: Result<OperationAnswer>[] = [];
  const audit: AuditTrail = {
    intent(intent) {
      intents.push(intent);
      const refusal = failure('unavailable', 'audit.unwritable', 'Disk full.', 'Make room.');
      return Promise.resolve(auditFails ? refusal : ok(null));
    },
    outcome(outcome) {
      outcomes.push(outcome);
      return Promise.resolve();
    },
  };
  const ours: Claim = {
    is: 'ours',
    settle: (answer, executed) => void settled.push({ answer, executed }),
    correct: (answer) => void corrected.push(answer),
  };
  const pipeline = new Pipeline({
    find: (name) => registry.find(name),
    connection: (id) =>
      id === 'a'
        ? ok({ facts: { id, kind: runtime.kind }, label: 'A', runtime, access })
        : failure('not_found', 'connection.not_found', 'There is none.', 'Connect.'),
    admit: options.admit ?? (() => ok(null)),
    audit,
    claims: {
      claim(call) {
        claimed.push(call);
        return Promise.resolve(options.claim ?? ours);
      },
    },
    observers: [...(options.observers ?? []), (call) => void finished.push(call)],
    ...options.services,
  });
  return {
    pipeline,
    registry,
    runtime,
    intents,
    outcomes,
    finished,
    claimed,
    settled,
    corrected,
    run: (call = {}, extras = {}) =>
      pipeline.execute(
        { requestId: 'r1', connection: 'a', operation: 'look_around', params: {}, mode: 'run', ...call },
        { caller: admin, signal: new AbortController().signal, ...extras },
      ),
  };
}

/** What a test does not know exactly. */
export const anyText: unknown = expect.any(String);
export const anyNumber: unknown = expect.any(Number);
export const anything: unknown = expect.anything();
/** Text that holds this somewhere. */
export function textWith(part: string): unknown {
  return expect.stringContaining(part);
}

/** Text that is like this. */
export function textLike(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}

/** A list that has this among others. */
export function listWith(...parts: readonly unknown[]): unknown {
  return expect.arrayContaining([...parts]);
}
/** An object that has this among others. */
export function objectWith(part: object): unknown {
  return expect.objectContaining(part);
}

/** The error of a result that must be one. */
export function errorOf(result: Result<unknown>): ArsenalError {
  if (result.ok) throw new Error('It succeeded.');
  return result.error;
}

/** The value of a result that must have one. */
export function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}
