import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { ChildSpec } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import { integer, tuple, atom } from '../../runtime/term/term.ts';
import { valueOf } from '../port/results.ts';
import { describeChosenLists, many } from './chosenListsSuite.ts';

const node = 'demo1@sim';
const soon = () => callOptions(60_000);
const numbers = Array.from({ length: many }, (_none, at) => at + 1);

async function withMany(runtime: Runtime): Promise<void> {
  const { code, names, processes, supervisors } = runtime.port;
  const target = { name: { in: 'local', node, name: 'Elixir.Shop.Catalog' } } as const;
  const { pid } = valueOf(await names.resolve({ target, seenFrom: node }, soon()));
  const heir = `{heir, <0.${String(pid.id)}.${String(pid.serial)}>, left}`;
  const limits = { maxBytes: 1_000, maxOutputChars: 0 };
  for (const number of numbers) {
    const name = `many_${String(number)}`;
    const args = [name, `[named_table, public, ${heir}]`].map((source) => ({ source, syntax: 'erlang' }) as const);
    valueOf(await code.call({ node, module: 'ets', function: 'new', args, ...limits }, soon()));
    const idle = { module: 'timer', function: 'sleep', args: [{ source: 'infinity', syntax: 'erlang' }] } as const;
    valueOf(await processes.start({ node, ...idle, name }, soon()));
  }
  const children = numbers.map((number): ChildSpec => ({
    childId: tuple(atom('worker'), integer(number)),
    start: { module: 'Elixir.Shop.Cart', function: 'start_link', args: [integer(number)] },
    restart: 'permanent',
    shutdown: 5_000,
    type: 'worker',
    significant: false,
  }));
  const flags = { strategy: 'one_for_one', intensity: 3, periodSeconds: 5, autoShutdown: 'never' } as const;
  const owner = { principal: 'user:me', client: 'test', operation: 'test', requestId: 'test' } as const;
  const held = { owner, lingerMs: 60_000 };
  valueOf(await supervisors.start({ node, flags, children, name: 'many_sup', ...held }, soon()));
}

describeChosenLists('of the simulated runtime', async () => {
  const runtime = liveRuntime({ id: 'sim', nodes: [node], seed: 1, time: 'deterministic', sandboxChildFile: '' });
  await withMany(runtime);
  return { runtime, node, end: () => runtime.close() };
});
