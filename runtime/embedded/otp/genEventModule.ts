/** Module `gen_event` as loaded code: its functions by name and arity, and the texts of its reports. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, Tuple, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, tagged, partsOf } from '../kernel/values.ts';
import { defaultCallTimeoutMs, genCall, locate } from './gen.ts';
import { startManager } from './genEvent.ts';
import {
  formatOptions,
  nameOf,
  reportOf,
  requestFunctions,
  requestIdsOrClause,
  serverOf,
  startFunctions,
  startOptions,
  timeoutOf,
} from './genServerModule.ts';
import type { Report } from './genServerReport.ts';
import { fixedReason } from './genServerReport.ts';
import { modulePlace } from './names.ts';
import { sendRequest } from './requests.ts';
import { stop } from './stop.ts';
import type { Pieces } from './text.ts';
import { formatAndArgs, formatDepth, formatted } from './text.ts';

/** A request to the manager, with the caller for a label, as `gen_event:rpc/2`. */
function ask(self: Self, manager: Value, command: string, ...args: readonly Value[]): Flow<Value> {
  const request = args.length === 0 ? a(command) : tup(a(command), ...args);
  return genCall(self, serverOf(manager), self.pid, request, null);
}

function* callAs(self: Self, args: readonly Value[], timeoutMs: number | null): Flow<Value> {
  const [manager, handler, query] = args;
  try {
    return yield* genCall(self, serverOf(manager), self.pid, tup(a('call'), handler, query), timeoutMs);
  } catch (thrown) {
    if (!(thrown instanceof ExitException)) throw thrown;
    return self.exit(tup(thrown.reason, tup(a('gen_event'), a('call'), args)));
  }
}

/** `gen_event:notify/2`: to a name here that nobody has it is `badarg`, as any send; by a module it fails in silence. */
function* notify(self: Self, manager: Value, event: Value): Flow<Value> {
  const message = tup(a('notify'), event);
  // What is no server is no place to send to.
  if (!(manager instanceof Pid || manager instanceof Atom || manager instanceof Tuple))
    throw new ErrorException(atoms.badarg);
  const server = serverOf(manager);
  if (server instanceof Tuple && modulePlace(server) !== null) {
    try {
      const found = yield* locate(self, server);
      if (found !== null) self.send(found, message);
    } catch (thrown) {
      if (!(thrown instanceof ErrorException) && !(thrown instanceof ExitException)) throw thrown;
    }
    return atoms.ok;
  }
  const target = yield* locate(self, server);
  if (target === null) throw new ErrorException(atoms.badarg);
  self.send(target, message);
  return atoms.ok;
}

/** A response whose reply is `{error, _}` is that error. */
function unwrapped(response: Value): Value {
  const error = tagged(tagged(response, a('reply'), 2)?.[1], atoms.error, 2);
  if (error !== null) return tup(atoms.error, asValue(error[1]));
  const elements = partsOf(response);
  const [inner, ...more] = elements;
  return elements.length === 3 && inner instanceof Tuple ? tup(unwrapped(inner), ...more) : response;
}
function responses(name: string): Code {
  return function* (self, ...args): Flow<Value> {
    const run = requestFunctions[name];
    if (run === undefined) return null;
    const answer = run(self, ...args);
    return unwrapped(isFlowOf(answer) ? yield* answer : answer);
  };
}
function isFlowOf(answer: Value | Flow<Value>): answer is Flow<Value> {
  return typeof answer === 'object' && answer !== null && 'next' in answer && typeof answer.next === 'function';
}

