/**
 * kernel's `erpc`: functions called on other nodes, with what they answer, throw, exit and fail with kept apart. Follows erpc of OTP 25:
 * each call is a process of its own on the other node, made by spawn_request with a monitor, whose exit reason is the answer.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, ImproperList, Ref, Tuple, tup } from '../../term/values.ts';
import { ErrorException, ExitException, ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import { LocalFun } from '../kernel/localFun.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, partsOf } from '../kernel/values.ts';
import { caught } from '../otp/crashReport.ts';

const words = {
  erpc: a('erpc'),
  erlang: a('erlang'),
  return: a('return'),
  throw: a('throw'),
  exit: a('exit'),
  error: a('error'),
  exception: a('exception'),
  signal: a('signal'),
  spawnReply: a('spawn_reply'),
  response: a('response'),
  noResponse: a('no_response'),
  noRequest: a('no_request'),
} as const;
/** The largest time-out of a `receive`. */
const mostMs = 0xffffffff;

/** `error({erpc, Reason})` */
function erpcError(reason: Value): never {
  throw new ErrorException(tup(words.erpc, reason));
}
function badarg(): never {
  return erpcError(atoms.badarg);
}

/** What is called where. */
export type Called = { readonly node: Atom; readonly module: Atom; readonly name: Atom; readonly args: Value };

function calledOf(node: Value, module: Value, name: Value, args: Value): Called {
  const isArgs = isList(args) || args instanceof ImproperList;
  if (!(node instanceof Atom) || !(module instanceof Atom) || !(name instanceof Atom) || !isArgs) return badarg();
  return { node, module, name, args };
}
/** A fun without arguments, as the call of `erlang:apply/2` that it becomes. */
function calledFun(node: Value, fun: Value): Called {
  if (!(fun instanceof LocalFun) || fun.term.arity !== 0) return badarg();
  return calledOf(node, words.erlang, a('apply'), [fun, []]);
}

/** Milliseconds from now; null for ever. */
export function limitOf(self: Self, value: Value): number | null {
  if (value === atoms.infinity) return null;
  const at = value instanceof Tuple && value.elements.length === 2 ? value.elements.map(asValue) : [];
  const ms = at[0] === a('abs') && typeof at[1] === 'number' ? Math.max(0, at[1] - self.nowMs) : value;
  const isWhole = typeof ms === 'number' && (at.length > 0 || Number.isInteger(ms));
  return isWhole && ms >= 0 && ms <= mostMs ? ms : badarg();
}

// ------------------------------------------------------------------------------------------------- on the other node

/** `apply(M, F, A)`, also with arguments that are no proper list. */
function* applied(self: Self, { module, name, args }: Omit<Called, 'node'>): Flow<Value> {
  if (isList(args)) return yield* self.apply(module.name, name.name, args.map(asValue));
  throw new ErrorException(atoms.badarg, [tup(words.erlang, a('apply'), [module, name, args], [])]);
}

/** The stack of an error in a called function, from that function on; it is one entry where the stack is not known. */
export function stackOf(stacktrace: readonly Value[], { module, name, args }: Omit<Called, 'node'>): Value {
  return stacktrace.length > 0 ? stacktrace : [tup(module, name, args, [])];
}

/** The process that a call is: it ends with what came of it as the reason. */
function* executeCall(self: Self, ref: Value, called: Omit<Called, 'node'>): Flow<never> {
  let outcome: Value;
  try {
    outcome = tup(ref, words.return, yield* applied(self, called));
  } catch (thrown) {
    const { kind, reason, stacktrace } = caught(thrown);
    outcome = kind === 'error' ? tup(ref, words.error, reason, stackOf(stacktrace, called)) : tup(ref, a(kind), reason);
  }
  return self.exit(outcome);
}

function* executeCast(self: Self, called: Omit<Called, 'node'>): Flow<Value> {
  try {
    return yield* applied(self, called);
  } catch (thrown) {
    const { kind, reason, stacktrace } = caught(thrown);
    if (kind !== 'error') throw thrown;
    throw new ErrorException(tup(words.exception, tup(reason, stackOf(stacktrace, called))));
  }
}

// ------------------------------------------------------------------------------------------------------------ calling

