/** A DynamicSupervisor as it stands, and the specifications and flags it takes (Elixir 1.14, `DynamicSupervisor`). */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import { asValue, atoms, elementsOf, isList } from '../kernel/values.ts';
import type { Read } from './checkSpec.ts';
import { fieldsOf, readStart } from './checkSpec.ts';
import type { Flags, Restart, Spec } from './childSpec.ts';
import { defaultShutdown, modulesValue, shutdownValue, startValue } from './childSpec.ts';
import type { Child, ChildPid, SupervisorView } from './supervisorState.ts';
import { ByPid, supervisorName } from './supervisorState.ts';

export type DynamicFlags = {
  readonly intensity: number;
  readonly periodSeconds: number;
  readonly maxChildren: number | 'infinity';
  /** Stand before the arguments of every child's start function. */
  readonly extraArguments: readonly Value[];
};

/** Flags with the defaults of `DynamicSupervisor.init/1`: 3 restarts in 5 s, as many children as come. */
export function dynamicFlags(options: Partial<DynamicFlags> = {}): DynamicFlags {
  return { intensity: 3, periodSeconds: 5, maxChildren: 'infinity', extraArguments: [], ...options };
}

/** `%{strategy: :one_for_one, intensity: _, period: _, max_children: _, extra_arguments: _}` */
export function dynamicFlagsValue({ intensity, periodSeconds, maxChildren, extraArguments }: DynamicFlags): Value {
  return {
    strategy: a('one_for_one'),
    intensity,
    period: periodSeconds,
    max_children: maxChildren === 'infinity' ? atoms.infinity : maxChildren,
    extra_arguments: extraArguments,
  };
}

/** Reads such a map; the defaults of what is left out are those of OTP, 1 restart in 5 s. */
export function readDynamicFlags(fields: ReadonlyMap<string, Value>): Read<DynamicFlags> {
  const field = (name: string, otherwise: Value): Value => (fields.has(name) ? fields.get(name) : otherwise);
  const strategy = field('strategy', a('one_for_one'));
  if (strategy !== a('one_for_one')) return bad('invalid_strategy', strategy);
  const intensity = field('intensity', 1);
  if (!isCount(intensity)) return bad('invalid_intensity', intensity);
  const period = field('period', 5);
  if (!isCount(period) || period === 0) return bad('invalid_period', period);
  const most = field('max_children', atoms.infinity);
  if (most !== atoms.infinity && !isCount(most)) return bad('invalid_max_children', most);
  const extra = field('extra_arguments', []);
  if (!isList(extra)) return bad('invalid_extra_arguments', extra);
  const maxChildren = isCount(most) ? most : 'infinity';
  return { ok: true, is: { intensity, periodSeconds: period, maxChildren, extraArguments: extra.map(asValue) } };
}

function bad(what: string, value: Value): { readonly ok: false; readonly bad: Value } {
  return { ok: false, bad: tup(a(what), value) };
}
function isCount(value: Value): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

const restarts: readonly Restart[] = ['permanent', 'temporary', 'transient'];

/** Reads a specification: a map, or `{id, start, restart, shutdown, type, modules}`. Its id is not kept. */
export function readDynamicSpec(value: Value): Read<Spec> {
  const tuple = tupleFields(value);
  const fields = tuple ?? fieldsOf(value);
  if (fields === null || (tuple === null && !isSpecMap(fields))) return bad('invalid_child_spec', value);
  const start = readStart(fields.get('start'));
  if (start === null) return bad('invalid_mfa', fields.get('start'));
  const restart = fields.has('restart') ? nameIn(restarts, fields.get('restart')) : 'permanent';
  if (restart === null) return bad('invalid_restart_type', fields.get('restart'));
  const type = fields.has('type') ? nameIn(['worker', 'supervisor'] as const, fields.get('type')) : 'worker';
  const shutdown = fields.has('shutdown') ? fields.get('shutdown') : shutdownValue(defaultShutdown(type ?? 'worker'));
  const named = nameIn(['infinity', 'brutal_kill'] as const, shutdown);
  if (named === null && (!isCount(shutdown) || shutdown === 0)) return bad('invalid_shutdown', shutdown);
  if (type === null) return bad('invalid_child_type', fields.get('type'));
  const modules = readModules(fields.has('modules') ? fields.get('modules') : [a(start.module)]);
  if (modules === null) return bad('invalid_modules', fields.get('modules'));
  const time = named ?? Number(shutdown);
  return { ok: true, is: { id: undefined, start, restart, shutdown: time, type, modules, significant: false } };
}

