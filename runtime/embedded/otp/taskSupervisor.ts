/** Elixir's Task.Supervisor (1.14): a DynamicSupervisor of tasks. */
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, tagged } from '../kernel/values.ts';
import type { Restart, Shutdown } from './childSpec.ts';
import { shutdownValue } from './childSpec.ts';
import type { DynamicFlags } from './dynamicState.ts';
import { dynamicFlags } from './dynamicState.ts';
import { dynamicChildren, startDynamicSupervisor, taskDefaults } from './dynamicSupervisor.ts';
import { call } from './gen.ts';
import type { ServerStart } from './genServer.ts';
import type { Server } from './names.ts';
import type { Task } from './task.ts';
import { asked } from './task.ts';
import { callersOf, ownerOf } from './taskSupervised.ts';
import type { Work } from './work.ts';

export type TaskOptions = { readonly restart?: Restart; readonly shutdown?: Shutdown };

/** `Task.Supervisor.start_link/1`: `{:ok, pid}` or `{:error, reason}`. */
export function startTaskSupervisor(
  self: Self,
  options: Pick<ServerStart, 'name'> & Partial<Pick<DynamicFlags, 'intensity' | 'periodSeconds' | 'maxChildren'>> = {},
): Flow<Value> {
  const { name, ...flags } = options;
  const defaults = tup(a('temporary'), 5000);
  const module = {
    module: 'Elixir.Task.Supervisor',
    init(own: Self) {
      own.put(taskDefaults, defaults);
      return { flags: dynamicFlags(flags) };
    },
  };
  return startDynamicSupervisor(self, module, tup(defaults, []), name === undefined ? {} : { name });
}

/** `Task.Supervisor.start_child/3,5`: a task that nobody waits for; `{:ok, pid}` or `{:error, :max_children}`. */
export function startTaskChild(self: Self, supervisor: Server, work: Work, options: TaskOptions = {}): Flow<Value> {
  return startWith(self, supervisor, [ownerOf(self), callersOf(self), work], options);
}

/** `Task.Supervisor.async/3,5`: a task of the supervisor, linked to this process. An error when it has its most children. */
export function* supervisedAsync(self: Self, supervisor: Server, work: Work, options: TaskOptions = {}): Flow<Task> {
  const pid = yield* waitingTask(self, supervisor, options);
  self.link(pid);
  return asked(self, pid, work);
}
/** `Task.Supervisor.async_nolink/3,5`: as {@link supervisedAsync}, without the link. */
export function* supervisedAsyncNolink(
  self: Self,
  supervisor: Server,
  work: Work,
  options: TaskOptions = {},
): Flow<Task> {
  return asked(self, yield* waitingTask(self, supervisor, options), work);
}

/** `Task.Supervisor.children/1`: the processes of its tasks. */
export function* taskChildren(self: Self, supervisor: Server): Flow<readonly Pid[]> {
  const rows = yield* dynamicChildren(self, supervisor);
  if (!isList(rows)) return [];
  return rows.map((row) => elementsOf(row)?.[1]).filter((pid) => pid instanceof Pid);
}

/** A task that waits to be told what to do. */
export function* waitingTask(self: Self, supervisor: Server, options: TaskOptions): Flow<Pid> {
  const args = [ownerOf(self), a('monitor')];
  const outcome = yield* startWith(self, supervisor, args, { ...options, restart: 'temporary' });
  const pid = tagged(outcome, atoms.ok, 2)?.[1];
  if (pid instanceof Pid) return pid;
  return self.error({ __struct__: a('Elixir.RuntimeError'), __exception__: true, message: tooMany(outcome) });
}
function tooMany(outcome: Value): Value {
  const reason = tagged(outcome, atoms.error, 2)?.[1];
  return reason === a('max_children')
    ? 'reached the maximum number of tasks for this task supervisor'
    : asValue(reason);
}

function startWith(
  self: Self,
  supervisor: Server,
  args: readonly Value[],
  { restart, shutdown }: TaskOptions,
): Flow<Value> {
  const request = tup(
    a('start_task'),
    args,
    restart === undefined ? null : a(restart),
    shutdown === undefined ? null : shutdownValue(shutdown),
  );
  return call(self, supervisor, request, null);
}
