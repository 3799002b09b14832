/**
 * The text of an audit log: one JSON record a line, each with the hash of the one before and, last in the line, its own hash over the
 * line's text up to there. Changing, removing or swapping a line breaks every hash after it; the heads of other logs in each opening
 * record make a shortened log show.
 */
import { createHash } from 'node:crypto';
import type { Json } from '../../../runtime/model.ts';

export type Head = { readonly seq: number; readonly hash: string };
export type ChainRecord = {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly prev: string;
  readonly hash: string;
  readonly data: { readonly [key: string]: Json };
};
export type ChainText = {
  readonly records: readonly ChainRecord[];
  /** Bytes of whole, sound records. */
  readonly soundBytes: number;
  /** Bytes after the last line end: a write that was cut off. */
  readonly tornBytes: number;
  /** The first line that is not what it was when it was written; null when there is none. */
  readonly damage: { readonly line: number; readonly what: string } | null;
};

/** What the first record of a log names as the one before it. */
export const noHead: Head = { seq: -1, hash: '0'.repeat(64) };

/** The line of the record after `head`, with its line end, and the head it makes. */
export function chainLine(
  head: Head,
  record: { readonly at: number; readonly kind: string; readonly data: { readonly [key: string]: Json } },
): { readonly line: string; readonly head: Head } {
  const seq = head.seq + 1;
  const { at, kind, data } = record;
  const body = JSON.stringify({ seq, at, kind, data, prev: head.hash });
  const hash = createHash('sha256').update(body).digest('hex');
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}\n`, head: { seq, hash } };
}

const hashAtEnd = /,"hash":"([0-9a-f]{64})"\}$/;
const lineEnd = 0x0a;

/** Reads a log, from `after` on when the part before has been read. Never throws, whatever the bytes. */
export function readChain(bytes: Uint8Array, after: Head = noHead): ChainText {
  const records: ChainRecord[] = [];
  let head = after;
  let soundBytes = 0;
  for (let end = bytes.indexOf(lineEnd); end !== -1; end = bytes.indexOf(lineEnd, soundBytes)) {
    const record = readLine(bytes.subarray(soundBytes, end), head);
    if (typeof record === 'string') {
      return { records, soundBytes, tornBytes: 0, damage: { line: head.seq + 2, what: record } };
    }
    records.push(record);
    head = record;
    soundBytes = end + 1;
  }
  return { records, soundBytes, tornBytes: bytes.length - soundBytes, damage: null };
}

/** The record, or what is wrong with it. */
function readLine(bytes: Uint8Array, head: Head): ChainRecord | string {
  const line = decode(bytes);
  if (line === null) return 'is not UTF-8';
  const hash = hashAtEnd.exec(line)?.[1];
  if (hash === undefined) return 'has no hash';
  const body = line.replace(hashAtEnd, '}');
  if (createHash('sha256').update(body).digest('hex') !== hash) return 'has been changed';
  const { seq, at, kind, data, prev } = parse(body);
  if (prev !== head.hash || seq !== head.seq + 1) return 'does not follow the line before';
  if (typeof at !== 'number' || typeof kind !== 'string' || !isObject(data)) return 'is no record';
  return { seq, at, kind, prev, hash, data };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function parse(body: string): { readonly [key: string]: unknown } {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
