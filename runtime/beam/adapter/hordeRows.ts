/** What the agent reads of Horde on one node (agent/horde.erl), as rows. Everything from a node is untrusted: what is not as expected is left out. */
import type { HordeMember, HordeStatus, HordeView, NodeName } from '../../model.ts';
import type { ChildRow, EntryRow, Held } from '../../spanning/agreement.ts';
import type { Term } from '../../term/term.ts';
import { isAtom, termKey } from '../../term/term.ts';
import type { RawRow } from './nameRows.ts';
import { readKey } from './nameRows.ts';
import { atomName, listOf, numberOf, processOf, tupleOf } from './read.ts';

/** Members are few and told with every row, so each is one object. */
const members = new Map<string, HordeMember>();
const mostMembersKept = 1_000;

/** `{Name, Node}` */
export function readMember(term: Term | undefined): HordeMember | null {
  const parts = tupleOf(term, 2);
  const name = atomName(parts?.[0]);
  const node = atomName(parts?.[1]);
  if (name === null || node === null) return null;
  const key = `${node} ${name}`;
  const known = members.get(key);
  if (known !== undefined) return known;
  const member = { node, name };
  if (members.size < mostMembersKept) members.set(key, member);
  return member;
}

/** `true | false | elsewhere` */
function readLife(term: Term | undefined): boolean | null {
  if (isAtom(term, 'true')) return true;
  return isAtom(term, 'false') ? false : null;
}

function readHeld(member: Term | undefined, pid: Term | undefined, life: Term | undefined): Held | null {
  const put = readMember(member);
  const holder = processOf(pid);
  return put === null || holder === null ? null : { member: put, pid: holder, life: readLife(life) };
}

/** `{Key, {Member, Pid, Life}}` */
export function readEntry({ key, row }: RawRow): EntryRow | null {
  const parts = tupleOf(row, 3);
  const bounded = readKey(key);
  const held = readHeld(parts?.[0], parts?.[1], parts?.[2]);
  return bounded === null || held === null ? null : { id: bounded.id, term: bounded.term, held };
}

/** `{Id, {Member, {M, F, Arity}, Type, Restart, Hash, Pid, Life}}` */
export function readChild({ key, row }: RawRow): ChildRow | null {
  const [member, start, type, restart, hash, pid, life] = tupleOf(row, 7) ?? [];
  const held = readHeld(member, pid, life);
  const [module, name, arity] = tupleOf(start, 3) ?? [];
  const [moduleName, functionName, arguments_, specHash] = [
    atomName(module),
    atomName(name),
    numberOf(arity),
    numberOf(hash),
  ];
  if (held === null || moduleName === null || functionName === null) return null;
  if (arguments_ === null || specHash === null) return null;
  return {
    id: termKey(key),
    term: key,
    held,
    start: { module: moduleName, function: functionName, arity: arguments_ },
    type: isAtom(type, 'supervisor') ? 'supervisor' : 'worker',
    restart: (['transient', 'temporary'] as const).find((known) => known === atomName(restart)) ?? 'permanent',
    specHash,
  };
}

const statuses: readonly HordeStatus[] = ['uninitialized', 'alive', 'shutting_down', 'dead'];

/** `{{Kind, Name}, {Pid, Members, Size, Own} | {Pid, Members, Size, Own, State}}` */
export function readView(node: NodeName, { key, row }: RawRow): HordeView | null {
  const [kind, name] = (tupleOf(key, 2) ?? []).map(atomName);
  const [pidTerm, members, size, own, state] = tupleOf(row) ?? [];
  const pid = processOf(pidTerm);
  if ((kind !== 'registry' && kind !== 'supervisor') || typeof name !== 'string' || pid === null) return null;
  return {
    kind,
    name,
    node,
    pid,
    members: listOf(members)
      .flatMap((pair) => {
        const [member, status] = tupleOf(pair, 2) ?? [];
        const known = readMember(member);
        return known === null ? [] : [{ ...known, status: statuses.find((one) => one === atomName(status)) ?? null }];
      })
      .sort((one, other) => (one.node < other.node ? -1 : 1)),
    size: numberOf(size),
    ownSize: numberOf(own),
    supervisor: readState(state),
  };
}

/** `{Strategy, Redistribution, HasQuorum, ShuttingDown, ProxyHops}`; null where the supervisor did not answer. */
function readState(term: Term | undefined): HordeView['supervisor'] {
  const [strategy, redistribution, quorum, shuttingDown, hops] = tupleOf(term, 5) ?? [];
  const module = atomName(strategy);
  if (module === null) return null;
  return {
    strategy: module,
    redistribution: (['active', 'passive'] as const).find((known) => known === atomName(redistribution)) ?? null,
    hasQuorum: isAtom(quorum, 'true'),
    shuttingDown: isAtom(shuttingDown, 'true'),
    proxyHops: numberOf(hops),
  };
}
