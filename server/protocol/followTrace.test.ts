import { describe, expect, it } from 'vitest';
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Following } from './followTrace.ts';
import { followTrace } from './followTrace.ts';

const begun = { trace: 't1', until: 10 };
const rows = (from: number, count: number): Json[] => Array.from({ length: count }, (_, at) => ({ seq: from + at }));
const away: Result<Json> = {
  ok: false,
  error: { code: 'node.unavailable', class: 'unavailable', message: 'Away.', remedy: 'Wait.', effect: 'none' },
};

/** Follows with these answers, one a call. */
async function followed(answers: readonly Result<Json>[], isStopped: Following['isStopped'] = () => false) {
  const left = [...answers];
  const asked: string[] = [];
  const counts: number[] = [];
  const result = await followTrace('get_trace_results', begun, {
    run: (operation) => {
      asked.push(operation);
      return Promise.resolve(left.shift() ?? away);
    },
    pause: null,
    isStopped,
    onItems: (_items, { count }) => counts.push(count),
  });
  return { result, asked, counts };
}

describe('what is followed', () => {
  it('is shown once each, the newest five thousand in the end', async () => {
    const { result, counts } = await followed([
      ok({ items: rows(1, 6_000) }),
      ok({ items: 'none' }),
      ok({ items: rows(6_000, 6_001), outcome: { is: 'trace', result: { events: 12_000 } } }),
    ]);
    expect(counts).toEqual([6_000, 12_000]);
    expect(result).toMatchObject({ ok: true, value: { how: 'finished', result: { events: 12_000 } } });
    expect(JSON.stringify(result)).toContain('{"seq":12000}');
    expect(JSON.stringify(result)).not.toContain('{"seq":7000}');
  });

  it('ends with the error it ended with, told in full where little of it was said', async () => {
    const said = { class: 'timeout', code: 'x.y', message: 'M.', remedy: 'R.', effect: 'unknown', pointer: '/pid' };
    for (const [error, expected] of [
      [said, said],
      [{}, { class: 'system', code: 'trace.failed', message: 'It failed.', remedy: '', effect: 'none' }],
    ] as const) {
      const { result } = await followed([ok({ outcome: { is: 'failed', error } })]);
      expect(result).toMatchObject({ ok: false, error: expected });
    }
  });

  it('fails where it cannot be read, or not be stopped', async () => {
    expect((await followed([away])).result).toBe(away);
    const { result, asked } = await followed([away], () => true);
    expect([result, asked]).toEqual([away, ['stop_trace']]);
  });
});
