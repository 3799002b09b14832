/** Locks that hold on many nodes: `global:set_lock`, `del_lock`, `trans`, and how `global` itself locks all it knows. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, elementsOf, itemsOf, partsOf, tagged } from '../kernel/values.ts';
import { call } from '../otp/gen.ts';
import { multiCall } from '../otp/multiCall.ts';
import { distributionOf } from './distribution.ts';
import { lockable } from './globalTables.ts';

export const globalServer = a('global_name_server');
/** `{ResourceId, LockRequesterId}` */
export type LockId = { readonly resource: Value; readonly requester: Value };

const [setWord, delWord] = [a('set_lock'), a('del_lock')];

/** Asks `global` on each node; the replies that came, in the order of the nodes. */
function* askAll(self: Self, nodes: readonly string[], request: Value): Flow<readonly (readonly [string, Value])[]> {
  const answer = yield* multiCall(self, nodes.map(a), globalServer, request);
  const [replies] = partsOf(answer);
  return itemsOf(replies).map((one) => {
    const [node, reply]: readonly unknown[] = partsOf(one);
    return [String(node), asValue(reply)] as const;
  });
}

function lockTuple({ resource, requester }: LockId): Value {
  return tup(resource, requester);
}

/** Sets the lock on all of the nodes or on none; false when somebody else has it anywhere. Nodes that do not answer do not count. */
export function* setLockOnNodes(self: Self, id: LockId, nodes: readonly string[]): Flow<boolean> {
  if (nodes.length === 0) return true;
  // What would fail here needs not be asked elsewhere.
  const isHere = nodes.length > 1 && nodes.includes(self.node);
  if (isHere && lockable(self, id.resource, id.requester) === null) return false;
  const replies = yield* askAll(self, nodes, tup(setWord, lockTuple(id)));
  if (replies.every(([, isSet]) => isSet === true)) return true;
  const set = replies.filter(([, isSet]) => isSet === true).map(([node]) => node);
  if (replies.length > 1) yield* askAll(self, set, tup(delWord, lockTuple(id)));
  return false;
}

/** `global:set_lock/3`; null retries: for ever. */
export function* setLock(self: Self, id: LockId, nodes: readonly string[], retries: number | null): Flow<boolean> {
  for (let times = 1; ; times += 1) {
    if (yield* setLockOnNodes(self, id, nodes)) return true;
    if (retries !== null && times > retries) return false;
    yield* randomSleep(self, times);
  }
}

/** `global:del_lock/2` */
export function* delLock(self: Self, id: LockId, nodes: readonly string[]): Flow<void> {
  yield* askAll(self, nodes, tup(delWord, lockTuple(id)));
}

/** Waits longer, in the middle, the more often it was in vain: up to 8 s. */
export function* randomSleep(self: Self, times: number): Flow<void> {
  const mostMs = times > 5 ? 8000 : Math.floor((2 ** times * 1000) / 8);
  yield* sleep(1 + distributionOf(self.home).options.prng.below(mostMs));
}

/** The node whose lock is taken first and given back last: the last one by name. */
export function theBoss(nodes: readonly string[]): string {
  return nodes.reduce((boss, node) => (node > boss ? node : boss));
}

/** Gives the lock back everywhere, at the boss at last. */
export function* delGlobalLock(self: Self, id: LockId, nodes: readonly string[]): Flow<void> {
  const boss = theBoss(nodes);
  yield* delLock(
    self,
    id,
    nodes.filter((node) => node !== boss),
  );
  yield* delLock(self, id, [boss]);
}

/** The nodes that `global` here shares names with, as its server says. */
export function* knownNodes(self: Self): Flow<readonly string[]> {
  const known = yield* call(self, globalServer, a('get_known'), null);
  return itemsOf(known).map(String);
}

/** Locks `global` on this node and all that it knows, in an order that two nodes do not block each other in; answers those nodes. */
export function* lockAllKnown(self: Self, id: LockId): Flow<readonly string[]> {
  for (let times = 0; ; times += 1) {
    const known = yield* knownNodes(self);
    const nodes = [self.node, ...known];
    const boss = theBoss(nodes);
    if (yield* setLockOnNodes(self, id, [boss])) {
      if (yield* setLockOnNodes(self, id, nodes)) {
        const now = yield* knownNodes(self);
        if (now.every((node) => known.includes(node))) return nodes;
      }
      yield* delLock(self, id, [boss]);
    }
    yield* randomSleep(self, times);
  }
}

/** A lock id as it stands in an argument; null for anything else. */
export function lockIdOf(value: Value): LockId | null {
  const elements = elementsOf(value)?.map(asValue);
  return elements?.length === 2 ? { resource: elements[0], requester: elements[1] } : null;
}

/** `{What, LockId}` */
export function lockRequest(request: Value, what: 'set_lock' | 'del_lock'): LockId | null {
  const asked = tagged(request, what === 'set_lock' ? setWord : delWord, 2);
  return asked === null ? null : lockIdOf(asValue(asked[1]));
}
