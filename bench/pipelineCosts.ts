/** What a call costs in processor time, beside the port calls its operation makes: over a fake runtime, all in one process. */
import { Type } from 'typebox';
import { callOptions } from '../runtime/callOptions.ts';
import { ok } from '../runtime/model.ts';
import type { Runtime } from '../runtime/port.ts';
import { buildPort } from '../runtime/portFacade.ts';
import { editor, fakeShop, houseOn } from '../server/backend/testKit.ts';
import { defineOperation } from '../server/core/operation.ts';
import { Pipeline } from '../server/core/pipeline.ts';
import type { Registry } from '../server/core/registry.ts';
import { valueOf } from '../server/core/testKit.ts';
import { percentile } from './measure.ts';

const blocks = 9;
/** So many that several collections of garbage fall into each block: with fewer, one kind of call pays for what another left. */
const mostCalls = 10_000;

/** As little as an operation can do with a runtime: what it costs is the pipeline's, and the port's. */
const countNodes = defineOperation({
  name: 'count_nodes',
  title: 'Count Nodes',
  description: 'How many nodes there are.',
  category: 'sample',
  severity: 'read',
  idempotent: true,
  needs: ['cluster.nodes'],
  params: Type.Object({ note: Type.Optional(Type.String({ maxLength: 50 })) }),
  result: Type.Object({ nodes: Type.Integer() }),
  examples: [],
  async execute(context) {
    const nodes = await context.port.cluster.nodes({}, context.options());
    return nodes.ok ? ok({ nodes: nodes.value.nodes.length }) : nodes;
  },
});

/** A runtime whose calls cost what guarding them costs, and nothing more. */
function thinRuntime(): Runtime {
  const { id, kind, state, capabilities } = fakeShop();
  const nodes = ok({ nodes: [] });
  const port = buildPort({ 'cluster.nodes': () => Promise.resolve(nodes) }, () => ({ can: true }));
  const never = { dispose: () => undefined };
  return { id, kind, state, capabilities, port, onChange: () => never, close: () => Promise.resolve() };
}

export const unlimited = { rateLimits: { burst: 10_000_000, perSecond: 10_000_000 } };

/** The pipeline with services that keep nothing: what its middlewares cost. */
function pipelineAlone(registry: Registry, runtime: Runtime): Pipeline {
  const connection = ok({ facts: { id: 'x', kind: runtime.kind }, label: 'x', runtime, access: () => 'full' } as const);
  return new Pipeline({
    find: (name) => registry.find(name),
    connection: () => connection,
    admit: () => ok(null),
    audit: { intent: () => Promise.resolve(ok(null)), outcome: () => Promise.resolve() },
    claims: { claim: () => ({ is: 'ours', settle: () => undefined, correct: () => undefined }) },
    observers: [],
  });
}

/** What is kept of calls, which is on disk once this is done. */
type Kept = { flush(): Promise<unknown> };

/** Processor microseconds of one call, of a block of them one after the other, until all that is kept of them is on disk. */
async function blockUs(kept: Kept, call: () => Promise<unknown>, callsInBlock: number): Promise<number> {
  const before = process.cpuUsage();
  for (let done = 0; done < callsInBlock; done += 1) await call();
  await kept.flush();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / callsInBlock;
}

/** Medians of blocks of each, in turns, so that a busy moment of the machine hits all; a third of the blocks only warms up. */
export async function sideBySide<K extends string>(
  kept: Kept,
  calls: { readonly [name in K]: () => Promise<unknown> },
  callsInBlock = mostCalls,
) {
  const names = Object.keys(calls).filter((name): name is K => name in calls);
  const times = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let block = 0; block < blocks; block += 1) {
    for (const name of names) {
      const us = await blockUs(kept, calls[name], callsInBlock);
      if (block >= blocks / 3) times.get(name)?.push(us);
    }
  }
  return (name: K) => percentile(times.get(name) ?? [], 0.5);
}

/** Work of a known kind, so that a figure can be told as a ratio to it: ten objects to JSON and back. */
export function calibration(): Promise<unknown> {
  let value: unknown = { items: Array.from({ length: 10 }, (_, at) => ({ at, name: `row ${at}` })) };
  value = JSON.parse(JSON.stringify(value));
  return Promise.resolve(value);
}

/** Processor microseconds of reads, each the median of its blocks. */
export async function readCosts(): Promise<{ readonly [call: string]: number }> {
  const runtime = thinRuntime();
  const house = await houseOn(runtime, unlimited);
  valueOf(house.backend.registry.register(countNodes, { from: 'workspace', file: '/bench/count_nodes.ts' }));
  const { signal } = new AbortController();
  const pipeline = pipelineAlone(house.backend.registry, runtime);
  const call = { requestId: 'r', connection: 'x', operation: countNodes.name, params: {}, mode: 'run' } as const;
  const fresh = () => new AbortController().signal;
  const { backend, options } = house;
  const connection = backend.connections()[0]?.id ?? null;
  const requestId = madeBefore();
  const run = (of: AbortSignal) =>
    backend.execute({ ...call, connection, requestId: requestId() }, { caller: options.caller, signal: of });
  const calls = {
    calibration,
    port: () => runtime.port.cluster.nodes({}, callOptions(30_000, signal)),
    freshPort: () => runtime.port.cluster.nodes({}, callOptions(30_000, fresh())),
    alone: () => pipeline.execute(call, { caller: editor, signal }),
    operation: () => run(signal),
    fresh: () => run(fresh()),
    validated: () => house.run('count_nodes', { note: 'x' }, { mode: 'validate' }),
    refused: () => house.run('count_nodes', { nothing: 1 }),
  };
  const median = await sideBySide(house.backend.state.store, calls);
  await house.close();
  const of = (name: keyof typeof calls) => median(name);
  return {
    'calibration: 10 objects to JSON and back': of('calibration'),
    'the port alone': of('port'),
    'an operation that makes this call, in the pipeline alone': of('alone'),
    'the same with all that is kept of it': of('operation'),
    'the same with a signal of its own': of('fresh'),
    'the pipeline on top of the port': of('alone') - of('port'),
    [onTop]: of('operation') - of('port'),
    'with a signal of its own, on top of the port with one': of('fresh') - of('freshPort'),
    'ratio to the calibration, with all that is kept of it': (of('operation') - of('port')) / of('calibration'),
    'parameters validated only': of('validated'),
    'parameters refused': of('refused'),
  };
}

/** Ids of calls, which their callers make: many more than are remembered. */
function madeBefore(): () => string {
  const ids = Array.from({ length: 20_000 }, () => crypto.randomUUID());
  let last = 0;
  return () => {
    last = (last + 1) % ids.length;
    return ids[last] ?? '';
  };
}

/** The figure that is to be small. */
export const onTop = 'with all that is kept of it';
