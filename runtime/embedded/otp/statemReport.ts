/** What a gen_statem tells of itself: its status, the report of its end, and the texts of both. */
import type { Pid, Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, itemsOf, partsOf, sameValue, tagged } from '../kernel/values.ts';
import { statusFormatOf } from './callbackModule.ts';
import type { StatusMap } from './formatStatus.ts';
import { formatStatus, statusHeader } from './formatStatus.ts';
import { fromOf } from './gen.ts';
import type { Report } from './genServerReport.ts';
import { clientInfo, clientPieces } from './genServerReport.ts';
import { logReport } from './logger.ts';
import type { StatemEvent } from './statemActions.ts';
import type { Mode } from './systemMessages.ts';
import type { Pieces } from './text.ts';
import { chars, printed } from './text.ts';

/** A machine as it stands. */
export type MachineShown = {
  readonly name: Value;
  readonly modules: readonly string[];
  readonly callbackMode: Value;
  readonly stateEnter: boolean;
  readonly state: Value;
  readonly data: Value;
  readonly postponed: readonly StatemEvent[];
  readonly timeouts: readonly Value[];
  readonly log: readonly Value[];
};

function eventValue({ type, content }: StatemEvent): Value {
  return tup(type, content);
}

function format(self: Self, shown: MachineShown, option: 'normal' | 'terminate', more: StatusMap): Flow<StatusMap> {
  const { state, data, postponed, timeouts, log } = shown;
  const status = { state, data, postponed: postponed.map(eventValue).reverse(), timeouts, log, ...more };
  return formatStatus(self, statusFormatOf(self, shown.modules[0] ?? ''), option, status, [state, data]);
}

/** `gen_statem:format_status/2`: the last element of `sys:get_status`. */
export function* machineStatus(self: Self, shown: MachineShown, mode: Mode, parent: Pid): Flow<Value> {
  const status = yield* format(self, shown, 'normal', {});
  const stateItem = (value: Value): Value => tup(a('data'), [tup(chars('State'), value)]);
  const given = status['$status'];
  const last = Object.hasOwn(status, 'EXIT')
    ? [stateItem(tup(shown.state, status['EXIT']))]
    : given === undefined
      ? [stateItem(tup(status['state'], status['data']))]
      : isList(given)
        ? given.map(asValue)
        : [given];
  return [
    tup(a('header'), statusHeader('Status for state machine', shown.name)),
    tup(a('data'), [
      tup(chars('Status'), a(mode)),
      tup(chars('Parent'), parent),
      tup(chars('Modules'), shown.modules.map(a)),
      tup(chars('Time-outs'), tup(shown.timeouts.length, status['timeouts'])),
      tup(chars('Logged Events'), status['log']),
      tup(chars('Postponed'), status['postponed']),
    ]),
    ...last,
  ];
}

export type MachineEnd = {
  readonly kind: 'exit' | 'error';
  readonly reason: Value;
  readonly stacktrace: readonly Value[];
  readonly queue: readonly StatemEvent[];
};

/** Reports an end that is not orderly (`gen_statem:error_info/7`). */
export function* reportMachineEnd(self: Self, shown: MachineShown, end: MachineEnd): Flow<void> {
  const queue = end.queue.map(eventValue);
  const status = yield* format(self, shown, 'terminate', { reason: end.reason, queue });
  const [last] = end.queue;
  const call = tagged(last?.type, a('call'), 2);
  const report = {
    label: tup(a('gen_statem'), a('terminate')),
    name: shown.name,
    queue: status['queue'],
    postponed: status['postponed'],
    modules: shown.modules.map(a),
    callback_mode: shown.callbackMode,
    state_enter: shown.stateEnter,
    state: Object.hasOwn(status, '$status') ? status['$status'] : tup(status['state'], status['data']),
    timeouts: tup(shown.timeouts.length, status['timeouts']),
    log: status['log'],
    reason: tup(a(end.kind), status['reason'], end.stacktrace),
    client_info: clientInfo(self, call === null ? null : fromOf(call[1])),
  };
  logReport(self, { level: 'error', kind: 'gen_statem_terminating', module: 'gen_statem', report });
}

