import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subject } from './beam/bundled.ts';
import { startSubject } from './beam/bundled.ts';
import type { LivePair } from './liveNodes.ts';
import { livePair } from './liveNodes.ts';
import { figures, percentile } from './measure.ts';

/** What a node sends: a page of a list of processes, what process_info answers, names and binaries, numbers. */
const samples = {
  'a page of rows': `[{list_to_pid("<0." ++ integer_to_list(N) ++ ".0>"),
    case N rem 10 of 0 -> list_to_atom("worker_" ++ integer_to_list(N)); _ -> [] end,
    element(1 + N rem 3, {{gen_server, loop, 7}, {prim_inet, accept0, 3}, {erlang, hibernate, 3}}), {proc_lib, init_p, 5},
    element(1 + N rem 2, {waiting, runnable}), 2688 + N, 1000000 + N, 0, 233} || N <- lists:seq(1, 1000)]`,
  'rows of properties':
    '[[{registered_name, []}, {status, waiting}, {memory, 2688 + N}, {current_function, {gen_server, loop, 7}}] || N <- lists:seq(1, 2000)]',
  'maps of binaries': '[#{id => N, name => <<"somebody">>, tags => [<<"a">>, <<"b">>]} || N <- lists:seq(1, 2000)]',
  numbers: '[{N, N * 1.5, N bsl 40} || N <- lists:seq(1, 5000)]',
};

let pair: LivePair;
let subject: Subject;
const folder = mkdtempSync(path.join(tmpdir(), 'arsenal-terms-'));
beforeAll(async () => {
  pair = await livePair();
  subject = await startSubject(pair.target);
});
afterAll(async () => {
  await subject.dispose();
  pair.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const rounds = 20;
const runsInARound = 10;

describe('the external term format, beside binary_to_term', () => {
  it.each(Object.entries(samples))('decodes, passes over and reads %s', async (name, source) => {
    const { target, numbersOf } = pair;
    const file = path.join(folder, 'sample.etf'.replace('sample', name.replaceAll(' ', '_')));
    const kept = await numbersOf(
      target,
      `Bytes = term_to_binary(${source}), ok = file:write_file("${file}", Bytes), persistent_term:put(sample, Bytes), [byte_size(Bytes)].`,
    );
    const megabytes = (kept[0] ?? 0) / 1e6;
    const asks = name === 'a page of rows' ? (['decode', 'skip', 'columns'] as const) : (['decode', 'skip'] as const);
    const ours = new Map<string, number[]>(asks.map((ask) => [ask, []]));
    const theirs: number[] = [];
    const timed = `[element(1, timer:tc(fun() -> binary_to_term(persistent_term:get(sample)) end)) || _ <- lists:seq(1, ${runsInARound})].`;
    for (let round = 0; round < rounds; round += 1) {
      for (const ask of asks) ours.get(ask)?.push(...(await subject.ask({ ask, file, count: runsInARound })));
      theirs.push(...(await numbersOf(target, timed)).map((us) => us / 1000));
    }
    const rate = (times: readonly number[]): number => (megabytes / percentile(times, 0.5)) * 1000;
    const rows: Record<string, number> = { 'binary_to_term (MB/s)': rate(theirs) };
    for (const [ask, times] of ours) {
      rows[`${ask} (MB/s)`] = rate(times);
      rows[`${ask}, times binary_to_term`] = rate(times) / rate(theirs);
    }
    figures(`${name}, ${megabytes.toFixed(2)} MB`, rows);
    expect(megabytes).toBeGreaterThan(0.05);
  });
});
