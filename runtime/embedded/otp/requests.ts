/** Asynchronous calls: `gen_server:send_request` and its family, alone and in collections of request ids. Follows `gen` of OTP 25. */
import type { Value } from '../../term/values.ts';
import { a, ImproperList, Ref, Tuple, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, errorTuple } from '../kernel/values.ts';
import type { Located } from './gen.ts';
import { genAtoms, locate } from './gen.ts';
import type { Server } from './names.ts';

/** Request ids and what each is labelled with. */
export type RequestIds = ReadonlyMap<Ref, Value>;
/** Milliseconds, null for ever, or an instant of the node's monotonic clock. */
export type ResponseLimit = number | null | { readonly abs: number };

const replyTag = a('reply');
const mostMs = 0xffffffff;

/** `gen_server:send_request/2`: the request's id. That nobody is there is told as its response. */
export function* sendRequest(self: Self, server: Server, request: Value, label: Value = genAtoms.call): Flow<Ref> {
  let target: Located;
  try {
    target = yield* locate(self, server);
  } catch (thrown) {
    if (!(thrown instanceof ExitException)) throw thrown;
    return unanswered(self, server, thrown.reason);
  }
  if (target === null) return unanswered(self, server, atoms.noproc);
  const id = self.monitor(target, { alias: 'demonitor' });
  self.send(target, tup(label, tup(self.pid, new ImproperList([genAtoms.alias], id)), request));
  return id;
}

function unanswered(self: Self, server: Server, reason: Value): Ref {
  const id = self.makeRef();
  self.send(self.pid, tup(atoms.down, id, atoms.process, server, reason));
  return id;
}

/** `{reply, Reply}`, `{error, {Reason, Server}}`, and of which request. */
type Response = { readonly id: Ref; readonly value: Value };

/** The response that a message is; null when it is none to these requests. */
function responseOf(self: Self, message: Value, isMine: (id: Ref) => boolean): Response | null {
  const found = responseIn(message);
  if (found === null || !isMine(found.id)) return null;
  self.demonitor(found.id, { flush: true });
  return found;
}

function responseIn(message: Value): Response | null {
  if (!(message instanceof Tuple)) return null;
  const { elements }: { readonly elements: readonly unknown[] } = message;
  const [tag, second] = elements;
  if (
    elements.length === 2 &&
    tag instanceof ImproperList &&
    tag.tail instanceof Ref &&
    tag.items[0] === genAtoms.alias
  ) {
    return { id: tag.tail, value: tup(replyTag, asValue(second)) };
  }
  if (elements.length !== 5 || tag !== atoms.down || !(second instanceof Ref)) return null;
  return { id: second, value: errorTuple(tup(asValue(elements[4]), asValue(elements[3]))) };
}

function limitMs(self: Self, limit: ResponseLimit): number | null {
  const ms = limit !== null && typeof limit === 'object' ? Math.max(0, limit.abs - self.nowMs) : limit;
  if (ms !== null && (ms < 0 || ms > mostMs)) throw new ErrorException(atoms.badarg);
  return ms;
}

function* next(self: Self, isMine: (id: Ref) => boolean, limit: ResponseLimit): Flow<Response | null> {
  const message = yield* receive({
    match: (candidate) => {
      const response = responseIn(candidate);
      return response !== null && isMine(response.id);
    },
    afterMs: limitMs(self, limit),
    at: 'gen:receive_response/2',
  });
  return message === timedOut ? null : responseOf(self, message, isMine);
}

/** `gen_server:wait_response/2`: the response or `timeout`, after which the response can still be waited for. */
export function* waitResponse(self: Self, id: Ref, limit: ResponseLimit): Flow<Value> {
  return (yield* next(self, (one) => one === id, limit))?.value ?? atoms.timeout;
}

/** `gen_server:receive_response/2`: the response or `timeout`, after which the request is abandoned. */
export function* receiveResponse(self: Self, id: Ref, limit: ResponseLimit): Flow<Value> {
  const response = yield* next(self, (one) => one === id, limit);
  if (response !== null) return response.value;
  self.demonitor(id, { flush: true });
  return atoms.timeout;
}

/** `gen_server:check_response/2`: the response that the message is, or `no_reply`. */
export function checkResponse(self: Self, message: Value, id: Ref): Value {
  return responseOf(self, message, (one) => one === id)?.value ?? a('no_reply');
}

// -------------------------------------------------------------------------------------------------------- collections

/** `gen_server:reqids_add/3`; `badarg` when the id is in it already. */
export function addRequest(ids: RequestIds, id: Ref, label: Value): RequestIds {
  if (ids.has(id)) throw new ErrorException(atoms.badarg);
  return new Map([...ids, [id, label]]);
}

/** `{Response, Label, Ids}`; with `remove` the ids are without the one answered. */
function labelled(response: Response, ids: RequestIds, remove: boolean): Value {
  const left = remove ? new Map([...ids].filter(([id]) => id !== response.id)) : ids;
  return tup(response.value, ids.get(response.id), left);
}

/** `gen_server:wait_response/3`: `{Response, Label, Ids}`, `no_request` or `timeout`. */
export function* waitResponses(self: Self, ids: RequestIds, limit: ResponseLimit, remove: boolean): Flow<Value> {
  limitMs(self, limit);
  if (ids.size === 0) return a('no_request');
  const response = yield* next(self, (id) => ids.has(id), limit);
  return response === null ? atoms.timeout : labelled(response, ids, remove);
}

/** `gen_server:receive_response/3`: as {@link waitResponses}; at a time-out all requests are abandoned. */
export function* receiveResponses(self: Self, ids: RequestIds, limit: ResponseLimit, remove: boolean): Flow<Value> {
  const outcome = yield* waitResponses(self, ids, limit, remove);
  if (outcome === atoms.timeout) for (const id of ids.keys()) self.demonitor(id, { flush: true });
  return outcome;
}

/** `gen_server:check_response/3`: `{Response, Label, Ids}`, `no_request` or `no_reply`. */
export function checkResponses(self: Self, message: Value, ids: RequestIds, remove: boolean): Value {
  if (ids.size === 0) return a('no_request');
  const response = responseOf(self, message, (id) => ids.has(id));
  return response === null ? a('no_reply') : labelled(response, ids, remove);
}
