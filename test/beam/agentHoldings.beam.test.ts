/** What windows hold on a node through its agent, and that it is undone whoever dies. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import { pidOf } from '../../runtime/beam/adapter/read.ts';
import { agentImage } from '../../runtime/beam/agent/bringing.ts';
import type { AgentChoice, Holding, ProcessRef } from '../../runtime/model.ts';
import { parseProcessId, pidText } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { integer } from '../../runtime/term/term.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import type { Window } from './agentKit.ts';
import {
  closeWindows,
  guard,
  heldThrough,
  leftovers,
  nothingLeft,
  openWindow,
  owner,
  pause,
  someServer,
  statusOf,
  suspensionOf,
  sysStatusOf,
  until,
  victim,
} from './agentKit.ts';
import { errorOf, freshLeaseDir, inTime } from './shop.ts';

let node: LiveNode;
const { module } = agentImage();
const runtimes: Runtime[] = [];
beforeAll(async () => {
  node = await startErlang({ name: 'held', cookie: 'crumbs' });
});
afterEach(async () => {
  await closeWindows();
  for (const runtime of runtimes.splice(0)) await runtime.close();
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

async function connected(agent: AgentChoice): Promise<Runtime> {
  const { node: name, cookie, epmdPort } = node;
  const spec = {
    id: 'h',
    node: name,
    cookie,
    epmd: { port: epmdPort },
    leaseDir: freshLeaseDir(),
    agent,
    agentLingerMs: 300,
  };
  const runtime = valueOf(await connectBeam(spec));
  runtimes.push(runtime);
  return runtime;
}

async function suspend(runtime: Runtime, pid: ProcessRef, how: 'process' | 'sys', lingerMs = 5_000): Promise<Holding> {
  return valueOf(await runtime.port.processes.suspend({ pid, how, owner, lingerMs }, inTime()));
}

async function held(runtime: Runtime): Promise<readonly Holding[]> {
  return valueOf(await runtime.port.holdings.list({}, inTime())).holdings;
}

/** Holds a process in a way of its own, through the agent itself. */
async function holdIn(
  window: Window,
  pid: ProcessRef,
  how: 'suspend' | 'sys_suspend',
  lingerMs: number,
): Promise<void> {
  const args = how === 'suspend' ? [pidOf(pid)] : [pidOf(pid), integer(5_000)];
  const task = await window.task({ kind: how, args, holding: suspensionOf(pid, lingerMs) });
  const first = await task.frames()[Symbol.asyncIterator]().next();
  expect(first.done).toBe(false);
}

const kill = (name: string): string =>
  `begin P = ${name}, R = monitor(process, P), exit(P, kill), receive {'DOWN', R, _, _, W} -> W end end.`;

