/** What the kernel notes, as the events of a trace. */
import type { NameRef, NodeTime, TraceEvent } from '../../model.ts';
import type { Term } from '../../term/term.ts';
import { tuple } from '../../term/term.ts';
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup, Tuple } from '../../term/values.ts';
import type { NodeEvent } from '../../trace/order.ts';
import { pairKeyOf } from '../../trace/order.ts';
import type { TraceEvent as Noted } from '../kernel/trace.ts';
import { asValue, isList, partsOf } from '../kernel/values.ts';
import { refOf, termOf } from './context.ts';
import { limitTerm } from './terms.ts';

type What = TraceEvent['what'];

/** The event, its terms cut to `termBytes`; null for what a trace does not show (`in`, `out`). */
export function eventOf(noted: Noted, at: NodeTime, termBytes: number, pairs: boolean): NodeEvent | null {
  const shown = (value: Value): Term => limitTerm(termOf(value), termBytes);
  const what = whatHappened(noted, shown);
  if (what === null) return null;
  const process = refOf(noted.pid);
  return { at, process, what, pairKey: pairs ? pairKeyOf(process, what) : null };
}

function whatHappened({ is, subject, value, mfa, pid }: Noted, shown: (value: Value) => Term): What | null {
  switch (is) {
    case 'send':
      return { is, to: receiverOf(subject, pid.node), message: shown(value) };
    case 'receive':
      return { is, message: shown(value), sentBy: null };
    case 'call': {
      if (mfa === null) return null;
      const args = isList(value) ? value.map((one) => shown(asValue(one))) : mfa.arity;
      return { is, module: mfa.module, function: mfa.function, args, caller: null };
    }
    case 'spawn':
    case 'spawned': {
      const called = mfa === null ? a('undefined') : tup(a(mfa.module), a(mfa.function), mfa.arity);
      return { is, detail: tuple(termOf(subject), termOf(called)) };
    }
    case 'exit':
      return { is, detail: shown(value) };
    case 'register':
    case 'unregister':
      return { is, detail: termOf(typeof subject === 'string' ? a(subject) : subject) };
    case 'link':
    case 'unlink':
    case 'getting_linked':
    case 'getting_unlinked':
      return { is, detail: termOf(subject) };
    case 'in':
    case 'out':
      return null;
  }
}

function receiverOf(to: Value, node: string): Extract<What, { readonly is: 'send' }>['to'] {
  if (to instanceof Pid) return refOf(to);
  if (to instanceof Atom) return nameOn(to.name, node);
  const [name, where] = to instanceof Tuple ? partsOf(to) : [];
  return name instanceof Atom && where instanceof Atom ? nameOn(name.name, where.name) : { term: termOf(to) };
}

function nameOn(name: string, node: string): NameRef {
  return { in: 'local', node, name };
}
