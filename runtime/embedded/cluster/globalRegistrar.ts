/** The registrar of `global`: takes names and gives them back, one after the other, each under a lock on all nodes that are known. */
import type { Pid, Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive } from '../kernel/flow.ts';
import { applyFun } from '../kernel/localFun.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, tagged } from '../kernel/values.ts';
import { fromOf, reply } from '../otp/gen.ts';
import { delGlobalLock, lockAllKnown } from './globalLocks.ts';

const transAllKnown = a('trans_all_known');

/** Starts the registrar of this node's `global`, linked. */
export function startRegistrar(self: Self): Pid {
  return self.spawnBody(
    { is: 'flow', run },
    { module: 'global', function: 'loop_the_registrar', arity: 0 },
    { link: true },
  );
}

function* run(self: Self): Flow<never> {
  for (;;) {
    const message = yield* receive({ at: 'global:loop_the_registrar/0' });
    const asked = tagged(message, transAllKnown, 3);
    const from = fromOf(asked?.[2]);
    if (asked !== null && from !== null) reply(self, from, yield* underLock(self, asValue(asked[1])));
  }
}

/** Calls `fun` with the nodes that are locked. */
function* underLock(self: Self, fun: Value): Flow<Value> {
  const id = { resource: a('global'), requester: self.pid };
  const nodes = yield* lockAllKnown(self, id);
  try {
    return yield* applyFun(self, fun, [nodes.map(a)]);
  } finally {
    yield* delGlobalLock(self, id, nodes);
  }
}

/** What the server sends the registrar. */
export function registrarMessage(fun: Value, from: Value): Value {
  return tup(transAllKnown, fun, from);
}
