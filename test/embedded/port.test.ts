import { afterAll, beforeAll } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { startSimulated } from '../../runtime/embedded/host.ts';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { ProcessRef } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom } from '../../runtime/term/term.ts';
import type { PortFixture } from '../port/portSuite.ts';
import { describePort } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import type { Bundles } from './bundles.ts';
import { buildBundles } from './bundles.ts';

const nodes = ['demo1@sim', 'demo2@sim', 'demo3@sim'];
const [first = ''] = nodes;
const control = { node: 'demo3@sim' } as const;

function fixtureOf(runtime: Runtime): PortFixture {
  const named = async (name: string): Promise<ProcessRef> => {
    const target = { name: { in: 'local', node: first, name } } as const;
    return valueOf(await runtime.port.names.resolve({ target, seenFrom: first }, callOptions(5_000))).pid;
  };
  return {
    runtime,
    nodes,
    aProcess: async () => {
      const params = { node: first, module: 'timer', function: 'sleep', args: [{ term: atom('infinity') }] };
      return valueOf(await runtime.port.processes.start(params, callOptions(5_000)));
    },
    aSupervisor: () => named('Elixir.Shop.Supervisor'),
    nodeControl: {
      ...control,
      down: async () => void valueOf(await runtime.port.faults.crashNode(control, callOptions(5_000))),
      up: async () => void valueOf(await runtime.port.faults.startNode(control, callOptions(5_000))),
    },
    dispose: () => runtime.close(),
  };
}

let bundles: Bundles;
beforeAll(async () => {
  bundles = await buildBundles();
});
afterAll(() => bundles.dispose());

describePort('the simulated cluster', () => {
  const sandboxChildFile = bundles.sandboxChildFile;
  return Promise.resolve(fixtureOf(liveRuntime({ id: 'sim', nodes, seed: 1, sandboxChildFile })));
});

describePort('the simulated cluster in a worker', async () =>
  fixtureOf(valueOf(await startSimulated({ id: 'sim', nodes: 3, seed: 1, workerFile: bundles.workerFile }))),
);
