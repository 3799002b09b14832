/** Module `proc_lib` as loaded code: its functions by name and arity. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, Tuple, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { hibernate } from '../kernel/flow.ts';
import { LocalFun } from '../kernel/localFun.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, isList } from '../kernel/values.ts';
import { formatCrash } from './crashFormat.ts';
import { dictionaryKeys, initialCall } from './crashReport.ts';
import { formatOptions, functionClause, reportOf, serverOf, timeoutOf } from './genServerModule.ts';
import type { What } from './procLib.ts';
import { initAck, spawn, start, startLink, startMonitor } from './procLib.ts';
import { stop } from './stop.ts';

function whatOf(module: Value, name: Value, args: Value): Exclude<What, LocalFun> {
  if (!(module instanceof Atom) || !(name instanceof Atom) || !isList(args)) return functionClause();
  return { module: module.name, function: name.name, args: args.map(asValue) };
}
function funOf(value: Value): LocalFun {
  return value instanceof LocalFun ? value : functionClause();
}

function badarg(): never {
  throw new ErrorException(atoms.badarg);
}

function spawns(link: boolean): { readonly one: Code; readonly three: Code } {
  return {
    one: (self, run) => spawn(self, funOf(run), { link }),
    three: (self, module, name, args) => spawn(self, whatOf(module, name, args), { link }),
  };
}

/** `spawn_opt`: `link` and `monitor` have a meaning here; sizes, priorities and collections of garbage have none, and are passed over. */
function spawnOpt(self: Self, what: What, options: Value): Value {
  const asked: readonly unknown[] = isList(options) ? options : badarg();
  const pid = spawn(self, what, { link: asked.includes(a('link')) });
  return asked.includes(a('monitor')) ? tup(pid, self.monitor(pid)) : pid;
}

type Start = (self: Self, what: What, options: { readonly timeoutMs?: number; readonly link?: boolean }) => Flow<Value>;
function starts(run: Start): { readonly three: Code; readonly four: Code; readonly five: Code } {
  const limit = (timeout: Value): { readonly timeoutMs?: number } => {
    // As the receive that waits for it would fail.
    if (timeout !== atoms.infinity && typeof timeout !== 'number') throw new ErrorException(a('timeout_value'));
    const timeoutMs = timeoutOf(timeout);
    return timeoutMs === null ? {} : { timeoutMs };
  };
  return {
    three: (self, module, name, args) => run(self, whatOf(module, name, args), {}),
    four: (self, module, name, args, timeout) => run(self, whatOf(module, name, args), limit(timeout)),
    five: (self, module, name, args, timeout, options) => {
      const asked: readonly unknown[] = isList(options) ? options : functionClause();
      const monitors = asked.some((one) => one === a('monitor') || elementsOf(one)?.[0] === a('monitor'));
      // The starter's own monitor is the only one there is.
      if (monitors) return badarg();
      return run(self, whatOf(module, name, args), { ...limit(timeout), link: asked.includes(a('link')) });
    },
  };
}

const one = spawns(false);
const linked = spawns(true);
const started = starts((self, what, options) => (options.link === true ? startLink : start)(self, what, options));
const startedLinked = starts(startLink);
const startedMonitored = starts(startMonitor);

function callOf(self: Self, pid: Value): Value {
  const process = pid instanceof Pid ? self.inspect(pid) : null;
  const call = process === null ? null : initialCall(process);
  return call === null ? false : call;
}

/** `proc_lib:translate_initial_call/1` */
function translated(self: Self, pid: Value): Value {
  const process = pid instanceof Pid ? self.inspect(pid) : null;
  const call = process?.dictionary?.get(dictionaryKeys.initialCall);
  return call instanceof Tuple ? call : tup(a('proc_lib'), a('init_p'), 5);
}

export const procLibModule: CodeModule = {
  name: 'proc_lib',
  functions: {
    'spawn/1': one.one,
    'spawn/3': one.three,
    'spawn_link/1': linked.one,
    'spawn_link/3': linked.three,
    'spawn_opt/2': (self, run, options) => spawnOpt(self, funOf(run), options),
    'spawn_opt/4': (self, module, name, args, options) => spawnOpt(self, whatOf(module, name, args), options),
    'start/3': started.three,
    'start/4': started.four,
    'start/5': started.five,
    'start_link/3': startedLinked.three,
    'start_link/4': startedLinked.four,
    'start_link/5': startedLinked.five,
    'start_monitor/3': startedMonitored.three,
    'start_monitor/4': startedMonitored.four,
    'start_monitor/5': startedMonitored.five,
    /** Never returns: what called it is forgotten, and the process ends with the function. */
    *'hibernate/3'(self, module, name, args): Flow<Value> {
      const what = whatOf(module, name, args);
      yield* hibernate();
      yield* self.apply(what.module, what.function, what.args);
      return self.exit(atoms.normal);
    },
    'init_ack/1'(self, outcome) {
      initAck(self, outcome);
      return atoms.ok;
    },
    'init_ack/2'(self, starter, outcome) {
      if (!(starter instanceof Pid)) return badarg();
      initAck(self, outcome, starter);
      return atoms.ok;
    },
    'stop/1': (self, server) => stop(self, serverOf(server)),
    'stop/3': (self, server, reason, timeout) => stop(self, serverOf(server), reason, timeoutOf(timeout)),
    'initial_call/1': callOf,
    'translate_initial_call/1': translated,
    'format/1': (_self, report) => formatCrash(report),
    'format/2': (_self, report) => formatCrash(report),
    'format/3': (_self, report, _encoding, depth) =>
      formatCrash(report, { depth: typeof depth === 'number' ? depth : null }),
    'report_cb/2': (_self, report, options) => formatCrash(reportOf(report)['report'], formatOptions(options)),
  },
};
