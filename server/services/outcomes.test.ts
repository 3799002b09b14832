import { describe, expect, it } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { ClaimedCall } from '../core/calls.ts';
import { admin, errorOf, plan } from '../core/testKit.ts';
import type { OperationAnswer } from '../protocol/operation.ts';
import type { JournalEntry } from './audit/journal.ts';
import { Outcomes } from './outcomes.ts';

const call: ClaimedCall = { requestId: 'r1', principal: 'ada', operation: 'touch_node', fingerprint: 'f', write: true };
const answer = (result: Json): Result<OperationAnswer> =>
  ok({ mode: 'run', result, durationMs: 1, correlationId: 'c' });
const entry = (outcome: JournalEntry['outcome']): JournalEntry => ({
  requestId: 'r1',
  operation: 'touch_node',
  principal: 'ada',
  fingerprint: 'f',
  connection: { kind: 'beam', label: 'shop@h' },
  plan,
  at: 7,
  outcome,
});

function outcomes(found: JournalEntry | null = null, probed: 'none' | 'applied' | 'unknown' = 'unknown') {
  const settled: string[] = [];
  const made = new Outcomes({
    journal: { find: () => Promise.resolve(found) },
    probe: () => Promise.resolve(probed),
    settle(requestId, operation, effect) {
      settled.push(`${requestId} ${operation} ${effect}`);
      return Promise.resolve();
    },
  });
  return { made, settled };
}

describe('one requestId', () => {
  it('is claimed once, however many ask at once; the others get its answer', async () => {
    const { made } = outcomes();
    const claims = await Promise.all(Array.from({ length: 50 }, async () => made.claim(call)));
    const ours = claims.flatMap((claim) => (claim.is === 'ours' ? [claim] : []));
    expect(ours).toHaveLength(1);
    expect(await made.outcome('r1', admin)).toMatchObject({ state: 'running', operation: 'touch_node' });
    ours[0]?.settle(answer(7), true);
    const joined = claims.flatMap((claim) => (claim.is === 'joined' ? [claim.answer] : []));
    expect(new Set((await Promise.all(joined)).map((one) => JSON.stringify(one))).size).toBe(1);
    expect(await made.claim(call)).toMatchObject({ is: 'joined' });
    expect(await made.outcome('r1', admin)).toEqual({ state: 'done', operation: 'touch_node', result: ok(7) });
  });

  it('may be tried again when it was refused before anything was done', async () => {
    const { made } = outcomes();
    const first = await made.claim(call);
    if (first.is !== 'ours') throw new Error('not ours');
    const refusal = failure('authorization', 'connection.confirm_writes', 'Ask.', 'Ask.');
    first.settle(refusal, false);
    expect(await made.outcome('r1', admin)).toMatchObject({ state: 'done', result: refusal });
    expect((await made.claim(call)).is).toBe('ours');
  });

  it('belongs to one call: another under the same id is refused', async () => {
    const { made } = outcomes();
    await made.claim(call);
    const other = await made.claim({ ...call, fingerprint: 'g' });
    if (other.is !== 'refused') throw new Error('not refused');
    expect(errorOf(other.failure)).toMatchObject({ class: 'conflict', code: 'request.reused', effect: 'none' });
  });

  it('answers the truth once it is known', async () => {
    const { made } = outcomes();
    const claim = await made.claim(call);
    if (claim.is !== 'ours') throw new Error('not ours');
    claim.settle(failure('timeout', 'call.timeout', 'Late.', 'Wait.', { effect: 'unknown' }), true);
    claim.correct(answer(8));
    expect(await made.outcome('r1', admin)).toMatchObject({ result: ok(8) });
  });

  it('does not keep the large answers of calls that only looked, nor more than a thousand', async () => {
    const { made } = outcomes();
    for (let n = 0; n < 1100; n += 1) {
      const claim = await made.claim({ ...call, requestId: `r${n}`, write: false });
      if (claim.is === 'ours') claim.settle(answer(n === 1099 ? 'x'.repeat(100_000) : n), true);
    }
    expect(await made.outcome('r1099', admin)).toEqual({ state: 'never_seen' });
    expect(await made.outcome('r0', admin)).toEqual({ state: 'never_seen' });
    expect((await made.outcome('r1098', admin)).state).toBe('done');
  });

  it('is told to who asked for it and to admins, and to nobody else', async () => {
    const { made } = outcomes();
    const claim = await made.claim(call);
    if (claim.is === 'ours') claim.settle(answer(1), true);
    expect(await made.outcome('r1', { ...admin, principal: 'bob', role: 'operator' })).toEqual({ state: 'never_seen' });
    expect((await made.outcome('r1', { ...admin, principal: 'bob' })).state).toBe('done');
    const { made: later } = outcomes(entry({ is: 'running' }));
    expect(await later.outcome('r1', { ...admin, principal: 'bob', role: 'operator' })).toEqual({
      state: 'never_seen',
    });
  });
});