/** A request under way: `[Res | ReqId]` in Erlang. */
type Request = { readonly res: Ref; readonly id: Ref };

function request(self: Self, { node, module, name, args }: Called): Request {
  const res = self.makeRef();
  const options = { replies: 'error_only', monitorTag: atoms.down } as const;
  return { res, id: self.spawnRequest(node.name, 'erpc', 'execute_call', [res, module, name, args], options) };
}

/** How a request ended: `DOWN` of the process that it was, or it never was one. */
type End = { readonly is: 'down' | 'spawn_reply'; readonly id: Ref; readonly reason: Value };

function endIn(message: Value): End | null {
  const elements = partsOf(message);
  const [tag, id, what] = elements;
  if (!(id instanceof Ref)) return null;
  if (elements.length === 4 && tag === words.spawnReply && what === words.error) {
    return { is: 'spawn_reply', id, reason: asValue(elements[3]) };
  }
  return elements.length === 5 && tag === atoms.down ? { is: 'down', id, reason: asValue(elements[4]) } : null;
}

/** What a request's end means: its answer, or what is thrown, exited or failed with here. */
function result(res: Ref, { is, reason }: Pick<End, 'is' | 'reason'>): Value {
  if (is === 'spawn_reply') return erpcError(reason);
  const [ref, what, value, stack] = partsOf(reason);
  if (ref === res) {
    if (what === words.return) return value;
    if (what === words.throw) throw new ThrownValue(value);
    if (what === words.exit) throw new ExitException(tup(words.exception, value));
    if (what === words.error) throw new ErrorException(tup(words.exception, value, stack));
  }
  if (reason === atoms.noconnection) return erpcError(atoms.noconnection);
  throw new ExitException(tup(words.signal, reason));
}

/** True when nothing will come of the request any more; false when its end is in the mailbox, or was taken already. */
function abandon(self: Self, id: Ref): boolean {
  return self.abandonSpawn(id) || self.demonitor(id);
}

function* nextEnd(isMine: (id: Ref) => boolean, afterMs: number | null, marker?: Ref): Flow<End | null> {
  const message = yield* receive({
    afterMs,
    ...(marker !== undefined && { marker }),
    match: (candidate) => {
      const end = endIn(candidate);
      return end !== null && isMine(end.id);
    },
    at: 'erpc:call/5',
  });
  return message === timedOut ? null : endIn(message);
}

function* timeout(self: Self, { res, id }: Request): Flow<Value> {
  if (abandon(self, id)) return erpcError(atoms.timeout);
  const end = yield* nextEnd((one) => one === id, 0);
  return end === null ? badarg() : result(res, end);
}

/** `erpc:call/5` */
export function* erpcCall(self: Self, called: Called, limit: Value): Flow<Value> {
  if (limit === atoms.infinity && called.node.name === self.node) return yield* localCall(self, called);
  const afterMs = limitOf(self, limit);
  const { res, id } = request(self, called);
  const end = yield* nextEnd((one) => one === id, afterMs, id);
  return end === null ? yield* timeout(self, { res, id }) : result(res, end);
}

/** Without a time limit a call to this node is one in this process. */
function* localCall(self: Self, called: Called): Flow<Value> {
  try {
    return yield* applied(self, called);
  } catch (thrown) {
    const { kind, reason, stacktrace } = caught(thrown);
    if (kind === 'throw') throw thrown;
    if (kind === 'exit') throw new ExitException(tup(words.exception, reason));
    throw new ErrorException(tup(words.exception, reason, stackOf(stacktrace, called)));
  }
}

/** `erpc:cast/4` */
export function erpcCast(self: Self, { node, module, name, args }: Called): void {
  self.spawnRequest(node.name, 'erpc', 'execute_cast', [module, name, args], { replies: 'no' });
}

// ------------------------------------------------------------------------------------------------------------ requests

/** `[Head | Tail]` */
function cons(head: Value, tail: Value): Value {
  if (isList(tail)) return [head, ...tail.map(asValue)];
  if (tail instanceof ImproperList) return new ImproperList([head, ...tail.items], tail.tail);
  return new ImproperList([head], tail);
}
function uncons(list: Value): readonly [Value, Value] | null {
  if (isList(list)) return list.length === 0 ? null : [asValue(list[0]), list.slice(1).map(asValue)];
  if (!(list instanceof ImproperList)) return null;
  const [head, ...rest] = list.items;
  return [head, rest.length === 0 ? list.tail : new ImproperList(rest, list.tail)];
}

