/**
 * The record of everything that changes state. The intent is on disk before the effect; if it cannot be written, nothing is done.
 *
 * Several processes share the folder: each writes a log of its own, which opens with the heads of the others. It is made with the
 * first record, so that a process that only looks leaves nothing.
 */
import { randomBytes } from 'node:crypto';
import { failure } from '../../../runtime/errors.ts';
import type { Json, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { AuditTrail, Intent, IntentOutcome } from '../../core/calls.ts';
import type { SchemasOf } from '../../core/secrets.ts';
import { callWithoutSecrets } from '../../core/secrets.ts';
import type { Head } from './chain.ts';
import { chainLine, noHead, readChain } from './chain.ts';
import type { LogFile, LogFiles } from './logFiles.ts';
import { redact } from './redact.ts';
import { isDead, thisWriter, writerIn } from './writer.ts';

type Data = { readonly [key: string]: Json };
type Waiting = { readonly kind: string; readonly data: Data; readonly done: (failed: unknown) => void };
type OpenLog = { readonly file: LogFile; readonly name: string; head: Head; length: number };

/** A result above this is not kept, only its size: the log is for what was done, not for what was seen. */
const mostResultCharacters = 65_536;

export class AuditLog implements AuditTrail {
  readonly #files: LogFiles;
  readonly #warn: (message: string, cause: unknown) => void;
  readonly #schemasOf: SchemasOf;
  readonly #waiting: Waiting[] = [];
  #log: OpenLog | null = null;
  #writing: Promise<void> | null = null;
  #closed = false;

  /** `schemasOf`: what operations say of themselves, where it says what is secret. */
  constructor(files: LogFiles, warn: (message: string, cause: unknown) => void, schemasOf: SchemasOf) {
    this.#files = files;
    this.#warn = warn;
    this.#schemasOf = schemasOf;
  }

  /** Error: `unavailable` `audit.unwritable`, effect none. */
  async intent(intent: Intent): Promise<Result<null>> {
    const { plan, params, ...rest } = intent;
    // Steps often are parameters again.
    const open = (said: Json) => this.#withoutSecrets(said, intent.operation, 'params');
    const data = { ...rest, params: open(params), plan: { ...plan, steps: open(plan.steps) } };
    const failed = await this.#append('intent', data);
    if (failed === null) return ok(null);
    return failure(
      'unavailable',
      'audit.unwritable',
      `Nothing was done, because it could not be written to the audit log: ${wordsOf(failed)}`,
      'Make room, or make the folder writable, then run it again.',
    );
  }

  async outcome(outcome: IntentOutcome): Promise<void> {
    const { result, ...rest } = outcome;
    const said = result.ok
      ? { ok: true, ...kept(this.#withoutSecrets(result.value, outcome.operation, 'result')) }
      : { ok: false, error: redact(result.error) };
    const failed = await this.#append('outcome', { ...rest, ...said });
    if (failed !== null) this.#warn(`The outcome of ${outcome.requestId} is not on the audit log.`, failed);
  }

  /** What probing found of an intent whose writer died before its outcome. */
  async settle(requestId: string, operation: string, effect: 'none' | 'applied'): Promise<void> {
    const failed = await this.#append('settled', { requestId, operation, effect });
    if (failed !== null) this.#warn(`What became of ${requestId} is not on the audit log.`, failed);
  }

  /** Writes what waits, and closes. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#writing !== null) await this.#writing;
    await this.#log?.file.close().catch(() => undefined);
    this.#log = null;
  }

  /** Without what its operation calls secret, and what sounds like it. */
  #withoutSecrets(value: Json, operation: string, what: 'params' | 'result'): Json {
    return redact(callWithoutSecrets(value, operation, what, this.#schemasOf));
  }

  /** null once the record is on disk, else what was in the way. */
  #append(kind: string, data: Data): Promise<unknown> {
    if (this.#closed) return Promise.resolve(new Error('the audit log is closed'));
    return new Promise((resolve) => {
      this.#waiting.push({ kind, data, done: resolve });
      this.#writing ??= this.#writeAll();
    });
  }

  /** One write and one sync for all that came while the last were under way. */
  async #writeAll(): Promise<void> {
    for (let batch = this.#waiting.splice(0); batch.length > 0; batch = this.#waiting.splice(0)) {
      const failed = await this.#write(batch);
      for (const { done } of batch) done(failed);
    }
    this.#writing = null;
  }

  async #write(batch: readonly Waiting[]): Promise<unknown> {
    try {
      const log = (this.#log ??= await this.#open());
      const { bytes, head } = linesOf(log.head, batch);
      try {
        await log.file.append(bytes);
        await log.file.sync();
      } catch (thrown) {
        await this.#takeBack(log);
        throw thrown;
      }
      log.head = head;
      log.length += bytes.length;
      return null;
    } catch (thrown) {
      return thrown ?? new Error('unknown');
    }
  }

  /**
   * After a failed write the file may hold part of it, and after a failed sync nobody knows what is on disk (the kernel forgets the
   * error once told): what is not surely there is cut off, and the next record opens a new log.
   */
  async #takeBack(log: OpenLog): Promise<void> {
    this.#log = null;
    await log.file.truncate(log.length).catch((cause: unknown) => this.#warn(`${log.name} has a torn end.`, cause));
    await log.file.close().catch(() => undefined);
  }

  async #open(): Promise<OpenLog> {
    const heads = await this.#otherHeads();
    const writer = thisWriter();
    const stamp = new Date().toISOString().replaceAll(/[-:.]/g, '');
    const name = `${stamp}-${writer.pid}-${randomBytes(4).toString('hex')}.jsonl`;
    const file = await this.#files.create(name);
    const { bytes, head } = linesOf(noHead, [{ kind: 'open', data: { ...writer, heads } }]);
    const log = { file, name, head, length: bytes.length };
    try {
      await file.append(bytes);
      await file.sync();
      return log;
    } catch (thrown) {
      await this.#takeBack({ ...log, length: 0 });
      throw thrown;
    }
  }

  /** Where every other log ends now; what a dead writer left torn is cut off. A log that cannot be read does not stop ours. */
  async #otherHeads(): Promise<readonly { readonly file: string; readonly seq: number; readonly hash: string }[]> {
    const heads = [];
    for (const file of await this.#files.list()) {
      try {
        const { records, soundBytes, tornBytes } = readChain(await this.#files.read(file, 0));
        const last = records.at(-1);
        if (last !== undefined) heads.push({ file, seq: last.seq, hash: last.hash });
        const writer = records[0] === undefined ? null : writerIn(records[0].data);
        if (tornBytes > 0 && writer !== null && isDead(writer)) await this.#files.truncate(file, soundBytes);
      } catch (cause) {
        this.#warn(`The audit log ${file} cannot be read.`, cause);
      }
    }
    return heads;
  }
}

function linesOf(after: Head, records: readonly { readonly kind: string; readonly data: Data }[]) {
  let head = after;
  let text = '';
  for (const { kind, data } of records) {
    const next = chainLine(head, { at: Date.now(), kind, data });
    text += next.line;
    head = next.head;
  }
  return { bytes: Buffer.from(text), head };
}

function kept(result: Json): Data {
  const characters = JSON.stringify(result).length;
  return characters <= mostResultCharacters ? { result } : { resultCharacters: characters };
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
