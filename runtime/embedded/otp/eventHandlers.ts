/**
 * The handlers of a gen_event manager: adding, calling, swapping and ending them. Each function answers the handlers as they are
 * afterwards. A handler that fails, or answers what is none of OTP's answers, is taken out and reported. Follows `gen_event` of OTP 25.
 */
import type { Pid, Value } from '../../term/values.ts';
import { a, Atom, Tuple, tup } from '../../term/values.ts';
import { reasonOf, ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, errorTuple, isList, sameValue, tagged, partsOf } from '../kernel/values.ts';
import { statusFormatOf } from './callbackModule.ts';
import { formatStatus } from './formatStatus.ts';
import { reportUnhandled } from './genServerReport.ts';
import { logReport } from './logger.ts';

/** `#handler{}` */
export type EventHandler = {
  readonly module: string;
  /** False for a handler that is its module's only one. */
  readonly id: Value;
  readonly state: Value;
  /** Who is told when it ends. */
  readonly supervisedBy: Pid | null;
};
export type Handlers = readonly EventHandler[];
/** `hibernate`: whether a handler asked for it. */
export type Changed = { readonly handlers: Handlers; readonly hibernate: boolean; readonly reply: Value };

const hibernateWord = a('hibernate');
const swapWord = a('swap_handler');

/** What `catch` makes of a call: the answer, what was thrown, or `{'EXIT', Reason}`. */
function* catching(run: Flow<Value>): Flow<Value> {
  try {
    return yield* run;
  } catch (thrown) {
    return thrown instanceof ThrownValue ? thrown.value : tup(atoms.exit, reasonOf(thrown));
  }
}

/** `Module` or `{Module, Id}` */
export function handlerName({ module, id }: EventHandler): Value {
  return id === false ? a(module) : tup(a(module), id);
}
function parts(name: Value): { readonly module: string; readonly id: Value } | null {
  if (name instanceof Atom) return { module: name.name, id: false };
  const [module, id] = partsOf(name);
  return module instanceof Atom ? { module: module.name, id: asValue(id) } : null;
}
function find(handlers: Handlers, name: Value): EventHandler | undefined {
  const wanted = parts(name);
  return wanted === null
    ? undefined
    : handlers.find(({ module, id }) => module === wanted.module && sameValue(id, wanted.id));
}
function replace(handlers: Handlers, old: EventHandler, by: EventHandler | null): Handlers {
  return handlers.flatMap((one) => (one !== old ? [one] : by === null ? [] : [by]));
}

/** `gen_event:add_handler/3`, `add_sup_handler/3`: the new one is asked first from then on. */
export function* addHandler(
  self: Self,
  handlers: Handlers,
  name: Value,
  argument: Value,
  supervisedBy: Pid | null,
): Flow<Changed> {
  if (supervisedBy !== null) self.link(supervisedBy);
  const wanted = parts(name);
  if (wanted === null) return { handlers, hibernate: false, reply: tup(atoms.exit, tup(atoms.badarg, [])) };
  const answer = yield* catching(self.apply(wanted.module, 'init', [argument]));
  const started = startedState(answer);
  if (started === null) return { handlers, hibernate: false, reply: answer };
  const added: EventHandler = { ...wanted, state: started.state, supervisedBy };
  return { handlers: [added, ...handlers], hibernate: started.hibernate, reply: atoms.ok };
}

/** The state of `{ok, State}` or `{ok, State, hibernate}`. */
function startedState(answer: Value): { readonly state: Value; readonly hibernate: boolean } | null {
  const two = tagged(answer, atoms.ok, 2);
  if (two !== null) return { state: asValue(two[1]), hibernate: false };
  const three = tagged(answer, atoms.ok, 3);
  return three !== null && three[2] === hibernateWord ? { state: asValue(three[1]), hibernate: true } : null;
}

/** `gen_event:delete_handler/3`: what its terminate answered. */
export function* deleteHandler(
  self: Self,
  handlers: Handlers,
  name: Value,
  argument: Value,
  manager: Value,
): Flow<Changed> {
  const handler = find(handlers, name);
  if (handler === undefined) return { handlers, hibernate: false, reply: errorTuple(a('module_not_found')) };
  const reply = yield* end(self, handler, argument, { lastMessage: a('delete'), manager, reason: atoms.normal });
  return { handlers: replace(handlers, handler, null), hibernate: false, reply };
}

