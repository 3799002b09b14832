/** `format_status/1` and `format_status/2`: what a callback module shows of its state, in a status and in the report of its end. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { settle } from '../kernel/flow.ts';
import { ThrownValue } from '../kernel/exceptions.ts';
import type { Self } from '../kernel/self.ts';
import { chars, printed } from './text.ts';

/** `state`, `message`, `reason`, `log` and so on; `$status` and `EXIT` as `gen:format_status/4` adds them. */
export type StatusMap = { readonly [key: string]: Value };
export type StatusFormat = {
  readonly module: string;
  /** `format_status/1`, of OTP 25 */
  readonly one?: (self: Self, status: StatusMap) => Value | StatusMap | Flow<Value | StatusMap>;
  /** `format_status/2`, of before: `normal` or `terminate`, and `[Dictionary, State]`. */
  readonly two?: (self: Self, option: Atom, args: readonly Value[]) => Value | Flow<Value>;
};

/** `gen:format_status/4`; `shown` is what format_status/2 gets besides the dictionary: the state, for gen_statem also the data. */
export function* formatStatus(
  self: Self,
  format: StatusFormat,
  option: 'normal' | 'terminate',
  status: StatusMap,
  shown: readonly Value[] = [status['state']],
): Flow<StatusMap> {
  const failed = (what: string): StatusMap => ({ ...status, EXIT: chars(`${format.module}:${what}`) });
  if (format.one !== undefined) {
    let answer: Value | StatusMap;
    try {
      answer = yield* settle(format.one(self, status));
    } catch {
      return failed('format_status/1 crashed');
    }
    if (!isMap(answer)) return failed('format_status/1 did not return a map');
    if (Object.keys(answer).some((key) => !Object.hasOwn(status, key))) {
      return failed('format_status/1 returned a map with unknown keys');
    }
    return { ...status, ...answer };
  }
  if (format.two === undefined) return status;
  try {
    return { ...status, $status: yield* settle(format.two(self, a(option), [dictionaryOf(self), ...shown])) };
  } catch (thrown) {
    if (thrown instanceof ThrownValue) return { ...status, $status: thrown.value };
    return failed('format_status/2 crashed');
  }
}

function isMap(value: Value | StatusMap): value is StatusMap {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** `get/0` */
export function dictionaryOf(self: Self): Value {
  return [...(self.inspect(self.pid)?.dictionary ?? [])].map(([key, value]) => tup(key, value));
}

/** `gen:format_status_header/2` */
export function statusHeader(what: string, name: Value): Value {
  if (name instanceof Pid) return chars(`${what} ${printed(name)}`);
  return name instanceof Atom ? chars(`${what} ${name.name}`) : tup(chars(what), name);
}

/** Of a formatted status, what stands for the state: the failure, what format_status/2 answered, or the state. */
export function shownState(status: StatusMap): Value {
  if (Object.hasOwn(status, 'EXIT')) return status['EXIT'];
  return Object.hasOwn(status, '$status') ? status['$status'] : status['state'];
}