describe('after a crash', () => {
  const doneBefore = entry({ is: 'done', result: ok(5), durationMs: 3 });

  it('answers from the log what was done, and does not do it again', async () => {
    const { made } = outcomes(doneBefore);
    expect(await made.outcome('r1', admin)).toEqual({ state: 'done', operation: 'touch_node', result: ok(5) });
    const claim = await made.claim(call);
    if (claim.is !== 'joined') throw new Error('not joined');
    expect(await claim.answer).toMatchObject({ ok: true, value: { result: 5 } });
    const failed = failure('execution', 'x', 'x', 'x', { effect: 'partial' });
    const again = await outcomes(entry({ is: 'done', result: failed, durationMs: 3 })).made.claim(call);
    expect(again.is === 'joined' && (await again.answer)).toEqual(failed);
  });

  it.each([
    [entry({ is: 'running' }), 'request.running'],
    [entry({ is: 'interrupted', effect: null }), 'request.interrupted'],
    [{ ...doneBefore, fingerprint: 'g' }, 'request.reused'],
  ])('does not do again what may have been done: %#', async (found, code) => {
    const { made } = outcomes(found);
    const claim = await made.claim(call);
    if (claim.is !== 'joined') throw new Error('not joined');
    expect(errorOf(await claim.answer)).toMatchObject({ class: 'conflict', code, effect: 'none' });
    // What the logs know stays theirs to tell.
    expect((await made.outcome('r1', admin)).state).not.toBe('never_seen');
  });

  it('probes what was interrupted, and writes down what it found', async () => {
    for (const [probed, written] of [
      ['applied', 1],
      ['none', 1],
      ['unknown', 0],
    ] as const) {
      const { made, settled } = outcomes(entry({ is: 'interrupted', effect: null }), probed);
      expect(await made.outcome('r1', admin)).toMatchObject({
        state: 'interrupted',
        effect: probed,
        plan: { summary: 'Touch a@h' },
      });
      expect(settled).toHaveLength(written);
    }
  });

  it('does not probe again what has been found', async () => {
    const { made, settled } = outcomes(entry({ is: 'interrupted', effect: 'none' }), 'applied');
    expect(await made.outcome('r1', admin)).toMatchObject({ effect: 'none' });
    expect(settled).toEqual([]);
  });

  it('says what another process is doing, and what nobody has seen', async () => {
    expect(await outcomes(entry({ is: 'running' })).made.outcome('r1', admin)).toEqual({
      state: 'running',
      operation: 'touch_node',
      startedAt: 7,
    });
    expect(await outcomes().made.outcome('r1', admin)).toEqual({ state: 'never_seen' });
  });

  it('does not ask the logs about calls that only look: they leave nothing there', async () => {
    const { made } = outcomes(doneBefore);
    expect((await made.claim({ ...call, write: false })).is).toBe('ours');
  });
});
