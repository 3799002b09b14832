/**
 * The locker of `global`: of the nodes that this one is meeting it picks one at a time, locks `global` on both and on all that either
 * knows, and lets the names be exchanged under that lock. Follows `the_locker` of kernel's `global` of OTP 25.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import { applyFun, LocalFun } from '../kernel/localFun.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, elementsOf, itemsOf, partsOf } from '../kernel/values.ts';
import { cast } from '../otp/gen.ts';
import { distributionOf } from './distribution.ts';
import type { LockId } from './globalLocks.ts';
import { delGlobalLock, delLock, globalServer, knownNodes, setLock, theBoss } from './globalLocks.ts';
import { globalTables, lockable } from './globalTables.ts';

const words = {
  hisTheLocker: a('his_the_locker'),
  cancel: a('cancel'),
  lockSet: a('lock_set'),
  lockIsSet: a('lock_is_set'),
  addToKnown: a('add_to_known'),
  removeFromKnown: a('remove_from_known'),
  global: a('global'),
} as const;

/** A node that is being met, by its locker. */
type Him = { readonly node: string; readonly locker: Pid; readonly myTag: number; readonly hisTag: number };

class Locker {
  readonly #self: Self;
  /** Those on this host come first. */
  #local: readonly Him[] = [];
  #remote: readonly Him[] = [];
  #known: readonly string[] = [];
  #boss: string;
  #justSynced = false;

  constructor(self: Self) {
    this.#self = self;
    this.#boss = self.node;
  }

  *run(): Flow<never> {
    const self = this.#self;
    self.trapExit(true);
    this.#add(yield* knownNodes(self));
    for (;;) {
      const first = yield* receive({ afterMs: 0, at: 'global:loop_the_locker/1' });
      if (first !== timedOut) {
        yield* this.#handle(first);
        continue;
      }
      const afterMs = this.#patienceMs();
      this.#justSynced = false;
      const message = yield* receive({ afterMs, at: 'global:loop_the_locker/1' });
      if (message !== timedOut) yield* this.#handle(message);
      else if (globalTables(self.home)?.locks.has(words.global) !== true) yield* this.#selectNode();
    }
  }

  /** How long nothing must come before the next node is picked; null while there is none. */
  #patienceMs(): number | null {
    if (this.#local.length === 0 && this.#remote.length === 0) return null;
    if (this.#justSynced) return 0;
    return this.#known.length === 0 ? 200 : Math.min(1000 + 100 * this.#known.length, 3000);
  }

  *#handle(message: Value): Flow<void> {
    const [tag, second, third, fourth, fifth] = partsOf(message);
    if (tag === words.hisTheLocker) {
      if (second instanceof Pid && typeof fourth === 'number' && typeof fifth === 'number') {
        this.#meet({ node: second.node, locker: second, hisTag: fourth, myTag: fifth });
      }
    } else if (tag === words.cancel) {
      if (typeof third === 'number') this.#forget(nodeNameOf(second), third);
    } else if (tag === words.lockSet) {
      if (second instanceof Pid && third === true) yield* this.#lockSet(second, fifth);
    } else {
      // Anything else is nobody's.
      this.#learn(message);
    }
  }

