/** The small parts: contexts, time budgets, plans, canonical JSON, errors. */
import { describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { failure } from '../../runtime/errors.ts';
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { buildPort } from '../../runtime/portFacade.ts';
import type { OperationProgress } from '../protocol/operation.ts';
import { withinBudget } from './budget.ts';
import { CallBudget } from './callBudget.ts';
import { canonicalJson } from './canonicalJson.ts';
import { makeContext } from './context.ts';
import { operationNotFound, withoutConnection, wordsOf } from './errors.ts';
import { Flight } from './flight.ts';
import { checkedPlan, graver, planOfLooking, readPlan, summaryOf } from './plans.ts';
import {
  admin,
  anything,
  changing,
  errorOf,
  listWith,
  looking,
  objectWith,
  plan,
  textLike,
  textWith,
  valueOf,
} from './testKit.ts';

describe('makeContext', () => {
  const port = buildPort({}, () => ({ can: false, why: 'no', remedy: 'none' }));
  const owner = { principal: 'ada', client: 'editor', operation: 'x', requestId: 'r' };
  const parts = { connection: null, port, caller: admin, owner, requestId: 'r' };

  it('gives port calls what is left of the budget, at most what they ask', () => {
    const context = makeContext({ ...parts, budget: callOptions(1000), onProgress: undefined });
    expect(context.options().remainingMs).toBeGreaterThan(900);
    expect(context.options(10).remainingMs).toBeLessThanOrEqual(10);
  });

  it('emits while somebody listens and the call has not been cut off', async () => {
    const control = new AbortController();
    const heard: OperationProgress[] = [];
    const context = makeContext({
      ...parts,
      budget: callOptions(1000, control.signal),
      onProgress: (progress) => void heard.push(progress),
    });
    const progress = { is: 'progress', message: 'half', fraction: 0.5 } as const;
    await context.emit(progress);
    control.abort();
    await context.emit(progress);
    await makeContext({ ...parts, budget: callOptions(1000), onProgress: undefined }).emit(progress);
    expect(heard).toEqual([progress]);
  });
});

describe('CallBudget', () => {
  it('has a signal of its own, which ends with the call or its caller, and shrinks', () => {
    const caller = new AbortController();
    const budget = new CallBudget(1_000, performance.now(), caller.signal, 'c');
    expect(budget.remainingMs).toBeGreaterThan(0);
    expect(budget.remainingMs).toBeLessThanOrEqual(1_000);
    const { signal } = budget;
    expect([budget.signal === signal, signal === caller.signal, signal.aborted]).toEqual([true, false, false]);
    caller.abort();
    expect(signal.aborted).toBe(true);
    expect(new CallBudget(5, performance.now() - 10, caller.signal, 'c').remainingMs).toBe(0);
  });

  it('that has ended gives a signal that has', () => {
    const budget = new CallBudget(1_000, performance.now(), new AbortController().signal, 'c');
    budget.end();
    expect(budget.signal.aborted).toBe(true);
  });

  it('tells those who listen once, however often it is ended, and nobody who comes too late', () => {
    const caller = new AbortController();
    const budget = new CallBudget(1_000, performance.now(), caller.signal, 'c');
    const told: string[] = [];
    budget.onRequested(() => told.push('ended'));
    budget.end();
    budget.end();
    expect(told).toEqual(['ended']);
    caller.abort();
    const late = new CallBudget(1_000, performance.now(), caller.signal, 'c');
    late.onRequested(() => told.push('late'));
    late.release();
    expect(told).toEqual(['ended']);
  });

  it('that is released hears of its caller no more', () => {
    const caller = new AbortController();
    const budget = new CallBudget(1_000, performance.now(), caller.signal, 'c');
    const { signal } = budget;
    budget.release();
    caller.abort();
    expect(signal.aborted).toBe(false);
  });
});

describe('a flight', () => {
  it('has no operation before it was found, and no plan before it was made', () => {
    const call = { requestId: 'r', connection: null, operation: 'x', params: {}, mode: 'run' } as const;
    const flight = new Flight(call, { caller: admin, signal: new AbortController().signal });
    expect(() => flight.operation).toThrow('no operation');
    expect(() => flight.madePlan).toThrow('nothing was planned');
    expect(errorOf(flight.result)).toMatchObject({ code: 'pipeline.not_run', effect: 'none' });
  });
});

describe('withinBudget', () => {
  const never = () => new Promise<Result<null>>(() => undefined);

  it('answers what the code answers', async () => {
    const { answer, late } = await withinBudget('x', 'none', callOptions(1000), () => Promise.resolve(ok(7)));
    expect([answer, late]).toEqual([ok(7), null]);
  });

  it('turns what it throws, and what is no result, into errors that say the effect', async () => {
    const threw = await withinBudget('x', 'unknown', callOptions(1000), () => {
      throw new Error('oh');
    });
    expect(errorOf(threw.answer)).toMatchObject({ class: 'system', code: 'operation.threw', effect: 'unknown' });
    const odd = await withinBudget(
      'x',
      'none',
      callOptions(1000),
      () => new Promise<Result<null>>((_resolve, reject) => reject(Object.assign(new Error(), { message: 'odd' }))),
    );
    expect(errorOf(odd.answer).message).toBe('x failed: odd');
    const bad = await withinBudget('x', 'none', callOptions(1000), () =>
      Promise.resolve(Object.assign(ok(1), { ok: 'perhaps' })),
    );
    expect(errorOf(bad.answer)).toMatchObject({ code: 'operation.bad_answer', effect: 'none' });
  });

  it('cuts off code that does not answer in time, though it heeds nothing', async () => {
    const { answer, late } = await withinBudget('x', 'unknown', callOptions(5), never);
    expect(errorOf(answer)).toMatchObject({ class: 'timeout', effect: 'unknown' });
    expect(late).not.toBeNull();
  });

  it('cuts it off when the caller cancels, before or meanwhile', async () => {
    const control = new AbortController();
    const running = withinBudget('x', 'none', callOptions(1000, control.signal), never);
    control.abort();
    expect(errorOf((await running).answer)).toMatchObject({ class: 'cancelled', effect: 'none' });
    const later = await withinBudget('x', 'none', callOptions(1000, control.signal), never);
    expect(errorOf(later.answer).class).toBe('cancelled');
  });

  it('lets code that was cut off say its effect, if it does so at once', async () => {
    const control = new AbortController();
    const known = failure('cancelled', 'call.cancelled', 'Cancelled.', 'None.', { effect: 'none' });
    const running = withinBudget(
      'x',
      'unknown',
      callOptions(1000, control.signal),
      () => new Promise<Result<null>>((resolve) => control.signal.addEventListener('abort', () => resolve(known))),
    );
    control.abort();
    expect(await running).toEqual({ answer: known, late: null });
  });

  it('says later what became of it after all', async () => {
    let finish: (value: Result<number>) => void = () => undefined;
    const { late } = await withinBudget(
      'x',
      'unknown',
      callOptions(1),
      () => new Promise<Result<number>>((resolve) => (finish = resolve)),
    );
    finish(ok(3));
    expect(await late).toEqual(ok(3));
  });
});

describe('plans', () => {
  it('shows people the plan without its steps', () => {
    expect(summaryOf(plan)).not.toHaveProperty('steps');
  });

  it('has one for what only looks', () => {
    expect(planOfLooking(looking())).toMatchObject({ severity: 'read', touches: [] });
  });

  it('knows the graver severity', () => {
    expect([graver('read', 'destroy'), graver('change', 'diagnose')]).toEqual(['destroy', 'change']);
  });

  it('reads plans, with or without pids in what they touch', () => {
    const touches = [
      { node: 'a', what: 'x' },
      { node: 'a', what: 'x', pid: 'p' },
    ];
    expect(readPlan({ ...plan, touches, more: 1 })).toEqual({ ...plan, touches });
  });

  it.each<[string, unknown]>([
    ['no JSON', undefined],
    ['no object', 'x'],
    ['no summary', { ...plan, summary: 1 }],
    ['touches that are no list', { ...plan, touches: {} }],
    ['a touch that is none', { ...plan, touches: [null] }],
    ['a touch without a node', { ...plan, touches: [{ what: 'x' }] }],
    ['no severity', { ...plan, severity: 'much' }],
    ['no undo', { ...plan, undo: 'perhaps' }],
    ['no steps', { summary: '', touches: [], severity: 'change', undo: 'no' }],
  ])('takes for no plan what has %s', (_what, value) => {
    expect(readPlan(value)).toBeNull();
    expect(errorOf(checkedPlan(changing(), value))).toMatchObject({ code: 'operation.bad_plan', effect: 'none' });
  });

  it('never lets a plan be less grave than its operation', () => {
    expect(valueOf(checkedPlan(changing({ severity: 'destroy' }), plan)).severity).toBe('destroy');
    expect(valueOf(checkedPlan(changing(), { ...plan, severity: 'destroy' })).severity).toBe('destroy');
  });
});

describe('canonicalJson', () => {
  it('is the same for the same value, whatever the order of its keys', () => {
    const one: Json = { b: [1, { y: null, x: 'é"' }], a: true };
    const other: Json = { a: true, b: [1, { x: 'é"', y: null }] };
    expect(canonicalJson(one)).toBe(canonicalJson(other));
    expect(JSON.parse(canonicalJson(one))).toEqual(one);
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });
});

describe('operationNotFound', () => {
  it('does not repeat a megabyte of name', () => {
    expect(operationNotFound('x'.repeat(1_000_000)).error.message.length).toBeLessThan(200);
  });
});

describe('errors', () => {
  it('puts whatever was thrown into words', () => {
    expect([wordsOf(new Error('oh')), wordsOf('odd'), wordsOf(undefined)]).toEqual(['oh', 'odd', 'undefined']);
  });

  it('says what to do without a connection', () => {
    expect(withoutConnection()).toMatchObject({ can: false });
  });
});

describe('the test kit', () => {
  it('fails loudly when a result is not what a test says it is', () => {
    expect(() => errorOf(ok(1))).toThrow('succeeded');
    expect(() => valueOf(operationNotFound('x'))).toThrow('operation.not_found');
    const said = [{ text: 'a long text', of: ['x', { y: 1, z: 2 }] }];
    expect(said).toEqual([{ text: textWith('long'), of: listWith(objectWith({ y: 1 })) }]);
    expect(said).not.toEqual([{ text: textLike(/short/), of: anything }]);
  });
});
