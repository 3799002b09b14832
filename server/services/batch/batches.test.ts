import { describe, expect, it } from 'vitest';
import { callOptions } from '../../../runtime/callOptions.ts';
import { timedOut } from '../../../runtime/errors.ts';
import { ok } from '../../../runtime/model.ts';
import type { CallOptions } from '../../../runtime/port.ts';
import { restrictPort } from '../../../runtime/portFacade.ts';
import type { Context } from '../../core/context.ts';
import { makeContext } from '../../core/context.ts';
import { admin, bench } from '../../core/testKit.ts';
import type { BatchSteps } from '../../operations/registry/executeBatch.ts';
import { readBatchSteps } from '../../operations/registry/executeBatch.ts';
import { BatchRunner, itemRequestId } from './batches.ts';
import { inPool } from './pool.ts';

const done = ok({ mode: 'run', result: null, durationMs: 1, correlationId: 'c' } as const);

function stepsOf(mode: BatchSteps['mode'], names: readonly string[]): BatchSteps {
  const items = names.map((id, index) => ({
    id,
    requestId: itemRequestId('b', index),
    operation: 'look_around',
    params: {},
    plan: null,
  }));
  return { mode, concurrency: 1, items };
}

function contextWith(budget: CallOptions): Context<never> {
  const owner = { principal: 'ada', client: 'editor', operation: 'execute_batch', requestId: 'b' };
  const port = restrictPort<never>(bench().runtime.port, []);
  return makeContext({ connection: null, port, caller: admin, owner, requestId: 'b', budget, onProgress: undefined });
}

describe('BatchRunner', () => {
  it.each(['independent', 'atomic'] as const)(
    'begins nothing more when the time of an %s batch is over',
    async (mode) => {
      let remainingMs = 1_000;
      const budget: CallOptions = {
        ...callOptions(1_000),
        get remainingMs() {
          return remainingMs;
        },
      };
      const given: number[] = [];
      // The second takes all that is left.
      const answerTo = (timeoutMs: number | undefined) => {
        given.push(timeoutMs ?? Infinity);
        if (given.length === 1) remainingMs = 400;
        else remainingMs = 0;
        return given.length === 1 ? done : timedOut('look_around', 'none');
      };
      const runner = new BatchRunner({
        find: () => null,
        learn: () => Promise.resolve(),
        outcome: () => Promise.resolve(),
        undone: () => Promise.resolve(),
        pipeline: {
          prepare: () => Promise.reject(new Error('not asked for')),
          execute: (_call, { timeoutMs }) => Promise.resolve(answerTo(timeoutMs)),
          runPlanned: (_call, { timeoutMs }) =>
            Promise.resolve({
              answer: answerTo(timeoutMs),
              undo: () => Promise.resolve(ok(null)),
              offerUndo: () => undefined,
            }),
        },
      });
      const result = await runner.apply(contextWith(budget), stepsOf(mode, ['a', 'b', 'c']));
      expect(result.items.map(({ status }) => status)).toEqual(['done', 'failed', 'not_run']);
      expect(result.stopped).toBe(mode === 'atomic' ? 'failure' : 'deadline');
      expect(given).toHaveLength(2);
      expect(given[0]).toBeLessThanOrEqual(1_000);
      expect(given[1]).toBeLessThanOrEqual(400);
    },
  );

  it('makes the requestId of an item of the batch’s own, however long that is', () => {
    expect(itemRequestId('b1', 7)).toBe('b1:7');
    const long = 'x'.repeat(128);
    expect(itemRequestId(long, 999)).toMatch(/^[0-9a-f]{64}:999$/);
    expect(itemRequestId(long, 1)).not.toBe(itemRequestId(`y${long.slice(1)}`, 1));
  });
});

describe('an operation that is not known', () => {
  it('is looked for on the nodes, once for a whole batch', async () => {
    const learned: string[] = [];
    const runner = new BatchRunner({
      find: () => null,
      learn: (connection, operation) => {
        learned.push(`${connection ?? ''} ${operation}`);
        return Promise.resolve();
      },
      outcome: () => Promise.resolve(),
      undone: () => Promise.resolve(),
      pipeline: bench().pipeline,
    });
    const items = ['a', 'b', 'c'].map((id) => ({ id, operation: `own_${id}`, params: {} }));
    const planned = await runner.plan(contextWith(callOptions(9_000)), { mode: 'independent', concurrency: 1, items });
    expect(planned).toMatchObject({
      ok: true,
      value: { severity: 'read', steps: { items: [{ plan: null }, {}, {}] } },
    });
    expect(learned).toEqual([' own_a']);
  });
});

describe('the steps of a batch', () => {
  it('are read from a log, and nothing else is', () => {
    const steps = stepsOf('atomic', ['a', 'b']);
    const written: unknown = JSON.parse(JSON.stringify(steps));
    expect(readBatchSteps(JSON.parse(JSON.stringify(written)))).toEqual(steps);
    for (const bad of [
      null,
      [],
      {},
      { ...steps, mode: 'x', items: [] },
      { ...steps, items: [{ id: 1 }] },
      { ...steps, items: [7] },
    ]) {
      expect(readBatchSteps(JSON.parse(JSON.stringify(bad)))).toBe(null);
    }
  });
});

describe('inPool', () => {
  it('begins in order, so many at a time, until it is told to stop', async () => {
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    await inPool(
      [1, 2, 3, 4, 5, 6, 7],
      3,
      () => begun.length >= 6,
      async (item) => {
        begun.push(item);
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      },
    );
    expect(begun).toEqual([1, 2, 3, 4, 5, 6]);
    expect(most).toBe(3);
  });
});
