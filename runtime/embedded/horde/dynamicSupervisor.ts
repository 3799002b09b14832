/** Horde.DynamicSupervisor and Horde.Cluster (0.10): children that a whole cluster runs, and what their callers ask. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, itemsOf, okTuple, partsOf } from '../kernel/values.ts';
import type { Spec } from '../otp/childSpec.ts';
import { childSpec, flags } from '../otp/childSpec.ts';
import { call } from '../otp/gen.ts';
import { serverOf } from '../otp/genServerModule.ts';
import type { ServerModule } from '../otp/genServer.ts';
import { startServer } from '../otp/genServer.ts';
import { stop } from '../otp/stop.ts';
import type { SupervisorInit, SupervisorModule } from '../otp/supervisor.ts';
import { startSupervisor } from '../otp/supervisor.ts';
import { strategies } from './distribution.ts';
import { crdtOptions, crdtSpec, flagsFrom, ownMembers, startFunctions } from './hordeInit.ts';
import { argumentError, keywords, option } from './options.ts';

const moduleName = 'Elixir.Horde.DynamicSupervisor';
const implName = 'Elixir.Horde.DynamicSupervisorImpl';
const processesName = 'Elixir.Horde.ProcessesSupervisor';
const signalName = 'Elixir.Horde.SignalShutdown';
const listenerName = 'Elixir.Horde.NodeListener';

/** `init/1` with options: what the supervisor is made from. */
function initOptions(options: Value): Value {
  const strategy = option(options, 'strategy');
  if (strategy === undefined) throw argumentError('expected :strategy option to be given');
  return okTuple({
    strategy,
    max_restarts: option(options, 'max_restarts') ?? 3,
    max_seconds: option(options, 'max_seconds') ?? 5,
    max_children: option(options, 'max_children') ?? atoms.infinity,
    extra_arguments: option(options, 'extra_arguments') ?? [],
    distribution_strategy: option(options, 'distribution_strategy') ?? a(strategies.uniform),
    proxy_message_ttl: option(options, 'proxy_message_ttl') ?? atoms.infinity,
    members: option(options, 'members') ?? [],
    delta_crdt_options: crdtOptions(option(options, 'delta_crdt_options')),
    process_redistribution: option(options, 'process_redistribution') ?? a('passive'),
  });
}

const supervisor: SupervisorModule = {
  module: moduleName,
  *init(self, argument): Flow<SupervisorInit> {
    const found = yield* flagsFrom(self, argument, initOptions);
    if (found === 'ignore' || !('flags' in found)) return found;
    const { flags: given, name } = found;
    const members = given.get('members');
    const impl = keywords({
      name,
      distribution_strategy: given.get('distribution_strategy'),
      process_redistribution: given.get('process_redistribution'),
      proxy_message_ttl: given.get('proxy_message_ttl'),
      members: ownMembers(members, name),
    });
    const processes = keywords({
      name: a(`${name.name}.ProcessesSupervisor`),
      root_name: name,
      extra_arguments: given.get('extra_arguments'),
      strategy: given.get('strategy'),
      max_children: given.get('max_children'),
      max_restarts: given.get('max_restarts'),
      max_seconds: given.get('max_seconds'),
    });
    const children: Spec[] = [
      crdtSpec(name, given.get('delta_crdt_options'), implName),
      childSpec(a(implName), [implName, 'start_link', [impl]]),
      childSpec(a(`${name.name}.ProcessesSupervisor`), [processesName, 'start_link', [processes]], {
        type: 'supervisor',
      }),
      childSpec(a(signalName), [signalName, 'start_link', [[name]]]),
    ];
    if (members === a('auto')) children.push(childSpec(a(listenerName), [listenerName, 'start_link', [name]]));
    return { flags: flags({ strategy: 'one_for_all', intensity: 0, periodSeconds: 5 }), children };
  },
};

function startLink(self: Self, module: Value, argument: Value, options: Value): Flow<Value> {
  const name = option(options, 'name');
  if (!(name instanceof Atom)) throw argumentError('expected :name to be given and to be an atom');
  return startSupervisor(self, supervisor, tup(module, argument, name), { name: a(`${name.name}.Supervisor`) });
}

/** Ends first, being started last: tells the server that this member leaves, so that it is given nothing any more. */
const signalShutdown: ServerModule<readonly Value[]> = {
  module: signalName,
  init: (self, targets) => {
    self.trapExit(true);
    return { is: 'ok', state: itemsOf(targets) };
  },
  *terminate(self, _reason, targets): Flow<void> {
    for (const target of targets) yield* call(self, serverOf(target), a('horde_shutting_down'));
  },
  show: (targets) => [...targets],
};

/** Whatever `Supervisor.child_spec/2` takes, as a map: one already, `Module` or `{Module, Argument}`. */
function* specFrom(self: Self, given: Value): Flow<Value> {
  const [module, argument] = given instanceof Atom ? [given, []] : partsOf(given);
  return module instanceof Atom ? yield* self.apply(module.name, 'child_spec', [argument]) : given;
}

/** `start_child/2`: `{ok, Pid}`, `{ok, Pid, Info}`, `ignore` or `{error, Reason}`, wherever it runs. */
export function* startHordeChild(self: Self, horde: Value, given: Value): Flow<Value> {
  const spec = yield* specFrom(self, given);
  return yield* call(self, serverOf(horde), tup(a('start_child'), spec), null);
}

export const dynamicSupervisorModules: readonly CodeModule[] = [
  {
    name: moduleName,
    behaviours: ['supervisor'],
    functions: {
      ...startFunctions(moduleName, startLink),
      'init/1': (_self, options) => initOptions(options),
      'stop/1': (self, horde) => stopHorde(self, horde, atoms.normal),
      'stop/2': stopHorde,
      'start_child/2': startHordeChild,
      'terminate_child/2': (self, horde, pid) =>
        pid instanceof Pid
          ? call(self, serverOf(horde), tup(a('terminate_child'), pid), null)
          : self.error(a('function_clause')),
      'which_children/1': (self, horde) => call(self, serverOf(horde), a('which_children'), null),
      'count_children/1': (self, horde) => call(self, serverOf(horde), a('count_children'), null),
      'wait_for_quorum/2': (self, horde, timeout) =>
        call(self, serverOf(horde), a('wait_for_quorum'), typeof timeout === 'number' ? timeout : null),
    },
  },
  {
    name: 'Elixir.Horde.Cluster',
    functions: {
      'set_members/2': (self, horde, members) => call(self, serverOf(horde), tup(a('set_members'), members)),
      'set_members/3': (self, horde, members, timeout) =>
        call(self, serverOf(horde), tup(a('set_members'), members), typeof timeout === 'number' ? timeout : null),
      'members/1': (self, horde) => call(self, serverOf(horde), a('members')),
    },
  },
  {
    name: signalName,
    behaviours: ['gen_server'],
    functions: { 'start_link/1': (self, targets) => startServer(self, signalShutdown, targets) },
  },
];

function stopHorde(self: Self, horde: Value, reason: Value): Flow<Value> {
  if (!(horde instanceof Atom)) return self.error(a('function_clause'));
  return stop(self, a(`${horde.name}.Supervisor`), reason);
}
