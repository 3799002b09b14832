/** What a gen_server tells of itself: its status, the report of its end, and the texts of both (`gen_server:format_log/1,2`). */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, itemsOf, partsOf } from '../kernel/values.ts';
import type { StatusFormat } from './formatStatus.ts';
import { formatStatus, shownState, statusHeader } from './formatStatus.ts';
import type { From } from './gen.ts';
import { functionOf } from './crashReport.ts';
import { logReport } from './logger.ts';
import type { DebugOptions } from './sysDebug.ts';
import { getLog } from './sysDebug.ts';
import type { Mode } from './systemMessages.ts';
import type { Pieces } from './text.ts';
import { chars, printed } from './text.ts';

export type Shown = {
  readonly format: StatusFormat;
  readonly name: Value;
  readonly state: Value;
  readonly debug: DebugOptions;
};

/** `gen_server:format_status/2`: the last element of `sys:get_status`. */
export function* serverStatus(self: Self, shown: Shown, mode: Mode, parent: Pid): Flow<Value> {
  const status = yield* formatStatus(self, shown.format, 'normal', { state: shown.state, log: getLog(shown.debug) });
  const log = yield* formattedLog(self, shown.format, status['log']);
  return [
    tup(a('header'), statusHeader('Status for generic server', shown.name)),
    tup(a('data'), [tup(chars('Status'), a(mode)), tup(chars('Parent'), parent), tup(chars('Logged events'), log)]),
    ...stateItems(status),
  ];
}

function stateItems(status: { readonly [key: string]: Value }): readonly Value[] {
  const given = status['$status'];
  if (Object.hasOwn(status, 'EXIT') || given === undefined) {
    return [tup(a('data'), [tup(chars('State'), shownState(status))])];
  }
  return isList(given) ? given.map(asValue) : [given];
}

/** With format_status/2 each state in the log is formatted, too; format_status/1 was given the whole log. */
function* formattedLog(self: Self, format: StatusFormat, log: Value): Flow<Value> {
  if (format.one !== undefined || !isList(log)) return log;
  const events: Value[] = [];
  for (const event of log.map(asValue)) {
    const elements = partsOf(event);
    const at = elements[0] === a('out') ? 3 : elements[0] === a('noreply') ? 1 : -1;
    if (at < 0 || elements.length !== at + 1) {
      events.push(event);
      continue;
    }
    const status = yield* formatStatus(self, format, 'terminate', { state: asValue(elements[at]) });
    events.push(tup(...elements.slice(0, at).map(asValue), status['state']));
  }
  return events;
}

export type End = {
  readonly reason: Value;
  /** Where it happened, when a callback failed. */
  readonly stacktrace: readonly Value[] | null;
  readonly lastMessage: Value;
  readonly from: From | null;
};

/** Reports an end that is not orderly. As in OTP, the application controller's is not reported. */
export function* reportEnd(self: Self, shown: Shown, end: End): Flow<void> {
  if (shown.name === a('application_controller')) return;
  const status = yield* formatStatus(self, shown.format, 'terminate', {
    reason: end.reason,
    state: shown.state,
    message: end.lastMessage,
    log: getLog(shown.debug),
  });
  const report = {
    label: tup(a('gen_server'), a('terminate')),
    name: shown.name,
    last_message: status['message'],
    state: shownState(status),
    log: yield* formattedLog(self, shown.format, status['log']),
    reason: end.stacktrace === null ? status['reason'] : tup(status['reason'], end.stacktrace),
    client_info: clientInfo(self, end.from),
  };
  logReport(self, { level: 'error', kind: 'gen_server_terminating', module: 'gen_server', report });
}

/** Reports a message that there is no handle_info for. */
export function reportUnhandled(self: Self, behaviour: string, module: string, message: Value): void {
  const report = { label: tup(a(behaviour), a('no_handle_info')), module: a(module), message };
  logReport(self, { level: 'warning', kind: 'unexpected_message', module: behaviour, report });
}

