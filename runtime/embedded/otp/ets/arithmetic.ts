/** Erlang's numbers on JavaScript's values: integers of any size, floats, and the errors of what is no number. */
import type { Value } from '../../../term/values.ts';
import { Float } from '../../../term/values.ts';
import { badarg } from './terms.ts';

type Integer = number | bigint;

/** An integer; null for any other value. A number without a fraction is one, a {@link Float} is not. */
export function integerOf(value: Value): Integer | null {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}
/** The value of a float; null for any other value. */
export function floatOf(value: Value): number | null {
  if (value instanceof Float) return value.value;
  return typeof value === 'number' && !Number.isSafeInteger(value) ? value : null;
}

/** The value that an integer has: a plain number where it is a safe one. */
export function integerValue(integer: bigint): Value {
  const plain = Number(integer);
  return Number.isSafeInteger(plain) ? plain : integer;
}
function floatValue(float: number): Value {
  if (!Number.isFinite(float)) throw badarg();
  return Number.isInteger(float) ? new Float(float) : float;
}
function anyFloat(value: Value): number {
  const integer = integerOf(value);
  const float = integer === null ? floatOf(value) : Number(integer);
  if (float === null || !Number.isFinite(float)) throw badarg();
  return float;
}
function anyInteger(value: Value): bigint {
  const integer = integerOf(value);
  if (integer === null) throw badarg();
  return BigInt(integer);
}

function sum(
  one: Value,
  other: Value,
  ofIntegers: (a: bigint, b: bigint) => bigint,
  ofFloats: (a: number, b: number) => number,
): Value {
  const [left, right] = [integerOf(one), integerOf(other)];
  if (left !== null && right !== null) return integerValue(ofIntegers(BigInt(left), BigInt(right)));
  return floatValue(ofFloats(anyFloat(one), anyFloat(other)));
}

export function add(one: Value, other: Value): Value {
  return sum(
    one,
    other,
    (a, b) => a + b,
    (a, b) => a + b,
  );
}
export function subtract(one: Value, other: Value): Value {
  return sum(
    one,
    other,
    (a, b) => a - b,
    (a, b) => a - b,
  );
}
export function multiply(one: Value, other: Value): Value {
  return sum(
    one,
    other,
    (a, b) => a * b,
    (a, b) => a * b,
  );
}
/** `/`: always a float. */
export function divide(one: Value, other: Value): Value {
  const [left, right] = [anyFloat(one), anyFloat(other)];
  if (right === 0) throw badarg();
  return floatValue(left / right);
}
/** `div` and `rem`: towards zero. */
export function quotient(one: Value, other: Value): Value {
  const [left, right] = [anyInteger(one), anyInteger(other)];
  if (right === 0n) throw badarg();
  return integerValue(left / right);
}
export function remainder(one: Value, other: Value): Value {
  const [left, right] = [anyInteger(one), anyInteger(other)];
  if (right === 0n) throw badarg();
  return integerValue(left % right);
}
export function negate(value: Value): Value {
  return integerOf(value) === null ? floatValue(-anyFloat(value)) : integerValue(-anyInteger(value));
}
export function absolute(value: Value): Value {
  if (integerOf(value) === null) return floatValue(Math.abs(anyFloat(value)));
  const integer = anyInteger(value);
  return integerValue(integer < 0n ? -integer : integer);
}
/** The integer that `round` (away from zero at a half) or `trunc` makes of a number. */
export function rounded(value: Value, how: 'round' | 'trunc'): Value {
  if (integerOf(value) !== null) return value;
  const float = anyFloat(value);
  const whole = Math.trunc(float);
  const nearest = Math.abs(float - whole) >= 0.5 ? whole + Math.sign(float) : whole;
  return integerValue(BigInt(how === 'trunc' ? whole : nearest));
}
export function toFloat(value: Value): Value {
  return floatValue(anyFloat(value));
}
export function bits(one: Value, other: Value, how: (a: bigint, b: bigint) => bigint): Value {
  return integerValue(how(anyInteger(one), anyInteger(other)));
}
/** More bits than this make no integer on a BEAM either (`system_limit`). */
const mostBits = 67_108_864n;
/** `bsl`; by a negative number `bsr`. */
export function shiftLeft(one: Value, by: Value): Value {
  const [value, places] = [anyInteger(one), anyInteger(by)];
  if (places > mostBits && value !== 0n) throw badarg();
  if (places < -mostBits) return value < 0n ? -1 : 0;
  return integerValue(places >= 0n ? value << places : value >> -places);
}
