/** The cluster that the port's suite runs on when the runtime is a fake, and its fixture around any way to reach it. */
import { callOptions } from '../../runtime/callOptions.ts';
import type { FakeNode, FakeProcess } from '../../runtime/fake/fakeRuntime.ts';
import type { ProcessRef } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { PortFixture } from './portSuite.ts';
import { valueOf } from './results.ts';

const worker = (name: string): FakeProcess => ({ name, initialCall: 'demo_worker:init/1' });

function node(name: string): FakeNode {
  return {
    name,
    otpRelease: '25',
    processes: [
      ...Array.from({ length: 20 }, (_, at) => worker(`loner_${at}`)),
      {
        name: 'demo_sup',
        initialCall: 'demo_sup:init/1',
        trapsExits: true,
        supervisor: { application: 'demo', flags: { intensity: 10 }, children: [worker('first'), worker('second')] },
      },
    ],
  };
}

export const fakeNodes: readonly FakeNode[] = ['one@fake', 'two@fake', 'three@fake'].map(node);

/** The fixture of a runtime over {@link fakeNodes}; `end` is called when it is disposed of. */
export function fakeFixture(runtime: Runtime, end: () => Promise<void> = () => Promise.resolve()): PortFixture {
  const [first = ''] = fakeNodes.map(({ name }) => name);
  let used = 0;
  const named = async (name: string): Promise<ProcessRef> => {
    const target = { name: { in: 'local', node: first, name } } as const;
    return valueOf(await runtime.port.names.resolve({ target, seenFrom: first }, callOptions(5_000))).pid;
  };
  const control = { node: 'three@fake' } as const;
  return {
    runtime,
    nodes: fakeNodes.map(({ name }) => name),
    aProcess: () => {
      used += 1;
      return named(`loner_${used}`);
    },
    aSupervisor: () => named('demo_sup'),
    nodeControl: {
      ...control,
      down: async () => void valueOf(await runtime.port.faults.crashNode(control, callOptions(5_000))),
      up: async () => void valueOf(await runtime.port.faults.startNode(control, callOptions(5_000))),
    },
    async dispose() {
      await runtime.close();
      await end();
    },
  };
}