/** Says of an `undef` what is missing. */
function fixed(
  self: Self,
  [kind, reason, stack]: readonly Value[],
): { readonly reason: Value; readonly stack: readonly Value[] } {
  const stacktrace = itemsOf(stack);
  const [module, name, args] = partsOf(stacktrace[0]);
  const isUndef = kind === atoms.error && reason === atoms.undef;
  if (!isUndef || !(module instanceof Atom) || !(name instanceof Atom)) return { reason, stack: stacktrace };
  const arity = isList(args) ? args.length : Number(args);
  if (self.exports(module.name, name.name, arity)) return { reason, stack: stacktrace };
  const what = self.hasModule(module.name)
    ? tup(a('function not exported'), tup(module, name, arity))
    : tup(a('module could not be loaded'), module);
  return { reason: what, stack: stacktrace.slice(1) };
}

/** The words and terms of a report of gen_statem. */
export function statemReportPieces(self: Self, report: Report, singleLine: boolean): Pieces {
  const term = (key: string): { readonly term: Value } => ({ term: report[key] });
  const listAt = (key: string): readonly Value[] => {
    const list = report[key];
    return itemsOf(list);
  };
  const [kind, ...why] = partsOf(report['reason']);
  const { reason, stack } = fixed(self, [kind, ...why]);
  const [event, ...queued] = listAt('queue');
  const hasEvent = listAt('queue').length > 0;
  const when = (is: boolean, ...pieces: Pieces): Pieces => (is ? pieces : []);
  const log = listAt('log');
  if (singleLine) {
    return [
      ...['State machine ', term('name'), ' terminating. Reason: ', { term: reason }],
      ...when(stack.length > 0, '. Stack: ', { term: stack }),
      ...when(hasEvent, '. Last event: ', { term: event }),
      ...['. State: ', term('state'), ...when(log.length > 0, '. Log: ', { term: log }), '.'],
      ...clientPieces(report['client_info'], true),
    ];
  }
  const mode = report['state_enter'] === true ? [report['callback_mode'], a('state_enter')] : report['callback_mode'];
  const timeouts = elementsOf(report['timeouts']);
  return [
    ...['** State machine ', term('name'), ' terminating~n'],
    ...when(hasEvent, '** Last event = ', { term: event }, '~n'),
    ...['** When server state  = ', term('state'), '~n** Reason for termination = '],
    ...[{ term: kind }, ':', { term: reason }, '~n** Callback modules = ', term('modules')],
    ...['~n** Callback mode = ', { term: mode }, '~n'],
    ...when(queued.length > 0, '** Queued = ', { term: queued }, '~n'),
    ...when(listAt('postponed').length > 0, '** Postponed = ', term('postponed'), '~n'),
    ...when(stack.length > 0, '** Stacktrace =~n**  ', { term: stack }, '~n'),
    ...when(timeouts !== null && timeouts[0] !== 0, '** Time-outs: ', term('timeouts'), '~n'),
    ...when(log.length > 0, '** Log =~n**  ', { term: log }, '~n'),
    ...clientPieces(report['client_info'], false),
  ];
}

/** `gen_statem:print_event/3` */
export function printMachineEvent(name: Value, event: Value): string {
  const [tag, first, state, next] = partsOf(event);
  const who = `*DBG* ${printed(name)}`;
  const what = (value: Value): string => {
    const [type, content] = partsOf(value);
    const from = fromOf(tagged(type, a('call'), 2)?.[1]);
    if (from !== null) return `call ${printed(content)} from ${printed(from.elements[0])}`;
    return `${printed(type)} ${printed(content)}`;
  };
  if (tag === a('in')) return `${who} receive ${what(first)} in state ${printed(state)}\n`;
  if (tag === a('out')) return `${who} send ${printed(first)} to ${printed(asValue(elementsOf(state)?.[0]))}\n`;
  if (tag === a('postpone') || tag === a('consume')) {
    const change = sameValue(state, next) ? printed(state) : `${printed(state)} => ${printed(next)}`;
    return `${who} ${printed(tag)} ${what(first)} in state ${change}\n`;
  }
  return `${who} ${printed(tag)} ${printed(first)} in state ${printed(state)}\n`;
}
