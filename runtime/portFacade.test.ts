import { describe, expect, it } from 'vitest';
import { callOptions, childOptions, longestMs, remainingNow } from './callOptions.ts';
import { cancelled, nodeUnavailable } from './errors.ts';
import type { Result } from './model.ts';
import { ok } from './model.ts';
import type { Capability, MethodTable, StreamItem } from './port.ts';
import { methodNames, portMethods } from './port.ts';
import { buildCapabilities, buildPort, restrictPort, safeNeeds } from './portFacade.ts';

const pid = { node: 'a@sim', creation: 1, id: 7, serial: 0 };
const killing = { pid, reason: { term: { t: 'atom', v: 'kill' } }, confirmMs: 10 } as const;
const everywhere = { nodes: 'all' } as const;
const can: Capability = { can: true };
const yes = () => can;
const never = () => new Promise<never>(() => undefined);

function errorOf(result: Result<unknown>) {
  if (result.ok) throw new Error('It succeeded.');
  return result.error;
}

async function last<F, R>(items: AsyncIterable<StreamItem<F, R>>): Promise<{ frames: F[]; end: Result<R> }> {
  const frames: F[] = [];
  for await (const item of items) {
    if (item.is === 'end') return { frames, end: item.result };
    frames.push(item.frame);
  }
  throw new Error('the stream had no end');
}

