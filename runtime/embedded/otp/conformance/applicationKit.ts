/** What the ports of application_SUITE work with: applications of every kind, and what their modules were called for. */
import type { Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive } from '../../kernel/flow.ts';
import type { CodeModule } from '../../kernel/module.ts';
import type { Self } from '../../kernel/self.ts';
import { atoms, elementsOf, isList } from '../../kernel/values.ts';
import { inProcess, shown, testCluster, testModule } from '../../testKit.ts';
import { whichApplications } from '../application.ts';
import type { Application } from '../applicationTable.ts';
import { childSpec, flags } from '../childSpec.ts';
import type { ServerModule } from '../genServer.ts';
import { noreply, startServer } from '../genServer.ts';
import { startSupervisor } from '../supervisor.ts';
import { printed } from '../text.ts';

/** What the callback modules below were called for, in order. */
export const calls: string[] = [];
const idle: ServerModule<null> = {
  module: 'ch',
  init: () => ({ is: 'ok', state: null }),
  handleInfo: (_self, _message, state) => noreply(state),
  show: (state) => state,
};
const supervisor = (children: readonly ReturnType<typeof childSpec>[] = []) => ({
  module: 'ch_sup',
  init: () => ({ flags: flags(), children }),
});

export const modules: readonly CodeModule[] = [
  testModule('ch', {
    'start_link/1': (self, name) => startServer(self, idle, null, { name: a(shown(name)) }),
    'undefined/0': function* (self): Flow<Value> {
      return yield* startServer(
        self,
        {
          ...idle,
          *init(own: Self) {
            yield* own.apply('an_undefined_module_with', 'an_undefined_function', [1]);
            return { is: 'ok', state: null };
          },
        },
        null,
      );
    },
  }),
  testModule('ch_sup', {
    'start/2': function* (self, type, argument): Flow<Value> {
      calls.push(`start ${shown(type)} ${shown(argument)}`);
      const children = isList(argument) ? argument.map((name) => childSpec(name, ['ch', 'start_link', [name]])) : [];
      const started = yield* startSupervisor(self, supervisor(children), []);
      return tup(atoms.ok, elementsOf(started)?.[1], a('the_state'));
    },
    'start_phase/3': (_self, phase, type, args) => {
      calls.push(`phase ${shown(phase)} ${shown(type)} ${shown(args)}`);
      return phase === a('fails') ? tup(atoms.error, a('no')) : atoms.ok;
    },
    'prep_stop/1': (_self, state) => {
      calls.push(`prep_stop ${shown(state)}`);
      return a('prepared');
    },
    'stop/1': (_self, state) => {
      calls.push(`stop ${shown(state)}`);
      return atoms.ok;
    },
    'config_change/3': (_self, changed, added, removed) => {
      calls.push(`config_change ${shown([changed, added, removed])}`);
      return atoms.ok;
    },
  }),
  testModule('group_leader_sup', {
    'start/2': function* (self): Flow<Value> {
      const run = function* (own: Self): Flow<void> {
        own.trapExit(true);
        for (;;) yield* receive();
      };
      self.register(a('nisse'), self.spawnBody({ is: 'flow', run }, { module: 'test', function: 'nisse', arity: 0 }));
      return yield* startSupervisor(self, supervisor(), []);
    },
  }),
  testModule('app_start_error', { 'start/2': () => tup(atoms.error, a('start error')) }),
  testModule('app_faulty', {
    'start/2': (self) =>
      startSupervisor(self, supervisor([childSpec(a('app_faulty'), ['ch', 'undefined', []])]), [], {
        name: a('app_faulty_sup'),
      }),
  }),
  testModule('trans', { 'start/2': (self, _type, reason) => self.exit(reason) }),
  testModule('deadlock', {
    'start/2': (self) => startSupervisor(self, supervisor(), []),
    'prep_stop/1': function* (self, state): Flow<Value> {
      self.send(a('tester'), tup(a('deadlock'), self.pid));
      yield* receive({ match: (one) => one === a('continue') });
      return state;
    },
  }),
  testModule('stubborn', {
    'start/2': (self) => {
      const run = function* (own: Self): Flow<void> {
        own.trapExit(true);
        for (;;) yield* receive();
      };
      return tup(
        atoms.ok,
        self.spawnBody({ is: 'flow', run }, { module: 'test', function: 'stubborn', arity: 0 }, { link: true }),
      );
    },
  }),
];

export function app(name: string, more: Partial<Application> = {}): Application {
  return { name, description: '', version: '1.0', start: { module: 'ch_sup', argument: [] }, ...more };
}
export const known: readonly Application[] = [
  app('app1', { start: { module: 'ch_sup', argument: [a('ch1')] }, env: { new_one: 1 } }),
  app('app2'),
  app('app9', { start: { module: 'ch_sup', argument: [a('ch9')] } }),
  app('app10', { applications: ['app9'] }),
  app('app_opt', { applications: ['app9', 'nowhere'], optionalApplications: ['app9', 'nowhere'] }),
  app('app_opt_error', { applications: ['app_start_error'], optionalApplications: ['app_start_error'] }),
  app('app_chain_error', { applications: ['app_chain_error2'] }),
  app('app_chain_error2', { applications: ['app10', 'hopefully_not_an_existing_app'] }),
  app('app_start_error', { start: { module: 'app_start_error', argument: [] } }),
  app('app5'),
  app('app_faulty', { start: { module: 'app_faulty', argument: [] } }),
  app('group_leader', { start: { module: 'group_leader_sup', argument: [] } }),
  app('trans_normal', { start: { module: 'trans', argument: atoms.normal } }),
  app('trans_abnormal', { start: { module: 'trans', argument: a('abnormal') } }),
  app('deadlock', { start: { module: 'deadlock', argument: [] } }),
  app('stubborn', { start: { module: 'stubborn', argument: [] } }),
];

export function run<T>(body: (self: Self, cluster: Cluster) => Flow<T>): T {
  calls.length = 0;
  const cluster = testCluster(['one@sim'], { modules, applications: known });
  return inProcess(cluster, (self) => body(self, cluster));
}
export function* names(self: Self): Flow<readonly string[]> {
  const rows = yield* whichApplications(self);
  return isList(rows) ? rows.map((row) => shown(elementsOf(row)?.[0])) : [];
}
export function* text(work: Flow<Value>): Flow<string> {
  return printed(yield* work);
}
export const missing = (name: string) => `{"no such file or directory","${name}.app"}`;