/** `gen_event:swap_handler/3`, `swap_sup_handler/3`: the new one's init gets what the old one's terminate answered, or `error`. */
export function* swapHandler(
  self: Self,
  handlers: Handlers,
  swap: { readonly from: Value; readonly argument: Value; readonly to: Value; readonly toArgument: Value },
  supervisedBy: Pid | null,
  manager: Value,
): Flow<Changed> {
  const old = find(handlers, swap.from);
  let left: Value = atoms.error;
  let supervisor = supervisedBy;
  if (old !== undefined) {
    supervisor ??= old.supervisedBy;
    const reason = tup(a('swapped'), swap.to, supervisor ?? false);
    left = yield* end(self, old, swap.argument, { lastMessage: a('swapped'), manager, reason });
  }
  const rest = old === undefined ? handlers : replace(handlers, old, null);
  const added = yield* addHandler(self, rest, swap.to, tup(swap.toArgument, left), supervisor);
  return added.reply === atoms.ok ? added : { ...added, reply: errorTuple(added.reply) };
}

/** An event or any other message, to all handlers in turn. */
export function* notify(
  self: Self,
  handlers: Handlers,
  callback: 'handle_event' | 'handle_info',
  event: Value,
  manager: Value,
): Flow<Changed> {
  const kept: EventHandler[] = [];
  let hibernate = false;
  for (const handler of handlers) {
    const answer = yield* catching(self.apply(handler.module, callback, [event, handler.state]));
    const updated = startedState(answer);
    if (updated !== null) {
      kept.push({ ...handler, state: updated.state });
      hibernate ||= updated.hibernate;
      continue;
    }
    if (callback === 'handle_info' && isMissing(answer, handler.module)) {
      reportUnhandled(self, 'gen_event', handler.module, event);
      kept.push(handler);
      continue;
    }
    const next = yield* other(self, handler, answer, event, manager);
    if (next !== null) kept.push(next);
  }
  return { handlers: kept, hibernate, reply: atoms.ok };
}

/** `{'EXIT', {undef, [{Module, handle_info, [_, _], _} | _]}}` */
function isMissing(answer: Value, module: string): boolean {
  const undef = tagged(tagged(answer, atoms.exit, 2)?.[1], atoms.undef, 2);
  const stack = undef?.[1];
  const [of, name, args] = partsOf(isList(stack) ? stack[0] : null);
  return of === a(module) && name === a('handle_info') && isList(args) && args.length === 2;
}

/** What an answer asks for that is no new state: a swap, the end, or it is a failure. */
function* other(
  self: Self,
  handler: EventHandler,
  answer: Value,
  event: Value,
  manager: Value,
): Flow<EventHandler | null> {
  const swap = tagged(answer, swapWord, 5);
  if (swap !== null) return yield* swapItself(self, handler, swap.slice(1).map(asValue), manager);
  if (answer === a('remove_handler')) {
    yield* end(self, handler, answer, { lastMessage: a('remove'), manager, reason: atoms.normal });
    return null;
  }
  yield* end(self, handler, errorTuple(answer), { lastMessage: event, manager, reason: answer });
  return null;
}

/** `{swap_handler, Args1, State1, Handler2, Args2}` */
function* swapItself(
  self: Self,
  handler: EventHandler,
  [argument, state, to, toArgument]: readonly Value[],
  manager: Value,
): Flow<EventHandler | null> {
  const reason = tup(a('swapped'), to, handler.supervisedBy ?? false);
  const old = { ...handler, state };
  const left = yield* end(self, old, argument, { lastMessage: a('swapped'), manager, reason });
  const wanted = parts(to);
  if (wanted === null) return null;
  const next = { ...wanted, state: undefined, supervisedBy: handler.supervisedBy };
  const answer = yield* catching(self.apply(wanted.module, 'init', [tup(toArgument, left)]));
  const started = tagged(answer, atoms.ok, 2);
  if (started !== null) return { ...next, state: asValue(started[1]) };
  // As OTP 25 reports it, whose arguments are one too few: `crash`, with the failure for a state.
  const failed = { ...next, state: errorTuple(answer) };
  yield* report(self, failed, { lastMessage: manager, manager: false, reason: a('crash') });
  return null;
}

