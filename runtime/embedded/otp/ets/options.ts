/** The options of `ets:new/2`. */
import type { Value } from '../../../term/values.ts';
import { Atom, Pid } from '../../../term/values.ts';
import { copied } from '../../kernel/copy.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, elementsOf, isList } from '../../kernel/values.ts';
import type { Heir, Protection, TableOptions, TableType } from './table.ts';
import { none } from './table.ts';
import { badarg } from './terms.ts';

const types: ReadonlySet<string> = new Set(['set', 'ordered_set', 'bag', 'duplicate_bag'] satisfies TableType[]);
const protections: ReadonlySet<string> = new Set(['public', 'protected', 'private'] satisfies Protection[]);

export function isType(name: string): name is TableType {
  return types.has(name);
}
export function isProtection(name: string): name is Protection {
  return protections.has(name);
}

/** `{heir, Pid, Data}` of a process of this node, or `{heir, none}`: null. `badarg` for any other. */
export function heirOf(self: Self, elements: readonly unknown[]): Heir | null {
  const [, pid, data] = elements;
  if (elements.length === 2 && pid === none) return null;
  if (elements.length !== 3 || !(pid instanceof Pid) || pid.node !== self.node) throw badarg();
  return { pid: self.inspect(pid)?.pid ?? pid, data: copied(asValue(data)) };
}

type Changing = { -readonly [K in keyof TableOptions]: TableOptions[K] };

/** The options as a list of atoms and tuples; `badarg` for one that ets:new/2 of OTP 25 does not know. The last of a kind counts. */
export function tableOptions(self: Self, given: Value): TableOptions {
  const options: Changing = {
    type: 'set',
    protection: 'protected',
    isNamed: false,
    keyPosition: 1,
    heir: null,
    readConcurrency: false,
    writeConcurrency: false,
    decentralizedCounters: false,
    isCompressed: false,
  };
  if (!isList(given)) throw badarg();
  for (const option of given) {
    if (option instanceof Atom) takeName(options, option.name);
    else takePair(self, options, elementsOf(option) ?? []);
  }
  return options;
}

function takeName(options: Changing, name: string): void {
  if (isType(name)) options.type = name;
  else if (isProtection(name)) options.protection = name;
  else if (name === 'named_table') options.isNamed = true;
  else if (name === 'compressed') options.isCompressed = true;
  else throw badarg();
}

function takePair(self: Self, options: Changing, option: readonly unknown[]): void {
  const [name, value] = option;
  if (!(name instanceof Atom)) throw badarg();
  if (name.name === 'heir') {
    options.heir = heirOf(self, option);
    return;
  }
  if (option.length !== 2) throw badarg();
  switch (name.name) {
    case 'keypos':
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) throw badarg();
      options.keyPosition = value;
      return;
    case 'read_concurrency':
      options.readConcurrency = booleanOf(value);
      return;
    case 'write_concurrency':
      options.writeConcurrency = value instanceof Atom && value.name === 'auto' ? 'auto' : booleanOf(value);
      return;
    case 'decentralized_counters':
      options.decentralizedCounters = booleanOf(value);
      return;
    default:
      throw badarg();
  }
}

function booleanOf(value: unknown): boolean {
  if (typeof value !== 'boolean') throw badarg();
  return value;
}
