/** Calls as the editor knows them: those of this window in full, others as the history has them. No editor in it. */
import type { ArsenalError, ConnectionId, Json } from '../../runtime/model.ts';
import { backgroundPrefix } from '../../server/protocol/operation.ts';
import { parseProcessId, pidText } from '../../runtime/model.ts';
import type { FormValues } from '../form/form.ts';
import { isJson, isRecord } from '../decode.ts';

/** What was called, with what. */
export type CallSpec = {
  readonly operation: string;
  readonly connection: ConnectionId | null;
  readonly params: FormValues;
};

/** A call that is over, or goes on somewhere. */
export type KnownCall = CallSpec & {
  readonly requestId: string;
  /** False: what is secret or long was cut from `params`, so that it cannot be run again as it was. */
  readonly isWhole: boolean;
  readonly outcome: 'running' | 'ok' | 'failed' | 'interrupted';
  readonly error: Pick<ArsenalError, 'code' | 'message' | 'remedy'> | null;
  readonly startedAt: number;
  readonly durationMs: number | null;
  /** `ada · cli`; empty for this window's. */
  readonly by: string;
  readonly undo: Undo;
};

/** Whether it can be taken back: `unknown` of calls that another window or process made, or an earlier one. */
export type Undo = 'yes' | 'partly' | 'no' | 'undone' | 'unknown';

/** Not a call that failed: the question whether it may be done, which is then asked. */
export const consentCode = 'connection.confirm_writes';

/** A row of operation_history; null for what is none, what is the editor's own, what only planned, and what only asked for consent. */
export function callOfRow(row: unknown): KnownCall | null {
  if (!isRecord(row)) return null;
  const { requestId, operation, connection, outcome, startedAt, durationMs, principal, via, mode, code } = row;
  const { params = {} } = row;
  const known = outcomes.find((each) => each === outcome);
  if (typeof requestId !== 'string' || requestId.startsWith(backgroundPrefix) || mode !== 'run') return null;
  if (code === consentCode) return null;
  if (typeof operation !== 'string' || typeof startedAt !== 'number' || known === undefined) return null;
  const isObject = isParams(params);
  return {
    requestId,
    operation,
    connection: typeof connection === 'string' ? connection : null,
    params: isObject ? params : {},
    isWhole: isObject && isWhole(params),
    outcome: known,
    error: typeof code === 'string' ? { code, message: '', remedy: '' } : null,
    startedAt,
    durationMs: typeof durationMs === 'number' ? durationMs : null,
    by: [principal, via].filter((part) => typeof part === 'string').join(' · '),
    undo: 'unknown',
  };
}

const outcomes = ['running', 'ok', 'failed', 'interrupted'] as const;

function isParams(value: unknown): value is FormValues {
  return isRecord(value) && isJson(value);
}

/** Whether nothing was cut from parameters that were kept: what is cut says so in its place. */
export function isWhole(value: Json): boolean {
  if (typeof value === 'string') return value !== '[redacted]' && !/… \(\d+ (characters|in all)\)$/.test(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isWhole);
  if (isRecord(value) && value['omitted'] === true && typeof value['characters'] === 'number') return false;
  return Object.entries(value).every(([name, part]) => name !== '…' && isWhole(part));
}

/** The parts of kept parameters that can be used again. */
export function wholeParams(params: FormValues): FormValues {
  return Object.fromEntries(Object.entries(params).filter(([name, value]) => name !== '…' && isWhole(value)));
}

/** Whom a call is about, in a word: the process, supervisor, name or node that its parameters name; empty where none does. */
export function subjectOf({ params }: CallSpec): string {
  const named = subjects.map((name) => params[name]).find((value) => typeof value === 'string' && isWhole(value));
  if (typeof named !== 'string') return '';
  const process = parseProcessId(named);
  return process === null ? named : `${pidText(process)} ${process.node}`;
}

const subjects = ['pid', 'supervisor', 'name', 'sandbox', 'trace', 'module', 'node'] as const;

/** As a line for a POSIX shell. */
export function asCommand({ operation, params }: CallSpec): string {
  const given = Object.keys(params).length === 0 ? '' : ` --params ${quoted(JSON.stringify(params))}`;
  return `arsenal run ${operation}${given}`;
}

/** As a request to `arsenal serve`, which prints its address and key when it starts. */
export function asCurl({ operation, params }: CallSpec): string {
  const body = JSON.stringify({ data: { type: 'execution', attributes: { params } } });
  return [
    'curl -sS -H "Authorization: Bearer $ARSENAL_KEY" -H "content-type: application/vnd.api+json"',
    `  -d ${quoted(body)}`,
    `  "$ARSENAL_URL/api/v1/operations/${operation}/execute"`,
  ].join(' \\\n');
}

/** As an item of `execute_batch`. */
export function asBatchItem({ operation, params }: CallSpec): string {
  return JSON.stringify({ operation, params });
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
