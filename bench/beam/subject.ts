/**
 * What is measured, as a program of its own: bundled as the product is, because under the test runner each use of an import costs as much
 * as the work it names. Asked over its parent's channel, one question at a time.
 */
import { readFileSync } from 'node:fs';
import { DirectTarget } from '../../runtime/beam/adapter/nodeTarget.ts';
import type { Connection } from '../../runtime/beam/dist/connection.ts';
import { HiddenNode } from '../../runtime/beam/dist/node.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import { externalRaw, readRaw } from '../../runtime/term/cursor.ts';
import { decodeTerm } from '../../runtime/term/decode.ts';
import { DictionaryColumn, NumberColumn, PidColumn, readRows } from '../../runtime/term/rows.ts';
import { termKey } from '../../runtime/term/term.ts';

export type Place = { readonly node: string; readonly epmdPort: number; readonly cookie: string };

/** How often, and of what. Bytes are a file's. */
export type Question =
  | { readonly ask: 'calls'; readonly through: 'connection' | 'adapter'; readonly count: number }
  | { readonly ask: 'many_calls'; readonly count: number; readonly atOnce: number }
  | { readonly ask: 'connects'; readonly count: number }
  | { readonly ask: 'decode' | 'skip' | 'columns'; readonly file: string; readonly count: number };

/** Milliseconds of each run; of `many_calls` one for all. */
export type Answer = readonly number[];

const never = new AbortController().signal;
const options = { timeoutMs: 60_000, signal: never };

async function connectAs(name: string, place: Place): Promise<{ connection: Connection; close: () => void }> {
  const node = new HiddenNode({ name: `${name}@localhost`, cookie: place.cookie, nameIsLeased: true });
  const connected = await node.connect({ node: place.node, epmdPort: place.epmdPort }, options);
  if (!connected.ok) throw new Error(connected.error.message);
  return { connection: connected.value, close: () => node.close() };
}

async function timesOf(count: number, work: () => unknown): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < count; run += 1) {
    const startedAt = performance.now();
    await work();
    times.push(performance.now() - startedAt);
  }
  return times;
}

function nowOf(count: number, work: () => { readonly ok: boolean }): number[] {
  const times: number[] = [];
  for (let run = 0; run < count; run += 1) {
    const startedAt = performance.now();
    const { ok } = work();
    times.push(performance.now() - startedAt);
    if (!ok) throw new Error('The bytes are not what was said.');
  }
  return times;
}

async function manyCalls(connection: Connection, count: number, atOnce: number): Promise<void> {
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun++ < count) await connection.call('erlang', 'node', [], options);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

const files = new Map<string, Uint8Array>();

function bytesOf(file: string): Uint8Array {
  const bytes = files.get(file) ?? new Uint8Array(readFileSync(file));
  files.set(file, bytes);
  return bytes;
}

/** A pid, four positions of few values and four numbers, as the rows of a list of processes have. */
const columns = [
  new PidColumn(),
  ...Array.from({ length: 4 }, () => new DictionaryColumn(termKey)),
  ...Array.from({ length: 4 }, () => new NumberColumn()),
];

function read(question: Extract<Question, { readonly file: string }>): number[] {
  const bytes = bytesOf(question.file);
  if (question.ask === 'decode') return nowOf(question.count, () => decodeTerm(bytes, { scope: 'bench' }));
  const raw = externalRaw(bytes, { scope: 'bench' });
  if (!raw.ok) throw new Error(raw.error.message);
  const { value } = raw;
  return question.ask === 'skip'
    ? nowOf(question.count, () => readRaw(value, (cursor) => cursor.skip()))
    : nowOf(question.count, () => readRows(value, columns));
}

async function answer(question: Question, connection: Connection, place: Place): Promise<Answer> {
  switch (question.ask) {
    case 'calls': {
      const direct = new DirectTarget(connection);
      // One for all, as an operation hands its own to the calls it makes.
      const given = callOptions(60_000);
      return question.through === 'connection'
        ? timesOf(question.count, () => connection.call('erlang', 'node', [], options))
        : timesOf(question.count, () => direct.call('erlang', 'node', [], given));
    }
    case 'many_calls':
      return timesOf(1, () => manyCalls(connection, question.count, question.atOnce));
    case 'connects':
      return timesOf(question.count, async () => {
        const newcomer = await connectAs('bench_newcomer', place);
        const said = await newcomer.connection.call('erlang', 'node', [], options);
        newcomer.close();
        if (!said.ok) throw new Error(said.error.message);
      });
    default:
      return read(question);
  }
}

export type Told = { readonly place: Place } | { readonly question: Question };

let first: { readonly place: Place; readonly connection: Connection } | null = null;

process.on('message', (told: Told) => {
  const work = async (): Promise<Answer> => {
    if ('place' in told) {
      first = { place: told.place, connection: (await connectAs('bench_ours', told.place)).connection };
      return [];
    }
    if (first === null) throw new Error('It was not said where to.');
    return answer(told.question, first.connection, first.place);
  };
  work().then(
    (times) => process.send?.({ times }),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
