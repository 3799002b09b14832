/**
 * A small cluster held in memory, for tests: nodes, processes, names and supervisors as they are described, with the behaviour of
 * OTP where the port can see it (exit, trap_exit, restarts by type, strategy and intensity, node down and up). Nothing runs by
 * itself: what changes is what a test does.
 */
import type {
  ChildCount,
  ChildRow,
  Incarnation,
  NodeName,
  ProcessRef,
  SupervisorFlags,
  SupervisorKind,
} from '../model.ts';
import type { Term } from '../term/term.ts';
import { atom } from '../term/term.ts';

/** A process as a test describes it. Figures that are not given are 0. */
export type FakeProcess = {
  readonly name?: string;
  /** `module:function/arity`. */
  readonly initialCall?: string;
  readonly trapsExits?: boolean;
  readonly memory?: number;
  readonly reductions?: number;
  readonly messageQueueLen?: number;
  /** As the child of a supervisor. */
  readonly childId?: string;
  readonly restart?: 'permanent' | 'transient' | 'temporary';
  /** Makes it a supervisor, or the root of an application. */
  readonly supervisor?: {
    readonly kind?: SupervisorKind;
    readonly flags?: Partial<SupervisorFlags>;
    readonly application?: string;
    readonly children: readonly FakeProcess[];
  };
};
export type FakeNode = {
  readonly name: NodeName;
  readonly otpRelease?: string;
  readonly processes: readonly FakeProcess[];
};

/** A process that lives, or has lived. */
export type LiveProcess = {
  readonly pid: ProcessRef;
  readonly as: FakeProcess;
  readonly parent: LiveProcess | null;
  readonly supervisor: LiveSupervisor | null;
  name: string | null;
  suspended: boolean;
  /** null while it lives. */
  exitReason: Term | null;
};
export type LiveSupervisor = {
  readonly kind: SupervisorKind;
  readonly flags: SupervisorFlags;
  readonly application: string | null;
  readonly children: LiveChild[];
  /** When it restarted a child, on the clock of the test. */
  readonly restarts: { readonly at: number; readonly childId: Term; readonly reason: Term }[];
};
export type LiveChild = {
  readonly childId: Term;
  readonly restart: 'permanent' | 'transient' | 'temporary';
  readonly as: FakeProcess;
  process: LiveProcess | null;
};
export type LiveNode = {
  readonly name: NodeName;
  readonly otpRelease: string | null;
  readonly describes: readonly FakeProcess[];
  creation: number;
  isUp: boolean;
  since: number;
  nextId: number;
  readonly processes: Map<number, LiveProcess>;
  readonly names: Map<string, LiveProcess>;
};

const normalReasons: ReadonlySet<string> = new Set(['normal', 'shutdown']);

export class FakeCluster {
  readonly nodes = new Map<NodeName, LiveNode>();
  readonly #now: () => number;
  readonly #listeners = new Set<{ call(): void }>();

  /** `now` is the clock of restart intensity, in milliseconds. */
  constructor(nodes: readonly FakeNode[], now: () => number) {
    this.#now = now;
    for (const { name, otpRelease = null, processes } of nodes) this.#add(name, otpRelease, processes);
  }

