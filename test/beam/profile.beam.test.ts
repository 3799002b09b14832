/** Profiles on live nodes, with the agent loaded, interpreted, and with nothing of ours there: a planted hot function ranks first. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import type { ProcessRef } from '../../runtime/model.ts';
import type { Frame, Params, Runtime } from '../../runtime/port.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { stopAll } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import { errorOf, inTime, named } from './shop.ts';
import { connectTo, plantedNode } from './traceKit.ts';

type Stack = Frame<'profile.sample'>['stacks'][number];

afterAll(() => {
  stopAll();
});

describe.each(['load', 'interpret', 'none'] as const)('a profile, with the choice %s', (agent) => {
  let node: LiveNode;
  let runtime: Runtime;
  beforeAll(async () => {
    node = await plantedNode(`profile_${agent}`);
    runtime = await connectTo(node, { agent });
    await node.eval('begin register(spinning, spawn(planted, spin, [])), ok end.');
  }, 60_000);
  afterAll(async () => {
    await runtime.close();
    await node.stop();
  });

  const leftOver = () =>
    node.eval(
      `{erlang:trace_info({planted, hot, 1}, all), erlang:trace_info(whereis(spinning), flags), whereis(arsenal_trace_book)}.`,
    );

  async function sampled(params: Params<'profile.sample'>) {
    const stacks: Stack[] = [];
    for await (const item of runtime.port.profile.sample(params, inTime())) {
      if (item.is === 'frame') stacks.push(...item.frame.stacks);
      else return { stacks, result: item.result };
    }
    throw new Error('The profile has no end.');
  }

  /** Samples by the innermost function, the most first. */
  function byFunction(stacks: readonly Stack[]): readonly (readonly [string, number])[] {
    const sums = new Map<string, number>();
    for (const { functions, samples } of stacks) {
      const innermost = functions[functions.length - 1] ?? '';
      sums.set(innermost, (sums.get(innermost) ?? 0) + samples);
    }
    return [...sums].sort(([, left], [, right]) => right - left);
  }

  // @row T024.a3, T024.d4
  it('by sampled stacks ranks the hot function first', async () => {
    const pid = await named(runtime, node.node, 'spinning');
    const { stacks, result } = await sampled({ pid, everyMs: 5, forMs: 1_500 });
    const { samples, dropped, ended } = valueOf(result);
    expect([dropped, ended]).toEqual([0, 'time']);
    expect(stacks.reduce((sum, stack) => sum + stack.samples, 0)).toBe(samples);
    const [first, second] = byFunction(stacks);
    expect(first?.[0]).toBe('planted:hot/1');
    expect(first?.[1] ?? 0).toBeGreaterThan(5 * (second?.[1] ?? 0));
    expect(stacks.find(({ functions }) => functions.includes('planted:hot/1'))).toMatchObject({
      functions: ['planted:spin/0', 'planted:hot/1'],
      state: 'running',
    });
  });

  it('by call times ranks the hot function first, and leaves nothing', async () => {
    const pid = await named(runtime, node.node, 'spinning');
    const params = { pid, forMs: 700, callsPerSecond: 1e9 } as const;
    const { functions, modules, ended, forUs } = valueOf(await runtime.port.profile.calls(params, inTime()));
    expect([ended, modules]).toEqual(['time', ['planted']]);
    expect(functions[0]?.function).toBe('planted:hot/1');
    const hot = functions[0];
    const cold = functions.find((one) => one.function === 'planted:cold/1');
    expect(hot?.own ?? 0).toBeGreaterThan(5 * (cold?.own ?? 0));
    // 2,001 calls of the one for 102 of the other, each round.
    expect((hot?.calls ?? 0) / (cold?.calls ?? 1)).toBeCloseTo(2_001 / 102, 0);
    expect(hot?.own ?? 0).toBeLessThan(forUs * 1.1);
    expect(await leftOver()).toBe('{{all,false},{flags,[]},undefined}');
  });

  it('ends early when there are more calls than were allowed', async () => {
    const pid = await named(runtime, node.node, 'spinning');
    const params = { pid, modules: ['planted'], forMs: 5_000, callsPerSecond: 1_000 } as const;
    const { ended, forUs } = valueOf(await runtime.port.profile.calls(params, inTime()));
    expect(ended).toBe('costs');
    expect(forUs).toBeLessThan(3_000_000);
    expect(await leftOver()).toBe('{{all,false},{flags,[]},undefined}');
  });

  it('leaves nothing when its caller gives up', async () => {
    const pid = await named(runtime, node.node, 'spinning');
    const params = { pid, modules: ['planted'], forMs: 20_000, callsPerSecond: 1e9 } as const;
    const gone = new AbortController();
    const given = runtime.port.profile.calls(params, callOptions(30_000, gone.signal));
    const isOn = () => node.eval('element(2, erlang:trace_info({planted, hot, 1}, call_time)) =/= false.');
    for (let tries = 0; tries < 50 && (await isOn()) !== 'true'; tries += 1) await node.eval('timer:sleep(20).');
    expect(await isOn()).toBe('true');
    gone.abort();
    expect(errorOf(await given)).toMatchObject({ class: 'cancelled' });
    for (let tries = 0; tries < 50 && !(await leftOver()).startsWith('{{all,false}'); tries += 1) {
      await node.eval('timer:sleep(100).');
    }
    expect(await leftOver()).toBe('{{all,false},{flags,[]},undefined}');
  });

  it('says when the process ends, when modules are not there, and when there is nothing to measure', async () => {
    await node.eval('begin register(short, spawn(fun() -> timer:sleep(700) end)), ok end.');
    const short = await named(runtime, node.node, 'short');
    const { result } = await sampled({ pid: short, everyMs: 20, forMs: 5_000 });
    expect(valueOf(result).ended).toBe('target_gone');
    const gone: ProcessRef = short;
    expect(errorOf((await sampled({ pid: gone, everyMs: 20, forMs: 100 })).result)).toMatchObject({
      class: 'not_found',
    });
    const pid = await named(runtime, node.node, 'application_controller');
    const calls = (modules: readonly string[]) =>
      runtime.port.profile.calls({ pid, modules, forMs: 100, callsPerSecond: 1e6 }, inTime());
    expect(errorOf(await calls(['zz_no_such_module']))).toMatchObject({ code: 'trace.module_not_loaded' });
    expect(errorOf(await calls([]))).toMatchObject({ code: 'profile.no_modules' });
    expect(errorOf((await sampled({ pid, everyMs: 0, forMs: 100 })).result)).toMatchObject({ code: 'profile.invalid' });
  });

  it('tells waiting from running', async () => {
    const pid = await named(runtime, node.node, 'planted');
    const { stacks } = await sampled({ pid, everyMs: 10, forMs: 200 });
    expect(stacks).toMatchObject([{ functions: ['planted:loop/1'], state: 'waiting' }]);
  });
});
