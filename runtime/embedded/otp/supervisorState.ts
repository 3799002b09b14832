/**
 * A supervisor as it stands: its flags, its children in start order, found by id and by pid without looking through them (a
 * supervisor may have 100,000). Only its own process changes it; observers of the kernel may read it.
 */
import type { SupervisorKind } from '../../model.ts';
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import { asValue, atoms, itemsOf, partsOf, samePid } from '../kernel/values.ts';
import { valueKey } from '../kernel/valueKey.ts';
import { readFlags } from './checkSpec.ts';
import type { Flags, Spec } from './childSpec.ts';
import { modulesValue, shutdownValue, startValue } from './childSpec.ts';

/** Where a child is: `restarting` after a failed restart that will be tried again; `undefined` not running. */
export type ChildPid = Pid | 'restarting' | 'undefined';
export type Child = {
  spec: Spec;
  pid: ChildPid;
  /** While it is `restarting`: the process that ended; null when it had none, as a sibling whose start failed. */
  restartingFrom: Pid | null;
};

/** What every kind of supervisor shows of itself. */
export type SupervisorView = {
  readonly kind: SupervisorKind;
  readonly pid: Pid;
  /** The callback module. */
  readonly module: string;
  readonly flags: Flags;
  /** Whether children are told apart by pid only. */
  readonly simple: boolean;
  /** What simple_one_for_one starts its children from. */
  readonly template: Spec | null;
  readonly children: readonly Child[];
  /** Whole seconds at which children were restarted, newest first, within the period. */
  readonly restarts: readonly number[];
  byPid(pid: Value): Child | undefined;
  byId(id: Value): Child | undefined;
  /** Its state as the term it would be on the BEAM. */
  show(): Value;
};

const supervisors = new WeakMap<Pid, SupervisorView>();

/** The supervisor with this pid (the kernel's own pid object); null when it is none. Nothing is asked of it. */
export function supervisorAt(pid: Pid): SupervisorView | null {
  return supervisors.get(pid) ?? null;
}
/** Makes a supervisor known to observers, for as long as it is one. */
export function knowSupervisor(state: SupervisorView): void {
  supervisors.set(state.pid, state);
}
export function forgetSupervisor(pid: Pid): void {
  supervisors.delete(pid);
}

/** The name of a supervisor as its reports have it: `{local, Name}`, `{global, Name}`, `{via, Module, Name}` or `{Pid, Module}`. */
export function supervisorName(name: Value, pid: Pid, module: string): Value {
  if (name === undefined || name === null) return tup(pid, a(module));
  return name instanceof Atom ? tup(a('local'), name) : name;
}

/** Children by pid. A pid of another node may be another object for the same process. */
export class ByPid<C> {
  readonly #here: string;
  readonly #children = new Map<Pid, C>();
  readonly #foreign = new Map<Pid, C>();

