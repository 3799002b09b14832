/** Reading what a node answers. Everything from a node is untrusted: each reader answers null for what is not as expected. */
import type { NodeName, ProcessRef } from '../../model.ts';
import { binaryBytes } from '../../term/binary.ts';
import type { PidTerm, Term } from '../../term/term.ts';
import { listElements } from '../../term/term.ts';

/** The name of an atom. */
export function atomName(term: Term | undefined): string | null {
  return term?.t === 'atom' ? term.v : null;
}

/** A number; integers beyond 2^53 lose their last digits, which no figure shown needs. */
export function numberOf(term: Term | undefined): number | null {
  if (term?.t === 'int') return term.v;
  if (term?.t === 'big') return Number(term.v);
  if (term?.t === 'float') return term.v === '-0' ? 0 : term.v;
  return null;
}

export function processOf(term: Term | undefined): ProcessRef | null {
  return term?.t === 'pid' ? { node: term.node, creation: term.creation, id: term.id, serial: term.serial } : null;
}

export function pidOf(process: ProcessRef): PidTerm {
  return { t: 'pid', node: process.node, creation: process.creation, id: process.id, serial: process.serial };
}

/** The elements of a tuple, of that many elements if `size` is given. */
export function tupleOf(term: Term | undefined, size?: number): readonly Term[] | null {
  if (term?.t !== 'tuple' || (size !== undefined && term.e.length !== size)) return null;
  return term.e;
}

/** The elements of a proper list; none for what is no list. */
export function listOf(term: Term | undefined): readonly Term[] {
  return (term === undefined ? null : listElements(term)) ?? [];
}

/** `{Module, Function, Arity}`, or with the arguments instead of their number, as `module:function/arity`. */
export function functionText(term: Term | undefined): string | null {
  const parts = tupleOf(term, 3);
  const module = atomName(parts?.[0]);
  const name = atomName(parts?.[1]);
  if (module === null || name === null || parts === null) return null;
  const arity = numberOf(parts[2]) ?? listOf(parts[2]).length;
  return `${module}:${name}/${String(arity)}`;
}

/** The text of a string in either form: a list of code points, or a UTF-8 binary. */
export function textOf(term: Term | undefined): string | null {
  if (term === undefined) return null;
  if (term.t === 'text') return term.v;
  if (term.t === 'bytelist') return term.latin1;
  if (term.t === 'atom') return term.v;
  if (term.t === 'bits') {
    const bytes = binaryBytes(term);
    return bytes === null ? null : new TextDecoder('utf-8').decode(bytes);
  }
  const points = listElements(term)?.map((element) => (element.t === 'int' ? element.v : -1));
  if (points === undefined || points.some((point) => point < 0 || point > 0x10ffff)) return null;
  return points.map((point) => String.fromCodePoint(point)).join('');
}

/** The pairs of a property list or of a map whose keys are atoms; other elements are left out. */
export function propertiesOf(term: Term | undefined): ReadonlyMap<string, Term> {
  const found = new Map<string, Term>();
  const pairs: readonly (readonly Term[])[] =
    term?.t === 'map' ? term.e : listOf(term).flatMap((element) => (element.t === 'tuple' ? [element.e] : []));
  for (const [key, value] of pairs) {
    const name = atomName(key);
    if (name !== null && value !== undefined) found.set(name, value);
  }
  return found;
}

/** Node names in a list of atoms. */
export function nodeNames(term: Term | undefined): readonly NodeName[] {
  return listOf(term).flatMap((element) => (element.t === 'atom' ? [element.v] : []));
}
