/** The crash report of a process that `proc_lib` or a behaviour started: what it was, why it ended, and who is linked to it. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import { ErrorException, ExitException, reasonOf, ThrownValue } from '../kernel/exceptions.ts';
import type { Process } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, itemsOf, tagged } from '../kernel/values.ts';
import { logReport } from './logger.ts';

export const dictionaryKeys = { ancestors: a('$ancestors'), initialCall: a('$initial_call') } as const;

/** What was thrown, as Erlang's `Class:Reason:Stacktrace`. A JavaScript error is an error named after its class. */
export type Caught = {
  readonly kind: 'exit' | 'error' | 'throw';
  readonly reason: Value;
  readonly stacktrace: readonly Value[];
};

export function caught(thrown: unknown): Caught {
  if (thrown instanceof ExitException) return { kind: 'exit', reason: thrown.reason, stacktrace: [] };
  if (thrown instanceof ErrorException) return { kind: 'error', reason: thrown.reason, stacktrace: thrown.stacktrace };
  if (thrown instanceof ThrownValue) return { kind: 'throw', reason: thrown.value, stacktrace: [] };
  const whole = elementsOf(reasonOf(thrown));
  return { kind: 'error', reason: asValue(whole?.[0]), stacktrace: [] };
}

/** Whether a process with this reason ended as it should: `normal`, `shutdown` or `{shutdown, _}`. */
export function isOrderly(reason: Value): boolean {
  return reason === atoms.normal || reason === atoms.shutdown || tagged(reason, atoms.shutdown, 2) !== null;
}

/**
 * Reports that this process is about to end by what was thrown; an orderly exit is none (`proc_lib:crash_report/4`). `where` is the
 * stacktrace when the caller knows it better.
 */
export function crashReport(self: Self, thrown: unknown, where?: readonly Value[]): void {
  const { kind, reason, stacktrace } = caught(thrown);
  if (kind === 'exit' && isOrderly(reason)) return;
  const process = self.inspect(self.pid);
  if (process === null) return;
  const own = [...initialCallOf(process), ...ownInfo(process, tup(a(kind), reason, where ?? stacktrace))];
  const neighbours = neighboursOf(self, process).map((near) => tup(a('neighbour'), neighbourInfo(near)));
  logReport(self, {
    level: 'error',
    kind: 'crash_report',
    module: 'proc_lib',
    domain: ['otp', 'sasl'],
    report: { label: tup(a('proc_lib'), a('crash')), report: [own, neighbours] },
  });
}

/** Heap and stack sizes are left out: a simulated process has neither. */
function ownInfo(process: Process, errorInfo: Value): readonly Value[] {
  return [
    tup(a('pid'), process.pid),
    tup(a('registered_name'), process.name === null ? [] : a(process.name)),
    tup(a('error_info'), errorInfo),
    tup(a('ancestors'), ancestorsOf(process)),
    tup(a('message_queue_len'), process.mailbox.length),
    tup(a('messages'), process.mailbox.peek(mostMessages)),
    tup(a('links'), [...(process.links ?? [])]),
    tup(a('dictionary'), cleanedDictionary(process)),
    tup(a('trap_exit'), process.trapExit),
    tup(a('status'), a('running')),
    tup(a('reductions'), process.reductions),
  ];
}

/** So that a mailbox of a million does not become a report of a million. */
const mostMessages = 100;

function neighbourInfo(process: Process): Value {
  return [
    tup(a('pid'), process.pid),
    tup(a('registered_name'), process.name === null ? [] : a(process.name)),
    ...initialCallOf(process),
    tup(a('current_function'), process.currentFunction),
    tup(a('ancestors'), ancestorsOf(process)),
    tup(a('message_queue_len'), process.mailbox.length),
    tup(a('links'), [...(process.links ?? [])]),
    tup(a('trap_exit'), process.trapExit),
    tup(a('status'), a(process.runState)),
    tup(a('reductions'), process.reductions),
  ];
}

/** Where a process is now, as `{Module, Function, Arity}`. */
export function functionOf(process: Process): Value {
  const at = process.currentFunction;
  const mfa = /^(.*?):(.*)\/(\d+)$/.exec(at);
  return mfa === null ? a('undefined') : tup(a(mfa[1] ?? ''), a(mfa[2] ?? ''), Number(mfa[3]));
}

function ancestorsOf(process: Process): Value {
  return process.dictionary?.get(dictionaryKeys.ancestors) ?? [];
}

/** `{initial_call, {Module, Function, ['Argument__1', …]}}`, where the process knows it. */
function initialCallOf(process: Process): readonly Value[] {
  const call = initialCall(process);
  return call === null ? [] : [tup(a('initial_call'), call)];
}

/** `proc_lib:initial_call/1`; null when proc_lib did not start the process. */
export function initialCall(process: Process): Value {
  const mfa = elementsOf(process.dictionary?.get(dictionaryKeys.initialCall));
  const [module, name, arity] = mfa ?? [];
  if (typeof arity !== 'number') return null;
  return tup(
    asValue(module),
    asValue(name),
    Array.from({ length: arity }, (_, at) => a(`Argument__${at + 1}`)),
  );
}

function cleanedDictionary(process: Process): readonly Value[] {
  const hidden = new Set<Value>(Object.values(dictionaryKeys));
  return [...(process.dictionary ?? [])].flatMap(([key, value]) => (hidden.has(key) ? [] : [tup(key, value)]));
}

const mostNeighbours = 15;

/** The processes of this node that end with it: linked to it, directly or through others, and not trapping exits. */
function neighboursOf(self: Self, process: Process): readonly Process[] {
  const seen = new Set([process]);
  const found: Process[] = [];
  const visit = (from: Process): void => {
    for (const pid of from.links ?? []) {
      if (found.length >= mostNeighbours) return;
      const near = self.inspect(pid);
      if (near === null || near.trapExit || seen.has(near)) continue;
      seen.add(near);
      found.push(near);
      visit(near);
    }
  };
  visit(process);
  return found;
}

/** Who started a process that proc_lib started: its nearest ancestor, which may be a name. */
export function parentOf(self: Self): Value {
  const above = self.get(dictionaryKeys.ancestors);
  const [nearest] = itemsOf(above);
  return asValue(nearest);
}

/** The ancestors of a child of this process, nearest first: names where they have one. */
export function ancestorsOfChild(self: Self): readonly Value[] {
  const above = self.get(dictionaryKeys.ancestors);
  const own: Value = self.registeredName === null ? self.pid : a(self.registeredName);
  return [own, ...itemsOf(above).map((one) => asValue(one))];
}
