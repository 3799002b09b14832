/** What the pipeline costs beside the port calls an operation makes: processor time, everything in one process over a fake runtime. */
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../runtime/callOptions.ts';
import { createFakeRuntime } from '../runtime/fake/fakeRuntime.ts';
import { ok } from '../runtime/model.ts';
import type { Runtime } from '../runtime/port.ts';
import { buildPort } from '../runtime/portFacade.ts';
import type { House } from '../server/backend/testKit.ts';
import { editor, fakeShop, houseOn } from '../server/backend/testKit.ts';
import { defineOperation } from '../server/core/operation.ts';
import { Pipeline } from '../server/core/pipeline.ts';
import type { Registry } from '../server/core/registry.ts';
import { valueOf } from '../test/port/results.ts';
import { figures, percentile } from './measure.ts';

const blocks = 15;
const mostCalls = 1_000;
const wantedUs = 10;

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

/** One that needs nothing of a runtime, and writes: its plan, its intent and its outcome are on disk. */
const note = defineOperation({
  name: 'note_it',
  title: 'Note It',
  description: 'Is written down.',
  category: 'sample',
  severity: 'change',
  idempotent: true,
  needs: [],
  params: Type.Object({}),
  result: Type.Object({ noted: Type.Boolean() }),
  examples: [],
  plan: () => Promise.resolve(ok({ summary: 'Note it', touches: [], severity: 'change', undo: 'no', steps: null })),
  apply: () => Promise.resolve(ok({ noted: true })),
});

/** A runtime whose calls cost what guarding them costs, and nothing more. */
function thinRuntime(): Runtime {
  const { id, kind, state, capabilities } = fakeShop();
  const nodes = ok({ nodes: [] });
  const port = buildPort({ 'cluster.nodes': () => Promise.resolve(nodes) }, () => ({ can: true }));
  const never = { dispose: () => undefined };
  return { id, kind, state, capabilities, port, onChange: () => never, close: () => Promise.resolve() };
}

const unlimited = { rateLimits: { burst: 10_000_000, perSecond: 10_000_000 } };

/** The pipeline with services that keep nothing: what its middlewares cost. */
function pipelineAlone(registry: Registry): Pipeline {
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

let runtime: Runtime;
let house: House;
beforeAll(async () => {
  runtime = thinRuntime();
  house = await houseOn(runtime, unlimited);
  for (const operation of [countNodes, note]) {
    valueOf(house.backend.registry.register(operation, { from: 'workspace', file: `/bench/${operation.name}.ts` }));
  }
});
afterAll(() => house.close());

/** Processor microseconds of one call, of a block of them one after the other, until all that is kept of them is on disk. */
async function blockUs(call: () => Promise<unknown>, callsInBlock = mostCalls): Promise<number> {
  const before = process.cpuUsage();
  for (let done = 0; done < callsInBlock; done += 1) await call();
  await house.backend.state.store.flush();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / callsInBlock;
}

/** Medians of blocks of each, in turns, so that a busy moment of the machine hits all; a third of the blocks only warms up. */
async function sideBySide<K extends string>(
  calls: { readonly [name in K]: () => Promise<unknown> },
  callsInBlock = mostCalls,
) {
  const names = Object.keys(calls).filter((name): name is K => name in calls);
  const times = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let block = 0; block < blocks; block += 1) {
    for (const name of names) {
      const us = await blockUs(calls[name], callsInBlock);
      if (block >= blocks / 3) times.get(name)?.push(us);
    }
  }
  return (name: K) => percentile(times.get(name) ?? [], 0.5);
}

/** Work of a known kind, so that a figure can be told as a ratio to it: ten objects to JSON and back. */
function calibration(): Promise<unknown> {
  let value: unknown = { items: Array.from({ length: 10 }, (_, at) => ({ at, name: `row ${at}` })) };
  value = JSON.parse(JSON.stringify(value));
  return Promise.resolve(value);
}