  /** Calls `listener` after every change. */
  onChange(listener: () => void): { dispose(): void } {
    const entry = { call: listener };
    this.#listeners.add(entry);
    return { dispose: () => void this.#listeners.delete(entry) };
  }

  now(): number {
    return this.#now();
  }

  /** The living process of this incarnation, or null: a pid from before a restart of its node names nobody. */
  find({ node: name, creation, id, serial }: ProcessRef): LiveProcess | null {
    const node = this.nodes.get(name);
    if (node === undefined || !node.isUp || node.creation !== creation || serial !== 0) return null;
    return node.processes.get(id) ?? null;
  }

  /** A node that was not there; false when it was. */
  addNode(name: NodeName): boolean {
    if (this.nodes.has(name)) return false;
    this.#add(name, null, []);
    this.changed();
    return true;
  }

  /** All its processes are gone at once, as in a power cut; false when it was down. */
  crashNode(node: LiveNode): boolean {
    if (!node.isUp) return false;
    node.isUp = false;
    node.since = this.#now();
    for (const process of node.processes.values()) process.exitReason = atom('noconnection');
    node.processes.clear();
    node.names.clear();
    this.changed();
    return true;
  }

  /** Up again, as a new incarnation with new processes; false when it was up. */
  startNode(node: LiveNode): boolean {
    if (node.isUp) return false;
    node.creation += 1;
    node.isUp = true;
    node.since = this.#now();
    node.nextId = 100;
    for (const process of node.describes) this.#spawn(node, process, null);
    this.changed();
    return true;
  }

  /** A new process, and its children if it is a supervisor; null when its name is taken. */
  start(node: LiveNode, as: FakeProcess): LiveProcess | null {
    if (as.name !== undefined && node.names.has(as.name)) return null;
    const process = this.#spawn(node, as, null);
    this.changed();
    return process;
  }

  /** An exit signal: answers whether the process died of it. Its supervisor does then what its strategy says. */
  exit(process: LiveProcess, reason: Term): 'exited' | 'survived' {
    const kills = reason.t === 'atom' && reason.v === 'kill';
    const isNormal = reason.t === 'atom' && reason.v === 'normal';
    if (!kills && (isNormal || process.as.trapsExits === true)) return 'survived';
    this.#die(process, kills ? atom('killed') : reason);
    this.changed();
    return 'exited';
  }

  /** Ends a child, and keeps its specification. */
  terminateChild(child: LiveChild): void {
    if (child.process !== null) this.#end(child.process, atom('shutdown'));
    this.changed();
  }

  /** Starts a child that does not run. */
  restartChild(supervisor: LiveProcess, child: LiveChild): LiveProcess | null {
    const node = this.nodes.get(supervisor.pid.node);
    if (node !== undefined) child.process = this.#spawn(node, child.as, supervisor);
    this.changed();
    return child.process;
  }

  changed(): void {
    for (const listener of [...this.#listeners]) listener.call();
  }

  #add(name: NodeName, otpRelease: string | null, describes: readonly FakeProcess[]): void {
    const node: LiveNode = {
      name,
      otpRelease,
      describes,
      creation: 1,
      isUp: true,
      since: this.#now(),
      nextId: 100,
      processes: new Map(),
      names: new Map(),
    };
    this.nodes.set(name, node);
    for (const process of describes) this.#spawn(node, process, null);
  }

  #spawn(node: LiveNode, as: FakeProcess, parent: LiveProcess | null): LiveProcess {
    const pid: ProcessRef = { node: node.name, creation: node.creation, id: node.nextId, serial: 0 };
    node.nextId += 1;
    const name = as.name !== undefined && !node.names.has(as.name) ? as.name : null;
    const supervisor = as.supervisor === undefined ? null : supervisorOf(as.supervisor);
    const process: LiveProcess = { pid, as, parent, supervisor, name, suspended: false, exitReason: null };
    node.processes.set(pid.id, process);
    if (name !== null) node.names.set(name, process);
    for (const child of supervisor?.children ?? []) child.process = this.#spawn(node, child.as, process);
    return process;
  }

  /** Ends a process and all that it supervises, last child first; nobody restarts it. */
  #end(process: LiveProcess, reason: Term): void {
    if (process.exitReason !== null) return;
    process.exitReason = reason;
    for (const child of [...(process.supervisor?.children ?? [])].reverse()) {
      if (child.process !== null) this.#end(child.process, atom('shutdown'));
    }
    const node = this.nodes.get(process.pid.node);
    node?.processes.delete(process.pid.id);
    if (process.name !== null) node?.names.delete(process.name);
    const child = process.parent?.supervisor?.children.find((one) => one.process === process);
    if (child !== undefined) child.process = null;
  }

