/** What a state file holds: a record a line, as JSON. What is no record of ours, a torn last line for one, is passed over. */
import { callerWays } from '../../core/context.ts';
import type { CallerWay } from '../../core/context.ts';
import type { ArsenalError, Json } from '../../../runtime/model.ts';
import { errorClasses } from '../../../runtime/model.ts';
import type { JsonObject } from '../../core/calls.ts';
import { isJsonObject } from '../../core/plainData.ts';
import type { Writer } from '../audit/writer.ts';
import { writerIn } from '../audit/writer.ts';
import type { CellData } from './buckets.ts';
import { readCells } from './buckets.ts';
import type { CallKind } from './kinds.ts';
import { toMicrosecond } from '../../core/duration.ts';

/** A call, as it is kept: no secrets, and nothing large. */
export type CallBegun = {
  readonly requestId: string;
  /** Of the batch it was an item of. */
  readonly parent: string | null;
  /** `unknown` when there is no such operation. */
  readonly operation: string;
  readonly category: string;
  readonly connection: string | null;
  readonly principal: string;
  readonly via: CallerWay;
  readonly mode: 'run' | 'dry_run';
  /** Milliseconds since 1970 by this machine's clock. */
  readonly startedAt: number;
  readonly correlationId: string | null;
  readonly params: Json;
  /** Nobody asked for it. */
  readonly background?: true;
  /** Its process ended before it did. */
  readonly interrupted?: true;
};
export type CallEnded = CallBegun & {
  readonly durationMs: number;
  /** Of the process, while nothing else ran in it; null when something did. */
  readonly cpuMs: number | null;
  /** null when it succeeded. */
  readonly error: ArsenalError | null;
  /** null where it is not kept. */
  readonly result: Json;
};

export type StateRecord =
  /**
   * The one with which a file begins to count. The files it names are contained in it, and count no more: their figures in `cells`, which
   * hold `calls` too, and those that stand before it. So there is either all of it or nothing.
   */
  | {
      readonly is: 'open';
      readonly writer: Writer;
      readonly replaces: readonly string[];
      readonly cells: readonly CellData[];
      readonly calls: readonly (CallBegun | CallEnded)[];
    }
  | { readonly is: 'begun'; readonly call: CallBegun }
  | { readonly is: 'ended'; readonly call: CallEnded }
  /** Of a call whose end stands before it. */
  | { readonly is: 'result'; readonly requestId: string; readonly result: Json };

/** A call that is over, as its lines are made of it: what is data of others' is JSON text already. */
export type EndedCall = Pick<CallEnded, 'requestId' | 'parent' | 'mode' | 'startedAt' | 'correlationId'> &
  Pick<CallEnded, 'durationMs' | 'cpuMs' | 'error'> & {
    readonly kind: CallKind;
    readonly paramsJson: string;
    /** null where it is not kept. */
    readonly resultJson: string | null;
  };

/** The line of a call's end: the record `ended`, without what is null. Durations are written to the microsecond. */
export function endedLine(call: EndedCall, resultJson: string | null): string {
  const { requestId, parent, kind, mode, startedAt, correlationId, paramsJson, durationMs, cpuMs, error } = call;
  const took = toMicrosecond(durationMs);
  const rest =
    (parent === null ? '' : `,"parent":${JSON.stringify(parent)}`) +
    (correlationId === null ? '' : `,"correlationId":${JSON.stringify(correlationId)}`) +
    (cpuMs === null ? '' : `,"cpuMs":${cpuMs}`) +
    (resultJson === null ? '' : `,"result":${resultJson}`) +
    (error === null ? '' : `,"error":${JSON.stringify(error)}`);
  const id = JSON.stringify(requestId);
  return `${kind.lines[mode]}${id},"startedAt":${startedAt},"params":${paramsJson},"durationMs":${took}${rest}}}\n`;
}

/** The line of a result that is not in that of its call: the record `result`. */
export function resultLine(requestId: string, resultJson: string): string {
  return `{"is":"result","requestId":${JSON.stringify(requestId)},"result":${resultJson}}\n`;
}