describe('the pipeline', () => {
  // @row T016.d4, IV-18
  it('costs little on top of the port’s own call; wanted are 10 µs', async () => {
    const { signal } = new AbortController();
    const pipeline = pipelineAlone(house.backend.registry);
    const call = { requestId: 'r', connection: 'x', operation: countNodes.name, params: {}, mode: 'run' } as const;
    const median = await sideBySide({
      calibration,
      port: () => runtime.port.cluster.nodes({}, callOptions(30_000, signal)),
      freshPort: () => runtime.port.cluster.nodes({}, callOptions(30_000, new AbortController().signal)),
      alone: () => pipeline.execute(call, { caller: editor, signal }),
      operation: () => house.run('count_nodes'),
      fresh: () => house.run('count_nodes', {}, {}, { signal: new AbortController().signal }),
      validated: () => house.run('count_nodes', { note: 'x' }, { mode: 'validate' }),
      refused: () => house.run('count_nodes', { nothing: 1 }),
    });
    const onTop = median('operation') - median('port');
    figures('One call (processor µs)', {
      'calibration: 10 objects to JSON and back': median('calibration'),
      'the port alone': median('port'),
      'an operation that makes this call, in the pipeline alone': median('alone'),
      'the same with all that is kept of it': median('operation'),
      'the same with a signal of its own': median('fresh'),
      'the pipeline on top of the port': median('alone') - median('port'),
      'with all that is kept of it': onTop,
      'with a signal of its own, on top of the port with one': median('fresh') - median('freshPort'),
      'ratio to the calibration, with all that is kept of it': onTop / median('calibration'),
      'parameters validated only': median('validated'),
      'parameters refused': median('refused'),
    });
    expect(onTop).toBeLessThan(wantedUs * 3);
  });

  it('writes with the audit log on disk', async () => {
    const median = await sideBySide({ calibration, write: () => house.run('note_it') }, 50);
    const together = await sideBySide(
      { calibration, writes: () => Promise.all(Array.from({ length: 100 }, () => house.run('note_it'))) },
      5,
    );
    figures('A write, with its intent and its outcome on disk (processor µs)', {
      'one after the other': median('write'),
      'ratio to the calibration': median('write') / median('calibration'),
      'a hundred at once, each': together('writes') / 100,
      'ratio of that to the calibration': together('writes') / 100 / together('calibration'),
    });
    expect(together('writes') / 100).toBeLessThan(median('write') * 1.5);
  });
});

describe('list_processes', () => {
  // @row T025.a2
  it('costs as much a row of a hundred thousand as of a thousand', async () => {
    const us = new Map<number, { readonly port: number; readonly operation: number }>();
    for (const rows of [1_000, 10_000, 100_000]) {
      const processes = Array.from({ length: rows }, (_, at) => ({ name: `p${at}`, memory: (at * 7919) % 100_003 }));
      const large = createFakeRuntime({ nodes: [{ name: 'a@h', processes }] });
      const home = await houseOn(large, unlimited);
      const query = { nodes: 'all', keys: ['memory'], pageRows: 1000, allowCostly: true } as const;
      const scan = async () => {
        for await (const item of large.port.processes.scan(query, callOptions(60_000))) {
          if (item.is === 'end') valueOf(item.result);
        }
      };
      const list = async () =>
        valueOf(
          await home.run('list_processes', { sort: '-memory', limit: 50, fields: ['memory'], timeoutMs: 60_000 }),
        );
      const median = await sideBySide({ scan, list }, Math.max(1, 10_000 / rows));
      us.set(rows, { port: median('scan') / rows, operation: median('list') / rows });
      await home.close();
    }
    const of = (rows: number) => us.get(rows) ?? { port: Number.NaN, operation: Number.NaN };
    figures('list_processes, sorted by memory (processor µs a row)', {
      ...Object.fromEntries(
        [...us].flatMap(([rows, { port, operation }]) => [
          [`the port's scan, of ${rows}`, port],
          [`the operation, of ${rows}`, operation],
        ]),
      ),
      'operation, 10,000 to 1,000 (ratio)': of(10_000).operation / of(1_000).operation,
      'operation, 100,000 to 1,000 (ratio)': of(100_000).operation / of(1_000).operation,
    });
    expect(of(100_000).operation).toBeGreaterThan(0);
  });
});
