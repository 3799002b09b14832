/** Small readers and makers for the values that processes send each other. */
import type { Atom, Value } from '../../term/values.ts';
import { Pid, Ref, Tuple, a, tup } from '../../term/values.ts';

/** The atoms that the kernel itself has a meaning for. */
export const atoms = {
  normal: a('normal'),
  kill: a('kill'),
  killed: a('killed'),
  noproc: a('noproc'),
  noconnection: a('noconnection'),
  shutdown: a('shutdown'),
  exit: a('EXIT'),
  down: a('DOWN'),
  process: a('process'),
  ok: a('ok'),
  error: a('error'),
  badarg: a('badarg'),
  undef: a('undef'),
  infinity: a('infinity'),
  ignore: a('ignore'),
  timeout: a('timeout'),
} as const;

/** The elements of a tuple whose first is the atom `tag` and which has `size` elements; null for any other value. */
export function tagged(value: unknown, tag: Atom, size: number): readonly unknown[] | null {
  const elements = elementsOf(value);
  return elements?.length === size && elements[0] === tag ? elements : null;
}

/** The elements of a tuple; null for any other value. */
export function elementsOf(value: unknown): readonly unknown[] | null {
  return isTuple(value) ? value.elements : null;
}

/** The elements of a tuple; none for any other value. */
export function partsOf(value: unknown): readonly Value[] {
  const elements = elementsOf(value) ?? [];
  return areValues(elements) ? elements : [];
}

/** `instanceof Tuple` alone leaves the elements of an unknown value without a type. */
export function isTuple(value: unknown): value is Tuple<readonly unknown[]> {
  return value instanceof Tuple;
}

/** `instanceof Array` alone does the same. */
export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** The elements of a list; none for any other value. */
export function itemsOf(value: unknown): readonly Value[] {
  return isList(value) && areValues(value) ? value : [];
}

/** `{error, Reason}` */
export function errorTuple(reason: Value): Tuple<readonly [Atom, Value]> {
  return tup(atoms.error, reason);
}

/** `{ok, Value}` */
export function okTuple(value: Value): Tuple<readonly [Atom, Value]> {
  return tup(atoms.ok, value);
}

/** Whether two values are the same term (`=:=`), without making terms of them. */
export function sameValue(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (isTuple(one)) return isTuple(other) && sameElements(one.elements, other.elements);
  if (isList(one)) return isList(other) && sameElements(one, other);
  if (one instanceof Pid) return other instanceof Pid && samePid(one, other);
  if (one instanceof Ref) {
    return (
      other instanceof Ref &&
      one.node === other.node &&
      one.creation === other.creation &&
      sameElements(one.ids, other.ids)
    );
  }
  return isPlain(one) && isPlain(other) && sameEntries(Object.entries(one), other);
}

function sameElements(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((element, at) => sameValue(element, other[at]));
}

function sameEntries(entries: readonly (readonly [string, unknown])[], other: object): boolean {
  const others = new Map<string, unknown>(Object.entries(other));
  return (
    entries.length === others.size &&
    entries.every(([key, value]) => others.has(key) && sameValue(value, others.get(key)))
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Whether two pids name the same process, whichever object each is. */
export function samePid(one: Pid, other: Pid): boolean {
  return (
    one === other ||
    (one.id === other.id && one.serial === other.serial && one.creation === other.creation && one.node === other.node)
  );
}

/** What is inside a message is a value: `send` takes nothing else, and tuples have lost the type of their elements. */
export function asValue(candidate: unknown): Value {
  return isValue(candidate) ? candidate : undefined;
}

function isValue(_candidate: unknown): _candidate is Value {
  return true;
}
function areValues(_candidates: readonly unknown[]): _candidates is readonly Value[] {
  return true;
}