describe('a port made from a table', () => {
  it('answers every method of the table of all methods, those it lacks with the why and remedy of the capability', async () => {
    const no: Capability = { can: false, why: 'of the moon', remedy: 'Wait for another.' };
    const port = buildPort({}, () => no);
    for (const name of methodNames()) {
      const [group = '', leaf = ''] = name.split('.');
      const method: unknown = Reflect.get(Reflect.get(port, group) as object, leaf);
      expect(method, name).toBeTypeOf('function');
    }
    const answer = await port.cluster.nodes({}, callOptions(100));
    expect(answer).toMatchObject({ ok: false, error: { class: 'unsupported', remedy: no.remedy, effect: 'none' } });
    const { end } = await last(port.supervisors.find(everywhere, callOptions(100)));
    expect(end).toMatchObject({ ok: false, error: { class: 'unsupported', remedy: no.remedy } });
  });

  it('says unsupported too when the capability and the table disagree', async () => {
    const table: MethodTable = { 'cluster.nodes': () => Promise.resolve(ok({ nodes: [] })) };
    const denied = buildPort(table, () => ({ can: false, why: 'not now', remedy: 'Later.' }));
    expect(await denied.cluster.nodes({}, callOptions(100))).toMatchObject({ error: { class: 'unsupported' } });
    const claimed = buildPort({}, yes);
    expect(await claimed.cluster.nodes({}, callOptions(100))).toMatchObject({ error: { class: 'unsupported' } });
  });

  it('makes a throw, a rejection and a bad answer a system error whose effect is unknown only for writes', async () => {
    const port = buildPort(
      {
        'cluster.nodes': () => {
          throw new Error('bug');
        },
        'processes.exit': () => Promise.reject(new Error('bug')),
        // What a user's JavaScript can answer, whatever the types say.
        'system.stats': () => JSON.parse('{"ok":false,"error":{}}') as never,
        'system.memory': () => undefined as never,
      },
      yes,
    );
    expect(await port.cluster.nodes({}, callOptions(100))).toMatchObject({
      error: { class: 'system', code: 'port.method_threw', effect: 'none' },
    });
    expect(await port.processes.exit(killing, callOptions(100))).toMatchObject({
      error: { class: 'system', code: 'port.method_threw', effect: 'unknown' },
    });
    for (const answer of [
      await port.system.stats({ node: 'a@sim' }, callOptions(100)),
      await port.system.memory({ node: 'a@sim' }, callOptions(100)),
    ])
      expect(answer).toMatchObject({ error: { class: 'system', code: 'port.bad_answer' } });
  });

  it('says of what only looks that it had no effect, whatever it says itself; of a write what it knows', async () => {
    const lost = (): Result<never> => nodeUnavailable('a@sim', 'unknown');
    const port = buildPort(
      {
        'cluster.nodes': () => Promise.resolve(lost()),
        'profile.calls': () => Promise.resolve(lost()),
        'processes.exit': () => Promise.resolve(lost()),
        'supervisors.find': async function* () {
          yield { is: 'end', result: await Promise.resolve(lost()) };
        },
      },
      yes,
    );
    const said = async (answer: Promise<Result<unknown>>) => errorOf(await answer).effect;
    expect(await said(port.cluster.nodes({}, callOptions(1_000)))).toBe('none');
    expect(await said(port.profile.calls({ pid, forMs: 1, callsPerSecond: 1 }, callOptions(1_000)))).toBe('none');
    expect(errorOf((await last(port.supervisors.find(everywhere, callOptions(1_000)))).end).effect).toBe('none');
    expect(await said(port.processes.exit(killing, callOptions(1_000)))).toBe('unknown');
  });

  it('ends a call that ignores deadline and signal, and tells the method so', async () => {
    const seen: AbortSignal[] = [];
    const table: MethodTable = {
      'cluster.nodes': (_params, options) => (seen.push(options.signal), never()),
      'processes.exit': (_params, options) => (seen.push(options.signal), never()),
    };
    const port = buildPort(table, yes);
    const began = performance.now();
    expect(await port.cluster.nodes({}, callOptions(20))).toMatchObject({
      error: { class: 'timeout', effect: 'none' },
    });
    expect(await port.processes.exit(killing, callOptions(20))).toMatchObject({
      error: { class: 'timeout', effect: 'unknown' },
    });
    const abort = new AbortController();
    const cut = port.processes.exit(killing, callOptions(10_000, abort.signal));
    abort.abort();
    expect(await cut).toMatchObject({ error: { class: 'cancelled', effect: 'unknown' } });
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(seen.map((signal) => signal.aborted)).toEqual([true, true, true]);
  });

  it('takes the last word of a write that heeds its signal, because a known effect can be retried', async () => {
    const port = buildPort(
      {
        'processes.exit': (_params, { signal }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => resolve(ok({ outcome: 'survived' })));
          }),
      },
      yes,
    );
    const abort = new AbortController();
    const cut = port.processes.exit(killing, callOptions(10_000, abort.signal));
    abort.abort();
    expect(await cut).toEqual(ok({ outcome: 'survived' }));
  });

  it('says that time ran out, with the effect that the write knows, when all it saw was its signal', async () => {
    const port = buildPort(
      {
        'processes.exit': (_params, { signal }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => resolve(cancelled('none')));
          }),
      },
      yes,
    );
    expect(await port.processes.exit(killing, callOptions(20))).toMatchObject({
      ok: false,
      error: { class: 'timeout', effect: 'none' },
    });
  });

  it('does not begin a call that has no time left or is cancelled already: its effect is none', async () => {
    let begun = 0;
    const port = buildPort(
      { 'processes.exit': () => ((begun += 1), never()), 'supervisors.find': () => ((begun += 1), never()) as never },
      yes,
    );
    for (const remainingMs of [0, -1, Number.NaN])
      expect(await port.processes.exit(killing, callOptions(remainingMs))).toMatchObject({
        error: { class: 'timeout', effect: 'none' },
      });
    const gone = AbortSignal.abort();
    expect(await port.processes.exit(killing, callOptions(100, gone))).toMatchObject({
      error: { class: 'cancelled', effect: 'none' },
    });
    expect((await last(port.supervisors.find(everywhere, callOptions(100, gone)))).end).toMatchObject({
      error: { class: 'cancelled', effect: 'none' },
    });
    expect(begun).toBe(0);
  });
});

