/**
 * Whether what was done can be found out afterwards, by another process that knows of it only what was written down: for every
 * operation that changes something, by its first example on the simulated cluster. It has not happened before, and it has after.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import { answering, failing } from '../../runtime/fake/scriptedRuntime.ts';
import type { ProbedEffect } from '../../server/core/operation.ts';
import { isWrite } from '../../server/core/operation.ts';
import { valueOf } from '../../server/core/testKit.ts';
import type { House } from '../../server/backend/testKit.ts';
import { bundled, houseOn } from '../../server/backend/testKit.ts';
import { late, lost, plannedOn, scriptedHouse } from '../../server/operations/testKit.ts';
import { inCatalogue } from './matrix/catalogue.ts';
import { ready } from './matrix/prepared.ts';
import type { Params } from './matrix/stage.ts';

/** Why nobody can find out. An operation that is not here has a probe. */
const nobodyCanTell: { readonly [operation: string]: string } = {
  send_message: 'A message that was handled has left nothing behind that tells it from any other.',
  garbage_collect_process: 'A process counts its collections, but not whose they were; doing it again does no harm.',
  remote_execute: 'What a function of the user’s did is known to the user only.',
  execute_batch: 'Its items are calls, each of which is written down and probed by itself.',
  undo_operation: 'It acts by the call that it takes back, which has its own record.',
  reload_cluster_file: 'A file may say what it said before; what came of it, the nodes’ log tells.',
  create_sandbox: 'Its sandbox is a child process of this server’s, and ends with it.',
  destroy_sandbox: 'A sandbox is a child process of this server’s, and ends with it.',
};

/** What a probe says before and after, where the example leaves it no way to say `none`, then `applied`. */
const otherwise: {
  readonly [operation: string]: { readonly says: readonly [ProbedEffect, ProbedEffect]; readonly why: string };
} = {
  connect_node: {
    says: ['none', 'none'],
    why: 'A link of ours ends with the process that has it: another has none of it.',
  },
  disconnect_node: { says: ['applied', 'applied'], why: 'The link that was closed would have ended with its process.' },
  restart_node: { says: ['unknown', 'applied'], why: 'Of a node that is down nobody can say who stopped it.' },
};

/** What has to be there first, and what is asked then, where the example as it stands changes nothing. */
const first: { readonly [operation: string]: (house: House, params: Params) => Promise<Params> } = {
  resume_time: after('pause_time', {}),
  step_time: async (house) => after('pause_time', {})(house, { ms: 1_000 }),
  heal_cluster: after('partition_cluster', { islands: [['demo1@sim'], ['demo2@sim', 'demo3@sim']] }),
  balance_cluster_load: async (house) => {
    const node = 'demo1@sim';
    const sleeper = { node, module: 'timer', function: 'sleep', args: [600_000] };
    for (let count = 0; count < 40; count += 1) await house.result('start_process', sleeper);
    return {
      apply: true,
      sampleMs: 0,
      tolerancePercent: 0,
      nodes: [node, 'demo2@sim'],
      maxMoves: 2,
      forwardMs: 600_000,
    };
  },
};

function after(operation: string, given: Params) {
  return async (house: House, params: Params): Promise<Params> => {
    await house.result(operation, given);
    return params;
  };
}

/** The demo has nothing of the kind: their probes are asked below. */
const notOnTheDemo: readonly string[] = ['load_operations'];

const writes = inCatalogue.filter(([, operation]) => isWrite(operation));
const probed = writes.filter(([, operation]) => isWrite(operation) && operation.probe !== undefined);

describe('every operation that changes something', () => {
  it('has a probe, or a reason why there can be none', () => {
    const without = writes.filter((write) => !probed.includes(write)).map(([name]) => name);
    expect(without.toSorted()).toEqual(Object.keys(nobodyCanTell).toSorted());
  });
});

let folder: string;
let sandboxChildFile: string;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-probes-'));
  sandboxChildFile = await bundled('runtime/embedded/sandbox/child.ts', folder);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('the probe of', () => {
  it.each(probed.filter(([name]) => !notOnTheDemo.includes(name)))(
    '%s',
    async (name, operation) => {
      const nodes = ['demo1@sim', 'demo2@sim', 'demo3@sim'] as const;
      const runtime = liveRuntime({
        ...{ id: 'sim', nodes, seed: 1, sandboxChildFile },
        time: name.endsWith('_time') ? 'live' : 'deterministic',
      });
      const house = await houseOn(runtime);
      try {
        const stage = { runtime: 'simulated', nodes, names: {}, folder, run: house.run } as const;
        const example = operation.examples[0]?.params ?? {};
        const params = await (first[name]?.(house, example) ?? ready(stage, name, example));
        const planned = await plannedOn(house, runtime, name, params);
        const before = await planned.probe();
        valueOf(await planned.apply());
        expect([before, await planned.probe()]).toEqual(otherwise[name]?.says ?? ['none', 'applied']);
      } finally {
        await house.close();
      }
    },
    60_000,
  );
});

it('the probe of load_operations asks which modules still wait to be loaded', async () => {
  const bench = await scriptedHouse();
  try {
    const find = (waiting: readonly string[], status: 'ok' | 'missing' = 'ok') => {
      const unloaded = waiting.map((module) => ({ node: 'a@h', module }));
      const nodes = [status === 'ok' ? { node: 'a@h', status } : { node: 'a@h', status, error: late }];
      bench.script({
        'operations.find': answering({ operations: [], unloaded, left: [], nodes }),
        'operations.load': failing(lost),
      });
    };
    find(['Elixir.A', 'Elixir.B']);
    const planned = await bench.planned('load_operations', { node: 'a@h' });
    const said: ProbedEffect[] = [];
    for (const waiting of [['Elixir.A', 'Elixir.B'], ['Elixir.B'], []]) {
      find(waiting);
      said.push(await planned.probe());
    }
    find([], 'missing');
    expect([...said, await planned.probe()]).toEqual(['none', 'unknown', 'applied', 'unknown']);
  } finally {
    await bench.close();
  }
});