function isSpecMap(fields: ReadonlyMap<string, Value>): boolean {
  return fields.has('id') && elementsOf(fields.get('start'))?.length === 3;
}
function tupleFields(value: Value): ReadonlyMap<string, Value> | null {
  const elements = elementsOf(value);
  if (elements?.length !== 6) return null;
  const names = ['id', 'start', 'restart', 'shutdown', 'type', 'modules'];
  return new Map(names.map((name, at) => [name, asValue(elements[at])]));
}
function nameIn<T extends string>(names: readonly T[], value: Value): T | null {
  return value instanceof Atom ? (names.find((name) => name === value.name) ?? null) : null;
}
function readModules(value: Value): Spec['modules'] | null {
  if (value === a('dynamic')) return 'dynamic';
  if (!isList(value)) return null;
  const names = value.filter((module) => module instanceof Atom).map(({ name }) => name);
  return names.length === value.length ? names : null;
}

export class DynamicState implements SupervisorView {
  readonly kind: 'dynamic_supervisor' | 'task_supervisor';
  readonly pid: Pid;
  readonly module: string;
  readonly name: Value;
  readonly argument: Value;
  readonly simple = true;
  readonly template = null;
  settings: DynamicFlags;
  restarts: readonly number[] = [];
  /** By their process, those that wait for their restart by the one that ended. */
  readonly #children = new Map<Pid, Child>();
  readonly #byPid: ByPid<Child>;
  #list: readonly Child[] | null = null;

  constructor(
    pid: Pid,
    options: { readonly module: string; readonly name: Value; readonly argument: Value; readonly flags: DynamicFlags },
  ) {
    this.pid = pid;
    this.module = options.module;
    this.kind = options.module === 'Elixir.Task.Supervisor' ? 'task_supervisor' : 'dynamic_supervisor';
    this.name = supervisorName(options.name, pid, options.module);
    this.argument = options.argument;
    this.settings = options.flags;
    this.#byPid = new ByPid(pid.node);
  }

  get flags(): Flags {
    const { intensity, periodSeconds } = this.settings;
    return { strategy: 'one_for_one', intensity, periodSeconds, autoShutdown: 'never' };
  }
  get children(): readonly Child[] {
    return (this.#list ??= [...this.#children.values()]);
  }
  get size(): number {
    return this.#children.size;
  }
  /** The child with this process, or the one that waits for its restart in place of it. */
  byPid(pid: Value): Child | undefined {
    return this.#byPid.get(pid);
  }
  byId(): undefined {
    return undefined;
  }

  /** Adds a child. Of a temporary one the arguments are not kept. */
  add(spec: Spec, pid: Pid): void {
    const kept = spec.restart === 'temporary' ? { ...spec, start: { ...spec.start, args: undefined } } : spec;
    this.#put(pid, { spec: kept, pid, restartingFrom: null });
  }
  remove(child: Child): void {
    const pid = keyOf(child);
    if (pid === null) return;
    this.#children.delete(pid);
    this.#byPid.delete(pid);
    this.#list = null;
  }
  /** Says that the child of this process waits for its restart. */
  waits(child: Child): void {
    const from = keyOf(child);
    if (from !== null) this.#put(from, { spec: child.spec, pid: 'restarting', restartingFrom: from });
  }
  #put(pid: Pid, child: Child): void {
    this.#children.set(pid, child);
    this.#byPid.set(pid, child);
    this.#list = null;
  }

  /** The struct of Elixir 1.14. */
  show(): Value {
    const { intensity, periodSeconds, maxChildren, extraArguments } = this.settings;
    return {
      __struct__: a('Elixir.DynamicSupervisor'),
      args: this.argument,
      children: new Map<Value, Value>(this.children.map((child) => [keyOf(child), shownChild(child)])),
      extra_arguments: extraArguments,
      max_children: maxChildren === 'infinity' ? atoms.infinity : maxChildren,
      max_restarts: intensity,
      max_seconds: periodSeconds,
      mod: a(this.module),
      name: this.name,
      restarts: this.restarts,
      strategy: a('one_for_one'),
    };
  }
}

/** What a child is held under. */
export function keyOf({ pid, restartingFrom }: { readonly pid: ChildPid; readonly restartingFrom: Pid | null }) {
  return pid instanceof Pid ? pid : restartingFrom;
}

/** `{{M, F, Args}, Restart, Shutdown, Type, Modules}`, of one that waits for its restart in `{restarting, _}`. */
function shownChild({ spec, pid }: Child): Value {
  const { start, restart, shutdown, type } = spec;
  const shown = tup(startValue(start), a(restart), shutdownValue(shutdown), a(type), modulesValue(spec));
  return pid === 'restarting' ? tup(a('restarting'), shown) : shown;
}