export function lineOf(record: StateRecord): string {
  return `${JSON.stringify(record)}\n`;
}

const lineEnd = 0x0a;

/** The records of a part of a file that begins at a line, and how many bytes of it were whole lines. Never throws. */
export function readRecords(bytes: Uint8Array): {
  readonly records: readonly StateRecord[];
  readonly wholeBytes: number;
} {
  const wholeBytes = bytes.lastIndexOf(lineEnd) + 1;
  const lines = new TextDecoder().decode(bytes.subarray(0, wholeBytes)).split('\n');
  const records = lines.flatMap((line) => {
    const record = line === '' ? null : readLine(line);
    return record === null ? [] : [record];
  });
  return { records, wholeBytes };
}

function readLine(line: string): StateRecord | null {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? readRecord(value) : null;
  } catch {
    return null;
  }
}

/** JSON.parse makes nothing but JSON. */
function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readRecord(value: JsonObject): StateRecord | null {
  const { is, writer = null, replaces = null, call = null, cells = null, calls = null } = value;
  switch (is) {
    case 'open': {
      const by = isJsonObject(writer) ? writerIn(writer) : null;
      const names = Array.isArray(replaces) ? replaces.filter((name) => typeof name === 'string') : [];
      return by === null ? null : { is, writer: by, replaces: names, cells: readCells(cells), calls: readCalls(calls) };
    }
    case 'begun': {
      const begun = isJsonObject(call) ? readBegun(call) : null;
      return begun === null ? null : { is, call: begun };
    }
    case 'ended': {
      const ended = isJsonObject(call) ? readEnded(call) : null;
      return ended === null ? null : { is, call: ended };
    }
    case 'result': {
      const requestId = textOrNull(value['requestId']);
      return requestId === null ? null : { is, requestId, result: value['result'] ?? null };
    }
    default:
      return null;
  }
}

function readCalls(calls: Json): readonly (CallBegun | CallEnded)[] {
  if (!Array.isArray(calls)) return [];
  return calls.flatMap((call: Json) => {
    const read = isJsonObject(call) ? (readEnded(call) ?? readBegun(call)) : null;
    return read === null ? [] : [read];
  });
}

/** Whether a call is over. */
export function isEnded(call: CallBegun | CallEnded): call is CallEnded {
  return 'durationMs' in call;
}

function readBegun(call: JsonObject): CallBegun | null {
  const { requestId, parent, operation, category, connection, principal, mode, startedAt, correlationId, params } =
    call;
  const via = callerWays.find((way) => way === call['via']);
  if (typeof requestId !== 'string' || typeof operation !== 'string' || typeof category !== 'string') return null;
  if (typeof principal !== 'string' || via === undefined || typeof startedAt !== 'number') return null;
  if (mode !== 'run' && mode !== 'dry_run') return null;
  return {
    requestId,
    parent: textOrNull(parent),
    operation,
    category,
    connection: textOrNull(connection),
    principal,
    via,
    mode,
    startedAt,
    correlationId: textOrNull(correlationId),
    params: params ?? null,
    ...(call['background'] === true && { background: true }),
    ...(call['interrupted'] === true && { interrupted: true }),
  };
}

function readEnded(call: JsonObject): CallEnded | null {
  const begun = readBegun(call);
  const { durationMs, cpuMs, error = null, result = null } = call;
  if (begun === null || typeof durationMs !== 'number') return null;
  return { ...begun, durationMs, cpuMs: typeof cpuMs === 'number' ? cpuMs : null, error: readError(error), result };
}

const effects = ['none', 'applied', 'partial', 'unknown'] as const;

function readError(error: Json): CallEnded['error'] {
  if (!isJsonObject(error)) return null;
  const { code, message, remedy } = error;
  return {
    code: textOrNull(code) ?? '',
    class: errorClasses.find((known) => known === error['class']) ?? 'system',
    message: textOrNull(message) ?? '',
    remedy: textOrNull(remedy) ?? '',
    effect: effects.find((known) => known === error['effect']) ?? 'unknown',
  };
}

function textOrNull(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
