/** The life of the agent on a node: one for all windows, gone after the last, and what it takes meanwhile. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AgentImage } from '../../runtime/beam/agent/bringing.ts';
import { agentImage } from '../../runtime/beam/agent/bringing.ts';
import { atom, integer, isAtom, list } from '../../runtime/term/term.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import type { WindowOptions } from './agentKit.ts';
import {
  allFrames,
  closeWindows,
  guard,
  heldThrough,
  leftovers,
  nothingLeft,
  openWindow,
  pause,
  statusOf,
  suspensionOf,
  until,
  victim,
} from './agentKit.ts';
import { inTime } from './shop.ts';
import { pidOf } from '../../runtime/beam/adapter/read.ts';

let node: LiveNode;
const { module } = agentImage();
beforeAll(async () => {
  node = await startErlang({ name: 'life', cookie: 'crumbs' });
});
afterEach(async () => {
  await closeWindows();
  expect(
    await until(
      () => leftovers(node),
      (left) => left === nothingLeft,
    ),
  ).toBe(nothingLeft);
});
afterAll(() => {
  stopAll();
});

async function agentPid(name = module): Promise<string> {
  return node.eval(`whereis(${name}).`);
}

/** The agent of another version: the same texts under another name, made there. */
function other(): AgentImage {
  return { ...agentImage(), module: 'arsenal_agent_00000000', objectCode: new Uint8Array([1, 2, 3]) };
}

