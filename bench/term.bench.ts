import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeTerm } from '../runtime/term/decode.ts';
import type { LivePair } from './liveNodes.ts';
import { keptBytes, livePair } from './liveNodes.ts';
import { figures, percentile, timesOf } from './measure.ts';

/** What a node sends: rows of process_info, names and binaries, numbers. */
const samples = {
  rows: '[[{registered_name, []}, {status, waiting}, {memory, 2688 + N}, {current_function, {gen_server, loop, 7}}] || N <- lists:seq(1, 20000)]',
  'maps of binaries': '[#{id => N, name => <<"somebody">>, tags => [<<"a">>, <<"b">>]} || N <- lists:seq(1, 20000)]',
  numbers: '[{N, N * 1.5, N bsl 40} || N <- lists:seq(1, 50000)]',
};

let pair: LivePair;
beforeAll(async () => {
  pair = await livePair();
});
afterAll(() => {
  pair.dispose();
});

describe('the external term format, beside binary_to_term', () => {
  it.each(Object.entries(samples))('decodes %s', async (name, source) => {
    const { target, connection, numbersOf } = pair;
    await target.eval(`persistent_term:put(sample, term_to_binary(${source})).`);
    const bytes = await keptBytes(connection, 'sample');
    const ours = await timesOf(20, () => {
      const decoded = decodeTerm(bytes, { scope: 'bench' });
      return decoded.ok ? Promise.resolve() : Promise.reject(new Error(decoded.error.message));
    });
    const once = 'binary_to_term(persistent_term:get(sample))';
    const theirs = await numbersOf(target, `[element(1, timer:tc(fun() -> ${once} end)) || _ <- lists:seq(1, 20)].`);
    const megabytes = bytes.length / 1e6;
    figures(`Decode ${name}, ${megabytes.toFixed(2)} MB (MB/s)`, {
      ours: megabytes / (percentile(ours, 0.5) / 1e3),
      binary_to_term: megabytes / (percentile(theirs, 0.5) / 1e6),
    });
    expect(bytes.length).toBeGreaterThan(100_000);
  });
});
