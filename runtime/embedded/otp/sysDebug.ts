/**
 * The debug options of a process that obeys `sys`: trace, log, statistics and installed functions, in OTP's own shape (`[dbg_opt()]`),
 * since special processes pass them on as values. Follows stdlib's `sys` of OTP 25.
 */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { applyFun } from '../kernel/localFun.ts';
import { ThrownValue } from '../kernel/exceptions.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, errorTuple, itemsOf, okTuple, partsOf, sameValue } from '../kernel/values.ts';
import { putChars } from './text.ts';

export type DebugOptions = readonly Value[];
/** What `io:format` would print of an event: the process' name (or whatever it gave) and the event. */
export type PrintEvent = (name: Value, event: Value) => string;

const words = {
  trace: a('trace'),
  log: a('log'),
  logToFile: a('log_to_file'),
  statistics: a('statistics'),
  install: a('install'),
  remove: a('remove'),
  noDebug: a('no_debug'),
  get: a('get'),
  print: a('print'),
  in: a('in'),
  out: a('out'),
  done: a('done'),
} as const;
const defaultLogLength = 10;

/** `{Events oldest first, of {Event, Name, Text}}` with the most there may be. */
type Log = { readonly most: number; readonly items: readonly Value[] };

/**
 * `sys:handle_debug/4`: passes an event through all options, and answers them as they are afterwards. A function that answers
 * `done`, or fails, is taken out.
 */
export function* handleDebug(
  self: Self,
  options: DebugOptions,
  print: PrintEvent,
  name: Value,
  event: Value,
): Flow<DebugOptions> {
  const kept: Value[] = [];
  for (const option of options) {
    const [key, value] = partsOf(option);
    switch (key) {
      case words.trace:
        putChars(self, print(name, event));
        kept.push(option);
        break;
      case words.log:
        kept.push(tup(words.log, logValue(withItem(logOf(value), tup(event, name, print(name, event))))));
        break;
      case words.statistics:
        kept.push(tup(words.statistics, counted(value, event)));
        break;
      default: {
        const next = yield* installed(self, option, name, event);
        if (next !== null) kept.push(next);
      }
    }
  }
  return kept;
}

/** Calls `{Func, State}` or `{Id, {Func, State}}`; null when it is to be taken out. */
function* installed(self: Self, option: Value, name: Value, event: Value): Flow<Value> {
  const [first, second] = partsOf(option);
  const named = elementsOf(second);
  const isNamed = named?.length === 2 && isFunLike(named[0]);
  const [called, state] = isNamed ? named : [first, second];
  let next: Value;
  try {
    next = yield* applyFun(self, asValue(called), [asValue(state), event, name]);
  } catch (thrown) {
    if (!(thrown instanceof ThrownValue)) return null;
    next = thrown.value;
  }
  if (next === words.done) return null;
  return isNamed ? tup(asValue(first), tup(asValue(called), next)) : tup(asValue(called), next);
}

function isFunLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'body' in value;
}

/** What `{debug, What}` does to the options, and what is answered. */
export function debugCommand(
  self: Self,
  what: Value,
  options: DebugOptions,
): { readonly reply: Value; readonly options: DebugOptions } {
  if (what === words.noDebug) return { reply: atoms.ok, options: [] };
  const [command, argument]: readonly unknown[] = partsOf(what);
  const value = asValue(argument);
  const done = (changed: DebugOptions): ReturnType<typeof debugCommand> => ({ reply: atoms.ok, options: changed });
  switch (command) {
    case words.trace:
      if (typeof value !== 'boolean') break;
      return done(value ? install(options, words.trace, true) : without(options, words.trace));
    case words.log:
      return logCommand(self, value, options);
    case words.logToFile:
      // The simulated nodes have no files: as OTP answers when the file cannot be opened.
      return value === false ? done(options) : { reply: errorTuple(a('open_file')), options };
    case words.statistics:
      if (value === true) return done(install(options, words.statistics, newStatistics(self)));
      if (value === false) return done(without(options, words.statistics));
      if (value === words.get) return { reply: okTuple(statistics(self, options)), options };
      break;
    case words.install: {
      const elements = partsOf(value);
      const [id, called, state] = elements.map(asValue);
      if (elements.length === 2) return done(install(options, id, called));
      if (elements.length === 3) return done(install(options, id, tup(called, state)));
      break;
    }
    case words.remove:
      return done(without(options, value));
  }
  return { reply: a('unknown_debug'), options };
}

