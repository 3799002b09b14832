/** Module `global`: names and locks of the whole cluster, by name and arity. Follows global(3) of OTP 25. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Export, Fun, Pid, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { FunBody } from '../kernel/localFun.ts';
import { applyFun, fun, LocalFun } from '../kernel/localFun.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, isList, itemsOf, partsOf, tagged } from '../kernel/values.ts';
import { call } from '../otp/gen.ts';
import { startServer } from '../otp/genServer.ts';
import { logText } from '../otp/logger.ts';
import { printed } from '../otp/text.ts';
import { multiCall } from '../otp/multiCall.ts';
import { conflictFunctions } from './globalConflicts.ts';
import type { LockId } from './globalLocks.ts';
import { delLock, globalServer, lockIdOf, setLock } from './globalLocks.ts';
import { globalServerModule } from './globalServer.ts';
import { globalTables, globalWhereis } from './globalTables.ts';

const [yes, no] = [a('yes'), a('no')];
const defaultMethod = new Export('global', 'random_exit_name', 3);

function functionClause(): never {
  throw new ErrorException(a('function_clause'));
}

/** How a conflict is resolved: a fun of three arguments, or `{Module, Function}`. */
function methodOf(value: Value): Value {
  if (value instanceof Fun) return value.term.arity === 3 ? value : functionClause();
  if (value instanceof Export) return value.arity === 3 ? value : functionClause();
  const [module, name, ...more] = partsOf(value);
  const isPair = module instanceof Atom && name instanceof Atom && more.length === 0;
  return isPair ? new Export(module.name, name.name, 3) : functionClause();
}

/** Has the registrar run this under a lock on all that is known here; it is given the nodes that are locked. */
function underLock(self: Self, body: FunBody): Flow<Value> {
  return call(self, globalServer, tup(a('registrar'), fun('global', '-under_lock/1-fun-0-', 1, body)), null);
}

function atomsOf(nodes: Value | undefined): readonly Atom[] {
  return itemsOf(nodes).filter((node) => node instanceof Atom);
}

function* registerName(self: Self, name: Value, pid: Value, method: Value): Flow<Value> {
  if (!(pid instanceof Pid)) return functionClause();
  const request = tup(a('register'), name, pid, methodOf(method));
  return yield* underLock(self, function* (own, nodes): Flow<Value> {
    if (globalWhereis(own, name) !== null || (yield* hasAnother(own, name, pid))) return no;
    yield* multiCall(own, atomsOf(nodes), globalServer, request);
    return yes;
  });
}

/** A process has one global name; a second one is refused with a report, unless the kernel's `global_multi_name_action` is `allow`. */
function* hasAnother(self: Self, name: Value, pid: Pid): Flow<boolean> {
  const names = globalTables(self.home)?.namesOf(pid) ?? [];
  if (names.length === 0) return false;
  const action = yield* self.apply('application', 'get_env', [a('kernel'), a('global_multi_name_action')]);
  if (tagged(action, atoms.ok, 2)?.[1] === a('allow')) return false;
  const all = printed([name, ...names]);
  logText(self, 'error', `global: ${printed(pid)} registered under several names: ${all}`, 'global');
  return true;
}

function* reRegisterName(self: Self, name: Value, pid: Value, method: Value): Flow<Value> {
  if (!(pid instanceof Pid)) return functionClause();
  const request = tup(a('register'), name, pid, methodOf(method));
  return yield* underLock(self, function* (own, nodes): Flow<Value> {
    yield* multiCall(own, atomsOf(nodes), globalServer, request);
    return yes;
  });
}

function* unregisterName(self: Self, name: Value): Flow<Value> {
  if (globalWhereis(self, name) === null) return atoms.ok;
  return yield* underLock(self, function* (own, nodes): Flow<Value> {
    yield* multiCall(own, atomsOf(nodes), globalServer, tup(a('unregister'), name));
    return atoms.ok;
  });
}

// --------------------------------------------------------------------------------------------------------------- locks

function lockOf(id: Value): LockId {
  return lockIdOf(id) ?? functionClause();
}
function nodesOf(value: Value): readonly string[] {
  if (!isList(value)) throw new ErrorException(atoms.badarg);
  return value.map((node) => (node instanceof Atom ? node.name : functionClause()));
}
function everywhere(self: Self): readonly string[] {
  return [self.node, ...self.nodes()];
}
/** A number of times, or `infinity`. */
function retriesOf(value: Value): number | null {
  if (value === atoms.infinity) return null;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : functionClause();
}

function* trans(self: Self, id: Value, what: Value, nodes: readonly string[], retries: number | null): Flow<Value> {
  const lock = lockOf(id);
  if (!(yield* setLock(self, lock, nodes, retries))) return a('aborted');
  try {
    const [module, name] = partsOf(what);
    if (module instanceof Atom && name instanceof Atom) return yield* self.apply(module.name, name.name, []);
    if (what instanceof LocalFun) return yield* applyFun(self, what, []);
    throw new ErrorException(tup(a('badfun'), what));
  } finally {
    yield* delLock(self, lock, nodes);
  }
}

function* delLockOn(self: Self, id: Value, nodes: readonly string[]): Flow<Value> {
  yield* delLock(self, lockOf(id), nodes);
  return true;
}

const send: Code = (self, name, message) => {
  const pid = globalWhereis(self, name);
  if (pid === null) throw new ExitException(tup(atoms.badarg, tup(name, message)));
  self.send(pid, message);
  return pid;
};

export const globalModule: CodeModule = {
  name: 'global',
  behaviours: ['gen_server'],
  functions: {
    ...conflictFunctions,
    'start_link/0': (self) => startServer(self, globalServerModule, null, { name: globalServer }),
    'whereis_name/1': (self, name) => globalWhereis(self, name) ?? undefined,
    'register_name/2': (self, name, pid) => registerName(self, name, pid, defaultMethod),
    'register_name/3': registerName,
    're_register_name/2': (self, name, pid) => reRegisterName(self, name, pid, defaultMethod),
    're_register_name/3': reRegisterName,
    'unregister_name/1': unregisterName,
    'registered_names/0': (self) => [...(globalTables(self.home)?.names.keys() ?? [])],
    'send/2': send,
    'set_lock/1': (self, id) => setLock(self, lockOf(id), everywhere(self), null),
    'set_lock/2': (self, id, nodes) => setLock(self, lockOf(id), nodesOf(nodes), null),
    'set_lock/3': (self, id, nodes, retries) => setLock(self, lockOf(id), nodesOf(nodes), retriesOf(retries)),
    'del_lock/1': (self, id) => delLockOn(self, id, everywhere(self)),
    'del_lock/2': (self, id, nodes) => delLockOn(self, id, isList(nodes) ? nodesOf(nodes) : functionClause()),
    'trans/2': (self, id, what) => trans(self, id, what, everywhere(self), null),
    'trans/3': (self, id, what, nodes) => trans(self, id, what, nodesOf(nodes), null),
    'trans/4': (self, id, what, nodes, retries) => trans(self, id, what, nodesOf(nodes), retriesOf(retries)),
    'sync/0': (self) => call(self, globalServer, tup(a('sync'), self.nodes().map(a)), null),
    'sync/1': (self, nodes) => call(self, globalServer, tup(a('sync'), nodesOf(nodes).map(a)), null),
    'disconnect/0': (self) => call(self, globalServer, a('disconnect'), null),
    'info/0': (self) => call(self, globalServer, a('info'), null),
  },
};
