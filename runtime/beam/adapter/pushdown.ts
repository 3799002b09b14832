/**
 * Which part of a filter a node itself can decide: comparisons of numbers, of names and functions by their text, and what is made of
 * them. What it decides it decides as processQuery.ts does (property tests compare them); the rest is decided here.
 */
import type { FieldForm } from '../../listFields.ts';
import type { NodeName, ProcessRef, RowPredicate, Scalar } from '../../model.ts';
import { parseProcessId } from '../../model.ts';
import { fieldsOf } from '../../processQuery.ts';
import { isWellFormed } from '../../term/binary.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, list, text, tuple } from '../../term/term.ts';
import { pidOf } from './read.ts';

/** A filter in two parts, both of which a row has to pass. */
export type Split<Key extends string, Listed extends Key = never> = {
  /** `Where` of rows.erl, and the keys it reads. */
  readonly there: Term;
  readonly keys: readonly Key[];
  /** What is left to be decided here; null when nothing is. */
  readonly here: RowPredicate<Key, Listed> | null;
};

/** The item that holds a field on a node, and what it is there. */
export type ItemForm = { readonly item: string; readonly as: FieldForm | 'ancestors' };

/** Items of which a predicate can hold, as rows_pattern/1 counts them. */
const mostItems = 12;
const always: Term = atom('true');

/** What a node can be asked: the fields that it can decide by, and pids of nodes whose names are atoms there already. */
export type Decidable<Key extends string> = {
  readonly formOf: (key: Key) => ItemForm | null;
  readonly knows: (node: NodeName) => boolean;
};

/** Splits a filter at its uppermost `all`. */
export function splitWhere<Key extends string, Listed extends Key>(
  where: RowPredicate<Key, Listed> | undefined,
  decidable: Decidable<Key>,
): Split<Key, Listed> {
  if (where === undefined) return { there: always, keys: [], here: null };
  const parts = 'all' in where ? where.all : [where];
  const there: Term[] = [];
  const here: RowPredicate<Key, Listed>[] = [];
  const keys = new Set<Key>();
  for (const part of parts) {
    const used = fieldsOf(part);
    const term = whereTerm(part, decidable);
    if (term === null || new Set([...keys, ...used]).size > mostItems) {
      here.push(part);
      continue;
    }
    there.push(term);
    for (const key of used) keys.add(key);
  }
  if (there.length === 0) return { there: always, keys: [], here: where };
  const rest = here.length === 0 ? null : { all: here };
  return { there: tuple(atom('all'), list(there)), keys: [...keys], here: rest };
}

/** The predicate as the node's filter; null when it cannot decide it as we would. */
function whereTerm<Key extends string, Listed extends Key>(
  where: RowPredicate<Key, Listed>,
  decidable: Decidable<Key>,
): Term | null {
  if ('all' in where) return joined('all', where.all, decidable);
  if ('any' in where) return joined('any', where.any, decidable);
  if ('not' in where) return negated(whereTerm(where.not, decidable));
  const form = decidable.formOf(where.key);
  if (form === null) return null;
  const { knows } = decidable;
  if (where.op === 'has') return form.as === 'ancestors' ? below(where.value, knows) : null;
  const { op, value } = where;
  return op === 'ne' ? negated(compared(form, 'eq', value, knows)) : compared(form, op, value, knows);
}

function compared({ item, as }: ItemForm, op: Op, value: Scalar, knows: Knows): Term | null {
  // What stands there for nothing differs from item to item; of texts the node knows it.
  if (value === null && op === 'eq' && as !== 'text') return null;
  switch (as) {
    case 'number':
      return ofNumber(item, op, value);
    case 'text':
      return ofText(item, op, value);
    case 'id':
      return ofPid(item, op, value, knows);
    case 'boolean':
      return ofFlag(item, op, value);
    case 'ancestors':
      return null;
  }
}

type Knows = Decidable<string>['knows'];

/** Ancestors by their ids, or by the texts of their names. */
function below(ancestors: readonly string[], knows: Knows): Term | null {
  const terms = ancestors.map((ancestor) => {
    const pid = parseProcessId(ancestor);
    return pid === null ? text(ancestor) : pidTerm(pid, knows);
  });
  const whole = terms.filter((term) => term !== null);
  return whole.length === terms.length ? tuple(atom('below'), list(whole)) : null;
}

/** Null where the name of its node would become an atom there: anybody can write an id. */
function pidTerm(pid: ProcessRef, knows: Knows): Term | null {
  return knows(pid.node) ? pidOf(pid) : null;
}

/** Only whether it is that one: in which order ids stand, and what is in them, is decided here. */
function ofPid(item: string, op: Op, value: Scalar, knows: Knows): Term | null {
  const pid = op === 'eq' && typeof value === 'string' ? parseProcessId(value) : null;
  const term = pid === null ? null : pidTerm(pid, knows);
  return term === null ? null : tuple(atom('same'), atom(item), term);
}

function joined<Key extends string, Listed extends Key>(
  how: 'all' | 'any',
  parts: readonly RowPredicate<Key, Listed>[],
  decidable: Decidable<Key>,
): Term | null {
  const terms = parts.map((part) => whereTerm(part, decidable));
  const whole = terms.filter((term) => term !== null);
  return whole.length === terms.length ? tuple(atom(how), list(whole)) : null;
}

function negated(term: Term | null): Term | null {
  return term === null ? null : tuple(atom('not'), term);
}

type Op = 'eq' | 'lt' | 'le' | 'gt' | 'ge' | 'contains' | 'prefix' | 'like';

/** Values of different types are never equal nor in order. */
const never: Term = atom('false');

function ofNumber(item: string, op: Op, value: Scalar): Term | null {
  if (typeof value !== 'number' || op === 'contains' || op === 'prefix' || op === 'like') return never;
  if (!Number.isFinite(value)) return null;
  const number: Term = Number.isSafeInteger(value) ? integer(value) : { t: 'float', v: value };
  return tuple(atom('number'), atom(op), atom(item), number);
}

function ofText(item: string, op: Op, value: Scalar): Term | null {
  if (value === null) return op === 'eq' ? tuple(atom('text'), atom(op), atom(item), atom('null')) : never;
  if (typeof value !== 'string') return never;
  if (!isWellFormed(value)) return null;
  const wanted = op === 'like' ? list(value.split('*').map(text)) : text(value);
  return tuple(atom('text'), atom(op), atom(item), wanted);
}

function ofFlag(item: string, op: Op, value: Scalar): Term {
  return op === 'eq' && typeof value === 'boolean' ? tuple(atom('same'), atom(item), atom(String(value))) : never;
}
