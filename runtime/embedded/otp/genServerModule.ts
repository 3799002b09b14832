/** Module `gen_server` as loaded code: its functions by name and arity, for what is called by M:F/A (`rpc`, child specifications). */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, Ref, Tuple, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, isList, tagged, partsOf } from '../kernel/values.ts';
import { callbackModule } from './callbackModule.ts';
import { fieldsOf } from './checkSpec.ts';
import { castByName, failedCall, defaultCallTimeoutMs, fromOf, genAtoms, genCall, reply } from './gen.ts';
import type { ServerStart } from './genServer.ts';
import { enterLoop, startServer } from './genServer.ts';
import type { LoopOptions } from './genServerLoop.ts';
import type { Report } from './genServerReport.ts';
import { serverReportPieces } from './genServerReport.ts';
import { abcast, multiCall } from './multiCall.ts';
import type { Server, ServerName } from './names.ts';
import type { RequestIds, ResponseLimit } from './requests.ts';
import {
  addRequest,
  checkResponse,
  checkResponses,
  receiveResponse,
  receiveResponses,
  sendRequest,
  waitResponse,
  waitResponses,
} from './requests.ts';
import type { Then } from './serverModule.ts';
import { stop } from './stop.ts';
import type { FormatOptions } from './text.ts';
import { formatAndArgs, formatDepth, formatted } from './text.ts';

/** What does not fit any clause of a function. */
export function functionClause(): never {
  throw new ErrorException(a('function_clause'));
}

/** A server as it stands in an argument. */
export function serverOf(value: Value): Server {
  if (value instanceof Pid || value instanceof Atom) return value;
  const [first, second, third] = partsOf(value);
  const size = value instanceof Tuple ? value.elements.length : 0;
  if (first instanceof Atom && size === 2) return tup(first, second);
  if (first instanceof Atom && second instanceof Atom && size === 3) return tup(first, second, third);
  return functionClause();
}

/** A name to start under, as it stands in an argument: a tuple with its scope. */
export function nameOf(value: Value): ServerName {
  const server = serverOf(value);
  const [scope] = server instanceof Tuple ? server.elements : [];
  const isScope = scope === a('local') || scope === a('global') || scope === a('via');
  return server instanceof Tuple && isScope ? server : functionClause();
}

/** Milliseconds or `infinity`. */
export function timeoutOf(value: Value): number | null {
  if (value === atoms.infinity) return null;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : functionClause();
}

/** An option `{Key, Value}` of a proplist. */
function option(options: Value, key: string): Value {
  if (!isList(options)) throw new ErrorException(atoms.badarg);
  for (const one of options) {
    const elements = tagged(one, a(key), 2);
    if (elements !== null) return asValue(elements[1]);
  }
  return undefined;
}

/** `{debug, _}` and `{hibernate_after, _}` */
export function loopOptions(options: Value): LoopOptions {
  const debug = option(options, 'debug');
  const hibernateAfter = option(options, 'hibernate_after');
  return {
    ...(isList(debug) && { debug: debug.map(asValue) }),
    ...(typeof hibernateAfter === 'number' && { hibernateAfterMs: hibernateAfter }),
  };
}

/** Also `{timeout, _}`. */
export function startOptions(options: Value): ServerStart {
  const timeout = option(options, 'timeout');
  const isTimeout = timeout === undefined || timeout === atoms.infinity || typeof timeout === 'number';
  if (!isTimeout) throw new ErrorException(a('timeout_value'));
  return { ...loopOptions(options), ...(typeof timeout === 'number' && { timeoutMs: timeout }) };
}

export function moduleOf(value: Value): string {
  return value instanceof Atom ? value.name : functionClause();
}
function atomsOf(value: Value): readonly Atom[] {
  return isList(value) ? value.filter((one) => one instanceof Atom) : functionClause();
}
function atomOf(value: Value): Atom {
  return value instanceof Atom ? value : functionClause();
}

