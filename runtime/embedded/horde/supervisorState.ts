/** A Horde.DynamicSupervisor as its server on one node has it. Only that server changes it; observers of the kernel may read it. */
import type { Atom, Pid, Ref, Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Self } from '../kernel/self.ts';
import { ValueMap } from '../kernel/valueKey.ts';
import type { From } from '../otp/gen.ts';
import type { MemberInfo } from './distribution.ts';
import { memberValue } from './distribution.ts';
import type { Member } from './options.ts';
import { crdtName, memberKey, pidKey } from './options.ts';

/** A child, wherever it runs: who runs it (null: nobody, the Horde has it back), its specification, its process. */
type HordeProcess = { readonly member: Member; readonly spec: Value; readonly pid: Pid };

export class HordeSupervisorState {
  /** The server. */
  readonly pid: Pid;
  readonly name: Atom;
  readonly crdt: Atom;
  readonly own: Member;
  /** The module that chooses a node for a child. */
  readonly strategy: string;
  readonly redistribution: 'active' | 'passive';
  readonly proxyTtl: number;
  members: ReadonlyMap<string, Member> = new Map();
  infos: ReadonlyMap<string, MemberInfo> = new Map();
  readonly processes = new ValueMap<HordeProcess>();
  readonly ids = new Map<string, Value>();
  localCount = 0;
  waitingForQuorum: readonly From[] = [];
  readonly monitors = new Map<string, { readonly ref: Ref; readonly member: Member }>();
  shuttingDown = false;
  /** What its strategy said when it was asked last. */
  hasQuorum = true;
  /** Whose operation was handed on last, and how often it still may be. */
  proxied: { readonly from: From; readonly ttl: number } | null = null;

  constructor(self: Self, options: Pick<HordeSupervisorState, 'name' | 'strategy' | 'redistribution' | 'proxyTtl'>) {
    this.pid = self.pid;
    this.name = options.name;
    this.crdt = crdtName(options.name);
    this.own = tup(options.name, a(self.node));
    this.strategy = options.strategy;
    this.redistribution = options.redistribution;
    this.proxyTtl = options.proxyTtl;
  }

  /** What is known of the members, in the order of their names. */
  get known(): readonly MemberInfo[] {
    return [...this.members.keys()]
      .sort()
      .flatMap((key) => this.infos.get(key) ?? [])
      .map((info) => info);
  }
  isOwn(member: Member): boolean {
    return memberKey(member) === memberKey(this.own);
  }
  /** Those that this member runs. */
  ownCount(): number {
    let count = 0;
    for (const [, { member }] of this.processes.entries()) if (this.isOwn(member)) count += 1;
    return count;
  }
  setInfo(info: MemberInfo): void {
    this.infos = new Map([...this.infos, [memberKey(info.name), info]]);
  }

  put(id: Value, process: HordeProcess): void {
    const before = this.processes.get(id);
    if (before !== undefined) this.ids.delete(pidKey(before.pid));
    this.processes.set(id, process);
    this.ids.set(pidKey(process.pid), id);
  }
  remove(id: Value): HordeProcess | null {
    const process = this.processes.get(id);
    if (process === undefined) return null;
    this.processes.delete(id);
    this.ids.delete(pidKey(process.pid));
    return process;
  }

  /** About the struct that it is on a BEAM. */
  show(): Value {
    return {
      __struct__: a('Elixir.Horde.DynamicSupervisorImpl'),
      name: this.name,
      members: new Map<Value, Value>([...this.members.values()].map((member) => [member, 1])),
      members_info: new Map<Value, Value>([...this.infos.values()].map((info) => [info.name, memberValue(info)])),
      processes_by_id: new Map<Value, Value>(
        [...this.processes.entries()].map(([id, { member, spec, pid }]) => [id, tup(member, spec, pid)]),
      ),
      local_process_count: this.localCount,
      shutting_down: this.shuttingDown,
      distribution_strategy: a(this.strategy),
      proxy_message_ttl: this.proxyTtl === Infinity ? a('infinity') : this.proxyTtl,
      supervisor_options: [tup(a('process_redistribution'), a(this.redistribution))],
    };
  }
}

const supervisors = new WeakMap<object, Map<string, HordeSupervisorState>>();

/** The servers of Horde supervisors that run on a node (`Self.home`), by name. Nothing is asked of them. */
export function hordeSupervisorsOn(node: object): ReadonlyMap<string, HordeSupervisorState> {
  return supervisors.get(node) ?? new Map<string, HordeSupervisorState>();
}
export function knowHordeSupervisor(self: Self, state: HordeSupervisorState): void {
  const known = supervisors.get(self.home) ?? new Map<string, HordeSupervisorState>();
  supervisors.set(self.home, known.set(state.name.name, state));
}
