/** What the tests of operations share: a house on a scripted cluster of three nodes, of which one is down. */
import { callOptions } from '../../runtime/callOptions.ts';
import { failure, nodeUnavailable, processNotFound } from '../../runtime/errors.ts';
import type { ScriptedRuntime } from '../../runtime/fake/scriptedRuntime.ts';
import { answering, scriptedRuntime } from '../../runtime/fake/scriptedRuntime.ts';
import type { ChildRow, Holding, Json, NodeInfo, NodeName, ProcessRef, Result, RowPage } from '../../runtime/model.ts';
import { ok, processId } from '../../runtime/model.ts';
import type { Frame, MethodTable, Runtime } from '../../runtime/port.ts';
import { restrictPort } from '../../runtime/portFacade.ts';
import type { Term } from '../../runtime/term/term.ts';
import type { CallState } from './analytics/state.ts';
import type { Undoables } from './analytics/undoOperation.ts';
import type { Batches } from './registry/executeBatch.ts';
import type { House } from '../backend/testKit.ts';
import { editor, houseOn } from '../backend/testKit.ts';
import { makeContext } from '../core/context.ts';
import type { Plan, ProbedEffect } from '../core/operation.ts';
import { isWrite, undoMethodsOf } from '../core/operation.ts';
import { isJson, isJsonObject } from '../core/plainData.ts';
import { valueOf } from '../core/testKit.ts';

export const late = failure('timeout', 'call.timeout', 'It did not answer in time.', 'Wait.', { effect: 'none' }).error;
export const lost = failure('unavailable', 'connection.lost', 'The link broke.', 'Look.', { effect: 'unknown' }).error;

/** A process; nodes here are of creation 7. */
export function ref(node: NodeName, id: number): ProcessRef {
  return { node, creation: 7, id, serial: 0 };
}

/** The same, as callers name it. */
export function idOf(node: NodeName, id: number): string {
  return processId(ref(node, id));
}

export function nodeInfo(node: NodeName, change: Partial<NodeInfo> = {}): NodeInfo {
  return { node, creation: 7, otpRelease: '25', hidden: false, reach: { via: 'direct' }, observer: 'agent', ...change };
}

/** `a@h` and `b@h` are up, `c@h` is down. */
const nodes: readonly NodeInfo[] = [
  nodeInfo('a@h'),
  nodeInfo('b@h'),
  nodeInfo('c@h', { reach: { via: 'none', since: 0, why: 'down' } }),
];

/** Local names that can be resolved, on every node. */
const names: { readonly [name: string]: number } = { 'Elixir.Shop.Cart': 10, 'Elixir.Shop.Supervisor': 20 };

/** What nearly every operation asks first. */
const basics: MethodTable = {
  'cluster.nodes': answering({ nodes }),
  'names.resolve': ({ target, seenFrom }) => {
    const name = 'name' in target && target.name.in === 'local' ? target.name : null;
    const id = name === null ? undefined : names[name.name];
    if (name === null || id === undefined) return Promise.resolve(processNotFound(JSON.stringify(target)));
    return Promise.resolve(
      ok({ pid: ref(name.node, id), seenFrom: seenFrom === 'any' ? 'a@h' : seenFrom, disagree: [] }),
    );
  },
};

/** `ask`, but for `b@h`, which cannot be reached. */
export function butNotB<P extends { readonly node: NodeName }, T>(
  ask: (params: P) => T,
): (params: P) => Promise<Result<T>> {
  return (params) => Promise.resolve(params.node === 'b@h' ? nodeUnavailable(params.node) : ok(ask(params)));
}

export function child(childId: Term, state: ChildRow['state'], index = 0): ChildRow {
  return { childId, type: 'worker', modules: ['m'], state, index, supervisor: null, registeredName: null };
}

export function holding(id: string, change: Partial<Holding> = {}): Holding {
  const owner = { principal: 'ada', client: 'editor', operation: 'x', requestId: 'r0' };
  const at = { node: 'a@h', creation: 7 };
  return { id, kind: 'suspension', at, target: ref('a@h', 10), owner, lingerMs: 5, ...change };
}

