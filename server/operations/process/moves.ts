/** Moving processes to other nodes, one or many, and back. */
import { Type } from 'typebox';
import { callOptions } from '../../../runtime/callOptions.ts';
import { failure } from '../../../runtime/errors.ts';
import type { ArsenalError, HoldingOwner, Migrated, NodeName, ProcessRef, Result } from '../../../runtime/model.ts';
import { fail, ok, parseProcessId, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import type { ProbedEffect } from '../../core/operation.ts';
import { mapLimited } from '../limited.ts';
import { errorResult, nullable } from '../parameters.ts';
import { cell } from '../processRows.ts';
import { probeEnded } from './probeEnded.ts';

export const moveNeeds = ['processes.migrate', 'holdings.release'] as const;
type MoveContext = Context<(typeof moveNeeds)[number]>;

/** How every one of them is moved. */
export type MoveHow = { readonly maxBytes: number; readonly forwardMs: number; readonly owner: HoldingOwner };
export type Move = {
  readonly process: ProcessRef;
  readonly to: NodeName;
  /** The supervisor there that is to have it; null: the one that is called as its own is here. */
  readonly supervisor: ProcessRef | null;
  /** The supervisor it is taken from; null where the way back is found by name, too. */
  readonly home: ProcessRef | null;
};

export const moveHowParams = {
  maxBytes: Type.Integer({ minimum: 64, maximum: 67_108_864, default: 8_388_608, description: 'Largest state.' }),
  forwardMs: Type.Integer({
    minimum: 0,
    maximum: 3_600_000,
    default: 30_000,
    description: 'How long the old process forwards what is still sent to it.',
  }),
};

export const moveOutcomes = ['moved', 'failed', 'undone', 'not_undone', 'not_run'] as const;
export type MoveOutcome = (typeof moveOutcomes)[number];

export const movedResult = Type.Object({
  pid: Type.String({ description: 'The id of the process as it was.' }),
  from: Type.String(),
  to: Type.String(),
  became: Type.Enum([...moveOutcomes], {
    description:
      'undone: it is where it was, as a new process with its state; not_undone: it stays moved, for it could not be taken back.',
  }),
  after: nullable(Type.String({ description: 'The id of the process that has its state now.' })),
  stateBytes: nullable(Type.Integer()),
  pauseMs: nullable(Type.Number({ description: 'How long it handled nothing.' })),
  error: nullable(errorResult),
});
export type MovedRow = {
  readonly pid: string;
  readonly from: NodeName;
  readonly to: NodeName;
  readonly became: MoveOutcome;
  readonly after: string | null;
  readonly stateBytes: number | null;
  readonly pauseMs: number | null;
  readonly error: ArsenalError | null;
};

/** Moves one process. */
export function moveOne(
  context: Context<'processes.migrate'>,
  { process, to, supervisor }: Move,
  { maxBytes, forwardMs, owner }: MoveHow,
): Promise<Result<Migrated>> {
  return context.port.processes.migrate(
    {
      pid: process,
      node: to,
      ...(supervisor !== null && { supervisor }),
      maxBytes,
      forwardMs,
      owner,
      lingerMs: forwardMs,
    },
    context.options(),
  );
}

/**
 * Moves a process back to where it was. What forwards to it is ended first: its place in its supervisor is needed. It is then a new
 * process again, with the state that it has by then.
 */
export async function moveBack(
  context: MoveContext,
  { process, home }: Pick<Move, 'process' | 'home'>,
  moved: { readonly pid: ProcessRef; readonly forwarder: string },
  how: MoveHow,
): Promise<Result<Migrated>> {
  const released = await context.port.holdings.release({ id: moved.forwarder }, context.options());
  if (!released.ok) return released;
  return moveOne(context, { process: moved.pid, to: process.node, supervisor: home, home: null }, how);
}

/** The supervisor that a process was started by, as it says itself; null when it says none, or that is gone. */
export async function homeOf(
  context: Context<'processes.info' | 'names.resolve'>,
  process: ProcessRef,
): Promise<ProcessRef | null> {
  const info = await context.port.processes.info({ pids: [process], keys: ['ancestors'] }, context.options());
  const page = info.ok ? info.value.pages.find(({ ids }) => ids.length > 0) : undefined;
  const ancestors = page === undefined ? null : cell(page, 'ancestors', 0);
  const nearest: unknown = Array.isArray(ancestors) ? ancestors[0] : null;
  if (typeof nearest !== 'string') return null;
  const known = parseProcessId(nearest);
  if (known !== null) return known;
  const target = { name: { in: 'local', node: process.node, name: nearest } } as const;
  const found = await context.port.names.resolve({ target, seenFrom: process.node }, context.options());
  return found.ok ? found.value.pid : null;
}

/** For each question of moving back, however little time the call has left. */
const backMs = 60_000;

/** A process that was moved, as what takes it back has to know it. */
export type Done = { readonly move: Move; readonly moved: Migrated };

/**
 * Moves many, at most `atOnce` at a time. With `atomic` the first that fails ends it: those not begun are not run, and those that were
 * moved are moved back, the last one first.
 */
export async function moveMany(
  context: MoveContext,
  moves: readonly Move[],
  how: MoveHow,
  { atomic, atOnce }: { readonly atomic: boolean; readonly atOnce: number },
): Promise<{ readonly rows: readonly MovedRow[]; readonly done: readonly Done[] }> {
  let failed = false;
  const results = await mapLimited(moves, atOnce, async (move): Promise<Result<Migrated> | null> => {
    if (context.signal.aborted || (atomic && failed)) return null;
    const moved = await moveOne(context, move, how);
    failed ||= !moved.ok;
    await context.emit({ is: 'rows', rows: [rowOf(move, moved)] });
    return moved;
  });
  const done = moves.flatMap((move, at): readonly Done[] => {
    const moved = results[at];
    return moved?.ok === true ? [{ move, moved: moved.value }] : [];
  });
  const rows = moves.map((move, at) => rowOf(move, results[at] ?? null));
  if (!atomic || rows.every(({ became }) => became === 'moved')) return { rows, done };
  const back = new Map<string, MovedRow>();
  const left: Done[] = [];
  // Whoever gave the call up still wants all or none.
  const undoing: MoveContext = {
    ...context,
    options: () => callOptions(backMs, new AbortController().signal, context.correlationId),
  };
  for (const { move, moved } of done.toReversed()) {
    const undone = await moveBack(undoing, move, moved, how);
    if (!undone.ok) left.push({ move, moved });
    back.set(processId(move.process), {
      ...rowOf(move, ok(moved)),
      became: undone.ok ? 'undone' : 'not_undone',
      after: processId(undone.ok ? undone.value.pid : moved.pid),
      error: undone.ok ? null : undone.error,
    });
  }
  return { rows: rows.map((row) => back.get(row.pid) ?? row), done: left };
}

function rowOf({ process, to }: Move, result: Result<Migrated> | null): MovedRow {
  const place = { pid: processId(process), from: process.node, to };
  if (result === null) {
    return { ...place, became: 'not_run', after: null, stateBytes: null, pauseMs: null, error: null };
  }
  if (!result.ok) {
    return { ...place, became: 'failed', after: null, stateBytes: null, pauseMs: null, error: result.error };
  }
  const { pid, bytes, pauseMs } = result.value;
  return { ...place, became: 'moved', after: processId(pid), stateBytes: bytes, pauseMs, error: null };
}

/** What is left by several moves: null when all are as they were and nothing is unknown, so that the first error is the answer. */
export function nothingDone(rows: readonly MovedRow[]): ArsenalError | null {
  const first = rows.find(({ error }) => error !== null)?.error ?? null;
  const isUntouched = rows.every(
    ({ became, error }) => became === 'not_run' || (became === 'failed' && error?.effect === 'none'),
  );
  return isUntouched ? first : null;
}

/**
 * What became of moves that nobody has told of: one that was done has left a forwarder of that request for a while; one whose process
 * lives and forwards nothing was not.
 */
export async function probeMoves(
  context: Context<'holdings.list' | 'processes.info' | 'cluster.nodes'>,
  moves: readonly Pick<Move, 'process'>[],
  { owner }: MoveHow,
): Promise<ProbedEffect> {
  const listed = await context.port.holdings.list({}, context.options());
  if (!listed.ok) return 'unknown';
  const forwards = new Set(
    listed.value.holdings.flatMap(({ owner: { requestId }, target }) =>
      requestId === owner.requestId && target !== null ? [processId(target)] : [],
    ),
  );
  const effects = await mapLimited(moves, 8, async ({ process }): Promise<ProbedEffect> => {
    if (forwards.has(processId(process))) return 'applied';
    // After its time a forwarder is gone, and with it what told of the move.
    return (await probeEnded(context, process)) === 'none' ? 'none' : 'unknown';
  });
  const [first = 'none'] = effects;
  return effects.every((effect) => effect === first) ? first : 'unknown';
}

// ----------------------------------------------------------------------------------------------------------- undo handles

/** The way back of moves, as text: it holds all that is needed, so that it outlives a restart of the server. */
export function undoText(done: readonly Done[]): string | null {
  if (done.length === 0) return null;
  const back = done.map(({ move, moved }) => [
    processId(moved.pid),
    moved.forwarder,
    processId(move.process),
    move.home === null ? null : processId(move.home),
  ]);
  return Buffer.from(JSON.stringify({ v: 1, back })).toString('base64url');
}

export type WayBack = {
  readonly now: ProcessRef;
  readonly forwarder: string;
  readonly was: ProcessRef;
  readonly home: ProcessRef | null;
};

const mostBack = 1_000;

export const backResult = Type.Object({
  pid: Type.String({ description: 'The id of the process that was moved.' }),
  to: Type.String({ description: 'The node it was on before.' }),
  became: Type.Enum(['back', 'gone', 'failed'], { description: 'gone: it had ended by itself.' }),
  after: nullable(Type.String({ description: 'The id of the process that has its state now.' })),
  error: nullable(errorResult),
});
export type BackRow = {
  readonly pid: string;
  readonly to: NodeName;
  readonly became: 'back' | 'gone' | 'failed';
  readonly after: string | null;
  readonly error: ArsenalError | null;
};

/** Moves processes back, one after the other, the last first. */
export async function putBack(
  context: MoveContext,
  ways: readonly WayBack[],
  how: MoveHow,
): Promise<readonly BackRow[]> {
  const rows: BackRow[] = [];
  for (const { now, was, home, forwarder } of ways.toReversed()) {
    const back = await moveBack(context, { process: was, home }, { pid: now, forwarder }, how);
    const place = { pid: processId(now), to: was.node };
    if (back.ok) rows.push({ ...place, became: 'back', after: processId(back.value.pid), error: null });
    else if (back.error.code === 'process.not_found') rows.push({ ...place, became: 'gone', after: null, error: null });
    else rows.push({ ...place, became: 'failed', after: null, error: back.error });
  }
  return rows;
}

/** Takes back what an operation with an undo handle did. */
export async function takeBack(context: MoveContext, undo: string | null, how: MoveHow): Promise<Result<null>> {
  if (undo === null) return ok(null);
  const ways = readUndo(undo, '/undo');
  if (!ways.ok) return ways;
  const rows = await putBack(context, ways.value, how);
  const error = rows.find((row) => row.error !== null)?.error ?? null;
  return error === null ? ok(null) : fail({ ...error, effect: 'partial' });
}

/** Reads what {@link undoText} wrote. Error: `undo.unreadable`. */
export function readUndo(text: string, pointer: string): Result<readonly WayBack[]> {
  const parsed = parsedJson(Buffer.from(text, 'base64url').toString('utf8'));
  const back: unknown = typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'back') : null;
  const ways = Array.isArray(back) ? back.map(wayBack) : [null];
  const read = ways.flatMap((way) => (way === null ? [] : [way]));
  if (read.length === ways.length && read.length > 0 && read.length <= mostBack) return ok(read);
  return failure(
    'validation',
    'undo.unreadable',
    'This is no undo handle.',
    'Give the `undo` of an earlier answer, as it was.',
    { pointer },
  );
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function wayBack(row: unknown): WayBack | null {
  if (!Array.isArray(row) || row.length !== 4) return null;
  const parts: readonly unknown[] = row;
  const [now, forwarder, was, home] = parts;
  if (typeof now !== 'string' || typeof forwarder !== 'string' || typeof was !== 'string') return null;
  if (home !== null && typeof home !== 'string') return null;
  const [nowRef, wasRef, homeRef] = [
    parseProcessId(now),
    parseProcessId(was),
    home === null ? null : parseProcessId(home),
  ];
  if (nowRef === null || wasRef === null || (home !== null && homeRef === null)) return null;
  return { now: nowRef, forwarder, was: wasRef, home: homeRef };
}