/** `erpc:send_request/4`: the id of a request, `[Res | ReqId]`. */
export function sendRequest(self: Self, called: Called): Value {
  const { res, id } = request(self, called);
  return cons(res, id);
}

export function requestOf(value: Value): Request {
  const [res, id] = uncons(value) ?? [];
  return res instanceof Ref && id instanceof Ref ? { res, id } : badarg();
}

/** `erpc:receive_response/2` */
export function* receiveResponse(self: Self, { res, id }: Request, limit: Value): Flow<Value> {
  const end = yield* nextEnd((one) => one === id, limitOf(self, limit));
  return end === null ? yield* timeout(self, { res, id }) : result(res, end);
}

/** `erpc:wait_response/2`: `{response, Result}` or `no_response`. */
export function* waitResponse(self: Self, { res, id }: Request, limit: Value): Flow<Value> {
  const end = yield* nextEnd((one) => one === id, limitOf(self, limit));
  return end === null ? words.noResponse : tup(words.response, result(res, end));
}

/** A collection of requests with their labels: `#{ReqId => [Res | Label]}`. */
type Requests = ReadonlyMap<Ref, { readonly res: Ref; readonly label: Value }>;

function requestsOf(value: Value): Requests {
  const entries = entriesOf(value);
  if (entries === null) return badarg();
  const requests = new Map<Ref, { readonly res: Ref; readonly label: Value }>();
  for (const [id, held] of entries) {
    const [res, label] = uncons(asValue(held)) ?? [];
    if (!(id instanceof Ref) || !(res instanceof Ref)) return badarg();
    requests.set(id, { res, label });
  }
  return requests;
}
function entriesOf(value: Value): readonly (readonly [unknown, unknown])[] | null {
  if (value instanceof Map) return [...value.entries()];
  const isRecord = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return isRecord ? Object.entries(value) : null;
}
function requestsValue(requests: Requests): Value {
  return new Map([...requests].map(([id, { res, label }]) => [id, cons(res, label)]));
}

/** `{Response, Label, Collection}`; what is thrown instead of a response holds label and collection, too. */
function collected(requests: Requests, end: End, wraps: boolean, deletes: boolean): Value {
  const known = requests.get(end.id);
  if (known === undefined) return badarg();
  const left = requestsValue(deletes ? new Map([...requests].filter(([id]) => id !== end.id)) : requests);
  try {
    const value = result(known.res, end);
    return tup(wraps ? tup(words.response, value) : value, known.label, left);
  } catch (thrown) {
    const { kind, reason } = caught(thrown);
    const told = tup(reason, known.label, left);
    if (kind === 'exit') throw new ExitException(told);
    throw kind === 'throw' ? new ThrownValue(told) : new ErrorException(told);
  }
}

function* collectionResponse(
  self: Self,
  collection: Value,
  limit: Value,
  deletes: Value,
  mode: 'receive' | 'wait',
): Flow<Value> {
  if (typeof deletes !== 'boolean') return badarg();
  const entries = entriesOf(collection);
  if (entries === null) return badarg();
  const afterMs = limitOf(self, limit);
  if (entries.length === 0) return words.noRequest;
  const held = new Map(entries);
  const end = yield* nextEnd((id) => held.has(id), afterMs);
  if (end !== null) return collected(requestsOf(collection), end, mode === 'wait', deletes);
  if (mode === 'wait') return words.noResponse;
  for (const id of requestsOf(collection).keys()) {
    if (!abandon(self, id)) yield* nextEnd((one) => one === id, 0);
  }
  return erpcError(atoms.timeout);
}

/** `erpc:check_response/3` */
function checkCollection(message: Value, collection: Value, deletes: Value): Value {
  const entries = entriesOf(collection);
  if (typeof deletes !== 'boolean' || entries === null) return badarg();
  if (entries.length === 0) return words.noRequest;
  const end = endIn(message);
  if (end === null || !new Map(entries).has(end.id)) return words.noResponse;
  return collected(requestsOf(collection), end, true, deletes);
}

