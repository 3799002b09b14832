import { describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { failure } from '../../runtime/errors.ts';
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { OperationCall } from '../protocol/operation.ts';
import type { CallExtras } from './calls.ts';
import type { AnyWriteOperation } from './operation.ts';
import { checkOperation } from './registration.ts';
import type { Bench } from './testKit.ts';
import { admin, bench, changing, errorOf, looking, plan, valueOf } from './testKit.ts';

const refusal = failure('conflict', 'sample.refused', 'No.', 'None.');
const touch: OperationCall = {
  requestId: 'b1:0',
  connection: 'a',
  operation: 'touch_node',
  params: { node: 'a@h' },
  mode: 'run',
};
const look: OperationCall = { ...touch, operation: 'look_around', params: {} };
const extras = (): CallExtras => ({ caller: admin, signal: new AbortController().signal, parent: 'b1' });

describe('a call that is a part of a whole', () => {
  it('is prepared without a claim, a token of the rate or an intent', async () => {
    const operation = changing({ compensate: () => Promise.resolve(ok(null)) });
    const house = bench({ operations: [operation, looking()], admit: () => refusal });
    const prepared = valueOf(await house.pipeline.prepare(touch, extras()));
    expect(prepared).toMatchObject({ entry: { name: 'touch_node' }, plan, canUndo: true });
    expect(valueOf(await house.pipeline.prepare(look, extras()))).toMatchObject({ plan: null, canUndo: true });
    expect(valueOf(await bench().pipeline.prepare(touch, extras())).canUndo).toBe(false);
    expect([house.claimed, house.intents, house.finished]).toEqual([[], [], []]);
  });

  it('is refused by the same steps as any call', async () => {
    const { pipeline } = bench({ access: () => 'read_only' });
    expect(errorOf(await pipeline.prepare({ ...touch, operation: 'no_such' }, extras())).code).toBe(
      'operation.not_found',
    );
    expect(errorOf(await pipeline.prepare(touch, extras())).code).toBe('connection.read_only');
    const only = errorOf(await bench().pipeline.prepare({ ...touch, params: { node: 'a@h', dryRun: true } }, extras()));
    expect(only).toMatchObject({ code: 'call.only_planned', class: 'validation', effect: 'none', pointer: '/dryRun' });
  });

  it('is run as it was planned, told to observers as a part, and undone by its operation', async () => {
    const seen: Json[] = [];
    const operation = changing({
      apply: (_context, { steps }) => Promise.resolve(ok({ touched: seen.push(steps) > 0 })),
      compensate(_context, { steps }, done) {
        seen.push({ undo: steps, done: done.ok });
        return Promise.resolve(ok(null));
      },
    });
    const house = bench({ operations: [operation] });
    const run = await house.pipeline.runPlanned(touch, extras(), { ...plan, steps: { n: 7 } });
    expect(valueOf(run.answer)).toMatchObject({ mode: 'run', result: { touched: true } });
    expect(house.finished).toMatchObject([{ requestId: 'b1:0', parent: 'b1', error: null }]);
    run.offerUndo();
    expect(valueOf(await run.undo(callOptions(1_000)))).toBe(null);
    expect(seen).toEqual([{ n: 7 }, { undo: { n: 7 }, done: true }]);
    expect([house.claimed, house.intents, house.outcomes]).toEqual([[], [], []]);
    const failed = await house.pipeline.runPlanned({ ...touch, operation: 'no_such' }, extras(), plan);
    failed.offerUndo();
    expect(errorOf(failed.answer).code).toBe('operation.not_found');
  });

  it('that looks is run, and leaves nothing to undo', async () => {
    const run = await bench().pipeline.runPlanned(look, extras(), null);
    expect(valueOf(run.answer)).toMatchObject({ result: { seen: 1 } });
    expect(valueOf(await run.undo(callOptions(1_000)))).toBe(null);
  });

  it('is not run when it may not be any more, and leaves nothing to undo then', async () => {
    const applied: Json[] = [];
    const operation = changing({ apply: () => Promise.resolve(ok({ touched: applied.push(1) > 0 })) });
    const codes: string[] = [];
    const tried: readonly (readonly [Bench, OperationCall])[] = [
      [bench({ operations: [operation] }), { ...touch, params: {} }],
      [bench({ operations: [operation], access: () => 'read_only' }), touch],
      [bench({ operations: [operation], runtime: crippled() }), touch],
    ];
    for (const [house, call] of tried) {
      const run = await house.pipeline.runPlanned(call, extras(), plan);
      codes.push(errorOf(run.answer).code);
      expect(valueOf(await run.undo(callOptions(1_000)))).toBe(null);
    }
    const unplanned = await bench({ operations: [operation] }).pipeline.runPlanned(touch, extras(), null);
    codes.push(errorOf(unplanned.answer).code);
    expect(codes).toEqual(['params.invalid', 'connection.read_only', 'runtime.unsupported', 'operation.bad_plan']);
    expect(applied).toEqual([]);
  });

  function crippled() {
    const { runtime } = bench();
    const without = {
      ...runtime.capabilities.runtime,
      'processes.start': { can: false, why: 'It cannot.', remedy: 'No.' },
    };
    Object.defineProperty(runtime, 'capabilities', { value: { ...runtime.capabilities, runtime: without } });
    return runtime;
  }

  it('that failed without effect needs no undoing; one without compensate says that it cannot', async () => {
    const failing = changing({
      apply: () => Promise.resolve(refusal),
      compensate: () => Promise.reject(new Error('no')),
    });
    const failed = await bench({ operations: [failing] }).pipeline.runPlanned(touch, extras(), plan);
    expect(errorOf(failed.answer).code).toBe('sample.refused');
    expect(valueOf(await failed.undo(callOptions(1_000)))).toBe(null);
    const lasting = await bench().pipeline.runPlanned(touch, extras(), plan);
    expect(errorOf(await lasting.undo(callOptions(1_000)))).toMatchObject({
      code: 'operation.cannot_undo',
      class: 'unsupported',
    });
  });

  /** Cuts it off in the middle of `apply`, and has it undone. */
  async function cutOff(change: Partial<AnyWriteOperation>, lastWord: Result<Json> | null) {
    const ending = new AbortController();
    let say: (result: Result<Json>) => void = () => undefined;
    const told: Result<unknown>[] = [];
    const operation = changing({
      apply: () => new Promise((resolve) => (say = resolve)),
      compensate(_context, _plan, done) {
        told.push(done);
        return Promise.resolve(ok(null));
      },
      graceMs: 1,
      ...change,
    });
    const running = bench({ operations: [operation] }).pipeline.runPlanned(
      touch,
      { ...extras(), signal: ending.signal },
      plan,
    );
    ending.abort();
    const run = await running;
    expect(errorOf(run.answer)).toMatchObject({ code: 'call.cancelled', effect: 'unknown' });
    const undoing = run.undo(callOptions(lastWord === null ? 50 : 60_000));
    if (lastWord !== null) say(lastWord);
    return { undone: await undoing, told };
  }

  it('that was cut off is undone by what it says at last', async () => {
    expect(await cutOff({}, ok({ touched: true }))).toEqual({
      undone: ok(null),
      told: [ok({ touched: true })],
    });
  });

  it('that was cut off and says nothing more is undone only where the world says that nothing is left', async () => {
    for (const [left, code] of [
      ['none', null],
      ['unknown', 'operation.undo_unknown'],
    ] as const) {
      const { undone, told } = await cutOff({ probe: () => Promise.resolve(left) }, null);
      expect(told).toMatchObject([{ ok: false, error: { code: 'call.cancelled', effect: 'unknown' } }]);
      expect(undone.ok ? null : undone.error.code).toBe(code);
    }
    const { undone } = await cutOff({}, null);
    expect(errorOf(undone)).toMatchObject({ code: 'operation.undo_unknown', effect: 'unknown' });
    const refused = await cutOff({ compensate: () => Promise.resolve(refusal) }, null);
    expect(errorOf(refused.undone).code).toBe('sample.refused');
  });
});

describe('an operation whose plan says how grave it is', () => {
  const light = changing({
    severity: 'read',
    needs: [],
    plan: () => Promise.resolve(ok({ ...plan, severity: 'read' })),
  });

  it('can be registered as read, with plan and apply and nothing else', () => {
    expect(checkOperation(light).ok).toBe(true);
    const both = { ...light, execute: () => Promise.resolve(ok({ touched: true })) };
    expect(errorOf(checkOperation(both)).code).toBe('operation.invalid');
    expect(errorOf(checkOperation(changing({ severity: 'read' }))).code).toBe('operation.invalid');
  });

  it('writes nothing down when its plan only looks, also when its end came late', async () => {
    const house = bench({ operations: [light] });
    valueOf(await house.run({ operation: 'touch_node', params: { node: 'a@h' } }));
    const ending = new AbortController();
    let say: (result: Result<{ touched: boolean }>) => void = () => undefined;
    const slow = bench({
      operations: [{ ...light, graceMs: 1, apply: () => new Promise((resolve) => (say = resolve)) }],
    });
    const running = slow.run({ operation: 'touch_node', params: { node: 'a@h' } }, { signal: ending.signal });
    ending.abort();
    expect(errorOf(await running).code).toBe('call.cancelled');
    say(ok({ touched: true }));
    await expect.poll(() => slow.corrected.length, { timeout: 9_000 }).toBe(1);
    expect([house.intents, house.outcomes, slow.intents, slow.outcomes]).toEqual([[], [], [], []]);
  });

  it('asks for what its plan is', async () => {
    const grave = { ...light, plan: () => Promise.resolve(ok({ ...plan, severity: 'destroy' as const })) };
    const house = bench({ operations: [grave], access: () => 'read_only' });
    const call = { operation: 'touch_node', params: { node: 'a@h' } };
    expect(errorOf(await house.run(call)).code).toBe('connection.read_only');
    const operator = { caller: { ...admin, role: 'operator' as const } };
    expect(errorOf(await house.run(call, operator)).code).toBe('role.insufficient');
    // What acts by other calls leaves that to them, and is written down all the same.
    const delegating = bench({ operations: [{ ...grave, delegates: true }], access: () => 'read_only' });
    expect((await delegating.run(call, operator)).ok).toBe(true);
    expect(delegating.intents).toMatchObject([{ severity: 'destroy' }]);
  });
});
