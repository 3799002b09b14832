/** What a sandbox's owner and its process say to each other over IPC (JSON). */
import type { Isolation, Json } from '../../model.ts';

export type ToChild =
  | { readonly m: 'load'; readonly from: 'module' | 'text'; readonly value: string }
  | { readonly m: 'call'; readonly id: number; readonly function: string; readonly args: readonly Json[] }
  | { readonly m: 'ping'; readonly n: number };
export type FromChild =
  | { readonly m: 'ready'; readonly isolation: Isolation; readonly memoryBytes: number }
  | { readonly m: 'loaded'; readonly functions: readonly string[] }
  | { readonly m: 'failed'; readonly why: string }
  | { readonly m: 'value'; readonly id: number; readonly value: Json; readonly output: string }
  | {
      readonly m: 'threw';
      readonly id: number;
      readonly why: 'no_function' | 'exception' | 'not_json';
      readonly text: string;
      readonly output: string;
    }
  | { readonly m: 'pong'; readonly n: number; readonly memoryBytes: number };

/** What the guard is told: processes that have to end when its owner does. */
export type ToGuard = { readonly m: 'watch' | 'forget'; readonly pid: number };

/** Bytes of captured output that are kept of one call. */
export const mostOutput = 64 * 1024;

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null;
}

const fields: { readonly [M in FromChild['m']]: { readonly [field: string]: 'string' | 'number' | 'object' | 'any' } } =
  {
    ready: { isolation: 'object', memoryBytes: 'number' },
    loaded: { functions: 'object' },
    failed: { why: 'string' },
    value: { id: 'number', value: 'any', output: 'string' },
    threw: { id: 'number', why: 'string', text: 'string', output: 'string' },
    pong: { n: 'number', memoryBytes: 'number' },
  };

/** Checks a message of a child, which runs code we know nothing of; null for anything else. */
export function readFromChild(message: unknown): FromChild | null {
  return isFromChild(message) ? message : null;
}

function isFromChild(message: unknown): message is FromChild {
  if (!isRecord(message)) return false;
  const { m } = message;
  if (typeof m !== 'string' || !isKind(m)) return false;
  return Object.entries(fields[m]).every(
    ([field, type]) => type === 'any' || (typeof message[field] === type && message[field] !== null),
  );
}

function isKind(m: string): m is FromChild['m'] {
  return Object.hasOwn(fields, m);
}

/** Checks a message of the owner. */
export function isToChild(message: unknown): message is ToChild {
  if (!isRecord(message)) return false;
  if (message['m'] === 'ping') return typeof message['n'] === 'number';
  if (message['m'] === 'load') return typeof message['value'] === 'string';
  return message['m'] === 'call' && typeof message['function'] === 'string' && Array.isArray(message['args']);
}

export function isToGuard(message: unknown): message is ToGuard {
  return (
    isRecord(message) && (message['m'] === 'watch' || message['m'] === 'forget') && typeof message['pid'] === 'number'
  );
}