function addRequest(id: Value, label: Value, collection: Value): Value {
  const { res, id: ref } = requestOf(id);
  const entries = entriesOf(collection);
  if (entries === null || entries.some(([known]) => known === ref)) return badarg();
  return new Map([...entries.map(([key, value]) => [asValue(key), asValue(value)] as const), [ref, cons(res, label)]]);
}

// ----------------------------------------------------------------------------------------------------------- many nodes

/**
 * `erpc:multicall/5`: for each node, in order, `{ok, Result}` or the class and reason of what came instead. Without a time limit the
 * part of this node runs in this process, once.
 */
export function* erpcMulticall(
  self: Self,
  nodes: Value,
  module: Value,
  name: Value,
  args: Value,
  limit: Value,
): Flow<readonly Value[]> {
  if (!(module instanceof Atom) || !(name instanceof Atom) || !isList(nodes)) return badarg();
  if (!isList(args) && !(args instanceof ImproperList)) return badarg();
  const afterMs = limitOf(self, limit);
  const until = afterMs === null ? null : self.nowMs + afterMs;
  const tag = self.makeRef();
  const asked: (Ref | 'local')[] = [];
  let isBad = false;
  for (const node of nodes.map(asValue)) {
    if (!(node instanceof Atom)) {
      isBad = true;
      break;
    }
    const isHere = until === null && node.name === self.node && !asked.includes('local');
    if (isHere) asked.push('local');
    else {
      const options = { replies: 'error_only', replyTag: tag, monitorTag: tag } as const;
      asked.push(self.spawnRequest(node.name, 'erpc', 'execute_call', [tag, module, name, args], options));
    }
  }
  if (isBad) {
    for (const id of asked) if (id !== 'local' && !abandon(self, id)) yield* nextTagged(tag, 0);
    return badarg();
  }
  const here = asked.includes('local')
    ? yield* outcomeOf(() => localCall(self, { node: a(self.node), module, name, args }))
    : null;
  const outcomes = yield* outcomesOf(self, tag, asked, until);
  const late = tup(words.error, tup(words.erpc, atoms.timeout));
  return asked.map((id) => (id === 'local' ? here : (outcomes.get(id) ?? late)));
}

function* outcomesOf(
  self: Self,
  tag: Ref,
  asked: readonly (Ref | 'local')[],
  until: number | null,
): Flow<ReadonlyMap<Ref, Value>> {
  const outcomes = new Map<Ref, Value>();
  const open = new Set(asked.filter((id) => id !== 'local'));
  let isOver = false;
  while (open.size > 0) {
    const end = yield* nextTagged(tag, until === null ? null : isOver ? 0 : Math.max(0, until - self.nowMs));
    if (end !== null) {
      open.delete(end.id);
      outcomes.set(end.id, yield* outcomeOf(() => result(tag, end)));
    } else if (isOver) break;
    else {
      isOver = true;
      for (const id of [...open]) if (abandon(self, id)) open.delete(id);
    }
  }
  return outcomes;
}

/** The end of a request of a multicall: `{Tag, ReqId, error, Reason}` or `{Tag, ReqId, process, Pid, Reason}`. */
function* nextTagged(tag: Ref, afterMs: number | null): Flow<End | null> {
  const message = yield* receive({ afterMs, match: (one) => elementsOf(one)?.[0] === tag, at: 'erpc:multicall/5' });
  const [, id, what, third, fourth] = partsOf(message);
  if (!(id instanceof Ref)) return null;
  return what === words.error
    ? { is: 'spawn_reply', id, reason: asValue(third) }
    : { is: 'down', id, reason: asValue(fourth) };
}

function* outcomeOf(run: () => Value | Flow<Value>): Flow<Value> {
  try {
    const answer = run();
    return tup(atoms.ok, isFlowOf(answer) ? yield* answer : answer);
  } catch (thrown) {
    const { kind, reason } = caught(thrown);
    return tup(a(kind), reason);
  }
}
function isFlowOf(answer: Value | Flow<Value>): answer is Flow<Value> {
  return typeof answer === 'object' && answer !== null && 'next' in answer;
}

