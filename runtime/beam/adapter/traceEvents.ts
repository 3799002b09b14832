/** What a tracer sends (agent/tracer.erl), read. */
import type { NameRef, NodeName, NodeTime, TraceEvent } from '../../model.ts';
import type { Term } from '../../term/term.ts';
import { isAtom, list, tuple } from '../../term/term.ts';
import type { NodeEvent } from '../../trace/order.ts';
import { pairKeyOf } from '../../trace/order.ts';
import type { NodeClock } from './nodeClock.ts';
import { atomName, functionText, listOf, numberOf, processOf, tupleOf } from './read.ts';

type What = TraceEvent['what'];

const elidedKinds = ['binary', 'list', 'tuple', 'map', 'depth'] as const;

/** The term with `{'$elided', Was, Size}` (agent/terms.erl) as what it stands for. */
export function withElided(term: Term): Term {
  switch (term.t) {
    case 'tuple': {
      const [mark, was, size] = term.e;
      const kind = elidedKinds.find((one) => one === atomName(was));
      if (term.e.length === 3 && isAtom(mark, '$elided') && kind !== undefined) {
        return { t: 'elided', was: kind, size: numberOf(size) ?? 0 };
      }
      return tuple(...term.e.map(withElided));
    }
    case 'list':
      return term.tail === undefined
        ? list(term.e.map(withElided))
        : { t: 'list', e: term.e.map(withElided), tail: withElided(term.tail) };
    case 'map':
      return { t: 'map', e: term.e.map(([key, value]) => [withElided(key), withElided(value)] as const) };
    default:
      return term;
  }
}

/** The clock and the start of one node's trace, and whether sends and receives are to be paired. */
export type EventSource = {
  readonly node: NodeName;
  readonly clock: NodeClock;
  readonly startUs: number;
  readonly pairs: 'sends_and_receives' | 'nothing';
};

/** `{Ns, Pid, Tag, A, B, whole | cut}`, its time read by `time`; null for what no tracer of ours sends. */
export function readEvent(term: Term, source: EventSource, time: (monotonicUs: number) => NodeTime): NodeEvent | null {
  const [ns, pid, tag, first, second, how] = tupleOf(term, 6) ?? [];
  const process = processOf(pid);
  if (process === null || first === undefined || second === undefined) return null;
  const at = time(source.startUs + (numberOf(ns) ?? 0) / 1000);
  const shown = (value: Term): Term => (isAtom(how, 'cut') ? withElided(value) : value);
  const what = whatHappened(atomName(tag), shown(first), shown(second), source.node);
  return what === null
    ? null
    : { at, process, what, pairKey: source.pairs === 'nothing' ? null : pairKeyOf(process, what) };
}

function whatHappened(tag: string | null, first: Term, second: Term, node: NodeName): What | null {
  switch (tag) {
    case 'send':
    case 'send_to_non_existing_process':
      return { is: 'send', to: receiverOf(first, node), message: second };
    case 'receive':
      return { is: 'receive', message: first, sentBy: null };
    case 'call':
      return callOf(first, second);
    case 'return_from': {
      const called = calledOf(first);
      return called === null ? null : { is: 'return', ...called, value: second };
    }
    case 'exception_from': {
      const called = calledOf(first);
      const [kind, reason] = tupleOf(second, 2) ?? [];
      return called === null || reason === undefined
        ? null
        : { is: 'raise', ...called, class: atomName(kind) ?? 'error', reason };
    }
    case 'spawn':
    case 'spawned':
      return { is: tag, detail: tuple(first, second) };
    case 'link':
    case 'unlink':
    case 'getting_linked':
    case 'getting_unlinked':
    case 'register':
    case 'unregister':
    case 'exit':
      return { is: tag, detail: first };
    default:
      return null;
  }
}

/** A pid, a name here, `{Name, Node}`, or whatever else can be sent to: an alias, a port. */
function receiverOf(term: Term, node: NodeName): Extract<What, { is: 'send' }>['to'] {
  const process = processOf(term);
  if (process !== null) return process;
  const local = atomName(term);
  if (local !== null) return nameOn(local, node);
  const [name, where] = (tupleOf(term, 2) ?? []).map(atomName);
  return typeof name === 'string' && typeof where === 'string' ? nameOn(name, where) : { term };
}

function nameOn(name: string, node: NodeName): NameRef {
  return { in: 'local', node, name };
}

function callOf(called: Term, caller: Term): What | null {
  const [module, name, args] = tupleOf(called, 3) ?? [];
  const moduleName = atomName(module);
  const functionName = atomName(name);
  if (moduleName === null || functionName === null) return null;
  return { is: 'call', module: moduleName, function: functionName, args: listOf(args), caller: functionText(caller) };
}

function calledOf(term: Term): { readonly module: string; readonly function: string; readonly arity: number } | null {
  const [module, name, arity] = tupleOf(term, 3) ?? [];
  const moduleName = atomName(module);
  const functionName = atomName(name);
  return moduleName === null || functionName === null
    ? null
    : { module: moduleName, function: functionName, arity: numberOf(arity) ?? 0 };
}
