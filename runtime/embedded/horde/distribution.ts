/** Horde's strategies (0.10): on which of the members a child is started. Pure but for the one that draws. */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import { fieldsOf } from '../otp/checkSpec.ts';
import type { CodeModule } from '../kernel/module.ts';
import { asValue, errorTuple, isTuple, itemsOf, okTuple } from '../kernel/values.ts';
import { HashRing, hashOf } from './hashRing.ts';
import type { Member } from './options.ts';
import { memberKey } from './options.ts';

export type Status = 'uninitialized' | 'alive' | 'shutting_down' | 'dead';
export type MemberInfo = { readonly name: Member; readonly status: Status };
type Choice = { readonly member: MemberInfo } | { readonly error: string };

export const strategies = {
  uniform: 'Elixir.Horde.UniformDistribution',
  quorum: 'Elixir.Horde.UniformQuorumDistribution',
  random: 'Elixir.Horde.UniformRandomDistribution',
} as const;

/** Of a child's specification, what decides where it goes: all but its id, which Horde makes up. */
function identifierOf(spec: Value): number {
  return hashOf(withoutId(spec), 2 ** 27);
}
export function withoutId(spec: Value): Value {
  if (spec instanceof Map) return new Map([...spec].filter(([key]) => key !== a('id')));
  const fields = fieldsOf(spec);
  return fields === null ? spec : Object.fromEntries([...fields].filter(([name]) => name !== 'id'));
}

function alive(members: readonly MemberInfo[]): readonly MemberInfo[] {
  return members.filter(({ status }) => status === 'alive');
}

/** Rings change only with who is alive, and are asked for every child. */
const rings = new Map<string, HashRing<Member>>();
const mostRings = 64;
function ringOf(names: readonly Member[]): HashRing<Member> {
  const key = names.map(memberKey).join(', ');
  const known = rings.get(key);
  if (known !== undefined) return known;
  if (rings.size >= mostRings) rings.clear();
  const ring = new HashRing(names);
  rings.set(key, ring);
  return ring;
}

/** `Horde.UniformDistribution.choose_node/2` */
export function chooseUniform(spec: Value, members: readonly MemberInfo[]): Choice {
  const known = new Map(alive(members).map((member) => [memberKey(member.name), member] as const));
  const names = [...known.keys()].sort().flatMap((key) => known.get(key)?.name ?? []);
  const chosen = names.length === 0 ? null : ringOf(names).nodeOf(identifierOf(spec));
  const member = chosen === null ? undefined : known.get(memberKey(chosen));
  return member === undefined ? { error: 'no_alive_nodes' } : { member };
}

/** `Horde.UniformQuorumDistribution.has_quorum?/1`: of an even number the first by name does not count. */
export function hasQuorum(members: readonly MemberInfo[]): boolean {
  const staying = members
    .filter(({ status }) => status !== 'shutting_down')
    .toSorted((one, other) => (memberKey(one.name) < memberKey(other.name) ? -1 : 1));
  const counted = staying.length % 2 === 0 ? staying.slice(1) : staying;
  return counted.length > 0 && alive(counted).length / counted.length > 0.5;
}

export function chooseQuorum(spec: Value, members: readonly MemberInfo[]): Choice {
  return hasQuorum(members) ? chooseUniform(spec, members) : { error: 'quorum_not_met' };
}

/** `Horde.UniformRandomDistribution.choose_node/2`, with a number from 0 to below 1. */
export function chooseRandom(members: readonly MemberInfo[], drawn: number): Choice {
  const able = alive(members);
  const member = able[Math.floor(drawn * able.length)];
  return member === undefined ? { error: 'no_alive_nodes' } : { member };
}

// --------------------------------------------------------------------------------------------------- as loaded modules

/** `%Horde.DynamicSupervisor.Member{}` */
export function memberValue({ name, status }: MemberInfo): Value {
  return { __struct__: a('Elixir.Horde.DynamicSupervisor.Member'), name, status: a(status) };
}
export function readMemberInfo(value: Value): MemberInfo | null {
  const fields = fieldsOf(value);
  const [name, status] = [fields?.get('name'), fields?.get('status')];
  const known = (['uninitialized', 'alive', 'shutting_down', 'dead'] as const).find((one) => status === a(one));
  return isMember(name) && known !== undefined ? { name, status: known } : null;
}
function isMember(value: Value): value is Member {
  return isTuple(value) && value.elements.length === 2 && value.elements.every((part) => part instanceof Atom);
}
function readMembers(value: Value): readonly MemberInfo[] {
  return itemsOf(value).flatMap((one) => readMemberInfo(asValue(one)) ?? []);
}
function choiceValue(choice: Choice): Value {
  return 'member' in choice ? okTuple(memberValue(choice.member)) : errorTuple(a(choice.error));
}

/** Strategies as any code that Horde calls by name; those of users look the same. */
export const distributionModules: readonly CodeModule[] = [
  {
    name: strategies.uniform,
    functions: {
      'choose_node/2': (_self, spec, members) => choiceValue(chooseUniform(spec, readMembers(members))),
      'has_quorum?/1': () => true,
    },
  },
  {
    name: strategies.quorum,
    functions: {
      'choose_node/2': (_self, spec, members) => choiceValue(chooseQuorum(spec, readMembers(members))),
      'has_quorum?/1': (_self, members) => hasQuorum(readMembers(members)),
    },
  },
  {
    name: strategies.random,
    functions: {
      'choose_node/2': (self, _spec, members) => choiceValue(chooseRandom(readMembers(members), self.random())),
      'has_quorum?/1': () => true,
    },
  },
];

/** `{Name, Node}` of a supervisor's server, from that of the Horde. */
export function processesSupervisorOf({ elements: [name, node] }: Member): Member {
  return tup(a(`${name.name}.ProcessesSupervisor`), node);
}
