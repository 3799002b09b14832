/** `names.move` on the simulated cluster: a name from one process to another, and back again where it cannot be taken there. */
import type { NameRef, ProcessRef, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import { nameLost, nameNotMoved, nameOfHolderOnly, nameTaken } from '../../nameErrors.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import { isSameProcess } from '../../spanning/agreement.ts';
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, toValue, tup } from '../../term/values.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { globalTables } from '../cluster/globalTables.ts';
import { registriesOn } from '../horde/registryTables.ts';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Self } from '../kernel/self.ts';
import { partsOf, samePid } from '../kernel/values.ts';
import { command } from './commands.ts';
import type { Context, Found } from './context.ts';
import { refOf } from './context.ts';
import { sysLimit } from './serverState.ts';

type Moved = Answer<'names.move'>;
const notHeld: Moved = { moved: false, gapMs: 0 };
const atOnce: Moved = { moved: true, gapMs: 0 };

const hordeRegistry = 'Elixir.Horde.Registry';
/** How often it is looked whether a member of a Horde has dropped a key, in the cluster's time. */
const lookEveryMs = 20;

/** As the port says. Errors: `name.taken`, `name.not_moved`; unsupported for registries that name their caller only. */
export async function moveName(
  context: Context,
  { name, from, to }: Params<'names.move'>,
  options: CallOptions,
): Promise<Result<Moved>> {
  const target = context.process(to);
  if (!target.ok) return target;
  const { node, process } = target.value;
  if (name.in === 'local') return moveLocal(context, name, from, target.value);
  const old = new Pid(from.node, from.creation, from.id, from.serial);
  const move = (work: (self: Self) => Flow<Result<Moved>>): Promise<Result<Moved>> =>
    command(context, node, options.signal, work, 'finished_apart');
  if (name.in === 'global') {
    return move(function* (self) {
      return ok((yield* moveGlobalName(self, toValue(name.name), old, process.pid)) ? atOnce : notHeld);
    });
  }
  if (name.module !== hordeRegistry) return nameOfHolderOnly(name);
  const [registry, key, ...more] = partsOf(toValue(name.name));
  if (!(registry instanceof Atom) || more.length > 0) return ok(notHeld);
  const limitMs = sysLimit(options);
  return move((self) =>
    moveHordeName(self, context.cluster, { name, registry, key, from: old, to: process.pid, limitMs }),
  );
}

/** Whom a name of `global` stands for on a node; nothing is asked. */
export function globalHolder(node: KernelNode, name: Extract<NameRef, { in: 'global' }>): ProcessRef | null {
  const held = globalTables(node)?.names.get(toValue(name.name));
  return held === undefined ? null : refOf(held.pid);
}

function moveLocal(
  context: Context,
  name: Extract<NameRef, { in: 'local' }>,
  from: ProcessRef,
  { node, process }: Found,
): Result<Moved> {
  const here = context.node(name.node);
  if (!here.ok) return here;
  const holder = here.value.names.get(name.name);
  if (holder === undefined || !isSameProcess(refOf(holder.pid), from)) return ok(notHeld);
  const isSameNode = here.value === node;
  if (!isSameNode && node.names.has(name.name)) return nameTaken(name, node.name);
  if (process.name !== null || !process.alive) return nameNotMoved(name);
  if (isSameNode) here.value.unregister(name.name);
  if (!node.register(name.name, process)) {
    if (isSameNode) here.value.register(name.name, holder);
    return nameNotMoved(name);
  }
  if (!isSameNode) here.value.unregister(name.name);
  return ok(atOnce);
}

/**
 * Has `global` give a name to another process, under the one lock that it takes on all nodes: nobody finds the name without a holder.
 * How a conflict over it is solved stays. False when it was not `from` that had it.
 */
export function* moveGlobalName(self: Self, name: Value, from: Pid, to: Pid): Flow<boolean> {
  const held = globalTables(self.home)?.names.get(name);
  if (held === undefined || !samePid(held.pid, from)) return false;
  yield* self.apply('global', 're_register_name', [name, to, held.method]);
  const now = globalTables(self.home)?.names.get(name);
  return now !== undefined && samePid(now.pid, to);
}

type HordeMove = {
  readonly name: Extract<NameRef, { in: 'via' }>;
  readonly registry: Atom;
  readonly key: Value;
  readonly from: Pid;
  readonly to: Pid;
  readonly limitMs: number;
};

/**
 * A registry of Horde ends a holder (`name_conflict`) on every member that sees the key change hands. So the key is given back first,
 * and taken anew when no member that can be reached has it any more. The value stays the same.
 */
function* moveHordeName(self: Self, cluster: Cluster, move: HordeMove): Flow<Result<Moved>> {
  const { name, registry, key, from, to, limitMs } = move;
  const tables = registriesOn(self.home).get(registry.name);
  const held = tables?.keys.get(key);
  if (tables === undefined || !self.isAlive(tables.pid) || held === undefined || !samePid(held.pid, from)) {
    return ok(notHeld);
  }
  const beganMs = self.nowMs;
  const named = tup(registry, key, held.value);
  yield* self.apply(hordeRegistry, 'unregister_name', [tup(registry, key)]);
  const members = [...tables.members.values()].map(({ elements: [, node] }) => node.name);
  const isHeld = (): boolean => members.some((node) => hasKey(self, cluster, node, registry.name, key));
  while (isHeld()) {
    if (self.nowMs - beganMs >= limitMs) return yield* giveBack(self, name, named, from);
    yield* sleep(lookEveryMs);
  }
  yield* self.apply(hordeRegistry, 'register_name', [named, to]);
  return ok({ moved: true, gapMs: self.nowMs - beganMs });
}

/** Whether a member has the key still; one without a connection to here is not waited for. */
function hasKey(self: Self, cluster: Cluster, node: string, registry: string, key: Value): boolean {
  if (node !== self.node && !self.nodes().includes(node)) return false;
  const home = cluster.node(node);
  return home !== null && registriesOn(home).get(registry)?.keys.has(key) === true;
}

function* giveBack(self: Self, name: HordeMove['name'], named: Value, from: Pid): Flow<Result<Moved>> {
  try {
    const request = [a(from.node), a(hordeRegistry), a('register_name'), [named, from]];
    if ((yield* self.apply('erpc', 'call', request)) === a('yes')) return nameNotMoved(name);
  } catch {
    // Its node cannot be asked any more.
  }
  return nameLost(name, self.node);
}