describe.each<{ readonly how: string; readonly options: WindowOptions }>([
  { how: 'loaded', options: { choice: 'load', lingerMs: 300 } },
  { how: 'interpreted', options: { choice: 'interpret', lingerMs: 300 } },
])('an agent that is $how', ({ how, options }) => {
  it('is one for all windows, also when they come at the same moment, and ends after the last', async () => {
    const windows = await Promise.all([1, 2, 3, 4, 5].map(() => openWindow(node, options)));
    await Promise.all(windows.map((window) => window.agent()));
    const before = await agentPid();
    expect(before).toMatch(/^<0\./);
    expect(await node.eval(`erlang:check_old_code(${module}).`)).toBe('false');
    for (const window of windows.slice(1)) await window.close();
    await pause(600);
    expect(await agentPid()).toBe(before);
    const [first] = windows;
    expect(await allFrames(await first!.task({ kind: 'count', args: [integer(20)] }))).toHaveLength(20);
  });

  it('numbers frames, keeps to the credit, and loses none over a connection that breaks', async () => {
    const window = await openWindow(node, options);
    const task = await window.task({ kind: 'count', args: [integer(200)], credit: 8 });
    const seen: unknown[] = [];
    let breaks = 0;
    for await (const frame of task.frames()) {
      seen.push(frame);
      if (seen.length % 50 === 25 && breaks < 3) {
        breaks += 1;
        window.lose();
        await pause(50);
        await window.comeBack();
      }
    }
    expect(seen).toEqual(Array.from({ length: 200 }, (_, at) => integer(at + 1)));
    expect(breaks).toBe(3);
    expect(valueOf(await task.ended)).toEqual(integer(200));
  });

  it('tells a window that comes back too late, or never, what it has lost', async () => {
    const window = await openWindow(node, options);
    const back = await window.task({ kind: 'pace', args: [integer(50)], lingerMs: 200 });
    window.lose();
    await pause(900);
    await window.comeBack();
    expect(await back.ended).toMatchObject({ ok: false, error: { code: 'agent.lost' } });
    const away = await window.task({ kind: 'pace', args: [integer(50)], lingerMs: 200 });
    window.lose();
    expect(await away.ended).toMatchObject({ ok: false, error: { code: 'agent.lost' } });
  });

  it('goes no further than it has credit', async () => {
    const window = await openWindow(node, options);
    const task = await window.task({ kind: 'count', args: [integer(1_000_000)], credit: 5 });
    const frames = task.frames()[Symbol.asyncIterator]();
    await frames.next();
    await pause(300);
    // One taken, five more at most before the next is asked for.
    const stopped = valueOf(await task.stop(inTime()));
    expect(stopped).toEqual(integer(5));
  });

  it('sleeps without a heap of its own, and without reductions, while nobody asks', async () => {
    const window = await openWindow(node, options);
    await window.agent();
    const reductions = `[process_info(P, reductions) || P <- [whereis(${module})]].`;
    await pause(900);
    const before = await node.eval(reductions);
    await pause(1_500);
    expect(await node.eval(reductions)).toBe(before);
    expect(await node.eval(`process_info(whereis(${module}), current_function).`)).toBe(
      '{current_function,{erlang,hibernate,3}}',
    );
    const bytes = Number(await node.eval(`element(2, process_info(whereis(${module}), memory)).`));
    expect(bytes).toBeLessThan(how === 'loaded' ? 12_000 : 4_000_000);
  });

  it('is not ended by garbage, nor by more of it than it could read', async () => {
    const window = await openWindow(node, options);
    await window.agent();
    const before = await agentPid();
    const guardBefore = await node.eval(`${guard}.`);
    await node.eval(`begin
      A = whereis(${module}),
      rand:seed(exsss, {1, 2, 3}),
      Tags = [credit, tell, stop, finished, paced, timeout, join, start, leave, holdings, release, about, 'EXIT', 'DOWN', 'ETS-TRANSFER', '$gen_call', system, undo],
      Any = fun Any(0) -> lists:nth(rand:uniform(length(Tags)), Tags);
        Any(D) -> case rand:uniform(9) of
          1 -> lists:nth(rand:uniform(length(Tags)), Tags); 2 -> rand:uniform(1000) - 500; 3 -> self(); 4 -> make_ref();
          5 -> <<"bin">>; 6 -> #{Any(D - 1) => Any(D - 1)}; 7 -> [Any(D - 1) | Any(D - 1)];
          _ -> list_to_tuple([Any(D - 1) || _ <- lists:seq(1, rand:uniform(9))]) end end,
      [A ! Any(3) || _ <- lists:seq(1, 20000)],
      [A ! {'$gen_call', {self(), make_ref()}, Any(3)} || _ <- lists:seq(1, 5000)],
      [A ! {timeout, make_ref(), Any(2)} || _ <- lists:seq(1, 2000)],
      G = ${guard},
      [G ! Any(3) || _ <- lists:seq(1, 5000)],
      [G ! {'DOWN', make_ref(), process, P, killed} || P <- [A, G, self()]],
      [A ! {Tag, P, killed} || Tag <- ['EXIT', 'DOWN'], P <- [A, G, self()]],
      exit(A, normal), exit(A, shutdown), exit(A, {some, reason})
    end.`);
    await node.eval(
      `begin A = whereis(${module}), spawn(fun() -> [A ! {flood, lists:seq(1, 10)} || _ <- lists:seq(1, 300000)] end), ok end.`,
    );
    await until(
      () => node.eval(`process_info(whereis(${module}), message_queue_len).`),
      (seen) => seen === '{message_queue_len,0}',
    );
    expect(await agentPid()).toBe(before);
    expect(await node.eval(`${guard}.`)).toBe(guardBefore);
    // A window of its own: on a crowded machine the flood, interpreted, can last longer than a window may be silent.
    const after = await openWindow(node, options);
    expect(await allFrames(await after.task({ kind: 'count', args: [integer(3)] }))).toHaveLength(3);
  });

  it('leaves nothing behind, however often it comes and goes', async () => {
    const counts = `{erlang:system_info(atom_count), length(processes()), length(ets:all()),
      length(logger:get_handler_ids()), maps:get(count, persistent_term:info()), length(registered())}.`;
    const once = async (): Promise<void> => {
      const window = await openWindow(node, options);
      const pid = await victim(node);
      const task = await window.task({ kind: 'suspend', args: [pidOf(pid)], holding: suspensionOf(pid) });
      await task.frames()[Symbol.asyncIterator]().next();
      await window.close();
      await node.eval(`exit(c:pid(0, ${pid.id}, ${pid.serial}), kill).`);
      expect(
        await until(
          () => leftovers(node),
          (left) => left === nothingLeft,
        ),
      ).toBe(nothingLeft);
    };
    const rounds = how === 'loaded' ? 5 : 2;
    await once();
    await once();
    // What carried the connections, and what took the code away, ends a moment later.
    const settled = async (): Promise<readonly number[]> => {
      const first = numbersIn(await node.eval(counts));
      await pause(300);
      const second = numbersIn(await node.eval(counts));
      return isDeepStrictEqual(first, second) ? first : settled();
    };
    const [atomsBefore, ...restBefore] = await settled();
    for (let round = 0; round < rounds; round += 1) await once();
    // A node of a new name joins each time, and a name is an atom; nothing else is new. What is on its way out may have been counted before.
    const [atomsAfter, ...restAfter] = await until(settled, ([, ...rest]) => noneIsMore(rest, restBefore));
    expect(noneIsMore(restAfter, restBefore), JSON.stringify({ restBefore, restAfter })).toBe(true);
    expect((atomsAfter ?? 0) - (atomsBefore ?? 0)).toBeLessThanOrEqual(rounds);
  });
});

function noneIsMore(after: readonly number[], before: readonly number[]): boolean {
  return after.every((count, at) => count <= (before[at] ?? 0));
}

function numbersIn(text: string): readonly number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}

