/** The middlewares of a call: which there are, those that others add, hooks, retries, and the answer to whatever breaks. */
import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import type { Failure, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { pipelineSteps } from './calls.ts';
import type { PluggedMiddleware } from './middleware.ts';
import { gate } from './middleware.ts';
import { Pipeline } from './pipeline.ts';
import { admin, bench, changing, errorOf, looking, plan, valueOf } from './testKit.ts';

const refusal = failure('conflict', 'sample.refused', 'No.', 'None.');
const touch = { operation: 'touch_node', params: { node: 'x' } };
const oh = () => {
  throw new Error('oh');
};

// @row MW-01
describe('the middlewares', () => {
  it('stand in a fixed order, step after step, each with words for people', () => {
    const all = bench().pipeline.middlewares();
    expect(all.map(({ name }) => name)).toEqual([
      'span',
      'envelope',
      'caller',
      'parameters',
      'own_validation',
      'only_validated',
      'once',
      'role',
      'connection',
      'access',
      'own_condition',
      'rate_limit',
      'capabilities',
      'before',
      'cache',
      'plan',
      'only_planned',
      'audit',
      'retry',
      'deadline',
      'execute',
      'shape',
      'after',
      'observers',
      'answer',
    ]);
    const steps = all.map(({ step }) => pipelineSteps.indexOf(step));
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(all.every(({ says }) => says.endsWith('.'))).toBe(true);
  });

  it('are in the documentation as they are', () => {
    const documented = fs.readFileSync(new URL('../../docs/pipeline.md', import.meta.url), 'utf8');
    const rows = [...documented.matchAll(/^\| (\w+) +\| `(\w+)` +\| (.*?) +\|$/gm)].map(([, step, name, says]) => ({
      name,
      step,
      says,
    }));
    expect(rows).toEqual(bench().pipeline.middlewares());
  });

  it('of one operation are those that its calls have something of', () => {
    const { pipeline } = bench();
    const special = ['own_validation', 'own_condition', 'before', 'cache', 'plan', 'audit', 'retry', 'after'];
    const of = (...given: Parameters<typeof pipeline.middlewares>) =>
      pipeline.middlewares(...given).flatMap(({ name }) => (special.includes(name) ? [name] : []));
    expect(of(looking())).toEqual([]);
    expect(of(changing())).toEqual(['plan', 'audit']);
    const rich = looking({
      validate: () => [],
      authorize: () => ok(null),
      before: () => ok(null),
      cache: { ttlMs: 5 },
      retry: { times: 1 },
      after: () => undefined,
    });
    expect(of(rich)).toEqual(special.filter((name) => name !== 'plan' && name !== 'audit'));
    expect(pipeline.middlewares(looking({ needs: [] })).map(({ name }) => name)).not.toContain('capabilities');
  });

  it('of others come at the end of their step, and may refuse, wait, or look on', async () => {
    const seen: string[] = [];
    const watching = (step: PluggedMiddleware['step']): PluggedMiddleware => ({
      name: `watch_${step}`,
      step,
      says: 'Looks on.',
      async run(flight, next) {
        seen.push(`${step} ${JSON.stringify(flight.params['limit'] ?? null)}`);
        const answer = await next(flight);
        seen.push(`${step} ${answer.ok}`);
        return answer;
      },
    });
    const stops: PluggedMiddleware = {
      ...gate({ name: 'stop', step: 'prepare', says: 'Stops.' }, async ({ params }) => {
        await Promise.resolve();
        return params['limit'] === 9 ? refusal : null;
      }),
      step: 'prepare',
    };
    const { run, pipeline } = bench({ services: { middlewares: [watching('authorize'), stops, watching('receive')] } });
    valueOf(await run());
    expect(seen).toEqual(['receive null', 'authorize 3', 'authorize true', 'receive true']);
    expect(errorOf(await run({ params: { limit: 9 } })).code).toBe('sample.refused');
    const names = pipeline.middlewares().map(({ name }) => name);
    expect(names.indexOf('watch_authorize')).toBe(names.indexOf('rate_limit') - 1);
    expect(names.indexOf('stop')).toBe(names.indexOf('cache') - 1);
  });

  it('of others refuse what they break on before it is done, and undo nothing when they break afterwards', async () => {
    const breaking = (when: 'before' | 'after'): PluggedMiddleware => ({
      name: 'breaks',
      step: 'prepare',
      says: 'Breaks.',
      async run(flight, next) {
        if (when === 'before') oh();
        await next(flight);
        return oh();
      },
    });
    const before = bench({ services: { middlewares: [breaking('before')] } });
    expect(errorOf(await before.run(touch))).toMatchObject({
      class: 'system',
      code: 'pipeline.middleware_threw',
      effect: 'none',
    });
    expect(before.outcomes).toEqual([]);
    const after = bench({ services: { middlewares: [breaking('after')] } });
    expect(valueOf(await after.run(touch))).toMatchObject({ result: { touched: true } });
    expect(after.outcomes).toHaveLength(1);
  });
});

// @row ER-01
// @row ER-03
describe('whatever breaks', () => {
  // @row T003.d1
  it('in a service is answered in the form of every error, and whoever joined is answered too', async () => {
    const { run, settled } = bench({ admit: oh });
    expect(errorOf(await run())).toMatchObject({ class: 'system', code: 'pipeline.threw', effect: 'none' });
    expect(settled).toMatchObject([{ executed: false, answer: { ok: false } }]);
    expect(errorOf(await bench({ admit: oh }).run({ mode: 'dry_run' }))).toMatchObject({ code: 'pipeline.threw' });
  });

  it('after the effect says that nobody knows it', async () => {
    const kit = bench();
    const outcome = () => Promise.reject(new Error('oh'));
    const pipeline = new Pipeline({
      find: (name) => kit.registry.find(name),
      connection: () =>
        ok({ facts: { id: 'a', kind: 'simulated' }, label: 'A', runtime: kit.runtime, access: () => 'full' }),
      admit: () => ok(null),
      audit: { intent: () => Promise.resolve(ok(null)), outcome },
      claims: { claim: () => ({ is: 'ours', settle: () => undefined, correct: () => undefined }) },
      observers: [],
    });
    const answer = await pipeline.execute(
      { requestId: 'r', connection: 'a', mode: 'run', ...touch },
      { caller: admin, signal: new AbortController().signal },
    );
    expect(errorOf(answer)).toMatchObject({ code: 'pipeline.threw', effect: 'unknown' });
  });
});

// @row MW-02
describe('hooks of an operation', () => {
  // @row T016.d3, PR-04
  it('are called before and after, with what they need to know', async () => {
    const told: unknown[] = [];
    const operation = changing({
      before(params, { caller, connection }) {
        told.push(['before', params, caller.principal, connection?.id]);
        return ok(null);
      },
      after: (event, answer) => void told.push(['after', event.operation, event.outcome, answer]),
    });
    const { run } = bench({ operations: [operation] });
    valueOf(await run(touch));
    const answer = ok({ touched: true });
    expect(told).toEqual([
      ['before', { node: 'x' }, 'ada', 'a'],
      ['after', 'touch_node', 'ok', answer],
    ]);
    valueOf(await run({ ...touch, mode: 'dry_run' }));
    expect(told).toHaveLength(2);
  });

  it('may refuse, at once or later; one that breaks refuses too, and after a refusal there is no after', async () => {
    const after: string[] = [];
    const hooked = (before: () => Result<null> | Promise<Result<null>>) =>
      bench({ operations: [looking({ needs: [], before, after: ({ operation }) => void after.push(operation) })] });
    const call = { connection: null };
    expect(errorOf(await hooked(() => refusal).run(call)).code).toBe('sample.refused');
    expect(errorOf(await hooked(() => Promise.resolve(refusal)).run(call)).code).toBe('sample.refused');
    expect(errorOf(await hooked(oh).run(call))).toMatchObject({ code: 'operation.threw', effect: 'none' });
    expect(after).toEqual([]);
  });

  it('that break afterwards are of no consequence, and the one does not keep the other from being told', async () => {
    const after: string[] = [];
    const both = looking({ telemetry: oh, after: ({ outcome }) => void after.push(outcome) });
    valueOf(await bench({ operations: [both] }).run());
    valueOf(await bench({ operations: [looking({ after: oh })] }).run());
    expect(after).toEqual(['ok']);
  });
});

// @row ER-04
describe('a call that failed', () => {
  const unreachable = (extra: Parameters<typeof failure>[4] = {}): Failure =>
    failure('unavailable', 'node.unavailable', 'Gone.', 'Wait.', extra);
  function failing(failures: readonly Failure[]) {
    const left = [...failures];
    return () => Promise.resolve(left.shift() ?? ok({ seen: 1, touched: true }));
  }
  const retry = { times: 2, firstDelayMs: 1 };

  // @row T003.d4
  it('is tried again where its operation says so and nothing has been done, and says how often', async () => {
    const operation = looking({ retry, execute: failing([unreachable(), unreachable({ retryAfterMs: 2 })]) });
    const { run, finished } = bench({ operations: [operation] });
    valueOf(await run());
    expect(finished[0]?.attempts).toBe(3);
    valueOf(await bench({ operations: [looking({ retry: { times: 1 }, execute: failing([unreachable()]) })] }).run());
    const once = bench({ operations: [looking({ execute: failing([unreachable()]) })] });
    expect(errorOf(await once.run()).code).toBe('node.unavailable');
    expect(once.finished[0]).not.toHaveProperty('attempts');
  });

  it('gives up after as many times as the operation says', async () => {
    const execute = failing([unreachable(), unreachable(), unreachable()]);
    const { run, finished } = bench({ operations: [looking({ retry, execute })] });
    expect(errorOf(await run()).code).toBe('node.unavailable');
    expect(finished[0]?.attempts).toBe(3);
  });

  it('is not tried again when something may have been done, unless doing it twice is the same', async () => {
    const applied = (idempotent: boolean) =>
      bench({ operations: [changing({ retry, idempotent, apply: failing([unreachable({ effect: 'unknown' })]) })] });
    expect(errorOf(await applied(false).run(touch))).toMatchObject({ effect: 'unknown' });
    const twice = applied(true);
    valueOf(await twice.run(touch));
    // One intent, one outcome, however often it was tried.
    expect([twice.intents.length, twice.outcomes.length]).toEqual([1, 1]);
  });

  it('is not tried again for what would fail again, nor when the time is too short, nor when it was cancelled', async () => {
    const wrong = bench({ operations: [looking({ retry, execute: failing([refusal]) })] });
    expect(errorOf(await wrong.run()).code).toBe('sample.refused');
    const late = bench({ operations: [looking({ retry, execute: failing([unreachable({ retryAfterMs: 60_000 })]) })] });
    expect(errorOf(await late.run()).code).toBe('node.unavailable');
    const control = new AbortController();
    const execute = () => {
      setTimeout(() => control.abort());
      return Promise.resolve(unreachable({ retryAfterMs: 20_000 }));
    };
    const stopped = bench({ operations: [looking({ retry, execute })] });
    expect(errorOf(await stopped.run({}, { signal: control.signal })).code).toBe('node.unavailable');
  });

  it('is not tried again while the first time still runs', async () => {
    const execute = () => new Promise<never>(() => undefined);
    const { run, finished } = bench({ operations: [looking({ retry, execute, timeoutMs: 5 })] });
    expect(errorOf(await run()).class).toBe('timeout');
    expect(finished[0]).not.toHaveProperty('attempts');
  });
});

describe('the signal of a call', () => {
  it('aborts when the caller cancels, and when what was cut off has had its last word', async () => {
    const heard: string[] = [];
    let begun = 0;
    const waits = looking({
      timeoutMs: 5,
      execute: ({ signal }) =>
        new Promise((resolve) => {
          begun += 1;
          signal.addEventListener('abort', () => {
            heard.push('abort');
            resolve(refusal);
          });
        }),
    });
    expect(errorOf(await bench({ operations: [waits] }).run()).class).toBe('timeout');
    expect(heard).toEqual(['abort']);
    const control = new AbortController();
    const running = bench({ operations: [{ ...waits, timeoutMs: 60_000 }] }).run({}, { signal: control.signal });
    await expect.poll(() => begun).toBe(2);
    control.abort();
    expect(errorOf(await running).code).toBe('sample.refused');
    expect(heard).toEqual(['abort', 'abort']);
  });

  it('is aborted from the beginning when the caller had given up', async () => {
    const seen: boolean[] = [];
    const looks = looking({
      execute({ signal }) {
        seen.push(signal.aborted, signal.aborted);
        return Promise.resolve(ok({ seen: 1 }));
      },
    });
    valueOf(await bench({ operations: [looks] }).run({}, { signal: AbortSignal.abort() }));
    expect(seen).toEqual([true, true]);
  });
});

// @row NF-08
describe('a plan that is to be run', () => {
  it('is one that was made', async () => {
    const { pipeline } = bench();
    const extras = { caller: admin, signal: new AbortController().signal };
    const call = { requestId: 'r', connection: 'a', mode: 'run' as const, ...touch };
    const run = await pipeline.runPlanned(call, extras, { ...plan, steps: { n: 1 } });
    expect(valueOf(run.answer)).toMatchObject({ result: { touched: true } });
  });
});