describe.each<AgentChoice>(['load', 'interpret'])('with the agent “%s”', (choice) => {
  it('a process stays suspended after the call, is shown to every window, and is released by any', async () => {
    const one = await connected(choice);
    const other = await connected(choice);
    const pid = await victim(node);
    const holding = await suspend(one, pid, 'process');
    expect(await statusOf(node, pid)).toBe('suspended');
    expect(holding).toMatchObject({ kind: 'suspension', target: pid, owner, lingerMs: 5_000 });
    expect(await held(other)).toEqual([holding]);
    expect(valueOf(await other.port.holdings.list({ client: 'nobody' }, inTime())).holdings).toEqual([]);
    expect(valueOf(await other.port.holdings.release({ id: holding.id }, inTime()))).toEqual({ wasHeld: true });
    expect(await statusOf(node, pid)).toBe('waiting');
    expect(valueOf(await other.port.holdings.release({ id: holding.id }, inTime()))).toEqual({ wasHeld: false });
    expect(await held(one)).toEqual([]);
  });

  it('a server is suspended by sys, and resumed by the last who holds it', async () => {
    const one = await connected(choice);
    const other = await connected(choice);
    const pid = await victim(node, someServer);
    const first = await suspend(one, pid, 'sys');
    const second = await suspend(other, pid, 'sys');
    expect(first.kind).toBe('sys_suspension');
    expect(await sysStatusOf(node, pid)).toBe('suspended');
    await one.port.holdings.release({ id: first.id }, inTime());
    expect(await sysStatusOf(node, pid)).toBe('suspended');
    await other.port.holdings.release({ id: second.id }, inTime());
    expect(await sysStatusOf(node, pid)).toBe('running');
  });

  it('what somebody else suspended by sys, what is no server, and what a node lives by is refused', async () => {
    const runtime = await connected(choice);
    const theirs = await victim(node, someServer);
    await node.eval(`sys:suspend(c:pid(0, ${theirs.id}, ${theirs.serial})).`);
    const params = { owner, lingerMs: 1_000 } as const;
    const refusal = async (pid: ProcessRef, how: 'process' | 'sys') =>
      errorOf(await runtime.port.processes.suspend({ ...params, pid, how }, inTime())).code;
    expect(await refusal(theirs, 'sys')).toBe('process.suspended_elsewhere');
    expect(await sysStatusOf(node, theirs)).toBe('suspended');
    expect(await refusal(await victim(node), 'sys')).toBe('runtime.unsupported');
    expect(await refusal(await victim(node, 'whereis(kernel_sup)'), 'process')).toBe('process.protected');
    expect(await refusal(await victim(node, 'whereis(code_server)'), 'sys')).toBe('process.protected');
    const gone = await victim(node);
    await node.eval(kill(`c:pid(0, ${gone.id}, ${gone.serial})`));
    expect(await refusal(gone, 'process')).toBe('process.not_found');
    expect(await held(runtime)).toEqual([]);
  });

  it('a server that does not answer is not held, and goes on when it can', async () => {
    const runtime = await connected(choice);
    await suspend(runtime, await victim(node), 'process');
    const [other] = await held(runtime);
    const pid = await victim(node, someServer);
    const stuck = `c:pid(0, ${pid.id}, ${pid.serial})`;
    await node.eval(`spawn(fun() -> erlang:suspend_process(${stuck}), timer:sleep(4000) end).`);
    await pause(200);
    const params = { pid, how: 'sys', owner, lingerMs: 1_000 } as const;
    expect(errorOf(await runtime.port.processes.suspend(params, inTime(2_500))).code).toBe('process.no_answer');
    expect(
      await until(
        () => held(runtime),
        (list) => list.length === 1,
      ),
    ).toEqual([other]);
    expect(await sysStatusOf(node, pid)).toBe('running');
  });

  it('a connection that breaks and comes back by itself keeps what it held', async () => {
    const runtime = await connected(choice);
    const pid = await victim(node);
    const holding = await suspend(runtime, pid, 'process', 8_000);
    for (let round = 0; round < 2; round += 1) {
      await node.eval('[erlang:disconnect_node(N) || N <- nodes(hidden)].');
      expect(
        await until(
          async () => Promise.resolve(runtime.state.is),
          (state) => state === 'ready',
        ),
      ).toBe('ready');
    }
    expect(
      await until(
        () => held(runtime),
        (list) => list.length === 1,
      ),
    ).toEqual([holding]);
    await pause(300);
    expect(await statusOf(node, pid)).toBe('suspended');
    await runtime.close();
    expect(await statusOf(node, pid)).toBe('waiting');
  });

  it('a process that ends is held no longer', async () => {
    const runtime = await connected(choice);
    const pid = await victim(node);
    await suspend(runtime, pid, 'process');
    await node.eval(kill(`c:pid(0, ${pid.id}, ${pid.serial})`));
    expect(
      await until(
        () => held(runtime),
        (list) => list.length === 0,
      ),
    ).toEqual([]);
  });

  it('a window that is lost loses what it held after its linger, not before', async () => {
    const watcher = await openWindow(node, { choice, lingerMs: 300 });
    const lost = await openWindow(node, { choice, lingerMs: 300 });
    const process = await victim(node);
    const server = await victim(node, someServer);
    await holdIn(lost, process, 'suspend', 1_500);
    await holdIn(lost, server, 'sys_suspend', 1_500);
    lost.lose();
    await pause(700);
    expect(await statusOf(node, process)).toBe('suspended');
    expect(await sysStatusOf(node, server)).toBe('suspended');
    expect(await heldThrough(watcher)).toHaveLength(2);
    expect(
      await until(
        () => statusOf(node, process),
        (seen) => seen === 'waiting',
      ),
    ).toBe('waiting');
    expect(
      await until(
        () => sysStatusOf(node, server),
        (seen) => seen === 'running',
      ),
    ).toBe('running');
    expect(await heldThrough(watcher)).toEqual([]);
  });

  it('a window that comes back in time keeps what it held', async () => {
    const window = await openWindow(node, { choice, lingerMs: 300 });
    const pid = await victim(node);
    await holdIn(window, pid, 'suspend', 1_000);
    for (let round = 0; round < 3; round += 1) {
      window.lose();
      await pause(400);
      await window.comeBack();
    }
    await pause(1_200);
    expect(await statusOf(node, pid)).toBe('suspended');
    expect(await heldThrough(window)).toHaveLength(1);
    await window.close();
    expect(await statusOf(node, pid)).toBe('waiting');
  });

  it('everything is undone when the agent is killed, and the next call finds a new one', async () => {
    const window = await openWindow(node, { choice, lingerMs: 300 });
    const process = await victim(node);
    const server = await victim(node, someServer);
    await holdIn(window, process, 'suspend', 60_000);
    await holdIn(window, server, 'sys_suspend', 60_000);
    const task = await window.task({ kind: 'pace', args: [integer(50)] });
    expect(await node.eval(kill(`whereis(${module})`))).toBe('killed');
    expect(
      await until(
        () => statusOf(node, process),
        (seen) => seen === 'waiting',
        3_000,
      ),
    ).toBe('waiting');
    expect(
      await until(
        () => sysStatusOf(node, server),
        (seen) => seen === 'running',
        3_000,
      ),
    ).toBe('running');
    expect(errorOf(await task.ended)).toMatchObject({ code: 'agent.lost', effect: 'unknown' });
    await holdIn(window, process, 'suspend', 1_000);
    expect(await statusOf(node, process)).toBe('suspended');
  });

  it('a guard that is killed is followed by another, which knows what is to be undone', async () => {
    const window = await openWindow(node, { choice, lingerMs: 300 });
    const server = await victim(node, someServer);
    await holdIn(window, server, 'sys_suspend', 60_000);
    const first = await node.eval(`${guard}.`);
    expect(await node.eval(kill(guard))).toBe('killed');
    const next = await until(
      () => node.eval(`${guard}.`),
      (seen) => seen !== first && !seen.includes(`whereis`),
    );
    expect(next).not.toBe(first);
    await until(
      () => node.eval(`${guard} =:= whereis(${module}).`),
      (seen) => seen === 'false',
    );
    expect(await sysStatusOf(node, server)).toBe('suspended');
    await node.eval(kill(`whereis(${module})`));
    expect(
      await until(
        () => sysStatusOf(node, server),
        (seen) => seen === 'running',
        3_000,
      ),
    ).toBe('running');
  });
});