function multicast(self: Self, nodes: Value, module: Value, name: Value, args: Value): Value {
  if (!isList(nodes)) return badarg();
  const all = nodes.map((node) => calledOf(asValue(node), module, name, args));
  for (const called of all) erpcCast(self, called);
  return atoms.ok;
}

const infinity = atoms.infinity;
const apply2 = [words.erlang, a('apply')] as const;
function funArgs(fun: Value): Value {
  return fun instanceof LocalFun && fun.term.arity === 0 ? [fun, []] : badarg();
}
const checkOne: Code = (_self, message, id) => {
  const { res, id: ref } = requestOf(id);
  const end = endIn(message);
  return end === null || end.id !== ref ? words.noResponse : tup(words.response, result(res, end));
};

export const erpcModule: CodeModule = {
  name: 'erpc',
  functions: {
    'execute_call/4': (self, ref, module, name, args) =>
      executeCall(self, ref, calledOf(a(self.node), module, name, args)),
    'execute_cast/3': (self, module, name, args) => executeCast(self, calledOf(a(self.node), module, name, args)),
    'call/2': (self, node, fun) => erpcCall(self, calledFun(node, fun), infinity),
    'call/3': (self, node, fun, limit) => erpcCall(self, calledFun(node, fun), limit),
    'call/4': (self, node, module, name, args) => erpcCall(self, calledOf(node, module, name, args), infinity),
    'call/5': (self, node, module, name, args, limit) => erpcCall(self, calledOf(node, module, name, args), limit),
    'cast/2': (self, node, fun) => {
      erpcCast(self, calledFun(node, fun));
      return atoms.ok;
    },
    'cast/4': (self, node, module, name, args) => {
      erpcCast(self, calledOf(node, module, name, args));
      return atoms.ok;
    },
    'send_request/2': (self, node, fun) => sendRequest(self, calledFun(node, fun)),
    // Of four arguments it is a module, function and arguments, or a fun with label and collection.
    'send_request/4': (self, node, second, third, fourth) =>
      second instanceof LocalFun
        ? addRequest(sendRequest(self, calledFun(node, second)), third, fourth)
        : sendRequest(self, calledOf(node, second, third, fourth)),
    'send_request/6': (self, node, module, name, args, label, collection) => {
      if (entriesOf(collection) === null) return badarg();
      return addRequest(sendRequest(self, calledOf(node, module, name, args)), label, collection);
    },
    'receive_response/1': (self, id) => receiveResponse(self, requestOf(id), infinity),
    'receive_response/2': (self, id, limit) => receiveResponse(self, requestOf(id), limit),
    'receive_response/3': (self, ids, limit, deletes) => collectionResponse(self, ids, limit, deletes, 'receive'),
    'wait_response/1': (self, id) => waitResponse(self, requestOf(id), 0),
    'wait_response/2': (self, id, limit) => waitResponse(self, requestOf(id), limit),
    'wait_response/3': (self, ids, limit, deletes) => collectionResponse(self, ids, limit, deletes, 'wait'),
    'check_response/2': checkOne,
    'check_response/3': (_self, message, ids, deletes) => checkCollection(message, ids, deletes),
    'multicall/2': (self, nodes, fun) => erpcMulticall(self, nodes, ...apply2, funArgs(fun), infinity),
    'multicall/3': (self, nodes, fun, limit) => erpcMulticall(self, nodes, ...apply2, funArgs(fun), limit),
    'multicall/4': (self, nodes, module, name, args) => erpcMulticall(self, nodes, module, name, args, infinity),
    'multicall/5': (self, nodes, module, name, args, limit) => erpcMulticall(self, nodes, module, name, args, limit),
    'multicast/2': (self, nodes, fun) => multicast(self, nodes, ...apply2, funArgs(fun)),
    'multicast/4': multicast,
    'reqids_new/0': () => new Map(),
    'reqids_size/1': (_self, ids) => entriesOf(ids)?.length ?? badarg(),
    'reqids_add/3': (_self, id, label, ids) => addRequest(id, label, ids),
    'reqids_to_list/1': (_self, ids) => [...requestsOf(ids)].map(([id, { res, label }]) => tup(cons(res, id), label)),
  },
};