  constructor(here: string) {
    this.#here = here;
  }
  get(pid: Value): C | undefined {
    if (!(pid instanceof Pid)) return undefined;
    const known = this.#children.get(pid);
    if (known !== undefined || pid.node === this.#here) return known;
    for (const [other, child] of this.#foreign) if (samePid(other, pid)) return child;
    return undefined;
  }
  set(pid: Pid, child: C): void {
    this.#children.set(pid, child);
    if (pid.node !== this.#here) this.#foreign.set(pid, child);
  }
  delete(pid: Pid): void {
    this.#children.delete(pid);
    this.#foreign.delete(pid);
  }
}

export class SupervisorState implements SupervisorView {
  readonly kind: 'supervisor' | 'partition_supervisor';
  readonly pid: Pid;
  readonly module: string;
  readonly name: Value;
  argument: Value;
  flags: Flags;
  template: Spec | null = null;
  /** Whole seconds at which children were restarted, newest first, within the period. */
  restarts: readonly number[] = [];
  /** Of simple_one_for_one: the failed restarts that OTP takes off the active children; a terminated child stays counted. */
  dynamicRestarts = 0;
  readonly #children = new Map<unknown, Child>();
  readonly #byPid: ByPid<Child>;
  /** What all temporary children of simple_one_for_one share. */
  #temporary: Spec | null = null;
  #list: readonly Child[] | null = null;

  constructor(pid: Pid, module: string, name: Value, argument: Value, flags: Flags) {
    this.pid = pid;
    this.module = module;
    this.kind = module === 'Elixir.PartitionSupervisor' ? 'partition_supervisor' : 'supervisor';
    this.name = supervisorName(name, pid, module);
    this.argument = argument;
    this.flags = flags;
    this.#byPid = new ByPid(pid.node);
  }

  get simple(): boolean {
    return this.flags.strategy === 'simple_one_for_one';
  }
  /** In start order. Of a simple_one_for_one supervisor: its children, each with the arguments it was started with. */
  get children(): readonly Child[] {
    return (this.#list ??= [...this.#children.values()]);
  }
  get size(): number {
    return this.#children.size;
  }
  byPid(pid: Value): Child | undefined {
    return this.#byPid.get(pid);
  }
  byId(id: Value): Child | undefined {
    return this.#children.get(valueKey(id));
  }
  /** The simple_one_for_one child that is to be restarted in place of this process. */
  restartingFrom(pid: unknown): Child | undefined {
    return pid instanceof Pid ? this.#children.get(restartingKey(pid)) : undefined;
  }

  /** Adds a child at the end. */
  add(spec: Spec, pid: ChildPid, restartingFrom: Pid | null = null): Child {
    const child: Child = { spec, pid, restartingFrom };
    this.#children.set(this.#keyOf(child), child);
    if (pid instanceof Pid) this.#byPid.set(pid, child);
    this.#list = null;
    return child;
  }
  remove(child: Child): void {
    this.#children.delete(this.#keyOf(child));
    if (child.pid instanceof Pid) this.#byPid.delete(child.pid);
    this.#list = null;
  }
  /** Says where a child is now. */
  place(child: Child, pid: ChildPid, restartingFrom: Pid | null = null): void {
    const before = this.#keyOf(child);
    if (child.pid instanceof Pid) this.#byPid.delete(child.pid);
    child.pid = pid;
    child.restartingFrom = restartingFrom;
    if (pid instanceof Pid) this.#byPid.set(pid, child);
    const after = this.#keyOf(child);
    if (after === before) return;
    this.#children.delete(before);
    this.#children.set(after, child);
    this.#list = null;
  }
  /** Puts these in place of all children, in this order. */
  replaceAll(children: readonly Child[]): void {
    this.#children.clear();
    for (const child of children) this.#children.set(this.#keyOf(child), child);
    this.#list = null;
  }

  /** The specification of a simple_one_for_one child that was started with these arguments; of a temporary one without them. */
  dynamicSpec(template: Spec, args: readonly Value[] | undefined): Spec {
    if (template.restart !== 'temporary') return { ...template, start: { ...template.start, args } };
    return (this.#temporary ??= { ...template, start: { ...template.start, args: undefined } });
  }
  /** Takes another template; children keep the arguments they were started with. */
  changeTemplate(template: Spec): void {
    this.template = template;
    this.#temporary = null;
    for (const child of this.#children.values()) child.spec = this.dynamicSpec(template, child.spec.start.args);
  }

  /** What a child is held under: its id; of simple_one_for_one, its process or the one it is restarted from. */
  #keyOf(child: Child): unknown {
    if (!this.simple) return valueKey(child.spec.id);
    if (child.pid instanceof Pid) return child.pid;
    return child.restartingFrom === null ? child.pid : restartingKey(child.restartingFrom);
  }

  /** The record of OTP 25: `{state, Name, Strategy, {Ids, Children}, Dynamics, …}`. */
  show(): Value {
    const { strategy, intensity, periodSeconds, autoShutdown } = this.flags;
    return tup(
      a('state'),
      this.name,
      a(strategy),
      this.#childrenValue(),
      this.simple ? this.#dynamicsValue() : undefined,
      intensity,
      periodSeconds,
      this.restarts,
      this.dynamicRestarts,
      a(autoShutdown),
      a(this.module),
      this.argument,
    );
  }
  /** Takes over what such a record says (`sys:replace_state`), except for children and names: `badarg` when it has others. */
  restore(record: Value): this {
    const now = this.show();
    const before = partsOf(now);
    const after = partsOf(record);
    const same =
      after.length === before.length &&
      [1, 3, 4, 10].every((at) => valueKey(asValue(before[at])) === valueKey(asValue(after[at])));
    const flags = readFlags({
      strategy: asValue(after[2]),
      intensity: asValue(after[5]),
      period: asValue(after[6]),
      auto_shutdown: asValue(after[9]),
    });
    // The children of simple_one_for_one are kept in another form than those of other strategies.
    const isKept = flags.ok && (flags.is.strategy === 'simple_one_for_one') === this.simple;
    if (!same || !isKept) throw new ErrorException(atoms.badarg);
    this.flags = flags.is;
    this.restarts = itemsOf(after[7]).map(Number);
    this.dynamicRestarts = Number(after[8]);
    this.argument = asValue(after[11]);
    return this;
  }
  #childrenValue(): Value {
    const held = this.simple ? this.#templates() : this.children;
    const ids = held.map(({ spec }) => spec.id).reverse();
    return tup(ids, new Map<Value, Value>(held.map((child) => [child.spec.id, childValue(child.spec, pidOf(child))])));
  }
  #templates(): readonly Child[] {
    return this.template === null ? [] : [{ spec: this.template, pid: 'undefined', restartingFrom: null }];
  }
  /** `{maps, #{Pid => Args}}`; `{mapsets, #{Pid => []}}` where the arguments are not kept. */
  #dynamicsValue(): Value {
    const temporary = this.template?.restart === 'temporary';
    const entries = this.children.map((child): [Value, Value] => [
      pidOf(child),
      temporary ? [] : child.spec.start.args,
    ]);
    return tup(a(temporary ? 'mapsets' : 'maps'), new Map<Value, Value>(entries));
  }
}

function restartingKey(pid: Pid): string {
  return `r${pid.node} ${pid.creation} ${pid.id} ${pid.serial}`;
}

/** Where a child is, as OTP's record has it: its pid, `undefined`, or `{restarting, Pid}`. */
export function pidOf(child: Pick<Child, 'pid' | 'restartingFrom'>): Value {
  if (child.pid instanceof Pid) return child.pid;
  return child.pid === 'restarting' ? tup(a('restarting'), child.restartingFrom ?? undefined) : undefined;
}

/** `{child, Pid, Id, {M, F, Args}, Restart, Significant, Shutdown, Type, Modules}` */
export function childValue(spec: Spec, pid: Value): Value {
  const { id, start, restart, significant, shutdown, type } = spec;
  return tup(
    a('child'),
    pid,
    id,
    startValue(start),
    a(restart),
    significant,
    shutdownValue(shutdown),
    a(type),
    modulesValue(spec),
  );
}

/** The figures of a supervisor, counting as active what `isAlive`. */
export function countOf(
  state: SupervisorView,
  isAlive: (pid: Pid) => boolean,
): { readonly specs: number; readonly active: number; readonly supervisors: number; readonly workers: number } {
  let active = 0;
  let supervisorCount = 0;
  for (const { pid, spec } of state.children) {
    if (pid instanceof Pid && isAlive(pid)) active += 1;
    if (spec.type === 'supervisor') supervisorCount += 1;
  }
  const all = state.children.length;
  const specs = state.simple && state.template !== null ? 1 : all;
  return { specs, active, supervisors: supervisorCount, workers: all - supervisorCount };
}