describe('agent and guard killed at the same moment', () => {
  it('leave what only they knew of; the next window finds an agent, and everything goes with it', async () => {
    const window = await openWindow(node, { lingerMs: 300 });
    const process = await victim(node);
    const server = await victim(node, someServer);
    await holdIn(window, process, 'suspend', 60_000);
    await holdIn(window, server, 'sys_suspend', 60_000);
    await node.eval(`[exit(P, kill) || P <- [${guard}, whereis(${module})]].`);
    expect(
      await until(
        () => statusOf(node, process),
        (seen) => seen === 'waiting',
      ),
    ).toBe('waiting');
    expect(await sysStatusOf(node, server)).toBe('suspended');
    await holdIn(window, process, 'suspend', 1_000);
    expect(await statusOf(node, process)).toBe('suspended');
  });
});

describe('a link to a node that is closed', () => {
  it('gives back what was held there', async () => {
    const second = await startErlang({ name: 'second', cookie: 'crumbs' });
    await node.eval(`true = net_kernel:connect_node('${second.node}').`);
    const runtime = await connected('load');
    const pid = await victim(second);
    await suspend(runtime, pid, 'process', 60_000);
    expect(valueOf(await runtime.port.cluster.disconnect({ node: second.node }, inTime()))).toEqual({
      wasConnected: true,
    });
    expect(await statusOf(second, pid)).toBe('waiting');
    await second.stop();
  });
});

describe('what is ours on a node', () => {
  it('a task that takes more memory than it may is ended, and said so', async () => {
    const window = await openWindow(node, { lingerMs: 300 });
    // Frames that are never acknowledged are kept there.
    const task = await window.task({ kind: 'count', args: [integer(1_000_000_000)], credit: 1_000_000_000 });
    const ended = errorOf(await task.ended);
    expect(ended).toMatchObject({ code: 'agent.task_killed' });
    expect(await heldThrough(window)).toEqual([]);
  });

  it('is protected from being ended or suspended by us', async () => {
    const runtime = await connected('load');
    const pid = await victim(node);
    await suspend(runtime, pid, 'process');
    const ours =
      await node.eval(`[P || {_, D, P} <- [{1, element(2, process_info(P, dictionary)), P} || P <- processes(), process_info(P) =/= undefined],
      lists:member({arsenal_funs, #{}}, D)].`);
    const pids = ours.match(/<0\.\d+\.\d+>/g) ?? [];
    expect(pids).toHaveLength(3);
    for (const printed of pids) {
      const [id = 0, serial = 0] = (printed.match(/\d+/g) ?? []).slice(1).map(Number);
      const process = { ...pid, id, serial };
      expect(pidText(process)).toBe(printed);
      const exit = { pid: process, reason: { syntax: 'erlang', source: 'kill' }, confirmMs: 500 } as const;
      expect(errorOf(await runtime.port.processes.exit(exit, inTime()))).toMatchObject({ code: 'process.protected' });
      const again = { pid: process, how: 'process', owner, lingerMs: 0 } as const;
      expect(errorOf(await runtime.port.processes.suspend(again, inTime()))).toMatchObject({
        code: 'process.protected',
      });
    }
    expect(parseProcessId('nothing')).toBeNull();
    expect(await statusOf(node, pid)).toBe('suspended');
  });
});
