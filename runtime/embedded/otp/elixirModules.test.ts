import { expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import { atoms } from '../kernel/values.ts';
import { inProcess, shown, testCluster } from '../testKit.ts';
import { childSpec, flags } from './childSpec.ts';
import { startedPid } from './genServer.ts';
import { registerKey } from './registry.ts';
import { startSupervisor } from './supervisor.ts';
import { supervisorAt } from './supervisorState.ts';

const options = (fields: { readonly [key: string]: Value }): Value =>
  Object.entries(fields).map(([key, value]) => tup(a(key), value));

it('supervisors of Elixir and its registries start from specifications, by module, function and options', () => {
  inProcess(testCluster(), function* (self) {
    const child = (name: string, fields: { readonly [key: string]: Value }) =>
      childSpec(a(name), [name, 'start_link', [options({ name: a(`${name}.own`), ...fields })]], {
        type: 'supervisor',
      });
    const children = [
      child('Elixir.DynamicSupervisor', { max_restarts: 7, max_children: 1, strategy: a('one_for_one') }),
      child('Elixir.Task.Supervisor', { max_seconds: 9 }),
      child('Elixir.Registry', { keys: a('unique'), partitions: 2 }),
    ];
    const init = () => ({ flags: flags(), children });
    const top = startedPid(yield* startSupervisor(self, { module: 'top', init }, null));
    if (!(top instanceof Pid)) throw new Error(shown(top));
    const kinds = supervisorAt(top)?.children.map(({ pid }) => (pid instanceof Pid ? supervisorAt(pid)?.kind : null));
    expect(kinds).toEqual(['dynamic_supervisor', 'task_supervisor', 'supervisor']);
    const dynamic = a('Elixir.DynamicSupervisor.own');
    const spec = { id: 1, start: tup(a('Elixir.Agent'), a('start_link'), [tup(a('erlang'), a('node'), [])]) };
    const call = (name: string, ...args: readonly Value[]) =>
      self.apply('Elixir.DynamicSupervisor', name, [dynamic, ...args]);
    const started = yield* call('start_child', spec);
    expect(shown(started)).toBe('{ok,pid}');
    expect(shown(yield* call('start_child', spec))).toBe('{error,max_children}');
    expect(shown(yield* call('which_children'))).toBe('[{undefined,pid,worker,[Elixir.Agent]}]');
    expect(shown(yield* call('count_children'))).toBe('#{specs=>1,active=>1,supervisors=>0,workers=>1}');
    expect(yield* call('terminate_child', startedPid(started))).toBe(atoms.ok);
    expect(shown(registerKey(self, a('Elixir.Registry.own'), 'key', 1))).toBe('{ok,pid}');
  });
});
