/** What of Elixir's own modules every node has loaded: what child specifications, spawns and calls by name reach. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { CodeModule } from '../kernel/module.ts';
import { asValue, atoms, isList, itemsOf, partsOf } from '../kernel/values.ts';
import { agentGet, agentUpdate, startAgent } from './agent.ts';
import type { DynamicFlags } from './dynamicState.ts';
import { dynamicFlags } from './dynamicState.ts';
import {
  countDynamicChildren,
  dynamicChildren,
  startDynamicChild,
  startDynamicSupervisor,
  terminateDynamicChild,
} from './dynamicSupervisor.ts';
import { serverOf } from './genServerModule.ts';
import type { ServerName } from './names.ts';
import { partitionSupervisorModule } from './partitionSupervisor.ts';
import { registryModules, startRegistry } from './registry.ts';
import { taskSupervisedModule } from './taskSupervised.ts';
import { startTaskSupervisor } from './taskSupervisor.ts';
import { workOf } from './work.ts';

/** A keyword list: `[{key, value}]`. */
function keywords(value: Value): ReadonlyMap<string, Value> {
  const found = new Map<string, Value>();
  for (const entry of itemsOf(value)) {
    const [key, held] = partsOf(entry);
    if (key instanceof Atom) found.set(key.name, asValue(held));
  }
  return found;
}
function nameIn(options: ReadonlyMap<string, Value>): { readonly name?: ServerName } {
  const name = options.has('name') ? serverOf(options.get('name')) : null;
  return name === null || name instanceof Pid ? {} : { name };
}
function numberIn(options: ReadonlyMap<string, Value>, key: string): number | undefined {
  const value = options.get(key);
  if (value === undefined || value === atoms.infinity) return undefined;
  if (typeof value === 'number') return value;
  throw new ErrorException(atoms.badarg);
}

/** `max_restarts`, `max_seconds`, `max_children` and `extra_arguments`, as Elixir calls them. */
function flagsIn(options: ReadonlyMap<string, Value>): DynamicFlags {
  const [intensity, periodSeconds] = [numberIn(options, 'max_restarts'), numberIn(options, 'max_seconds')];
  const maxChildren = numberIn(options, 'max_children');
  const extra = options.get('extra_arguments');
  return dynamicFlags({
    ...(intensity !== undefined && { intensity }),
    ...(periodSeconds !== undefined && { periodSeconds }),
    ...(maxChildren !== undefined && { maxChildren }),
    ...(isList(extra) && { extraArguments: extra.map(asValue) }),
  });
}

const dynamicSupervisorModule: CodeModule = {
  name: 'Elixir.DynamicSupervisor',
  functions: {
    'start_link/1': (self, given) => {
      const options = keywords(given);
      const module = { module: 'Elixir.Supervisor.Default', init: () => ({ flags: flagsIn(options) }) };
      return startDynamicSupervisor(self, module, given, nameIn(options));
    },
    'start_child/2': (self, supervisor, spec) => startDynamicChild(self, serverOf(supervisor), { term: spec }),
    'terminate_child/2': (self, supervisor, pid) =>
      pid instanceof Pid ? terminateDynamicChild(self, serverOf(supervisor), pid) : self.error(a('function_clause')),
    'which_children/1': (self, supervisor) => dynamicChildren(self, serverOf(supervisor)),
    'count_children/1': (self, supervisor) => countDynamicChildren(self, serverOf(supervisor)),
  },
};

const taskSupervisorModule: CodeModule = {
  name: 'Elixir.Task.Supervisor',
  functions: {
    'start_link/0': (self) => startTaskSupervisor(self),
    'start_link/1': (self, given) => {
      const options = keywords(given);
      const { intensity, periodSeconds, maxChildren } = flagsIn(options);
      return startTaskSupervisor(self, { ...nameIn(options), intensity, periodSeconds, maxChildren });
    },
  },
};

const agentModule: CodeModule = {
  name: 'Elixir.Agent',
  functions: {
    'start_link/1': (self, work) => startAgent(self, workOf(work)),
    'start_link/2': (self, work, options) => startAgent(self, workOf(work), nameIn(keywords(options))),
    'get/2': (self, agent, work) => agentGet(self, serverOf(agent), workOf(work)),
    'update/2': (self, agent, work) => agentUpdate(self, serverOf(agent), workOf(work)),
  },
};

/** `Registry.start_link/1` beside what is called of registries as names. */
const registryFunctions: CodeModule['functions'] = {
  'start_link/1': (self, given) => {
    const options = keywords(given);
    const [name, partitions, listeners] = [
      options.get('name'),
      numberIn(options, 'partitions'),
      options.get('listeners'),
    ];
    const keys =
      options.get('keys') === a('unique') ? 'unique' : options.get('keys') === a('duplicate') ? 'duplicate' : null;
    if (!(name instanceof Atom) || keys === null) return self.error(atoms.badarg);
    return startRegistry(self, {
      keys,
      name,
      ...(partitions !== undefined && { partitions }),
      ...(isList(listeners) && { listeners: listeners.filter((one) => one instanceof Atom) }),
    });
  },
};

export const elixirModules: readonly CodeModule[] = [
  agentModule,
  dynamicSupervisorModule,
  partitionSupervisorModule,
  ...registryModules.map((module) =>
    module.name === 'Elixir.Registry'
      ? { ...module, functions: { ...module.functions, ...registryFunctions } }
      : module,
  ),
  taskSupervisedModule,
  taskSupervisorModule,
];