describe('a stream of a port', () => {
  const frame = { is: 'frame', frame: [] } as const;
  const end = { is: 'end', result: ok({ nodes: [], total: 0 }) } as const;

  it('is pulled: the method is not begun before the first pull and makes nothing ahead', async () => {
    let made = 0;
    const port = buildPort(
      {
        'supervisors.find': async function* () {
          for (; made < 5;) {
            made += 1;
            await Promise.resolve();
            yield frame;
          }
          yield end;
          throw new Error('pulled after its end');
        },
      },
      yes,
    );
    const stream = port.supervisors.find(everywhere, callOptions(1_000))[Symbol.asyncIterator]();
    expect(made).toBe(0);
    await stream.next();
    expect(made).toBe(1);
    const [, , , , ending, after] = await Promise.all(Array.from({ length: 6 }, () => stream.next()));
    expect(ending?.value).toEqual(end);
    expect(after).toEqual({ done: true, value: undefined });
  });

  it('ends with an error when the method throws, has no end, or yields what is no frame', async () => {
    const bad: [string, () => unknown][] = [
      [
        'port.method_threw',
        () => {
          throw new Error('bug');
        },
      ],
      [
        'port.method_threw',
        async function* () {
          yield frame;
          throw new Error('bug');
        },
      ],
      [
        'port.stream_without_end',
        async function* () {
          yield frame;
        },
      ],
      [
        'port.bad_answer',
        async function* () {
          yield { is: 'end', result: 7 };
        },
      ],
      [
        'port.bad_answer',
        async function* () {
          yield null;
        },
      ],
      ['port.bad_answer', () => 7],
    ];
    for (const [code, method] of bad) {
      const port = buildPort({ 'supervisors.find': method as never }, yes);
      expect((await last(port.supervisors.find(everywhere, callOptions(1_000)))).end).toMatchObject({
        ok: false,
        error: { class: 'system', code },
      });
    }
  });

  it('ends within its budget and on cancellation even when the method waits for ever, and with the effect of its kind', async () => {
    const spec = {
      source: { from: 'text', value: '' },
      nodes: [],
      limits: { memoryBytes: 1, cpuMs: 1 },
      policy: 'low',
      owner: { principal: '', client: '', operation: '', requestId: '' },
      lingerMs: 0,
    } as const;
    const port = buildPort(
      {
        'supervisors.find': async function* () {
          yield frame;
          await never();
        },
        'sandboxes.create': async function* () {
          await never();
        },
      },
      yes,
    );
    const late = await last(port.supervisors.find(everywhere, callOptions(20)));
    expect(late.frames).toHaveLength(1);
    expect(late.end).toMatchObject({ error: { class: 'timeout', effect: 'none' } });
    expect((await last(port.sandboxes.create(spec, callOptions(20)))).end).toMatchObject({
      error: { class: 'timeout', effect: 'unknown' },
    });
    const abort = new AbortController();
    const stream = port.supervisors.find(everywhere, callOptions(longestMs, abort.signal))[Symbol.asyncIterator]();
    await stream.next();
    abort.abort();
    expect((await stream.next()).value).toMatchObject({ is: 'end', result: { error: { class: 'cancelled' } } });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('gives back what the method holds when the consumer leaves the loop', async () => {
    let left: AbortSignal | null = null;
    let finished = false;
    const port = buildPort(
      {
        'supervisors.find': async function* (_params, options) {
          left = options.signal;
          try {
            for (;;) {
              await Promise.resolve();
              yield frame;
            }
          } finally {
            finished = true;
          }
        },
      },
      yes,
    );
    for await (const item of port.supervisors.find(everywhere, callOptions(1_000))) {
      expect(item).toEqual(frame);
      break;
    }
    await Promise.resolve();
    expect(left).toMatchObject({ aborted: true });
    expect(finished).toBe(true);
  });
});

describe('the part of a port that an operation gets', () => {
  const port = buildPort({ 'cluster.nodes': () => Promise.resolve(ok({ nodes: [] })) }, yes);

  it('opens the methods it needs and nothing else, with no prototype to climb', async () => {
    const part = restrictPort(port, ['cluster.nodes', 'processes.info', 'processes.exit']);
    expect(Object.keys(part)).toEqual(['cluster', 'processes']);
    expect(Object.keys(part.processes)).toEqual(['info', 'exit']);
    for (const object of [part, part.cluster, part.processes]) {
      expect(Object.getPrototypeOf(object)).toBeNull();
      expect(Object.isFrozen(object)).toBe(true);
    }
    expect(Reflect.get(part.cluster, 'connect')).toBeUndefined();
    expect(await part.cluster.nodes({}, callOptions(100))).toEqual(ok({ nodes: [] }));
  });

  it('opens nothing for names that are no methods, nor what another facade did not open', () => {
    const odd = [
      '__proto__',
      'constructor.prototype',
      'cluster.__proto__',
      'cluster',
    ] as unknown as readonly 'cluster.nodes'[];
    expect(Object.keys(restrictPort(port, odd))).toEqual([]);
    const nodesOnly = restrictPort(port, ['cluster.nodes']) as typeof port;
    expect(Object.keys(restrictPort(nodesOnly, ['processes.exit', 'cluster.links']))).toEqual([]);
  });

  it('keeps of the needs what cannot change anything, for planning', () => {
    const safe = safeNeeds(methodNames());
    expect(safe).toContain('processes.state');
    const effects = new Set<string>(safe.map((name) => portMethods[name].effect));
    expect([...effects].sort()).toEqual(['diagnose', 'read']);
    expect(safeNeeds(['processes.exit', 'processes.info'])).toEqual(['processes.info']);
  });
});

describe('capabilities', () => {
  it('say of every method of the table whether it is there, and why not', () => {
    const table: MethodTable = { 'cluster.nodes': () => Promise.resolve(ok({ nodes: [] })) };
    const otherwise = { why: 'nobody wrote it', remedy: 'Write it.' };
    const traced = { why: 'there is no tracer', remedy: 'Connect to a BEAM.' };
    const nodes = { 'old@host': { 'cluster.nodes': { can: false, ...otherwise } } } as const;
    const capabilities = buildCapabilities(3, table, { otherwise, methods: { 'trace.start': traced } }, nodes);
    expect(Object.keys(capabilities.runtime)).toEqual(methodNames());
    expect(capabilities.version).toBe(3);
    expect(capabilities.nodes).toBe(nodes);
    expect(capabilities.runtime['cluster.nodes']).toEqual({ can: true });
    expect(capabilities.runtime['trace.start']).toEqual({ can: false, ...traced });
    expect(capabilities.runtime['code.load']).toEqual({ can: false, ...otherwise });
    expect(buildCapabilities(1, table, { otherwise }).nodes).toEqual({});
  });
});

describe('the budget of a call', () => {
  it('shrinks with time, for children too, and never below zero', async () => {
    const options = callOptions(60);
    const child = childOptions(options, 1_000);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(options.remainingMs).toBeLessThan(60);
    expect(Math.abs(remainingNow(child) - remainingNow(options))).toBeLessThan(5);
    expect(remainingNow(childOptions(options, 1))).toBeLessThanOrEqual(1);
    expect(child.correlationId).toBe(options.correlationId);
    expect(child.signal).toBe(options.signal);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(options.remainingMs).toBe(0);
  });

  it('has no deadline from the longest a timer can wait, whatever time passes', async () => {
    const options = callOptions(Number.POSITIVE_INFINITY);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(options.remainingMs).toBe(longestMs);
    expect(remainingNow({ ...options, remainingMs: Number.NaN })).toBe(0);
    expect(callOptions(1).correlationId).not.toBe(callOptions(1).correlationId);
  });
});