/** The words and terms of a report of gen_event. */
export function eventReportPieces(self: Self, report: Report, singleLine: boolean): Pieces {
  const term = (key: string): { readonly term: Value } => ({ term: report[key] });
  if (elementsOf(report['label'])?.[1] === a('no_handle_info')) {
    return singleLine
      ? ['Undefined handle_info in ', term('module'), '. Unhandled message: ', term('message'), '.']
      : [
          '** Undefined handle_info in ',
          { plain: report['module'] },
          '\n** Unhandled message: ',
          term('message'),
          '\n',
        ];
  }
  const exit = tagged(report['reason'], atoms.exit, 2);
  const reason = { term: exit === null ? report['reason'] : fixedReason(self, asValue(exit[1])) };
  return singleLine
    ? [
        ...['Generic event handler ', term('handler'), ' crashed. Installed: ', term('name'), '. Last event: '],
        ...[term('last_message'), '. State: ', term('state'), '. Reason: ', reason, '.'],
      ]
    : [
        ...['** gen_event handler ', term('handler'), ' crashed.\n** Was installed in ', term('name')],
        ...['\n** Last event was: ', term('last_message'), '\n** When handler state == ', term('state')],
        ...['\n** Reason == ', reason, '\n'],
      ];
}

export const genEventModule: CodeModule = {
  name: 'gen_event',
  functions: {
    ...startFunctions((how) => ({
      0: (self) => startManager(self, how),
      1: (self, first) =>
        startManager(self, isList(first) ? { ...startOptions(first), ...how } : { ...how, name: nameOf(first) }),
      2: (self, name, options) => startManager(self, { ...startOptions(options), ...how, name: nameOf(name) }),
    })),
    'stop/1': (self, manager) => stop(self, serverOf(manager)),
    'stop/3': (self, manager, reason, timeout) => stop(self, serverOf(manager), reason, timeoutOf(timeout)),
    'notify/2': notify,
    'sync_notify/2': (self, manager, event) => ask(self, manager, 'sync_notify', event),
    'add_handler/3': (self, manager, handler, argument) => ask(self, manager, 'add_handler', handler, argument),
    'add_sup_handler/3': (self, manager, handler, argument) =>
      ask(self, manager, 'add_sup_handler', handler, argument, self.pid),
    'delete_handler/3': (self, manager, handler, argument) => ask(self, manager, 'delete_handler', handler, argument),
    'swap_handler/3': (self, manager, from, to) => ask(self, manager, 'swap_handler', ...pair(from), ...pair(to)),
    'swap_sup_handler/3': (self, manager, from, to) =>
      ask(self, manager, 'swap_sup_handler', ...pair(from), ...pair(to), self.pid),
    'which_handlers/1': (self, manager) => ask(self, manager, 'which_handlers'),
    'call/3': (self, ...args) => callAs(self, args, defaultCallTimeoutMs),
    'call/4': (self, ...args) => callAs(self, args, timeoutOf(args[3])),
    'send_request/3': (self, manager, handler, query) =>
      sendRequest(self, serverOf(manager), tup(a('call'), handler, query), self.pid),
    *'send_request/5'(self, manager, handler, query, label, ids): Flow<Value> {
      const request = tup(a('call'), handler, query);
      return new Map([
        ...requestIdsOrClause(ids),
        [yield* sendRequest(self, serverOf(manager), request, self.pid), label],
      ]);
    },
    ...requestFunctions,
    ...Object.fromEntries(
      ['wait_response', 'receive_response', 'check_response'].flatMap((name) =>
        [2, 3].map((arity) => [`${name}/${arity}`, responses(`${name}/${arity}`)]),
      ),
    ),
    *'format_log/1'(self, report): Flow<Value> {
      return formatAndArgs(eventReportPieces(self, reportOf(report), false), yield* formatDepth(self));
    },
    'format_log/2': (self, report, options) => {
      const format = formatOptions(options);
      return formatted(eventReportPieces(self, reportOf(report), format.singleLine === true), format);
    },
  },
};

/** `{Handler, Args}` */
function pair(value: Value): readonly [Value, Value] {
  const elements = elementsOf(value);
  if (elements?.length !== 2) throw new ErrorException(a('function_clause'));
  return [asValue(elements[0]), asValue(elements[1])];
}