/** How a table of one node was made, where nothing was said of it. */
export const plainTable: Omit<Frame<'system.ets'>[number], 'id' | 'name' | 'owner' | 'objects' | 'bytes'> = {
  ...{ type: 'set', protection: 'public', ownerName: null, isNamed: true, keyPosition: 1 },
  ...{ isCompressed: false, readConcurrency: false },
  writeConcurrency: 'false',
};

/** A page of processes of one node; columns by key, a value for each process. */
export function page(
  node: NodeName,
  ids: readonly number[],
  columns: { readonly [key: string]: readonly Json[] },
): RowPage {
  return {
    of: { node, creation: 7 },
    ids: Uint32Array.from(ids),
    serials: new Uint32Array(ids.length),
    columns: Object.fromEntries(Object.entries(columns).map(([key, values]) => [key, { as: 'json', values }])),
    takenAt: { node, creation: 7, monotonicUs: 0, estimatedAt: 0, errorUs: 0 },
  };
}

/** Batches of nothing, and a state of nothing: for tests that look at the catalogue only. */
export const noBatches: Batches = {
  plan: () => Promise.reject(new Error('not planned here')),
  apply: () => Promise.reject(new Error('not run here')),
};
export const noState: CallState = {
  history: () => Promise.resolve([]),
  stats: () => Promise.reject(new Error('nothing is counted here')),
  persistence: () => ({ is: 'ok' }),
  cancel: () => failure('not_found', 'execution.not_running', 'Nothing runs here.', 'None.'),
};
export const noUndoables: Undoables = {
  find: () => failure('not_found', 'undo.nothing', 'Nothing is kept here.', 'None.'),
  undo: () => Promise.reject(new Error('not undone here')),
};

export type Bench = House & {
  readonly runtime: ScriptedRuntime;
  /** Scripts these beside {@link basics}. */
  readonly script: (methods: MethodTable) => void;
  /** What a write would do with these parameters, and what it says of it afterwards. */
  readonly planned: (operation: string, params: { readonly [key: string]: Json }) => Promise<Planned>;
};
type Planned = {
  readonly plan: Plan<Json>;
  readonly apply: () => Promise<Result<unknown>>;
  readonly compensate: (done: Result<unknown>) => Promise<Result<null>>;
  readonly probe: () => Promise<ProbedEffect>;
};

/** A house on a scripted cluster. */
export async function scriptedHouse(): Promise<Bench> {
  const runtime = scriptedRuntime(basics);
  const house = await houseOn(runtime);
  return {
    ...house,
    runtime,
    script(methods) {
      runtime.script({ ...basics, ...methods });
    },
    planned: (name, params) => plannedOn(house, runtime, name, params),
  };
}

/** What a write would do on `runtime` with these parameters, as {@link Bench.planned} tells it. */
export async function plannedOn(
  { backend }: House,
  runtime: Runtime,
  name: string,
  params: { readonly [key: string]: Json },
): Promise<Planned> {
  const found = backend.registry.find(name);
  if (found === null || !isWrite(found.operation)) throw new Error(`${name} is no write.`);
  const { operation } = found;
  const checked = found.params.check(params);
  if ('problems' in checked || !isJsonObject(checked.value)) throw new Error(JSON.stringify(checked));
  const requestId = crypto.randomUUID();
  const context = makeContext({
    connection: { id: runtime.id, kind: runtime.kind },
    port: restrictPort(runtime.port, undoMethodsOf(operation)),
    caller: editor,
    owner: { principal: 'ada', client: 'editor', operation: name, requestId },
    requestId,
    budget: callOptions(60_000),
    onProgress: undefined,
  });
  const plan = valueOf(await operation.plan(context, checked.value));
  // All that a later process knows is what was written down.
  const written: unknown = JSON.parse(JSON.stringify(plan.steps));
  if (!isJson(written)) throw new Error('The steps are no JSON.');
  const read = { ...plan, steps: written };
  return {
    plan: read,
    apply: () => operation.apply(context, read),
    compensate: (done) => operation.compensate?.(context, read, done) ?? Promise.reject(new Error('It has none.')),
    probe: () => operation.probe?.(context, read) ?? Promise.reject(new Error('It has none.')),
  };
}