function logCommand(self: Self, value: Value, options: DebugOptions): ReturnType<typeof debugCommand> {
  const held = logOf(find(options, words.log));
  const [enabled, most] = elementsOf(value) ?? [value, defaultLogLength];
  if (enabled === true && typeof most === 'number' && most >= 1) {
    return { reply: atoms.ok, options: install(options, words.log, logValue({ most, items: held.items })) };
  }
  switch (value) {
    case false:
      return { reply: atoms.ok, options: without(options, words.log) };
    case words.get:
      return { reply: okTuple(getLog(options)), options };
    case words.print:
      for (const item of held.items) putChars(self, String(elementsOf(item)?.[2]));
      return { reply: atoms.ok, options };
    default:
      return { reply: a('unknown_debug'), options };
  }
}

/** `sys:get_log/1`: the logged events, oldest first. */
export function getLog(options: DebugOptions): readonly Value[] {
  return logOf(find(options, words.log)).items.map((item) => asValue(elementsOf(item)?.[0]));
}

/** `sys:debug_options/1`: what a `{debug, Options}` of a start asks for; what is none is left out. */
export function debugOptions(self: Self, asked: readonly Value[]): DebugOptions {
  let options: DebugOptions = [];
  for (const option of asked) {
    const [word, value] = elementsOf(option) ?? [option];
    if (word === words.trace) options = install(options, words.trace, true);
    else if (word === words.statistics) options = install(options, words.statistics, newStatistics(self));
    else if (word === words.log) {
      const most = typeof value === 'number' && value > 0 ? value : defaultLogLength;
      options = install(options, words.log, logValue({ most, items: [] }));
    } else if (word === words.install) options = debugCommand(self, option, options).options;
  }
  return options;
}

function logOf(value: unknown): Log {
  const [most, items] = partsOf(value);
  return { most: typeof most === 'number' ? most : defaultLogLength, items: itemsOf(items) };
}
function logValue({ most, items }: Log): Value {
  return tup(most, items.slice(-most));
}
function withItem(log: Log, item: Value): Log {
  return { most: log.most, items: [...log.items, item] };
}

// --------------------------------------------------------------------------------------------------------- statistics

/** `{StartMs, Reductions, In, Out}` */
function newStatistics(self: Self): Value {
  return tup(self.nowMs, reductionsOf(self), 0, 0);
}

function counted(value: unknown, event: Value): Value {
  const [start, reductions, received, sent] = partsOf(value).map(Number);
  const [what, ...more] = partsOf(event);
  const isIn = what === words.in && (more.length === 1 || more.length === 2);
  const isOut = what === words.out && (more.length === 2 || more.length === 3);
  return tup(start, reductions, (received ?? 0) + (isIn ? 1 : 0), (sent ?? 0) + (isOut ? 1 : 0));
}

function statistics(self: Self, options: DebugOptions): Value {
  const held = elementsOf(find(options, words.statistics));
  if (held === null) return a('no_statistics');
  const [start, reductions, received, sent] = held.map(Number);
  return [
    tup(a('start_time'), dateTime(start ?? 0)),
    tup(a('current_time'), dateTime(self.nowMs)),
    tup(a('reductions'), reductionsOf(self) - (reductions ?? 0)),
    tup(a('messages_in'), received ?? 0),
    tup(a('messages_out'), sent ?? 0),
  ];
}

function reductionsOf(self: Self): number {
  return self.inspect(self.pid)?.reductions ?? 0;
}

/** `{{Year, Month, Day}, {Hour, Minute, Second}}` of the cluster's clock, whose zero is the beginning of 1970. */
export function dateTime(ms: number): Value {
  const seconds = Math.floor(ms / 1000);
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - days * 86_400;
  // Days to a date of the Gregorian calendar, by eras of 400 years that begin in March.
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return tup(tup(year, month, day), tup(Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60));
}

// ------------------------------------------------------------------------------------------------------------ the list

function find(options: DebugOptions, key: Value): Value {
  const found = options.find((option) => elementsOf(option)?.[0] === key);
  return found === undefined ? undefined : asValue(elementsOf(found)?.[1]);
}
/** What is there already stays as it is. */
function install(options: DebugOptions, key: Value, value: Value): DebugOptions {
  return options.some((option) => sameValue(elementsOf(option)?.[0], key)) ? options : [tup(key, value), ...options];
}
function without(options: DebugOptions, key: Value): DebugOptions {
  return options.filter((option) => !sameValue(elementsOf(option)?.[0], key));
}
