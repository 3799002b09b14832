/**
 * Which part of a filter a node itself can decide: comparisons of numbers, of names and functions by their text, and what is made of
 * them. What it decides it decides as processQuery.ts does (a property test compares them); the rest is decided here.
 */
import type { NodeName, Predicate, ProcessField, ProcessRef, Scalar } from '../../model.ts';
import { parseProcessId } from '../../model.ts';
import { columnKind, fieldsOf } from '../../processQuery.ts';
import { isWellFormed } from '../../term/binary.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, list, text, tuple } from '../../term/term.ts';
import { itemOf } from './processFields.ts';
import { pidOf } from './read.ts';

/** A filter in two parts, both of which a row has to pass. */
export type Split = {
  /** `Where` of rows.erl, and the keys it reads. */
  readonly there: Term;
  readonly keys: readonly ProcessField[];
  /** What is left to be decided here; null when nothing is. */
  readonly here: Predicate | null;
};

/** Items of which a predicate can hold, as rows_pattern/1 counts them. */
const mostItems = 12;
const always: Term = atom('true');

/** What a node can be asked: the fields that its release has, and pids of nodes whose names are atoms there already. */
export type Decidable = {
  readonly isThere: (key: ProcessField) => boolean;
  readonly knows: (node: NodeName) => boolean;
};

/** Splits a filter at its uppermost `all`. */
export function splitWhere(where: Predicate | undefined, { isThere, knows }: Decidable): Split {
  if (where === undefined) return { there: always, keys: [], here: null };
  const parts = 'all' in where ? where.all : [where];
  const there: Term[] = [];
  const here: Predicate[] = [];
  const keys = new Set<ProcessField>();
  for (const part of parts) {
    const used = fieldsOf(part);
    const term = used.every(isThere) ? whereTerm(part, knows) : null;
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
function whereTerm(where: Predicate, knows: Knows): Term | null {
  if ('all' in where) return joined('all', where.all, knows);
  if ('any' in where) return joined('any', where.any, knows);
  if ('not' in where) return negated(whereTerm(where.not, knows));
  if (where.op === 'has') return below(where.value, knows);
  const { key, op, value } = where;
  if (op === 'ne') return negated(whereTerm({ key, op: 'eq', value }, knows));
  if (columnKind(key) === 'number') return ofNumber(key, op, value);
  if (texts.has(key)) return ofText(key, op, value);
  if (pids.has(key)) return ofPid(key, op, value, knows);
  return key === 'trap_exit' ? ofFlag(key, op, value) : null;
}

type Knows = Decidable['knows'];

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

/** Fields that hold a pid, shown as its id. */
const pids: ReadonlySet<ProcessField> = new Set(['group_leader', 'parent']);

/** Only whether it is that one: in which order ids stand, and what is in them, is decided here. */
function ofPid(key: ProcessField, op: Op, value: Scalar, knows: Knows): Term | null {
  const pid = op === 'eq' && typeof value === 'string' ? parseProcessId(value) : null;
  const term = pid === null ? null : pidTerm(pid, knows);
  return term === null ? null : tuple(atom('same'), atom(itemOf(key)), term);
}

/** Fields shown as the text of an atom or of a function. */
const texts: ReadonlySet<ProcessField> = new Set([
  'registered_name',
  'initial_call',
  'status',
  'current_function',
  'priority',
]);

function joined(how: 'all' | 'any', parts: readonly Predicate[], knows: Knows): Term | null {
  const terms = parts.map((part) => whereTerm(part, knows));
  const whole = terms.filter((term) => term !== null);
  return whole.length === terms.length ? tuple(atom(how), list(whole)) : null;
}

function negated(term: Term | null): Term | null {
  return term === null ? null : tuple(atom('not'), term);
}

type Op = Exclude<Extract<Predicate, { op: string }>['op'], 'ne' | 'has'>;

/** Values of different types are never equal nor in order. */
const never: Term = atom('false');

function ofNumber(key: ProcessField, op: Op, value: Scalar): Term | null {
  if (typeof value !== 'number' || op === 'contains' || op === 'prefix' || op === 'like') return never;
  if (!Number.isFinite(value)) return null;
  const number: Term = Number.isSafeInteger(value) ? integer(value) : { t: 'float', v: value };
  return tuple(atom('number'), atom(op), atom(itemOf(key)), number);
}

function ofText(key: ProcessField, op: Op, value: Scalar): Term | null {
  const item = atom(itemOf(key));
  if (value === null) return op === 'eq' ? tuple(atom('text'), atom(op), item, atom('null')) : never;
  if (typeof value !== 'string') return never;
  if (!isWellFormed(value)) return null;
  const wanted = op === 'like' ? list(value.split('*').map(text)) : text(value);
  return tuple(atom('text'), atom(op), item, wanted);
}

function ofFlag(key: ProcessField, op: Op, value: Scalar): Term {
  return op === 'eq' && typeof value === 'boolean'
    ? tuple(atom('same'), atom(itemOf(key)), atom(String(value)))
    : never;
}
