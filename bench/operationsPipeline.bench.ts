/** What the pipeline costs beside the port calls an operation makes: processor time, everything in one process over a fake runtime. */
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../runtime/callOptions.ts';
import type { FakeRuntime } from '../runtime/fake/fakeRuntime.ts';
import { ok } from '../runtime/model.ts';
import type { House } from '../server/backend/testKit.ts';
import { fakeShop, houseOn } from '../server/backend/testKit.ts';
import { defineOperation } from '../server/core/operation.ts';
import { valueOf } from '../test/port/results.ts';
import { figures, percentile } from './measure.ts';

const blocks = 30;
const callsInBlock = 1_000;
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
    return nodes.ok ? ok({ nodes: nodes.value.length }) : nodes;
  },
});

let runtime: FakeRuntime;
let house: House;
beforeAll(async () => {
  runtime = fakeShop();
  house = await houseOn(runtime, { rateLimits: { burst: 10_000_000, perSecond: 10_000_000 } });
  valueOf(house.backend.registry.register(countNodes, { from: 'workspace', file: '/bench/countNodes.ts' }));
});
afterAll(() => house.close());

/** Processor microseconds of one call, of a block of them one after the other. */
async function blockUs(call: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  for (let done = 0; done < callsInBlock; done += 1) await call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / callsInBlock;
}

/** Medians of blocks of each, in turns, so that a busy moment of the machine hits all; a third of the blocks only warms up. */
async function sideBySide<K extends string>(calls: { readonly [name in K]: () => Promise<unknown> }) {
  const names = Object.keys(calls).filter((name): name is K => name in calls);
  const times = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let block = 0; block < blocks; block += 1) {
    for (const name of names) {
      const us = await blockUs(calls[name]);
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
  it('costs at most 10 µs of processor time an operation on top of the port’s own call', async () => {
    const { signal } = new AbortController();
    const median = await sideBySide({
      calibration,
      port: () => runtime.port.cluster.nodes({}, callOptions(30_000, signal)),
      operation: () => house.run('count_nodes'),
      fresh: () => house.run('count_nodes', {}, {}, { signal: new AbortController().signal }),
      validated: () => house.run('count_nodes', { note: 'x' }, { mode: 'validate' }),
      refused: () => house.run('count_nodes', { nothing: 1 }),
    });
    const onTop = median('operation') - median('port');
    figures('One call (processor µs)', {
      'calibration: 10 objects to JSON and back': median('calibration'),
      'the port alone': median('port'),
      'an operation that makes this call': median('operation'),
      'the same, with a signal of its own': median('fresh'),
      'the pipeline on top of the port': onTop,
      'ratio to the calibration': onTop / median('calibration'),
      'parameters validated only': median('validated'),
      'parameters refused': median('refused'),
    });
    expect(onTop).toBeLessThan(wantedUs * 3);
  });
});
