import { getEventListeners } from 'node:events';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { OperationProgress } from '../protocol/operation.ts';
import { pipelineSteps } from './calls.ts';
import type { OperationTelemetry } from './operation.ts';
import { admin, bench, changing, errorOf, looking, plan, valueOf } from './testKit.ts';

const refusal = failure('conflict', 'sample.refused', 'No.', 'None.');

describe('a call that succeeds', () => {
  // @row DF-01, PR-06, RG-07
  it('goes through the nine steps, in order', async () => {
    const { run, finished } = bench();
    const answer = valueOf(await run());
    expect(answer).toMatchObject({ mode: 'run', result: { seen: 1 } });
    expect([...(finished[0]?.steps ?? []), 'answer']).toEqual(pipelineSteps);
    expect(finished[0]).toMatchObject({ error: null, mode: 'run', connection: 'a' });
  });

  it('leaves nothing on its caller’s signal, which other calls may share, after the next call of somebody else, however it ends', async () => {
    const { signal } = new AbortController();
    const asks = changing({
      name: 'asks_first',
      async plan(context) {
        const asked = await context.port.cluster.nodes({}, context.options());
        return asked.ok ? ok(plan) : asked;
      },
    });
    const { run } = bench({ operations: [looking(), asks, changing({ plan: () => Promise.resolve(refusal) })] });
    await run({}, { signal });
    const call = { operation: 'asks_first', params: { node: 'a@h' } };
    valueOf(await run(call, { signal }));
    valueOf(await run({ ...call, mode: 'dry_run' }, { signal }));
    expect(errorOf(await run({ ...call, operation: 'touch_node' }, { signal })).code).toBe('sample.refused');
    // One for all of them, which is there for the next.
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await run({}, { signal: new AbortController().signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('gives it what it may use too: where there is none it runs all the same, and is answered why not', async () => {
    const operation = looking({
      mayUse: ['system.stats'],
      async execute(context) {
        const stats = await context.port.system.stats({ node: 'a@h' }, context.options());
        return ok({ seen: stats.ok ? 1 : 0, ...(!stats.ok && { why: stats.error.class }) });
      },
      result: Type.Object({ seen: Type.Integer(), why: Type.Optional(Type.String()) }),
    });
    const nodes = [{ name: 'a@h', processes: [] }];
    const without = createFakeRuntime({ id: 'a', nodes, methods: ['cluster.nodes'] });
    expect(valueOf(await bench({ operations: [operation] }).run())).toMatchObject({ result: { seen: 1 } });
    expect(valueOf(await bench({ operations: [operation], runtime: without }).run())).toMatchObject({
      result: { seen: 0, why: 'unsupported' },
    });
  });

  // @row IV-31
  it('gives the operation its parameters with defaults, the methods it named, and no others', async () => {
    const seen: unknown[] = [];
    const operation = looking({
      execute(context, params) {
        seen.push(
          params,
          Object.keys(context.port),
          Object.keys(context.port.cluster),
          context.connection,
          context.owner,
        );
        return Promise.resolve(ok({ seen: 1 }));
      },
    });
    await bench({ operations: [operation] }).run({ params: { timeoutMs: 50 } });
    expect(seen).toEqual([
      { limit: 3 },
      ['cluster'],
      ['nodes'],
      { id: 'a', kind: 'simulated' },
      { principal: 'ada', client: 'editor', operation: 'look_around', requestId: 'r1' },
    ]);
  });

  it('plans with the harmless half of needs, declares the intent, applies the plan, records the outcome', async () => {
    const ports: string[][] = [];
    const operation = changing({
      plan(context) {
        ports.push(Object.keys(context.port));
        return Promise.resolve(ok(plan));
      },
      apply(context, given) {
        ports.push(Object.keys(context.port));
        expect(given).toEqual(plan);
        return Promise.resolve(ok({ touched: true }));
      },
    });
    const { run, intents, outcomes, settled } = bench({ operations: [operation] });
    valueOf(await run({ operation: 'touch_node', params: { node: 'x' } }, { correlationId: 'c1' }));
    expect(ports).toEqual([['cluster'], ['cluster', 'processes']]);
    expect(intents).toMatchObject([
      { requestId: 'r1', correlationId: 'c1', plan, params: { node: 'x' }, connection: { label: 'A' } },
    ]);
    expect(outcomes).toMatchObject([{ requestId: 'r1', result: ok({ touched: true }), late: false }]);
    expect(settled).toMatchObject([{ executed: true }]);
  });

  it('tells progress to whoever called', async () => {
    const heard: OperationProgress[] = [];
    const progress = { is: 'progress', message: 'half', fraction: 0.5 } as const;
    const operation = looking({
      async execute(context) {
        await context.emit(progress);
        return ok({ seen: 1 });
      },
    });
    await bench({ operations: [operation] }).run({}, { onProgress: (one) => void heard.push(one) });
    expect(heard).toEqual([progress]);
  });

  // @row NF-15
  it('carries the correlation id it was given, or one of its own where that one is unsafe', async () => {
    const { run, finished } = bench();
    await run({}, { correlationId: 'abc-1' });
    await run({}, { correlationId: 'line\nbreak' });
    await run({ operation: 'none' }, { correlationId: 'abc-2' });
    expect(finished[0]?.correlationId).toBe('abc-1');
    expect(finished[1]?.correlationId).toMatch(/^[0-9a-f-]{36}$/);
    expect(finished[2]?.correlationId).toBe('abc-2');
  });

  it('works without a connection when nothing of a runtime is needed', async () => {
    const ports: unknown[] = [];
    const operations = [
      looking({
        needs: [],
        execute(context) {
          ports.push(Object.keys(context.port), context.connection);
          return Promise.resolve(ok({ seen: 1 }));
        },
      }),
      changing({ needs: [] }),
    ];
    const { run, intents } = bench({ operations, access: () => 'read_only' });
    valueOf(await run({ connection: null }));
    valueOf(await run({ connection: null, operation: 'touch_node', params: { node: 'x' } }));
    expect(ports).toEqual([[], null]);
    expect(intents).toMatchObject([{ connection: null }]);
  });
});

describe('modes', () => {
  it('validates without asking anybody anything', async () => {
    const { run, runtime, finished } = bench();
    expect(valueOf(await run({ mode: 'validate', connection: null }))).toMatchObject({ mode: 'validate', valid: true });
    expect(runtime.calls('cluster.nodes')).toBe(0);
    expect(finished[0]?.steps).toEqual(['receive', 'authenticate', 'validate', 'record']);
  });

  it.each([{ mode: 'dry_run' as const, params: { node: 'x' } }, { params: { node: 'x', dryRun: true } }])(
    'plans without doing anything: %o',
    async (call) => {
      const { run, intents, finished } = bench({ access: () => 'read_only' });
      const answer = valueOf(await run({ operation: 'touch_node', ...call }));
      expect(answer).toMatchObject({ mode: 'dry_run', plan: { summary: 'Touch a@h', severity: 'change', undo: 'no' } });
      expect(answer).not.toHaveProperty('plan.steps');
      expect(intents).toEqual([]);
      expect(finished[0]?.mode).toBe('dry_run');
    },
  );

  it('says of what only looks that it only looks', async () => {
    const answer = valueOf(await bench().run({ mode: 'dry_run' }));
    expect(answer).toMatchObject({ plan: { touches: [], severity: 'read' } });
  });

  it('answers why a plan cannot be made', async () => {
    const operation = changing({ plan: () => Promise.resolve(refusal) });
    const { run } = bench({ operations: [operation] });
    expect(errorOf(await run({ operation: 'touch_node', params: { node: 'x' }, mode: 'dry_run' })).code).toBe(
      'sample.refused',
    );
  });
});

describe('what is refused', () => {
  it.each([
    ['a request id that is none', { requestId: 'line\nbreak' }, 'call.malformed'],
    ['an empty request id', { requestId: '' }, 'call.malformed'],
    ['parameters that are no object', { params: [1] }, 'params.invalid'],
    ['parameters that are no JSON', { params: { a: Number.NaN } }, 'params.invalid'],
    ['an unknown operation', { operation: 'explode' }, 'operation.not_found'],
    ['wrong parameters', { params: { limit: 99 } }, 'params.invalid'],
    ['a missing connection', { connection: null }, 'connection.required'],
    ['an unknown connection', { connection: 'b' }, 'connection.not_found'],
  ])('%s', async (_what, call, code) => {
    const { run, finished, settled, runtime } = bench();
    expect(errorOf(await run(call))).toMatchObject({ code, effect: 'none' });
    expect(finished).toHaveLength(1);
    expect(settled.every(({ executed }) => !executed)).toBe(true);
    expect(runtime.calls('cluster.nodes')).toBe(0);
  });

  it('a mode that is none, and time limits that are none', async () => {
    const { run } = bench();
    const { mode } = Object.assign({}, { mode: 'run' as const }, { mode: 'explode' });
    expect(errorOf(await run({ mode })).details).toEqual({ part: 'mode' });
    for (const timeoutMs of [0, -1, Number.NaN, 3_600_001]) {
      expect(errorOf(await run({}, { timeoutMs })).details).toEqual({ part: 'timeoutMs' });
    }
    expect(errorOf(await run({ params: { timeoutMs: 0 } })).pointer).toBe('/timeoutMs');
  });

  it('a caller who is not known', async () => {
    const { run } = bench();
    const { role: odd } = Object.assign({}, { role: 'admin' as const }, { role: 'root' });
    const { via } = Object.assign({}, { via: 'editor' as const }, { via: 'somewhere' });
    const callers = [
      { ...admin, principal: '' },
      { ...admin, role: odd },
      { ...admin, via },
    ];
    for (const caller of callers) {
      expect(errorOf(await run({}, { caller }))).toMatchObject({ class: 'authentication', code: 'caller.unknown' });
    }
  });

  // @row NF-08
  it('a role that does not suffice, for a plan too', async () => {
    const { run, intents } = bench();
    const caller = { ...admin, role: 'viewer' } as const;
    for (const mode of ['run', 'dry_run'] as const) {
      const error = errorOf(await run({ operation: 'touch_node', params: { node: 'x' }, mode }, { caller }));
      expect(error).toMatchObject({ class: 'authorization', code: 'role.insufficient' });
    }
    expect(intents).toEqual([]);
  });

  it('writes on a connection that does not allow them', async () => {
    const call = { operation: 'touch_node', params: { node: 'x' } };
    expect(errorOf(await bench({ access: () => 'read_only' }).run(call)).code).toBe('connection.read_only');
    expect(errorOf(await bench({ access: () => 'confirm' }).run(call)).code).toBe('connection.confirm_writes');
    valueOf(await bench({ access: () => 'read_only' }).run());
  });

  // @row CB-03
  it('what the operation’s own validation finds', async () => {
    const operation = looking({
      validate: ({ limit }: { limit?: number }) => (limit === 7 ? [{ pointer: '/limit', message: 'is not 7.' }] : []),
    });
    const { run } = bench({ operations: [operation] });
    expect(errorOf(await run({ params: { limit: 7 } }))).toMatchObject({ code: 'params.invalid', pointer: '/limit' });
    valueOf(await run({ params: { limit: 6 } }));
    const throws = looking({
      validate: () => {
        throw new Error('oh');
      },
    });
    expect(errorOf(await bench({ operations: [throws] }).run())).toMatchObject({
      code: 'operation.threw',
      effect: 'none',
    });
  });

  // @row CB-04
  it('what the operation’s own condition on the caller forbids', async () => {
    const operation = looking({
      authorize: (_params, { caller }) => (caller.principal === 'ada' ? refusal : ok(null)),
    });
    const { run } = bench({ operations: [operation] });
    expect(errorOf(await run()).code).toBe('sample.refused');
    valueOf(await run({}, { caller: { ...admin, principal: 'bob' } }));
    const asks = looking({
      needs: [],
      authorize: (_params, { connection }) => (connection === null ? ok(null) : refusal),
    });
    valueOf(await bench({ operations: [asks] }).run({ connection: null }));
    const throws = looking({
      authorize: () => {
        throw new Error('oh');
      },
    });
    expect(errorOf(await bench({ operations: [throws] }).run()).code).toBe('operation.threw');
  });

  it('an alias without what it requires; with it, the presets count', async () => {
    const aliases = [
      { name: 'peek', preset: { limit: 2 }, requires: ['limit'] },
      { name: 'glance', preset: { limit: 2 } },
    ];
    const seen: unknown[] = [];
    const operation = looking({
      aliases,
      execute(_context, params) {
        seen.push(params);
        return Promise.resolve(ok({ seen: 1 }));
      },
    });
    const { run } = bench({ operations: [operation] });
    expect(errorOf(await run({ operation: 'peek' })).pointer).toBe('/limit');
    await run({ operation: 'peek', params: { limit: 4 } });
    await run({ operation: 'glance' });
    expect(seen).toEqual([{ limit: 4 }, { limit: 2 }]);
  });

  it('who calls too often', async () => {
    const limited = failure('rate_limited', 'rate.exceeded', 'Too often.', 'Wait.', { retryAfterMs: 5 });
    const { run } = bench({ admit: () => limited });
    expect(errorOf(await run())).toMatchObject({ code: 'rate.exceeded', retryAfterMs: 5 });
  });

  it('what the runtime cannot do, with why and what then', async () => {
    const runtime = createFakeRuntime({ id: 'a', methods: ['processes.info'] });
    const error = errorOf(await bench({ runtime }).run());
    expect(error).toMatchObject({ class: 'unsupported', effect: 'none' });
    expect(error.remedy).not.toBe('');
  });

  // @row NF-09
  it('a write whose intent cannot be written down', async () => {
    let applied = false;
    const operation = changing({
      apply() {
        applied = true;
        return Promise.resolve(ok({ touched: true }));
      },
    });
    const { run, settled, outcomes } = bench({ operations: [operation], auditFails: true });
    const error = errorOf(await run({ operation: 'touch_node', params: { node: 'x' } }));
    expect(error).toMatchObject({ class: 'unavailable', code: 'audit.unwritable', effect: 'none' });
    expect([applied, settled[0]?.executed, outcomes.length]).toEqual([false, false, 0]);
  });

  it('a plan graver than its operation, for whom that is too much', async () => {
    const operation = changing({ plan: () => Promise.resolve(ok({ ...plan, severity: 'destroy' })) });
    const call = { operation: 'touch_node', params: { node: 'x' } };
    const caller = { ...admin, role: 'operator' } as const;
    expect(errorOf(await bench({ operations: [operation] }).run(call, { caller })).code).toBe('role.insufficient');
    valueOf(await bench({ operations: [operation] }).run(call));
  });

  it('a plan whose connection stopped allowing writes meanwhile', async () => {
    let access: 'full' | 'read_only' = 'full';
    const operation = changing({
      plan() {
        access = 'read_only';
        return Promise.resolve(ok(plan));
      },
    });
    const { run, intents } = bench({ operations: [operation], access: () => access });
    const error = errorOf(await run({ operation: 'touch_node', params: { node: 'x' } }));
    expect(error).toMatchObject({ code: 'connection.read_only', effect: 'none' });
    expect(intents).toEqual([]);
  });

  it('what is no plan', async () => {
    const operation = changing({ plan: () => Promise.resolve(ok(Object.assign({ ...plan }, { summary: 7 }))) });
    const error = errorOf(
      await bench({ operations: [operation] }).run({ operation: 'touch_node', params: { node: 'x' } }),
    );
    expect(error).toMatchObject({ class: 'system', code: 'operation.bad_plan', effect: 'none' });
  });
});

describe('one requestId', () => {
  it('joins a call that has been made', async () => {
    const answer = ok({ mode: 'run', result: 1, durationMs: 1, correlationId: 'c' } as const);
    const joined = bench({ claim: { is: 'joined', answer: Promise.resolve(answer) } });
    expect(await joined.run()).toEqual(answer);
    const taken = bench({ claim: { is: 'refused', failure: refusal } });
    expect(errorOf(await taken.run()).code).toBe('sample.refused');
  });

  it('is the same call exactly when the same person asks the same of the same', async () => {
    const { run, claimed } = bench();
    await run({ params: { limit: 3 } });
    await run({ requestId: 'r2', params: {} });
    await run({ params: { limit: 4 } });
    await run({}, { caller: { ...admin, principal: 'bob' } });
    await run({ operation: 'touch_node', params: { node: 'x' } });
    const prints = claimed.map(({ fingerprint }) => fingerprint);
    expect(prints[0]).toBe(prints[1]);
    expect(new Set(prints).size).toBe(4);
    expect(claimed.map(({ write }) => write)).toEqual([false, false, false, false, true]);
    expect(claimed.map(({ fingerprint }) => fingerprint)).toEqual(prints);
  });

  it('knows large parameters too', async () => {
    const params = Type.Object({ text: Type.String({ maxLength: 10_000 }) });
    const { run, claimed } = bench({ operations: [looking({ params })] });
    for (const text of ['a', 'a', 'b']) await run({ params: { text: text.repeat(5_000) } });
    const prints = claimed.map(({ fingerprint }) => fingerprint);
    expect([prints[0] === prints[1], prints[0] === prints[2]]).toEqual([true, false]);
  });
});

describe('what goes wrong in an operation', () => {
  it('its failure is the answer, with its effect', async () => {
    const failed = failure('execution', 'sample.failed', 'Failed.', 'None.', { effect: 'partial' });
    const { run, outcomes } = bench({ operations: [changing({ apply: () => Promise.resolve(failed) })] });
    const error = errorOf(await run({ operation: 'touch_node', params: { node: 'x' } }));
    expect(error).toMatchObject({ code: 'sample.failed', effect: 'partial' });
    expect(error.correlationId).toBeDefined();
    expect(outcomes).toMatchObject([{ result: { ok: false } }]);
  });

  // @row ER-01
  it('what it throws is a system error: nothing happened when it only looked, nobody knows when it did not', async () => {
    const oh = () => {
      throw new Error('oh');
    };
    const { run } = bench({ operations: [looking({ execute: oh }), changing({ apply: oh })] });
    expect(errorOf(await run())).toMatchObject({ class: 'system', code: 'operation.threw', effect: 'none' });
    const wrote = errorOf(await run({ operation: 'touch_node', params: { node: 'x' } }));
    expect(wrote).toMatchObject({ code: 'operation.threw', effect: 'unknown' });
  });

  // @row CB-05
  it('a result that is not what its schema promises is a system error; a shaped one is checked as shaped', async () => {
    const bad = () => Promise.resolve(ok({ seen: 'much' }));
    const shape = (result: unknown) => ({ seen: JSON.stringify(result).length });
    const odd = () => Promise.resolve(ok({ seen: 1n }));
    const runs = [
      bench({ operations: [looking({ execute: bad })] }).run(),
      bench({ operations: [looking({ execute: odd })] }).run(),
      bench({ operations: [changing({ apply: bad })] }).run({ operation: 'touch_node', params: { node: 'x' } }),
    ];
    const errors = (await Promise.all(runs)).map(errorOf);
    expect(errors.map(({ code, effect }) => [code, effect])).toEqual([
      ['operation.bad_result', 'none'],
      ['operation.bad_result', 'none'],
      ['operation.bad_result', 'applied'],
    ]);
    expect(errors[0]?.message).toContain('/seen');
    expect(valueOf(await bench({ operations: [looking({ execute: bad, shape })] }).run())).toMatchObject({
      result: { seen: 15 },
    });
    const throwing = looking({
      shape: () => {
        throw new Error('oh');
      },
    });
    expect(errorOf(await bench({ operations: [throwing] }).run()).code).toBe('operation.threw');
  });

  it('time runs out: the caller’s limit, the parameter’s, the operation’s', async () => {
    const hangs = looking({ execute: () => new Promise(() => undefined), timeoutMs: 5 });
    const { run } = bench({ operations: [hangs] });
    for (const [params, extras] of [
      [{}, {}],
      [{ timeoutMs: 5 }, {}],
      [{}, { timeoutMs: 5 }],
      [{ timeoutMs: 5 }, { timeoutMs: 9000 }],
    ]) {
      expect(errorOf(await run({ params: params ?? {} }, extras))).toMatchObject({ class: 'timeout', effect: 'none' });
    }
  });

  it('a write that was cut off is recorded again when the truth is known', async () => {
    let finish: (result: Result<unknown>) => void = () => undefined;
    const slow = changing({ apply: () => new Promise((resolve) => (finish = resolve)) });
    const { run, outcomes, corrected } = bench({ operations: [slow] });
    const control = new AbortController();
    const running = run({ operation: 'touch_node', params: { node: 'x' } }, { signal: control.signal });
    setTimeout(() => control.abort(), 5);
    expect(errorOf(await running)).toMatchObject({ class: 'cancelled', effect: 'unknown' });
    finish(ok({ touched: true }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(corrected).toMatchObject([{ ok: true, value: { result: { touched: true } } }]);
    expect(outcomes.map(({ late }) => late)).toEqual([false, true]);
  });
});

describe('what is told afterwards', () => {
  // @row NF-14
  // @row CB-06, IV-26, T016.d1, T016.a1
  it('every call is told to the operation’s telemetry and to observers, whatever they do with it', async () => {
    const events: OperationTelemetry[] = [];
    const operation = looking({
      telemetry(event) {
        events.push(event);
        throw new Error('oh');
      },
    });
    const oh = () => {
      throw new Error('oh');
    };
    const { run, finished } = bench({ operations: [operation, changing()], observers: [oh] });
    valueOf(await run());
    errorOf(await run({ params: { limit: 0 } }));
    valueOf(await run({ operation: 'touch_node', params: { node: 'x' } }));
    expect(events.map(({ outcome, error }) => [outcome, error?.code])).toEqual([
      ['ok', undefined],
      ['failed', 'params.invalid'],
    ]);
    expect(finished).toHaveLength(3);
    await run({ operation: 'none' });
    expect(finished[3]).toMatchObject({ entry: null, error: { code: 'operation.not_found' } });
  });

  it('parameters are in no event: they may hold secrets', async () => {
    const secret = Type.Object({ password: Type.String({ maxLength: 20 }) });
    const events: OperationTelemetry[] = [];
    const operation = looking({ params: secret, telemetry: (event) => void events.push(event) });
    const { run, finished } = bench({ operations: [operation] });
    await run({ params: { password: 'canary-7' } });
    expect(JSON.stringify([events, finished])).not.toContain('canary-7');
  });
});
