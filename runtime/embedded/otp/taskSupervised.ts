/** The processes of tasks (Elixir 1.14, `Task.Supervised`): they wait to be told what to do, do it, and report when they crash. */
import type { Value } from '../../term/values.ts';
import { a, Pid, Ref, Tuple, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import { LocalFun } from '../kernel/localFun.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, itemsOf, okTuple, partsOf } from '../kernel/values.ts';
import { caught, dictionaryKeys, isOrderly } from './crashReport.ts';
import { valueAt } from './gen.ts';
import { spawn } from './procLib.ts';
import { isDown } from './shutdown.ts';
import type { Work } from './work.ts';
import { doWork, mfaOfWork, workOf } from './work.ts';

const moduleName = 'Elixir.Task.Supervised';
const callersKey = a('$callers');
/** A task that is told nothing for so long was asked for by a process whose message got lost. */
const toldWithinMs = 5000;

/** `{Node, PidOrName, Pid}` of the process that asks. */
export function ownerOf(self: Self): Value {
  return tup(a(self.node), self.registeredName === null ? self.pid : a(self.registeredName), self.pid);
}
/** The processes on whose behalf a task runs, nearest first. */
export function callersOf(self: Self): Value {
  const before = self.get(callersKey);
  return [self.pid, ...itemsOf(before)];
}

/** A process that does work for nobody who waits: `{ok, Pid}`. */
export function startTask(self: Self, args: readonly Value[], link: boolean): Value {
  return okTuple(spawn(self, { module: moduleName, function: 'noreply', args }, { link }));
}

/** Waits to be told by its owner what to do, and sends the answer. */
function* replies(self: Self, owner: Value, monitor: Value): Flow<Value> {
  const pid = valueAt(partsOf(owner), 2);
  if (!(pid instanceof Pid)) return self.error(atoms.badarg);
  const watch = monitor === a('monitor') ? self.monitor(pid) : null;
  const message = yield* receive({
    match: (one) =>
      (one instanceof Tuple && one.elements.length === 5 && one.elements[0] === pid) ||
      (isDown(one) && one.elements[1] === watch),
    afterMs: watch === null ? null : toldWithinMs,
    at: `'${moduleName}':reply/4`,
  });
  if (message === timedOut) return self.exit(atoms.timeout);
  const elements = partsOf(message);
  if (isDown(message)) return self.exit(tup(atoms.shutdown, valueAt(elements, 4)));
  const [, ref, replyTo, callers, what] = elements.map(asValue);
  const work = workOf(what);
  begin(self, callers, work);
  if (watch !== null) self.demonitor(watch, { flush: true });
  const answer = yield* run(self, owner, work);
  self.send(destination(replyTo), tup(ref, answer));
  return undefined;
}

/** The alias, or the process, that the answer goes to. */
function destination(value: Value): Pid | Ref {
  if (value instanceof Pid || value instanceof Ref) return value;
  throw new ErrorException(atoms.badarg);
}

function begin(self: Self, callers: Value, work: Work): void {
  self.put(dictionaryKeys.initialCall, mfaOfWork(work));
  self.put(callersKey, callers);
}

function* noReply(self: Self, owner: Value, callers: Value, what: Value): Flow<Value> {
  const work = workOf(what);
  begin(self, callers, work);
  return yield* run(self, owner, work);
}

/** Does the work; a crash is reported as Elixir does (`{Task.Supervisor, terminating}`), and goes on. */
function* run(self: Self, owner: Value, work: Work): Flow<Value> {
  try {
    return yield* doWork(self, work, []);
  } catch (thrown) {
    if (thrown instanceof ExitException && isOrderly(thrown.reason)) throw thrown;
    const { kind, reason, stacktrace } = caught(thrown);
    const isFun = work instanceof LocalFun;
    const report = {
      label: tup(a('Elixir.Task.Supervisor'), a('terminating')),
      report: {
        name: self.pid,
        starter: starterOf(self, owner),
        function: isFun ? work : mfaOfWork(work),
        args: isFun ? [] : asValue(work.elements[2]),
        reason: tup(kind === 'throw' ? tup(a('nocatch'), reason) : reason, stacktrace),
      },
    };
    self.emit({ is: 'report', kind: 'task_terminating', pid: self.pid, report });
    throw thrown;
  }
}

/** How the owner is named to a reader: by its name, on another node with that, else by its pid. */
function starterOf(self: Self, owner: Value): Value {
  const [node, name, pid] = partsOf(owner);
  if (node === a(self.node)) return name;
  return name instanceof Pid ? pid : tup(node, name);
}

export const taskSupervisedModule: CodeModule = {
  name: moduleName,
  functions: {
    'start_link/2': (self, owner, monitor) =>
      okTuple(spawn(self, { module: moduleName, function: 'reply', args: [owner, monitor] }, { link: true })),
    'start_link/3': (self, ...args) => startTask(self, args, true),
    'start/3': (self, ...args) => startTask(self, args, false),
    'reply/2': replies,
    'noreply/3': noReply,
  },
};
