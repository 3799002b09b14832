/** What a state function of gen_statem answers, and the actions in it, read from OTP's own terms. Follows `gen_statem` of OTP 25. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Tuple, tup } from '../../term/values.ts';
import { asValue, atoms, elementsOf, isList, tagged, partsOf } from '../kernel/values.ts';
import type { From } from './gen.ts';
import { fromOf } from './gen.ts';

/** `{EventType, EventContent}`: `{call, From}`, `cast`, `info`, `internal`, `timeout`, `state_timeout`, `{timeout, Name}`. */
export type StatemEvent = { readonly type: Value; readonly content: Value };

/** How a time-out is set: in so many milliseconds, at an instant, cancelled, or with another content. */
export type TimeoutAction = {
  readonly type: Value;
  readonly set: { readonly ms: number } | { readonly atMs: number } | 'cancel' | 'update';
  readonly content: Value;
};
export type Action =
  | { readonly is: 'reply'; readonly from: From; readonly reply: Value }
  | { readonly is: 'hibernate'; readonly on: boolean }
  | { readonly is: 'postpone'; readonly on: boolean }
  | { readonly is: 'next_event'; readonly event: StatemEvent }
  | { readonly is: 'timeout'; readonly timeout: TimeoutAction }
  | { readonly is: 'module'; readonly how: 'change' | 'push'; readonly module: string }
  | { readonly is: 'pop_module' };

/** What a state function wants. `keep`: the state stays; `repeat`: it is entered anew. */
export type StateResult =
  | { readonly is: 'keep' | 'repeat'; readonly data: Value; readonly actions: readonly Value[] }
  | { readonly is: 'next'; readonly state: Value; readonly data: Value; readonly actions: readonly Value[] }
  | { readonly is: 'stop'; readonly reason: Value; readonly data: Value; readonly replies: readonly Value[] }
  | { readonly is: 'bad' };

/** A list of actions, or one alone. */
export function listOf(value: Value): readonly Value[] {
  return isList(value) ? value.map(asValue) : [value];
}

/** Reads what a state function answered; `data` is what it was called with. */
export function stateResult(answer: Value, data: Value): StateResult {
  const size = answer instanceof Tuple ? answer.elements.length : 1;
  const [tag, ...rest] = (elementsOf(answer) ?? [answer]).map(asValue);
  const [first, second, third] = rest;
  const word = tag instanceof Atom ? `${tag.name}/${size}` : '';
  switch (word) {
    case 'next_state/3':
      return { is: 'next', state: first, data: second, actions: [] };
    case 'next_state/4':
      return { is: 'next', state: first, data: second, actions: listOf(third) };
    case 'keep_state/2':
      return { is: 'keep', data: first, actions: [] };
    case 'keep_state/3':
      return { is: 'keep', data: first, actions: listOf(second) };
    case 'keep_state_and_data/1':
      return { is: 'keep', data, actions: [] };
    case 'keep_state_and_data/2':
      return { is: 'keep', data, actions: listOf(first) };
    case 'repeat_state/2':
      return { is: 'repeat', data: first, actions: [] };
    case 'repeat_state/3':
      return { is: 'repeat', data: first, actions: listOf(second) };
    case 'repeat_state_and_data/1':
      return { is: 'repeat', data, actions: [] };
    case 'repeat_state_and_data/2':
      return { is: 'repeat', data, actions: listOf(first) };
    case 'stop/1':
      return { is: 'stop', reason: atoms.normal, data, replies: [] };
    case 'stop/2':
      return { is: 'stop', reason: first, data, replies: [] };
    case 'stop/3':
      return { is: 'stop', reason: first, data: second, replies: [] };
    case 'stop_and_reply/3':
      return { is: 'stop', reason: first, data, replies: listOf(second) };
    case 'stop_and_reply/4':
      return { is: 'stop', reason: first, data: third, replies: listOf(second) };
    default:
      return { is: 'bad' };
  }
}

/** Reads one action; null for what is none. */
export function actionOf(value: Value): Action | null {
  if (value === a('hibernate')) return { is: 'hibernate', on: true };
  if (value === a('postpone')) return { is: 'postpone', on: true };
  if (value === a('pop_callback_module')) return { is: 'pop_module' };
  if (!(value instanceof Tuple)) return timeoutAction(tup(atoms.timeout, value, value));
  const [tag, first, second] = partsOf(value);
  const size = value.elements.length;
  if (tag === a('reply') && size === 3) {
    const from = fromOf(first);
    return from === null ? null : { is: 'reply', from, reply: second };
  }
  if (tag === a('hibernate') && size === 2 && typeof first === 'boolean') return { is: 'hibernate', on: first };
  if (tag === a('postpone') && size === 2 && typeof first === 'boolean') return { is: 'postpone', on: first };
  if (tag === a('next_event') && size === 3) {
    return isEventType(first) ? { is: 'next_event', event: { type: first, content: second } } : null;
  }
  if (tag === a('change_callback_module') && first instanceof Atom) {
    return { is: 'module', how: 'change', module: first.name };
  }
  if (tag === a('push_callback_module') && first instanceof Atom) {
    return { is: 'module', how: 'push', module: first.name };
  }
  return timeoutAction(value);
}

/** Whether the action is one that an entered state must not ask for. */
export function isBarredOnEnter(action: Action): boolean {
  switch (action.is) {
    case 'postpone':
      return action.on;
    case 'next_event':
    case 'module':
    case 'pop_module':
      return true;
    case 'reply':
    case 'hibernate':
    case 'timeout':
      return false;
  }
}

function isTimeoutType(type: Value): boolean {
  return type === atoms.timeout || type === a('state_timeout') || tagged(type, atoms.timeout, 2) !== null;
}
function isEventType(type: Value): boolean {
  if (isTimeoutType(type) || type === a('cast') || type === a('info') || type === a('internal')) return true;
  const call = tagged(type, a('call'), 2);
  return call !== null && fromOf(call[1]) !== null;
}

/** `{Type, Time, Content}`, `{Type, Time, Content, Options}`, `{Type, cancel}`, `{Type, update, Content}`. */
function timeoutAction(value: Tuple<readonly unknown[]>): Action | null {
  const [type, time, content, options] = value.elements.map(asValue);
  const size = value.elements.length;
  if (!isTimeoutType(type) || size < 2 || size > 4) return null;
  const made = (set: TimeoutAction['set']): Action => ({ is: 'timeout', timeout: { type, set, content } });
  if (size === 2) return time === a('cancel') ? made('cancel') : null;
  if (size === 3 && time === a('update')) return made('update');
  const isAbsolute = size === 4 ? absolute(options) : false;
  if (isAbsolute === null) return null;
  if (time === atoms.infinity) return made('cancel');
  if (typeof time !== 'number' || !Number.isInteger(time)) return null;
  if (isAbsolute) return made({ atMs: time });
  return time >= 0 ? made({ ms: time }) : null;
}

/** The `{abs, boolean()}` of options; null for what are none. */
function absolute(options: Value): boolean | null {
  let abs = false;
  for (const option of listOf(options)) {
    const value = tagged(option, a('abs'), 2)?.[1];
    if (typeof value !== 'boolean') return null;
    abs = value;
  }
  return abs;
}
