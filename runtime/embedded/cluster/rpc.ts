/**
 * kernel's `rpc`: calls to other nodes whose failures are values, `{badrpc, Reason}`. Follows rpc of OTP 25: most of it is erpc with
 * other answers; `block_call`, `sbcast` and the server calls go through the server `rex`.
 */
import type { Ref, Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import { ErrorException, ExitException, ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, errorTuple, isList, tagged, partsOf } from '../kernel/values.ts';
import { caught } from '../otp/crashReport.ts';
import type { Server } from '../otp/gen.ts';
import { call } from '../otp/gen.ts';
import type { CallStep, ServerModule } from '../otp/genServer.ts';
import { noreply, reply, startServer } from '../otp/genServer.ts';
import { functionClause } from '../otp/genServerModule.ts';
import type { Called } from './erpc.ts';
import {
  erpcCall,
  erpcCast,
  erpcMulticall,
  receiveResponse,
  requestOf,
  sendRequest,
  stackOf,
  waitResponse,
} from './erpc.ts';

const words = {
  rex: a('rex'),
  badrpc: a('badrpc'),
  blockCall: a('block_call'),
  sbcast: a('sbcast'),
  send: a('send'),
  nodedown: a('nodedown'),
  exception: a('exception'),
  signal: a('signal'),
  erpc: a('erpc'),
  nonexistingName: a('nonexisting_name'),
} as const;

function badrpc(reason: Value): Value {
  return tup(words.badrpc, reason);
}
function exitTuple(reason: Value): Value {
  return tup(atoms.exit, reason);
}
function badarg(): never {
  throw new ErrorException(atoms.badarg);
}

/** What a call answered: an `{'EXIT', _}` is a failure, whatever it came from. */
function answered(value: Value): Value {
  return tagged(value, atoms.exit, 2) === null ? value : badrpc(value);
}

/** What `rpc` answers for what `erpc` threw; some of it goes on to be thrown. */
function rpcified(thrown: unknown): Value {
  const { kind, reason } = caught(thrown);
  if (kind === 'throw') return answered(reason);
  const [tag, second, third] = partsOf(reason);
  if (kind === 'exit') {
    if (tag === words.exception || tag === words.signal) return badrpc(exitTuple(second));
    throw thrown;
  }
  if (tag === words.exception) return badrpc(exitTuple(tup(second, third)));
  if (tag !== words.erpc) throw thrown;
  if (second === atoms.badarg) return badarg();
  if (second === atoms.noconnection) return badrpc(words.nodedown);
  if (second === atoms.timeout || second === a('notsup')) return badrpc(second);
  return badrpc(exitTuple(second));
}

function* rpcCatch(run: Flow<Value>, wrap: (value: Value) => Value = answered): Flow<Value> {
  try {
    return wrap(yield* run);
  } catch (thrown) {
    return rpcified(thrown);
  }
}

function calledOf(node: Value, module: Value, name: Value, args: Value): Called {
  if (!(node instanceof Atom) || !(module instanceof Atom) || !(name instanceof Atom) || !isList(args)) return badarg();
  return { node, module, name, args };
}

function atomOf(value: Value): Atom {
  return value instanceof Atom ? value : functionClause();
}
function listOf(value: Value): Value {
  return isList(value) ? value : functionClause();
}

/** `rpc:call/5` */
export function rpcCall(self: Self, called: Called, limit: Value = atoms.infinity): Flow<Value> {
  return rpcCatch(erpcCall(self, called, limit));
}

/** `rpc:multicall/5`: `{Results, BadNodes}`, without the place of those that did not answer. */
function* multicall(self: Self, nodes: Value, module: Value, name: Value, args: Value, limit: Value): Flow<Value> {
  if (!isList(nodes)) return badarg();
  let outcomes: readonly Value[];
  try {
    outcomes = yield* erpcMulticall(self, nodes, module, name, args, limit);
  } catch (thrown) {
    return rpcified(thrown);
  }
  const results: Value[] = [];
  const bad: Value[] = [];
  outcomes.forEach((outcome, at) => {
    const [what, value] = partsOf(outcome);
    const why = tagged(value, words.erpc, 2)?.[1];
    if (what === atoms.ok) results.push(answered(value));
    else if (what === atoms.error && (why === atoms.timeout || why === atoms.noconnection))
      bad.push(asValue(nodes[at]));
    else results.push(rpcified(thrownOf(what, value)));
  });
  return tup(results, bad);
}

function thrownOf(kind: Value, reason: Value): unknown {
  if (kind === atoms.error) return new ErrorException(reason);
  return kind === a('throw') ? new ThrownValue(reason) : new ExitException(reason);
}

// ---------------------------------------------------------------------------------------------------------- server rex

/** Calls a function in the server itself, one at a time. */
function* executed(self: Self, module: Value, name: Value, args: Value): Flow<Value> {
  const called = calledOf(a(self.node), module, name, args);
  if (!isList(called.args)) return badarg();
  try {
    return yield* self.apply(called.module.name, called.name.name, called.args.map(asValue));
  } catch (thrown) {
    const { kind, reason, stacktrace } = caught(thrown);
    if (kind === 'throw') return reason;
    return badrpc(exitTuple(kind === 'exit' ? reason : tup(reason, stackOf(stacktrace, called))));
  }
}

const rex: ServerModule<null> = {
  module: 'rpc',
  init: (self) => {
    self.trapExit(true);
    return { is: 'ok', state: null };
  },
  *handleCall(self, request, _from, state): Flow<CallStep<null>> {
    if (request === a('stop')) return { is: 'stop_reply', reason: atoms.normal, reply: a('stopped'), state };
    const blocked = tagged(request, words.blockCall, 5)?.map(asValue);
    if (blocked === undefined) return noreply(state);
    const [, module, name, args, leader] = blocked;
    const own = self.groupLeader;
    if (leader instanceof Pid) self.setGroupLeader(leader);
    const answer = yield* executed(self, module, name, args);
    self.setGroupLeader(own);
    return reply(answer, state);
  },
  handleInfo(self, message, state) {
    const [from, request] = partsOf(message);
    if (!(from instanceof Pid)) return noreply(state);
    const isCast = tagged(request, words.sbcast, 3);
    const [, name, what] = isCast ?? tagged(request, words.send, 3) ?? [];
    const isThere = name instanceof Atom && self.whereis(name) !== null;
    if (isThere) self.send(name, isCast === null ? tup(from, asValue(what)) : asValue(what));
    const nobody = tup(words.nonexistingName, asValue(name));
    if (isCast !== null || !isThere) self.send(from, tup(words.rex, a(self.node), isThere ? a(self.node) : nobody));
    return noreply(state);
  },
  show: (state) => state,
};

/** `rpc:block_call/5` */
function* blockCall(self: Self, { node, module, name, args }: Called, limit: Value): Flow<Value> {
  const timeoutMs =
    limit === atoms.infinity ? null : typeof limit === 'number' && limit >= 0 ? limit : functionClause();
  const server: Server = tup(words.rex, node);
  const request = tup(words.blockCall, module, name, args, self.groupLeader);
  try {
    return answered(
      yield* timeoutMs === null ? call(self, server, request, null) : calledAside(self, server, request, timeoutMs),
    );
  } catch (thrown) {
    const { kind, reason } = caught(thrown);
    if (kind !== 'exit') throw thrown;
    const [why] = partsOf(reason);
    if (tagged(why, words.nodedown, 2) !== null) return badrpc(words.nodedown);
    return badrpc(why === atoms.timeout ? atoms.timeout : exitTuple(reason));
  }
}

/** A call by a process of its own, so that an answer that is too late goes nowhere. */
function* calledAside(self: Self, server: Server, request: Value, timeoutMs: number): Flow<Value> {
  const tag = self.makeRef();
  const body = {
    is: 'flow',
    *run(own: Self): Flow<void> {
      own.trapExit(true);
      own.exit(tup(own.pid, tag, yield* call(own, server, request, timeoutMs)));
    },
  } as const;
  const aside = self.spawnBody(body, { module: 'rpc', function: 'do_srv_call', arity: 3 });
  const watch = self.monitor(aside);
  const down = yield* receive({ marker: watch, match: (one) => tagged(one, atoms.down, 5)?.[1] === watch });
  const reason = asValue(elementsOf(down)?.[4]);
  const [pid, mine, value] = partsOf(reason);
  if (pid === aside && mine === tag) return asValue(value);
  throw new ExitException(reason);
}

type Watched = { readonly node: Atom; readonly watch: Ref };

/** Sends `{self(), Message}` to the name on each node, watching it; the last one asked stands first, as OTP has it. */
function sendToAll(self: Self, nodes: Value, name: Atom, message: Value): readonly Watched[] {
  if (!isList(nodes)) return functionClause();
  const watched: Watched[] = [];
  for (const node of nodes) {
    if (!(node instanceof Atom)) continue;
    watched.unshift({ node, watch: self.monitor(tup(name, node)) });
    self.send(tup(name, node), tup(self.pid, message));
  }
  return watched;
}

function* answersOf(self: Self, name: Atom, watched: readonly Watched[]): Flow<readonly [Value[], Value[]]> {
  const replies: Value[] = [];
  const bad: Value[] = [];
  for (const { node, watch } of watched) {
    const message = yield* receive({
      match: (one) => tagged(one, atoms.down, 5)?.[1] === watch || isAnswer(one, name, node),
    });
    const answer = partsOf(message);
    if (answer.length === 5) bad.unshift(node);
    else {
      self.demonitor(watch, { flush: true });
      const isNobody = answer[0] === words.rex && tagged(answer[2], words.nonexistingName, 2) !== null;
      if (isNobody) bad.unshift(node);
      else replies.unshift(asValue(answer[2]));
    }
  }
  return [replies, bad];
}

function isAnswer(message: Value, name: Atom, node: Atom): boolean {
  const [tag, from, value, ...more] = partsOf(message);
  if (more.length > 0 || from !== node) return false;
  return tag === name || (tag === words.rex && tagged(value, words.nonexistingName, 2) !== null);
}

function* sbcast(self: Self, nodes: Value, name: Value, message: Value): Flow<Value> {
  const watched = sendToAll(self, nodes, words.rex, tup(words.sbcast, name, message));
  return tup(...(yield* answersOf(self, words.rex, watched)));
}

function* multiServerCall(self: Self, nodes: Value, name: Value, message: Value): Flow<Value> {
  if (!(name instanceof Atom)) return functionClause();
  return tup(...(yield* answersOf(self, name, sendToAll(self, nodes, name, message))));
}

function* serverCall(self: Self, node: Value, name: Value, wrapper: Value, message: Value): Flow<Value> {
  if (!(node instanceof Atom) || !(name instanceof Atom)) return functionClause();
  const watch = self.monitor(tup(name, node));
  self.send(tup(name, node), tup(self.pid, message));
  const answer = yield* receive({
    match: (one) => {
      const [tag, from, , ...more] = partsOf(one);
      return (tag === atoms.down && from === watch) || (more.length === 0 && tag === wrapper && from === node);
    },
  });
  const elements = partsOf(answer);
  if (elements.length === 5) return errorTuple(words.nodedown);
  self.demonitor(watch, { flush: true });
  return asValue(elements[2]);
}

// ----------------------------------------------------------------------------------------------------------- functions

function everywhere(self: Self): Value {
  return [a(self.node), ...self.nodes().map(a)];
}
function abcast(self: Self, nodes: Value, name: Value, message: Value): Value {
  if (!isList(nodes)) return functionClause();
  for (const node of nodes) {
    // A name that is none reaches nobody.
    if (!(node instanceof Atom) || !(name instanceof Atom)) continue;
    // To nobody on this node it is no error either.
    if (node.name !== self.node || self.whereis(name) !== null) self.send(tup(name, node), message);
  }
  return a('abcast');
}
function evalEverywhere(self: Self, nodes: Value, module: Value, name: Value, args: Value): Value {
  if (!isList(nodes)) return functionClause();
  for (const node of nodes) erpcCast(self, calledOf(asValue(node), module, name, args));
  return a('abcast');
}

function* parallelEval(self: Self, calls: Value): Flow<Value[]> {
  if (!isList(calls)) return functionClause();
  const nodes = [a(self.node), ...self.nodes().map(a)];
  const keys = calls.map((one, at) => {
    const [module, name, args, ...more] = partsOf(one);
    if (args === undefined || more.length > 0) return functionClause();
    return sendRequest(self, calledOf(nodes[at % nodes.length], module, name, args));
  });
  const values: Value[] = [];
  for (const key of keys) values.push(yield* rpcCatch(receiveResponse(self, requestOf(key), atoms.infinity)));
  return values;
}

function* pmap(self: Self, what: Value, extra: Value, list: Value): Flow<Value> {
  const [module, name] = partsOf(what);
  if (!isList(list)) return functionClause();
  if (elementsOf(what)?.length !== 2) return functionClause();
  // What cannot be called fails as a call does.
  if (!isList(extra)) return self.exit(words.badrpc);
  const calls = list.map((one) => tup(module, name, [asValue(one), ...extra.map(asValue)]));
  const values = yield* parallelEval(self, calls);
  return values.some((value) => tagged(value, words.badrpc, 2) !== null) ? self.exit(words.badrpc) : values;
}

/** What a key is for is only found out as it is waited for. */
function* receivedBy(self: Self, key: Value): Flow<Value> {
  return yield* receiveResponse(self, requestOf(key), atoms.infinity);
}

const inValue = (value: Value): Value => {
  const response = tagged(value, a('response'), 2);
  return response === null ? atoms.timeout : tup(a('value'), answered(asValue(response[1])));
};
function* nbYield(self: Self, key: Value, limit: Value): Flow<Value> {
  try {
    return inValue(yield* waitResponse(self, requestOf(key), limit));
  } catch (thrown) {
    return tup(a('value'), rpcified(thrown));
  }
}

export const rpcModule: CodeModule = {
  name: 'rpc',
  behaviours: ['gen_server'],
  functions: {
    'start_link/0': (self) => startServer(self, rex, null, { name: words.rex }),
    'stop/0': (self) => call(self, words.rex, a('stop'), null),
    'call/4': (self, node, module, name, args) => rpcCall(self, calledOf(node, module, name, args)),
    'call/5': (self, node, module, name, args, limit) => rpcCall(self, calledOf(node, module, name, args), limit),
    'block_call/4': (self, node, module, name, args) =>
      blockCall(
        self,
        { node: atomOf(node), module: atomOf(module), name: atomOf(name), args: listOf(args) },
        atoms.infinity,
      ),
    'block_call/5': (self, node, module, name, args, limit) =>
      blockCall(self, { node: atomOf(node), module: atomOf(module), name: atomOf(name), args: listOf(args) }, limit),
    'cast/4': (self, node, module, name, args) => {
      erpcCast(self, calledOf(node, module, name, args));
      return true;
    },
    'multicall/3': (self, module, name, args) => multicall(self, everywhere(self), module, name, args, atoms.infinity),
    // Of four arguments the first is a list of nodes, or the last a time limit.
    'multicall/4': (self, first, second, third, fourth) =>
      isList(first)
        ? multicall(self, first, second, third, fourth, atoms.infinity)
        : multicall(self, everywhere(self), first, second, third, fourth),
    'multicall/5': multicall,
    'async_call/4': (self, node, module, name, args) => sendRequest(self, calledOf(node, module, name, args)),
    'yield/1': function* (self, key): Flow<Value> {
      return yield* rpcCatch(receivedBy(self, key));
    },
    'nb_yield/1': (self, key) => nbYield(self, key, 0),
    'nb_yield/2': nbYield,
    'abcast/2': (self, name, message) => abcast(self, everywhere(self), name, message),
    'abcast/3': abcast,
    'sbcast/2': (self, name, message) => sbcast(self, everywhere(self), name, message),
    'sbcast/3': sbcast,
    'eval_everywhere/3': (self, module, name, args) => evalEverywhere(self, everywhere(self), module, name, args),
    'eval_everywhere/4': evalEverywhere,
    'multi_server_call/2': (self, name, message) => multiServerCall(self, everywhere(self), name, message),
    'multi_server_call/3': multiServerCall,
    'server_call/4': serverCall,
    'parallel_eval/1': parallelEval,
    'pmap/3': pmap,
  },
};