  #die(process: LiveProcess, reason: Term): void {
    const above = process.parent;
    const child = above?.supervisor?.children.find((one) => one.process === process);
    this.#end(process, reason);
    if (above?.supervisor && child !== undefined) this.#childDied(above, above.supervisor, child, reason);
  }

  /** What a supervisor does about a dead child (OTP Design Principles, "Supervisor Behaviour"). */
  #childDied(process: LiveProcess, supervisor: LiveSupervisor, child: LiveChild, reason: Term): void {
    const isNormal = reason.t === 'atom' && normalReasons.has(reason.v);
    const { flags, children } = supervisor;
    if (child.restart === 'temporary') {
      children.splice(children.indexOf(child), 1);
      return;
    }
    if (child.restart === 'transient' && isNormal) return;
    const now = this.#now();
    supervisor.restarts.push({ at: now, childId: child.childId, reason });
    const recent = supervisor.restarts.filter(({ at }) => now - at <= flags.periodSeconds * 1_000);
    if (recent.length > flags.intensity) {
      this.#die(process, atom('shutdown'));
      return;
    }
    const affected = [...affectedBy(child, supervisor)];
    const node = this.nodes.get(process.pid.node);
    for (const one of [...affected].reverse()) if (one.process !== null) this.#end(one.process, atom('shutdown'));
    for (const one of affected) {
      if (one.restart === 'temporary') children.splice(children.indexOf(one), 1);
      else if (node !== undefined) one.process = this.#spawn(node, one.as, process);
    }
  }
}

/** The defaults of OTP's supervisor: one restart in five seconds. */
const defaultFlags: SupervisorFlags = {
  strategy: 'one_for_one',
  intensity: 1,
  periodSeconds: 5,
  autoShutdown: 'never',
};

function supervisorOf({ kind, flags, application, children }: NonNullable<FakeProcess['supervisor']>): LiveSupervisor {
  return {
    kind: kind ?? 'supervisor',
    application: application ?? null,
    restarts: [],
    flags: { ...defaultFlags, ...flags },
    children: children.map((as, index) => ({
      childId: atom(as.childId ?? as.name ?? `child_${index + 1}`),
      restart: as.restart ?? 'permanent',
      as,
      process: null,
    })),
  };
}

/** The children that end and start again with `child`. */
function affectedBy(child: LiveChild, { flags, children }: LiveSupervisor): readonly LiveChild[] {
  if (flags.strategy === 'one_for_all') return children;
  return flags.strategy === 'rest_for_one' ? children.slice(children.indexOf(child)) : [child];
}

/** The children of a supervisor as `which_children` answers them. */
export function childRows({ children }: LiveSupervisor): readonly ChildRow[] {
  return children.map(({ childId, as, process }, index) => ({
    childId,
    type: as.supervisor === undefined ? 'worker' : 'supervisor',
    modules: as.initialCall === undefined ? 'dynamic' : [as.initialCall.split(':')[0] ?? as.initialCall],
    state: process === null ? { is: 'undefined' } : { is: 'running', pid: process.pid },
    index,
    supervisor: as.supervisor === undefined ? null : (as.supervisor.kind ?? 'supervisor'),
    registeredName: process?.name ?? null,
  }));
}

/** As `count_children` answers. */
export function childCount({ children }: LiveSupervisor): ChildCount {
  const supervisors = children.filter(({ as }) => as.supervisor !== undefined).length;
  return {
    specs: children.length,
    active: children.filter(({ process }) => process !== null).length,
    supervisors,
    workers: children.length - supervisors,
  };
}

/** The incarnation of a node now. */
export function incarnationOf({ name, creation }: LiveNode): Incarnation {
  return { node: name, creation };
}

/** The incarnation of a process's node when it was started. */
export function incarnationOfProcess({ pid }: LiveProcess): Incarnation {
  return { node: pid.node, creation: pid.creation };
}