/** `gen_event:call/3` */
export function* callHandler(self: Self, handlers: Handlers, name: Value, query: Value, manager: Value): Flow<Changed> {
  const handler = find(handlers, name);
  if (handler === undefined) return { handlers, hibernate: false, reply: errorTuple(a('bad_module')) };
  const answer = yield* catching(self.apply(handler.module, 'handle_call', [query, handler.state]));
  const elements = partsOf(answer);
  const [tag, reply, state] = elements;
  const size = answer instanceof Tuple ? elements.length : 0;
  if (tag === atoms.ok && (size === 3 || (size === 4 && elements[3] === hibernateWord))) {
    return { handlers: replace(handlers, handler, { ...handler, state }), hibernate: size === 4, reply };
  }
  if (tag === swapWord && size === 6) {
    const next = yield* swapItself(self, handler, elements.slice(2), manager);
    return { handlers: replace(handlers, handler, next), hibernate: false, reply };
  }
  const left = replace(handlers, handler, null);
  if (tag === a('remove_handler') && size === 2) {
    yield* end(self, handler, tag, { lastMessage: a('remove'), manager, reason: atoms.normal });
    return { handlers: left, hibernate: false, reply };
  }
  yield* end(self, handler, errorTuple(answer), { lastMessage: query, manager, reason: answer });
  return { handlers: left, hibernate: false, reply: errorTuple(answer) };
}

/** The handlers that a process supervised end when it does. */
export function* endSupervised(
  self: Self,
  handlers: Handlers,
  by: Value,
  reason: Value,
  manager: Value,
): Flow<Handlers> {
  const kept: EventHandler[] = [];
  for (const handler of handlers) {
    if (handler.supervisedBy !== by) kept.push(handler);
    else {
      const lastMessage = tup(a('parent_terminated'), tup(by, reason));
      yield* end(self, handler, tup(a('stop'), reason), { lastMessage, manager, reason: atoms.shutdown });
    }
  }
  return kept;
}

/** All end with the manager. */
export function* endAll(self: Self, handlers: Handlers, manager: Value): Flow<void> {
  const why = { lastMessage: a('stop'), manager, reason: atoms.shutdown };
  for (const handler of handlers) yield* end(self, handler, a('stop'), why);
}

type Why = { readonly lastMessage: Value; readonly manager: Value; readonly reason: Value };

/** Calls the handler's terminate, reports the end where it is a failure, and tells who supervised it. */
function* end(self: Self, handler: EventHandler, argument: Value, why: Why): Flow<Value> {
  let answer: Value = atoms.ok;
  if (self.exports(handler.module, 'terminate', 2)) {
    answer = yield* catching(self.apply(handler.module, 'terminate', [argument, handler.state]));
  }
  yield* report(self, handler, why);
  return answer;
}

function* report(self: Self, handler: EventHandler, { lastMessage, manager, reason }: Why): Flow<void> {
  const isFailure = reason !== atoms.normal && reason !== atoms.shutdown && tagged(reason, a('swapped'), 3) === null;
  if (isFailure) yield* reportFailure(self, handler, lastMessage, manager, reason);
  if (handler.supervisedBy !== null) {
    self.send(handler.supervisedBy, tup(a('gen_event_EXIT'), handlerName(handler), reason));
  }
}

function* reportFailure(
  self: Self,
  handler: EventHandler,
  lastMessage: Value,
  manager: Value,
  reason: Value,
): Flow<void> {
  const exit = tagged(reason, atoms.exit, 2);
  const inner = exit === null ? null : elementsOf(exit[1]);
  const hasStack = inner?.length === 2;
  const bare = exit === null ? reason : hasStack ? asValue(inner[0]) : asValue(exit[1]);
  const status = yield* formatStatus(self, statusFormatOf(self, handler.module), 'terminate', {
    state: handler.state,
    message: lastMessage,
    reason: bare,
  });
  const told = hasStack ? tup(status['reason'], asValue(inner[1])) : status['reason'];
  logReport(self, {
    level: 'error',
    kind: 'gen_event_handler_terminating',
    module: 'gen_event',
    report: {
      label: tup(a('gen_event'), a('terminate')),
      handler: handlerName(handler),
      name: manager,
      last_message: status['message'],
      state: Object.hasOwn(status, '$status') ? status['$status'] : status['state'],
      reason: exit === null ? told : tup(atoms.exit, told),
    },
  });
}