type How = Pick<ServerStart, 'link' | 'monitor'>;
/** `start`, `start_link` and `start_monitor` of each arity that `of` has code for. */
export function startFunctions(of: (how: How) => { readonly [arity: string]: Code }): CodeModule['functions'] {
  const ways: { readonly [name: string]: How } = {
    start: { link: false },
    start_link: { link: true },
    start_monitor: { link: false, monitor: true },
  };
  return Object.fromEntries(
    Object.entries(ways).flatMap(([name, how]) =>
      Object.entries(of(how)).map(([arity, run]) => [`${name}/${arity}`, run] as const),
    ),
  );
}
/** The same for what is started by a callback module, its argument and options, with a name before them or without. */
export function moduleStartFunctions(
  start: (self: Self, module: string, argument: Value, options: ServerStart) => Flow<Value>,
): CodeModule['functions'] {
  return startFunctions((how) => ({
    3: (self, module, argument, options) =>
      start(self, moduleOf(module), argument, { ...startOptions(options), ...how }),
    4: (self, name, module, argument, options) =>
      start(self, moduleOf(module), argument, { ...startOptions(options), ...how, name: nameOf(name) }),
  }));
}

/** As `gen_server:call/2,3`: the time-out stands among the arguments of an exit only when it was given. */
function* callAs(self: Self, args: readonly Value[]): Flow<Value> {
  try {
    const timeoutMs = args.length === 2 ? defaultCallTimeoutMs : timeoutOf(args[2]);
    return yield* genCall(self, serverOf(args[0]), genAtoms.call, args[1], timeoutMs);
  } catch (thrown) {
    return self.exit(tup(failedCall(thrown), tup(a('gen_server'), a('call'), args)));
  }
}

/** Milliseconds, `infinity` or `{abs, Milliseconds}`. */
export function responseLimit(value: Value): ResponseLimit {
  const abs = tagged(value, a('abs'), 2)?.[1];
  if (typeof abs === 'number') return { abs };
  if (value === atoms.infinity) return null;
  if (typeof value === 'number' && value >= 0) return value;
  throw new ErrorException(atoms.badarg);
}
export function refOf(value: Value): Ref {
  if (value instanceof Ref) return value;
  throw new ErrorException(atoms.badarg);
}
/** The same where OTP has no clause for what is none. */
export function requestIdsOrClause(value: Value): RequestIds {
  return value instanceof Map || isEmptyMap(value) ? requestIds(value) : functionClause();
}
function isEmptyMap(value: Value): boolean {
  return !(value instanceof Map) && fieldsOf(value)?.size === 0;
}
function booleanOf(value: Value): boolean {
  return typeof value === 'boolean' ? value : functionClause();
}
export function requestIds(value: Value): RequestIds {
  if (isEmptyMap(value)) return new Map();
  if (!(value instanceof Map)) throw new ErrorException(atoms.badarg);
  const ids = new Map<Ref, Value>();
  for (const [id, label] of value) ids.set(refOf(asValue(id)), asValue(label));
  return ids;
}

function* enter(
  self: Self,
  module: Value,
  options: Value,
  state: Value,
  more: { readonly name?: ServerName; readonly then?: Then },
): Flow<Value> {
  return yield* enterLoop(self, callbackModule(moduleOf(module)), state, { ...loopOptions(options), ...more });
}

/** A time-out, `hibernate` or `{continue, _}`; null for what is a name. */
function thenOf(value: Value): { readonly then?: Then } | null {
  if (value === atoms.infinity) return {};
  if (value === a('hibernate')) return { then: { is: 'hibernate' } };
  if (typeof value === 'number') return { then: { is: 'timeout', ms: value } };
  const continued = tagged(value, a('continue'), 2);
  return continued === null ? null : { then: { is: 'continue', with: asValue(continued[1]) } };
}
function entryName(value: Value): { readonly name?: ServerName } {
  return value instanceof Pid ? {} : { name: nameOf(value) };
}

