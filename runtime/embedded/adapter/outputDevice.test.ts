/** What a function writes that was called from outside. */
import { afterEach, expect, it } from 'vitest';
import type { Answer, Runtime } from '../../port.ts';
import type { Value } from '../../term/values.ts';
import { a, ImproperList, tup } from '../../term/values.ts';
import { receive } from '../kernel/flow.ts';
import { shown, testCluster, testModule } from '../testKit.ts';
import { patient, runtimeOver, valueOf } from './adapterKit.ts';

let runtime: Runtime | null = null;
afterEach(async () => {
  await runtime?.close();
  runtime = null;
});

/** Calls a function that makes these requests, one after the other, and answers their replies. */
async function written(
  requests: readonly Value[],
  maxOutputChars = 1_000,
): Promise<Answer<'code.call'> & { replies: unknown }> {
  let replies: unknown = null;
  const writer = testModule('writer', {
    *'write/0'(self) {
      const got: Value[] = [];
      for (const request of requests) {
        const ref = self.makeRef();
        self.send(self.groupLeader, tup(a('io_request'), self.pid, ref, request));
        const reply = yield* receive({ marker: ref });
        got.push(typeof reply === 'symbol' ? null : reply);
      }
      replies = got.map((reply) => shown(reply).slice('{io_reply,ref,'.length, -1));
      return a('done');
    },
    'raise/0': () => {
      throw new TypeError('of JavaScript');
    },
  });
  runtime = runtimeOver(testCluster(['one@sim'], { modules: [writer] }));
  const call = { node: 'one@sim', module: 'writer', function: 'write', args: [], maxBytes: 1_000, maxOutputChars };
  return { ...valueOf(await runtime.port.code.call(call, patient())), replies };
}

const put = (chars: Value): Value => tup(a('put_chars'), a('unicode'), chars);

it('is text, whatever the chardata: strings, binaries, characters, lists of lists, with a tail', async () => {
  const utf8 = new TextEncoder().encode('ä');
  const told = await written([
    put('Kä'),
    put([115, ['e', [[]], utf8], 0x1f600]),
    put(new ImproperList([44, ' '], 'tail')),
    tup(a('put_chars'), '!'),
    put([]),
  ]);
  expect(told).toMatchObject({ output: 'Käseä😀, tail!', outputWhole: true, became: { is: 'returned' } });
  expect(told.replies).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
});

it('is refused where it is no text, and nothing of it is kept', async () => {
  const told = await written([
    put(['a', a('b')]),
    put([-1]),
    put([0xd800]),
    put([1.5]),
    put(new Uint8Array([0xff])),
    put(undefined),
    tup(a('put_chars'), a('unicode'), a('io_lib'), a('format'), []),
  ]);
  expect(told.output).toBe('');
  expect(new Set(Array.isArray(told.replies) ? told.replies : [])).toEqual(new Set(['{error,put_chars}']));
});

it('answers what else is asked of a device: requests together up to the first that fails, options, and no input', async () => {
  const told = await written([
    tup(a('requests'), [put('a'), put(a('b')), put('c')]),
    tup(a('requests'), [put('d'), put('e')]),
    a('getopts'),
    tup(a('setopts'), []),
    tup(a('get_geometry'), a('columns')),
    tup(a('get_line'), a('unicode'), '> '),
    7,
  ]);
  expect(told.output).toBe('ade');
  expect(told.replies).toEqual(['{error,put_chars}', 'ok', '[]', '{error,enotsup}', '{error,enotsup}', 'eof', 'eof']);
});

it('is kept up to a bound of characters, however much comes, and it is said that there was more', async () => {
  const much = Array.from({ length: 1_000 }, () => put('x'.repeat(10_000)));
  expect(await written([put('😀ä'), ...much], 4)).toMatchObject({ output: '😀äxx', outputWhole: false });
  await runtime?.close();
  expect(await written([put('😀😀😀')], 2)).toMatchObject({ output: '😀😀', outputWhole: false });
  await runtime?.close();
  expect(await written([put('abcd'), put('')], 4)).toMatchObject({ output: 'abcd', outputWhole: true });
  await runtime?.close();
  expect(await written([put('a')], 0)).toMatchObject({ output: '', outputWhole: false });
});

it('what JavaScript throws is an error of the call', async () => {
  await written([]);
  const call = { node: 'one@sim', module: 'writer', function: 'raise', args: [], maxBytes: 1_000, maxOutputChars: 10 };
  const answer = await runtime?.port.code.call(call, patient());
  expect(answer).toMatchObject({ ok: true, value: { became: { is: 'raised', class: 'error' }, output: '' } });
});