/** Who asked last, and what it is doing: `{Pid, {Name, Stacktrace}}`, `{Pid, dead}` or `{Pid, remote}`. */
export function clientInfo(self: Self, from: From | null): Value {
  if (from === null) return a('undefined');
  const [pid] = from.elements;
  if (pid.node !== self.node) return tup(pid, a('remote'));
  const client = self.inspect(pid);
  if (client === null) return tup(pid, a('dead'));
  const stack = elementsOf(functionOf(client))?.map(asValue);
  return tup(pid, tup(client.name === null ? pid : a(client.name), stack === undefined ? [] : [tup(...stack, [])]));
}

export type Report = { readonly [key: string]: Value };

/** Says of an `undef` what is missing: the module, or the function. */
export function fixedReason(self: Self, reason: Value): Value {
  const [why, stack, ...more] = partsOf(reason);
  if (why !== atoms.undef || more.length > 0 || !isList(stack)) return reason;
  const [module, name, args] = partsOf(stack[0]);
  if (!(module instanceof Atom) || !(name instanceof Atom)) return reason;
  const arity = isList(args) ? args.length : Number(args);
  if (self.exports(module.name, name.name, arity)) return reason;
  return tup(a(self.hasModule(module.name) ? 'function not exported' : 'module could not be loaded'), asValue(stack));
}

/** The words and terms of a report of gen_server, as `format_log` puts them on one line or several. */
export function serverReportPieces(self: Self, report: Report, singleLine: boolean): Pieces {
  const term = (key: string): { readonly term: Value } => ({ term: report[key] });
  if (elementsOf(report['label'])?.[1] === a('no_handle_info')) {
    return singleLine
      ? ['Undefined handle_info in ', term('module'), '. Unhandled message: ', term('message'), '.']
      : [
          '** Undefined handle_info in ',
          { plain: report['module'] },
          '~n** Unhandled message: ',
          term('message'),
          '~n',
        ];
  }
  const log = itemsOf(report['log']);
  const reason = { term: fixedReason(self, report['reason']) };
  if (singleLine) {
    return [
      ...['Generic server ', term('name'), ' terminating. Reason: ', reason],
      ...['. Last message: ', term('last_message'), '. State: ', term('state'), '.'],
      ...(log.length === 0 ? [] : [' Log: ', { term: log }]),
      ...clientPieces(report['client_info'], true),
    ];
  }
  return [
    ...['** Generic server ', term('name'), ' terminating \n** Last message in was ', term('last_message')],
    ...['~n** When Server state == ', term('state'), '~n** Reason for termination ==~n** ', reason, '~n'],
    ...(log.length === 0 ? [] : logPieces(log)),
    ...clientPieces(report['client_info'], false),
  ];
}

function logPieces(log: readonly Value[]): Pieces {
  return [
    '** Log ==~n** [',
    ...log.flatMap((event, at): Pieces => [at === 0 ? '' : ',~n    ', { term: event }]),
    ']~n',
  ];
}

/** The lines about the client that asked last, for gen_server and gen_statem. */
export function clientPieces(info: Value, singleLine: boolean): Pieces {
  const [pid, what] = partsOf(info);
  if (!(pid instanceof Pid)) return [];
  const client = printed(pid);
  if (what === a('dead')) return [singleLine ? ` Client ${client} is dead.` : `** Client ${client} is dead~n`];
  if (what === a('remote')) {
    const where = `${client} is remote on node ${printed(a(pid.node))}`;
    return [singleLine ? ` Client ${where}.` : `** Client ${where}~n`];
  }
  const [name, stack] = partsOf(what);
  return singleLine
    ? [' Client ', { term: name }, ' stacktrace: ', { term: stack }, '.']
    : ['** Client ', { term: name }, ' stacktrace~n** ', { term: stack }, '~n'];
}
