/** The audit logs of every process that shares the home, read by requestId: what became of a call, also after a crash. */
import type { ArsenalError, Effect, Json, Result } from '../../../runtime/model.ts';
import { errorClasses, fail, ok } from '../../../runtime/model.ts';
import type { Plan } from '../../core/operation.ts';
import { readPlan } from '../../core/plans.ts';
import type { ChainRecord, Head } from './chain.ts';
import { noHead, readChain } from './chain.ts';
import type { LogFiles } from './logFiles.ts';
import type { Writer } from './writer.ts';
import { isDead, writerIn } from './writer.ts';

/** An intent found on a log, with what is known of its outcome. */
export type JournalEntry = {
  readonly requestId: string;
  readonly operation: string;
  readonly principal: string;
  readonly fingerprint: string;
  readonly connection: { readonly kind: string; readonly label: string } | null;
  readonly plan: Plan<Json>;
  readonly at: number;
  readonly outcome:
    | { readonly is: 'done'; readonly result: Result<Json>; readonly durationMs: number }
    /** Its writer lives. */
    | { readonly is: 'running' }
    /** Its writer is gone; what was found by looking, if anybody has. */
    | { readonly is: 'interrupted'; readonly effect: 'none' | 'applied' | null };
};

/** Of a part of a call: its end, and what was found, or done, afterwards. null where there is none. */
export type PartEntry = { readonly result: Result<Json> | null; readonly effect: 'none' | 'applied' | null };

type Found = Omit<JournalEntry, 'outcome'> & { readonly writer: Writer | null };
type Log = { head: Head; bytesRead: number; writer: Writer | null; damaged: boolean };

export class Journal {
  readonly #files: LogFiles;
  readonly #logs = new Map<string, Log>();
  readonly #intents = new Map<string, Found>();
  readonly #outcomes = new Map<string, { readonly result: Result<Json>; readonly durationMs: number }>();
  readonly #settled = new Map<string, 'none' | 'applied'>();
  #reading: Promise<void> = Promise.resolve();

  constructor(files: LogFiles) {
    this.#files = files;
  }

  /** What the logs say of that call now; null when none has its intent. Logs that cannot be read say nothing. */
  async find(requestId: string): Promise<JournalEntry | null> {
    this.#reading = this.#reading.then(() => this.#readOn());
    await this.#reading;
    const found = this.#intents.get(requestId);
    if (found === undefined) return null;
    const { writer, ...entry } = found;
    const outcome = this.#outcomes.get(requestId);
    if (outcome !== undefined) return { ...entry, outcome: { is: 'done', ...outcome } };
    const settled = this.#settled.get(requestId);
    if (settled !== undefined) return { ...entry, outcome: { is: 'interrupted', effect: settled } };
    if (writer === null || !isDead(writer)) return { ...entry, outcome: { is: 'running' } };
    return { ...entry, outcome: { is: 'interrupted', effect: null } };
  }

  /** What the logs say of a part of a call (an item of a batch), which has no intent of its own. */
  async part(requestId: string): Promise<PartEntry> {
    this.#reading = this.#reading.then(() => this.#readOn());
    await this.#reading;
    return {
      result: this.#outcomes.get(requestId)?.result ?? null,
      effect: this.#settled.get(requestId) ?? null,
    };
  }

  async #readOn(): Promise<void> {
    try {
      for (const file of await this.#files.list()) await this.#readLog(file).catch(() => undefined);
    } catch {
      // A log that is being made, or a folder that cannot be read: the next look may find it.
    }
  }

  async #readLog(file: string): Promise<void> {
    const log = this.#logs.get(file) ?? { head: noHead, bytesRead: 0, writer: null, damaged: false };
    this.#logs.set(file, log);
    if (log.damaged || (await this.#files.size(file)) === log.bytesRead) return;
    const { records, soundBytes, damage } = readChain(await this.#files.read(file, log.bytesRead), log.head);
    for (const record of records) this.#take(record, log);
    log.head = records.at(-1) ?? log.head;
    log.bytesRead += soundBytes;
    log.damaged = damage !== null;
  }

  #take({ kind, data, at }: ChainRecord, log: Log): void {
    const requestId = textOf(data['requestId']);
    if (kind === 'open') log.writer = writerIn(data);
    if (kind === 'intent') {
      const intent = intentIn(requestId, data, at, log.writer);
      if (intent !== null) this.#intents.set(requestId, intent);
    }
    if (kind === 'outcome') {
      this.#outcomes.set(requestId, { result: resultIn(data), durationMs: Number(data['durationMs']) });
    }
    const { effect } = data;
    if (kind === 'settled' && (effect === 'none' || effect === 'applied')) this.#settled.set(requestId, effect);
  }
}

type Data = ChainRecord['data'];

function intentIn(requestId: string, data: Data, at: number, writer: Writer | null): Found | null {
  const { connection, caller } = data;
  const plan = readPlan(data['plan']);
  if (plan === null || requestId === '') return null;
  return {
    requestId,
    operation: textOf(data['operation']),
    principal: textOf(fieldOf(caller, 'principal')),
    fingerprint: textOf(data['fingerprint']),
    connection:
      connection === null
        ? null
        : { kind: textOf(fieldOf(connection, 'kind')), label: textOf(fieldOf(connection, 'label')) },
    plan,
    at,
    writer,
  };
}

function resultIn(data: Data): Result<Json> {
  if (data['ok'] === true) return ok(data['result'] ?? { omitted: true, characters: data['resultCharacters'] ?? null });
  const error = data['error'] ?? null;
  const errorClass = errorClasses.find((known) => known === fieldOf(error, 'class')) ?? 'system';
  const effect = (['none', 'applied', 'partial', 'unknown'] as const).find(
    (known) => known === fieldOf(error, 'effect'),
  );
  const read: ArsenalError = {
    code: textOf(fieldOf(error, 'code')),
    class: errorClass,
    message: textOf(fieldOf(error, 'message')),
    remedy: textOf(fieldOf(error, 'remedy')),
    effect: effect ?? ('unknown' satisfies Effect),
  };
  return fail(read);
}

function fieldOf(value: Json | undefined, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
