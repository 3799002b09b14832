/** Keyword lists, as Elixir's libraries take their options, and names that are made of names. */
import type { Tuple, Value, Pid } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, itemsOf, partsOf } from '../kernel/values.ts';

/** `[{Key, Value}]`, without those that are undefined. */
export function keywords(options: { readonly [key: string]: Value }): Value {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => tup(a(key), value));
}

/** The value of an option; undefined when it is not given. */
export function option(options: Value, key: string): Value {
  for (const pair of itemsOf(options)) {
    const [name, value] = partsOf(pair);
    if (name instanceof Atom && name.name === key) return asValue(value);
  }
  return undefined;
}

/** An option that must be an atom: an `ArgumentError` otherwise. */
export function atomOption(options: Value, key: string): Atom {
  const value = option(options, key);
  if (value instanceof Atom) return value;
  throw argumentError(`expected :${key} to be given and to be an atom`);
}

/** The error that `raise ArgumentError, message` makes. */
export function argumentError(message: string): ErrorException {
  return new ErrorException({
    __struct__: a('Elixir.ArgumentError'),
    __exception__: true,
    message,
  });
}

/** A member of a Horde: the name of its process on its node. */
export type Member = Tuple<readonly [Atom, Atom]>;

/** `Name` on this node, or `{Name, Node}`. */
export function memberOf(self: Self, value: Value): Member {
  if (value instanceof Atom) return tup(value, a(self.node));
  const [name, node] = partsOf(value);
  if (name instanceof Atom && node instanceof Atom) return tup(name, node);
  throw new ErrorException(a('function_clause'));
}
export function membersOf(self: Self, values: Value): readonly Member[] {
  return itemsOf(values).map((value) => memberOf(self, asValue(value)));
}

/** A process' identity as text: pids of other nodes need not be one object. */
export function pidKey(pid: Pid): string {
  return `${pid.node} ${pid.creation} ${pid.id} ${pid.serial}`;
}
export function memberKey({ elements: [name, node] }: Member): string {
  return `${name.name} ${node.name}`;
}

export function crdtName(name: Atom): Atom {
  return a(`${name.name}.Crdt`);
}
export function crdtsOf(members: readonly Member[]): Value {
  return members.map(({ elements: [name, node] }) => tup(crdtName(name), node));
}