describe('two windows that allow different things', () => {
  it('share the agent of the one that came first, and tell why', async () => {
    const loads = await openWindow(node, { lingerMs: 200 });
    await loads.agent();
    const forbids = await openWindow(node, { choice: 'interpret', lingerMs: 200 });
    expect(await forbids.agent()).toMatchObject({ tier: 'agent', why: 'Another window has it loaded.' });
    await closeWindows();
    expect(
      await until(
        () => leftovers(node),
        (left) => left === nothingLeft,
      ),
    ).toBe(nothingLeft);
    const first = await openWindow(node, { choice: 'interpret', lingerMs: 200 });
    await first.agent();
    const second = await openWindow(node, { lingerMs: 200 });
    const { tier, why } = await second.agent();
    expect({ tier, why }).toEqual({
      tier: 'interpreted',
      why: 'Another window runs the agent there without loading it.',
    });
    expect(await node.eval(`code:is_loaded(${module}).`)).toBe('false');
    expect(await allFrames(await second.task({ kind: 'count', args: [integer(3)] }))).toHaveLength(3);
  });
});

describe('two versions', () => {
  it('stand beside each other, and each sees what the other holds', async () => {
    const ours = await openWindow(node, { lingerMs: 300 });
    const theirs = await openWindow(node, { lingerMs: 300, image: other() });
    await theirs.agent();
    await ours.agent();
    expect(await agentPid()).not.toBe(await agentPid('arsenal_agent_00000000'));
    const pid = await victim(node);
    const task = await theirs.task({ kind: 'suspend', args: [pidOf(pid)], holding: suspensionOf(pid) });
    await task.frames()[Symbol.asyncIterator]().next();
    expect(await heldThrough(ours)).toEqual([]);
    const said = await ours.target().run('main_holdings', [integer(1_000)], inTime());
    expect(JSON.stringify(said)).toContain('"suspension"');
    await theirs.close();
    expect(await statusOf(node, pid)).toBe('waiting');
    await until(
      () => agentPid('arsenal_agent_00000000'),
      (seen) => seen === 'undefined',
    );
    expect(await agentPid()).toMatch(/^<0\./);
    expect(await allFrames(await ours.task({ kind: 'count', args: [integer(3)] }))).toHaveLength(3);
  });
});

describe('a shared task', () => {
  it('is one for all who ask for it, tells who was behind that there is a gap, and ends after the last', async () => {
    const [one, other] = [await openWindow(node, { lingerMs: 300 }), await openWindow(node, { lingerMs: 300 })];
    const spec = { kind: 'pace', args: [integer(50)], shared: 'here', lingerMs: 400 } as const;
    const first = await one.task({ ...spec, credit: 1_000 });
    const second = await other.task({ ...spec, credit: 1 });
    const tasks = async (): Promise<string> => {
      const question = [atom(module), atom('main_figures'), list([atom(module), integer(1_000)])];
      const said = await one.target().call('erlang', 'apply', question, inTime());
      if (!said.ok) throw new Error(said.error.message);
      const about = said.value;
      return JSON.stringify(about.t === 'map' ? about.e.find(([key]) => isAtom(key, 'tasks'))?.[1] : about);
    };
    expect(await tasks()).toBe(JSON.stringify(integer(1)));
    const frames = second.frames()[Symbol.asyncIterator]();
    expect((await frames.next()).value).toEqual(integer(1));
    await pause(500);
    const behind = (await frames.next()).value;
    expect(behind).toMatchObject({ t: 'tuple', e: [atom('missed'), { t: 'int' }] });
    expect(valueOf(await first.stop(inTime()))).toEqual(atom('left'));
    expect((await frames.next()).value).toEqual(integer(1));
    other.lose();
    await pause(200);
    expect(await tasks()).toBe(JSON.stringify(integer(1)));
    // Its reader's linger, and its own after that.
    expect(await until(tasks, (seen) => seen === JSON.stringify(integer(0)))).toBe(JSON.stringify(integer(0)));
  });
});

describe('work by the clock', () => {
  // @row R9.4, R9.5
  it('goes less often while the node is busy, and as before afterwards', async () => {
    const window = await openWindow(node, { lingerMs: 300 });
    const task = await window.task({ kind: 'pace', args: [integer(100)], credit: 2 });
    const factors: number[] = [];
    const reading = (async () => {
      for await (const frame of task.frames()) if (frame.t === 'int') factors.push(frame.v);
    })();
    await pause(1_500);
    expect(factors.at(-1)).toBe(1);
    await node.eval(
      `begin register(spinners, spawn(fun() -> [spawn_link(fun S() -> S() end) || _ <- lists:seq(1, 50 * erlang:system_info(schedulers_online))], receive stop -> exit(stop) end end)), ok end.`,
    );
    await until(
      async () => Promise.resolve(factors.at(-1)),
      (factor) => factor === 8,
      15_000,
    );
    expect(factors.at(-1)).toBe(8);
    await node.eval(`spinners ! stop.`);
    await until(
      async () => Promise.resolve(factors.at(-1)),
      (factor) => factor === 1,
      15_000,
    );
    expect(factors.at(-1)).toBe(1);
    await task.stop(inTime());
    await reading;
  });
});