/** The functions of asynchronous requests, which gen_server, gen_statem and gen_event share; `label` is what a request is sent as. */
export const requestFunctions: CodeModule['functions'] = {
  'wait_response/2': (self, id, limit) => waitResponse(self, refOf(id), responseLimit(limit)),
  'wait_response/3': (self, ids, limit, remove) =>
    waitResponses(self, requestIdsOrClause(ids), responseLimit(limit), booleanOf(remove)),
  'receive_response/2': (self, id, limit) => receiveResponse(self, refOf(id), responseLimit(limit)),
  'receive_response/3': (self, ids, limit, remove) =>
    receiveResponses(self, requestIdsOrClause(ids), responseLimit(limit), booleanOf(remove)),
  'check_response/2': (self, message, id) => checkResponse(self, message, refOf(id)),
  'check_response/3': (self, message, ids, remove) =>
    checkResponses(self, message, requestIdsOrClause(ids), booleanOf(remove)),
  'reqids_new/0': () => new Map(),
  'reqids_size/1': (_self, ids) => requestIds(ids).size,
  'reqids_add/3': (_self, id, label, ids) => addRequest(requestIds(ids), refOf(id), label),
  'reqids_to_list/1': (_self, ids) => [...requestIds(ids)].map(([id, label]) => tup(id, label)),
};

/** A map with atoms for keys, as it stands in an argument. */
export function reportOf(value: Value): Report {
  const entries = isPlainMap(value) ? Object.entries(value) : functionClause();
  return Object.fromEntries(entries.map(([key, held]) => [key, asValue(held)]));
}
function isPlainMap(value: Value): value is Report {
  return typeof value === 'object' && value !== null && !isList(value) && !(value instanceof Tuple);
}
/** `depth`, `chars_limit` and `single_line` of a report callback's configuration. */
export function formatOptions(value: Value): FormatOptions {
  const { depth, chars_limit: limit, single_line: singleLine } = reportOf(value);
  return {
    ...(typeof depth === 'number' && { depth }),
    ...(typeof limit === 'number' && { charsLimit: limit }),
    singleLine: singleLine === true,
  };
}

export const genServerModule: CodeModule = {
  name: 'gen_server',
  functions: {
    ...moduleStartFunctions((self, module, argument, options) =>
      startServer(self, callbackModule(module), argument, options),
    ),
    'stop/1': (self, server) => stop(self, serverOf(server)),
    'stop/3': (self, server, reason, timeout) => stop(self, serverOf(server), reason, timeoutOf(timeout)),
    'call/2': (self, ...args) => callAs(self, args),
    'call/3': (self, ...args) => callAs(self, args),
    *'cast/2'(self, server, message): Flow<Value> {
      yield* castByName(self, serverOf(server), message);
      return atoms.ok;
    },
    'reply/2'(self, client, answer) {
      const from = fromOf(client);
      if (from === null) return functionClause();
      reply(self, from, answer);
      return atoms.ok;
    },
    'abcast/2': (self, name, message) => abcast(self, [a(self.node), ...self.nodes().map(a)], atomOf(name), message),
    'abcast/3': (self, nodes, name, message) => abcast(self, atomsOf(nodes), atomOf(name), message),
    'multi_call/2': (self, name, request) =>
      multiCall(self, [a(self.node), ...self.nodes().map(a)], atomOf(name), request),
    'multi_call/3': (self, nodes, name, request) => multiCall(self, atomsOf(nodes), atomOf(name), request),
    'multi_call/4': (self, nodes, name, request, timeout) =>
      multiCall(self, atomsOf(nodes), atomOf(name), request, timeoutOf(timeout)),
    'send_request/2': (self, server, request) => sendRequest(self, serverOf(server), request),
    *'send_request/4'(self, server, request, label, ids): Flow<Value> {
      return new Map([...requestIdsOrClause(ids), [yield* sendRequest(self, serverOf(server), request), label]]);
    },
    'enter_loop/3': (self, module, options, state) => enter(self, module, options, state, {}),
    'enter_loop/4': (self, module, options, state, last) =>
      enter(self, module, options, state, thenOf(last) ?? entryName(last)),
    'enter_loop/5': (self, module, options, state, name, then) =>
      enter(self, module, options, state, { ...entryName(name), ...thenOf(then) }),
    *'format_log/1'(self, report): Flow<Value> {
      return formatAndArgs(serverReportPieces(self, reportOf(report), false), yield* formatDepth(self));
    },
    'format_log/2': (self, report, options) => {
      const format = formatOptions(options);
      return formatted(serverReportPieces(self, reportOf(report), format.singleLine === true), format);
    },
    ...requestFunctions,
  },
};
