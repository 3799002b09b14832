/**
 * Two nodes that meet know a name of different processes: which one keeps it, and what becomes of the other one. Follows the resolvers
 * of kernel's `global` of OTP 25.
 */
import type { Value } from '../../term/values.ts';
import { a, Export, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive } from '../kernel/flow.ts';
import { applyFun } from '../kernel/localFun.ts';
import type { Code } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, itemsOf, partsOf, tagged } from '../kernel/values.ts';
import { caught } from '../otp/crashReport.ts';
import { cast } from '../otp/gen.ts';
import { logText } from '../otp/logger.ts';
import { printed } from '../otp/text.ts';
import { globalServer } from './globalLocks.ts';
import { globalTables } from './globalTables.ts';
import { rpcCall } from './rpc.ts';

const words = {
  resolve: a('resolve'),
  exchangeOps: a('exchange_ops'),
  insert: a('insert'),
  delete: a('delete'),
  none: a('none'),
  conflict: a('global_name_conflict'),
} as const;

/** The process that compares the names of `node` with those here, once it is sent them. */
export function startResolver(self: Self, node: string, tag: number): Pid {
  const body = {
    is: 'flow',
    *run(own: Self): Flow<void> {
      const message = yield* receive({ match: (one) => tagged(one, words.resolve, 3)?.[2] === a(node) });
      const names = tagged(message, words.resolve, 3)?.[1];
      const { ours, his } = yield* compared(own, node, itemsOf(names));
      cast(own, globalServer, tup(words.exchangeOps, a(node), tag, [...ours], [...his]));
    },
  } as const;
  return self.spawnBody(body, { module: 'global', function: 'resolver', arity: 2 });
}

/** What follows for this side and for his. Of the two nodes the one with the lesser name resolves the conflicts. */
function* compared(
  self: Self,
  node: string,
  names: readonly Value[],
): Flow<{ readonly ours: readonly Value[]; readonly his: readonly Value[] }> {
  const ours: Value[] = [];
  const his: Value[] = [];
  for (const one of names) {
    const [name, pid, method] = partsOf(one);
    const held = globalTables(self.home)?.names.get(name);
    const insertHis = tup(words.insert, tup(name, pid, method));
    if (held === undefined) ours.unshift(insertHis);
    else if (held.pid !== pid && self.node < node) {
      const winner = yield* resolved(self, name, pid, held.pid, held.method);
      if (winner === pid) ours.unshift(insertHis);
      else if (winner === held.pid) his.unshift(tup(words.insert, tup(name, held.pid, held.method)));
      else {
        ours.unshift(tup(words.delete, name));
        his.unshift(tup(words.delete, name));
      }
    }
  }
  return { ours, his };
}

/** Who gets the name: asked by the function it was registered with here, on the node of the process that has it here. */
function* resolved(self: Self, name: Value, pid: Value, held: Pid, method: Value): Flow<Value> {
  const called = { node: a(held.node), module: a('global'), name: a('resolve_it'), args: [method, name, pid, held] };
  const winner = yield* rpcCall(self, called);
  if (winner === pid || winner === held || winner === words.none) return winner;
  const failed = tagged(winner, a('badrpc'), 2);
  if (failed !== null) {
    const why = `global: badrpc ${printed(asValue(failed[1]))} received when conflicting name ${printed(name)} was found`;
    logText(self, 'info', why, 'global');
    return pid;
  }
  const what = `global: Resolve method ${printed(method)} for conflicting name ${printed(name)} returned ${printed(winner)}`;
  logText(self, 'info', what, 'global');
  return words.none;
}

/** `global:resolve_it/4`: what a failing function throws is its answer, which is neither process. */
export function* resolveIt(self: Self, method: Value, name: Value, one: Value, other: Value): Flow<Value> {
  const args = [name, one, other];
  try {
    if (method instanceof Export) return yield* self.apply(method.module, method.function, args);
    return yield* applyFun(self, method, args);
  } catch (thrown) {
    const { kind, reason } = caught(thrown);
    return kind === 'throw' ? reason : tup(atoms.exit, reason);
  }
}

function byNode(one: Value, other: Value): { readonly least: Pid; readonly most: Pid } | null {
  if (!(one instanceof Pid) || !(other instanceof Pid)) return null;
  return one.node < other.node ? { least: one, most: other } : { least: other, most: one };
}

/** `random_exit_name/3`, the default: the process on the node with the greater name is killed. */
const randomExitName: Code = (self, name, one, other) => {
  const both = byNode(one, other) ?? self.error(a('function_clause'));
  logText(self, 'info', `global: Name conflict terminating ${printed(tup(name, both.most))}`, 'global');
  self.sendExit(both.most, atoms.kill);
  return both.least;
};

/** `random_notify_name/3`: that process is told, and goes on without the name. */
const randomNotifyName: Code = (self, name, one, other) => {
  const both = byNode(one, other) ?? self.error(a('function_clause'));
  self.send(both.most, tup(words.conflict, name));
  return both.least;
};

/** `notify_all_name/3`: both are told, and nobody has the name. */
const notifyAllName: Code = (self, name, one, other) => {
  if (!(one instanceof Pid) || !(other instanceof Pid)) return self.error(a('function_clause'));
  self.send(one, tup(words.conflict, name, other));
  self.send(other, tup(words.conflict, name, one));
  return words.none;
};

export const conflictFunctions = {
  'random_exit_name/3': randomExitName,
  'random_notify_name/3': randomNotifyName,
  'notify_all_name/3': notifyAllName,
  'resolve_it/4': resolveIt,
} as const;