  /** Takes a message about known nodes; false when it is none. */
  #learn(message: Value): boolean {
    const [tag, second] = partsOf(message);
    if (tag === words.addToKnown) this.#add(itemsOf(second).map(String));
    else if (tag === words.removeFromKnown) this.#remove(nodeNameOf(second));
    else return false;
    return true;
  }

  #add(nodes: readonly string[]): void {
    this.#known = [...nodes, ...this.#known];
    this.#boss = theBoss([this.#self.node, ...this.#known]);
  }
  #remove(node: string): void {
    const at = this.#known.indexOf(node);
    if (at >= 0) this.#known = this.#known.toSpliced(at, 1);
    this.#boss = theBoss([this.#self.node, ...this.#known]);
  }

  #meet(him: Him): void {
    if (hostOf(him.node) === hostOf(this.#self.node)) this.#local = [him, ...this.#local];
    else this.#remote = [him, ...this.#remote];
  }
  #forget(node: string, myTag: number): void {
    const isOther = (him: Him): boolean => him.node !== node || him.myTag !== myTag;
    this.#local = this.#local.filter(isOther);
    this.#remote = this.#remote.filter(isOther);
  }
  #find(node: string): Him | undefined {
    return [...this.#local, ...this.#remote].find((him) => him.node === node);
  }

  /** He has locked for both and asks this locker to do the same. */
  *#lockSet(locker: Pid, myTag: Value): Flow<void> {
    const self = this.#self;
    const him = this.#find(locker.node);
    if (him === undefined || him.myTag !== myTag) {
      this.#tellLockSet({ locker, hisTag: him?.hisTag ?? 0 }, false);
      return;
    }
    const id = lockId(self.pid, locker);
    const isSet = yield* this.#lockNodesSafely(id, []);
    this.#tellLockSet(him, isSet);
    this.#justSynced = isSet;
    if (!isSet) return;
    const known = [self.node, ...this.#known];
    this.#tellLockIsSet(him, id);
    yield* this.#awaitCancel(him, id, known);
    this.#forget(him.node, him.myTag);
  }

  /** Picks one of the nodes that are being met, locks with him and lets the names be exchanged. */
  *#selectNode(): Flow<void> {
    const self = this.#self;
    const usesRemote = this.#local.length === 0;
    const others = (usesRemote ? this.#remote : this.#local).filter(({ node }) => !this.#known.includes(node));
    if (usesRemote) this.#remote = others;
    else this.#local = others;
    const him = others[others.length === 0 ? 0 : distributionOf(self.home).options.prng.below(others.length)];
    if (him === undefined) return;
    const id = lockId(self.pid, him.locker);
    if (!(yield* this.#lockNodesSafely(id, [him.node]))) return;
    const known = [self.node, him.node, ...this.#known];
    this.#tellLockSet(him, true);
    yield* this.#hisAnswer(him, id, known);
  }

  /** Waits until he has locked, too, and the names are exchanged; or for his refusal. */
  *#hisAnswer(him: Him, id: LockId, known: readonly string[]): Flow<void> {
    const message = yield* receive({
      at: 'global:lock_is_set/5',
      match: (one) => {
        const [tag, second, third, , fifth] = partsOf(one);
        if (tag === words.cancel) return second === a(him.node) && third === him.myTag;
        return tag === words.lockSet && second instanceof Pid && second.node === him.node && fifth !== undefined;
      },
    });
    const [tag, , isSet, fun, myTag] = partsOf(message);
    if (tag === words.lockSet && myTag !== him.myTag) {
      // Of an earlier meeting.
      yield* this.#hisAnswer(him, id, known);
    } else if (tag === words.lockSet && isSet === true) {
      this.#tellLockIsSet(him, id);
      yield* this.#awaitCancel(him, id, known);
      this.#justSynced = true;
      this.#local = this.#local.filter((other) => other !== him);
      this.#remote = this.#remote.filter((other) => other !== him);
    } else {
      if (tag === words.cancel) yield* runOnLocker(this.#self, fun);
      yield* delGlobalLock(this.#self, id, known);
      if (tag === words.cancel) this.#forget(him.node, him.myTag);
    }
  }

  /** The meeting is over, one way or another: the lock is given back. */
  *#awaitCancel(him: Him, id: LockId, known: readonly string[]): Flow<void> {
    const message = yield* receive({
      at: 'global:wait_cancel_lock/6',
      match: (one) => {
        const [tag, node, myTag] = partsOf(one);
        return tag === words.cancel && node === a(him.node) && myTag === him.myTag;
      },
    });
    yield* runOnLocker(this.#self, asValue(elementsOf(message)?.[3]));
    yield* delGlobalLock(this.#self, id, known);
  }

  #tellLockSet({ locker, hisTag }: Pick<Him, 'locker' | 'hisTag'>, isSet: boolean): void {
    const message = tup(words.lockSet, this.#self.pid, isSet, this.#known.map(a), hisTag);
    cast(this.#self, tup(globalServer, a(locker.node)), message);
  }
  #tellLockIsSet(him: Him, id: LockId): void {
    const lock = tup(id.resource, id.requester);
    cast(this.#self, globalServer, tup(words.lockIsSet, a(him.node), him.myTag, lock));
  }

  /** The lock on the boss, then on the two, then on all that is known; false, and none of them held, when one is somebody else's. */
  *#lockNodesSafely(id: LockId, extra: readonly string[]): Flow<boolean> {
    const self = this.#self;
    const first = [this.#boss];
    if (this.#boss !== self.node && lockable(self, id.resource, id.requester) === null) return false;
    if (!(yield* setLock(self, id, first, 0))) return false;
    yield* this.#learnAll();
    const second = [self.node, ...extra].filter((node) => !first.includes(node));
    if (!(yield* setLock(self, id, second, 0))) {
      yield* delLock(self, id, first);
      return false;
    }
    if (
      yield* setLock(
        self,
        id,
        this.#known.filter((node) => !first.includes(node)),
        0,
      )
    )
      return true;
    yield* delLock(self, id, [...first, ...second]);
    return false;
  }

  *#learnAll(): Flow<void> {
    for (;;) {
      const message = yield* receive({
        afterMs: 0,
        match: (one) => [words.addToKnown, words.removeFromKnown].some((tag) => elementsOf(one)?.[0] === tag),
      });
      if (message === timedOut) return;
      this.#learn(message);
    }
  }
}

function lockId(one: Pid, other: Pid): LockId {
  return { resource: words.global, requester: one.node < other.node ? [one, other] : [other, one] };
}

function nodeNameOf(value: Value): string {
  return value instanceof Atom ? value.name : '';
}
function hostOf(node: string): string {
  return node.slice(node.indexOf('@') + 1);
}

function* runOnLocker(self: Self, fun: Value): Flow<void> {
  if (fun instanceof LocalFun) yield* applyFun(self, fun, []);
}

/** Starts the locker of this node's `global`, linked. */
export function startLocker(self: Self): Pid {
  const run = (own: Self): Flow<never> => new Locker(own).run();
  return self.spawnBody(
    { is: 'flow', run },
    { module: 'global', function: 'init_the_locker', arity: 1 },
    { link: true },
  );
}

/** What the server tells the locker. */
export const lockerMessage = {
  meet: (locker: Value, hisTag: number, myTag: number): Value =>
    tup(words.hisTheLocker, locker, tup(8, []), hisTag, myTag),
  cancel: (node: string, myTag: number | undefined, fun: Value): Value => tup(words.cancel, a(node), myTag, fun),
  add: (nodes: readonly string[]): Value => tup(words.addToKnown, nodes.map(a)),
  remove: (node: string): Value => tup(words.removeFromKnown, a(node)),
  noFun: a('no_fun'),
} as const;
