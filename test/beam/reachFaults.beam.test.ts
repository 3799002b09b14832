/** What networks and broken peers do to a connection, at each phase of its life, and what is left of ours afterwards. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { BeamSpec } from '../../runtime/beam/beamSpec.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import { epmdNames } from '../../runtime/beam/dist/epmd.ts';
import { pidText } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { freePort, startErlang, stopAll } from '../harness/erlang.ts';
import type { FaultProxy } from '../harness/faultProxy.ts';
import { startFaultProxy } from '../harness/faultProxy.ts';
import { eventually } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { errorOf, freshLeaseDir, inTime } from './shop.ts';

const cookie = 'fault_crumbs';
let one: LiveNode;
let two: LiveNode;
let proxy: FaultProxy;
const open: Runtime[] = [];

async function portOf(live: LiveNode): Promise<number> {
  const name = live.node.slice(0, live.node.indexOf('@'));
  return Number(await live.eval(`{port, P, _} = erl_epmd:port_please("${name}", {127,0,0,1}), P.`));
}

beforeAll(async () => {
  one = await startErlang({ name: 'one', cookie });
  two = await startErlang({ name: 'two', cookie });
  expect(await one.eval(`net_adm:ping('${two.node}').`)).toBe('pong');
});
afterAll(stopAll);
beforeEach(async () => {
  const port = await portOf(one);
  proxy = await startFaultProxy(() => port);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((runtime) => runtime.close()));
  await proxy.close();
});

/** The first node through the proxy, the second directly. */
function specOf(change: Partial<BeamSpec> = {}): BeamSpec {
  return {
    id: 'faults',
    node: one.node,
    cookie,
    epmd: { port: one.epmdPort },
    address: { host: '127.0.0.1', port: proxy.port },
    leaseDir: freshLeaseDir(),
    connectTimeoutMs: 1_500,
    ...change,
  };
}

async function connect(change: Partial<BeamSpec> = {}): Promise<Runtime> {
  const runtime = valueOf(await connectBeam(specOf(change)));
  open.push(runtime);
  await eventually(
    async () => valueOf(await runtime.port.cluster.nodes({}, inTime())).nodes,
    (nodes) => nodes.length === 2 && nodes.every(({ reach }) => reach.via === 'direct'),
  );
  return runtime;
}

const stats = (runtime: Runtime, live: LiveNode, ms = 5_000) =>
  runtime.port.system.stats({ node: live.node }, callOptions(ms));
const becomes = (runtime: Runtime, wanted: Runtime['state']['is']) =>
  eventually(
    () => Promise.resolve(runtime.state.is),
    (is) => is === wanted,
    15_000,
  );
const nothingLeft = (live: LiveNode) =>
  eventually(
    () => live.eval('{nodes(hidden), [P || P <- processes(), is_pid(P), node(P) =/= node()]}.'),
    (left) => left === '{[],[]}',
  );

describe('garbage in the handshake', () => {
  /** What the node says: 2+3 bytes of status, then the challenge of 2+19 bytes and its name, then 2+17 bytes of acknowledgement. */
  const challengeEnd = () => 5 + 21 + one.node.length;

  it.each([
    ['in place of the status', () => 0, 'connect.protocol'],
    ['in the middle of the challenge', () => 7, 'connect.protocol'],
    ['in the name of the node', () => 27, 'connect.wrong_node'],
    ['in the length of the acknowledgement', () => challengeEnd(), 'connect.protocol'],
    ['in the digest of the acknowledgement', () => challengeEnd() + 5, 'connect.bad_cookie'],
  ])('%s ends the attempt, says why, and leaves nothing', async (_where, offset, code) => {
    const wanted = offset();
    proxy.corrupt((bytes, at) => {
      const changed = Buffer.from(bytes);
      const index = wanted - at;
      if (index >= 0 && index < changed.length) changed[index] = (changed[index] ?? 0) ^ 0xa5;
      return changed;
    });
    const error = errorOf(await connectBeam(specOf()));
    expect(error).toMatchObject({ code, effect: 'none', node: one.node });
    await nothingLeft(one);
    proxy.corrupt(null);
    expect((await connect()).state.is).toBe('ready');
  });

  it('that never ends is cut off', async () => {
    proxy.corrupt((bytes) => Buffer.concat([bytes, Buffer.alloc(1024 * 1024, 0x73)]));
    expect(errorOf(await connectBeam(specOf()))).toMatchObject({ code: 'connect.protocol' });
    await nothingLeft(one);
  });
});

describe('garbage on a link that is up', () => {
  it.each([
    ['a length that no message has', Buffer.alloc(64, 0xff)],
    ['a frame that is no message', Buffer.from([0, 0, 0, 3, 1, 2, 3])],
    ['a term that cannot be', Buffer.from([0, 0, 0, 8, 131, 68, 0, 108, 255, 255, 255, 255])],
    ['a control message that is none', Buffer.from([0, 0, 0, 5, 131, 68, 0, 97, 1])],
  ])('(%s) ends that link alone; it is opened again, and what was asked has an answer', async (_what, bytes) => {
    const runtime = await connect();
    const before = proxy.accepted();
    const asked = [stats(runtime, one), stats(runtime, one)];
    proxy.inject(bytes);
    for (const answer of await Promise.all(asked)) {
      if (!answer.ok) expect(answer.error).toMatchObject({ class: 'unavailable' });
    }
    await eventually(
      () => Promise.resolve(proxy.accepted()),
      (accepted) => accepted > before,
    );
    await becomes(runtime, 'ready');
    valueOf(await stats(runtime, one));
    valueOf(await stats(runtime, two));
  });
});

describe('a link', () => {
  it('that is reset is opened again', async () => {
    const runtime = await connect();
    const states: string[] = [];
    runtime.onChange(() => states.push(runtime.state.is));
    proxy.reset();
    await eventually(
      () => Promise.resolve(states),
      (seen) => seen.includes('degraded'),
    );
    valueOf(await stats(runtime, two));
    await becomes(runtime, 'ready');
    valueOf(await stats(runtime, one));
    expect(await one.eval('length(nodes(hidden)).')).toBe('1');
  });

  it('that is half open lets calls end within their limits, and the other nodes go on', async () => {
    const runtime = await connect();
    proxy.swallow();
    const read = errorOf(await stats(runtime, one, 300));
    expect(read).toMatchObject({ class: 'timeout', effect: 'none' });
    const start = {
      node: one.node,
      module: 'timer',
      function: 'sleep',
      args: [{ syntax: 'erlang', source: '1' }],
    } as const;
    // It cannot be known whether the process was started.
    const write = errorOf(await runtime.port.processes.start(start, callOptions(300)));
    expect(write.class).toBe('timeout');
    valueOf(await stats(runtime, two));
    const { nodes } = valueOf(await runtime.port.cluster.nodes({}, inTime()));
    expect(nodes.find(({ node }) => node === two.node)?.reach.via).toBe('direct');
    // The node replaces the dead connection by the new one, because the name is ours alone.
    proxy.reset();
    await becomes(runtime, 'degraded');
    await becomes(runtime, 'ready');
    valueOf(await stats(runtime, one));
    await runtime.close();
    await nothingLeft(two);
  });
});

describe('a node that is joined while it still starts', () => {
  it('has what is started there later write to its own user, which was not there yet', async () => {
    const live = await startErlang({ name: 'starting', cookie });
    const { address: _address, ...spec } = specOf({ node: live.node });
    await live.eval(
      'spawn(fun() -> timer:sleep(100), U = whereis(user), unregister(user), timer:sleep(1500), register(user, U) end), ok.',
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    const runtime = valueOf(await connectBeam(spec));
    open.push(runtime);
    valueOf(await stats(runtime, live));
    await new Promise((resolve) => setTimeout(resolve, 1_800));
    const sleep = { node: live.node, module: 'timer', function: 'sleep' } as const;
    const pid = valueOf(
      await runtime.port.processes.start({ ...sleep, args: [{ syntax: 'erlang', source: '60000' }] }, inTime()),
    );
    const leads = `{group_leader, L} = process_info(list_to_pid("${pidText(pid)}"), group_leader), L =:= whereis(user).`;
    expect(await live.eval(leads)).toBe('true');
    await live.stop();
  });
});

describe('a link that somebody closes', () => {
  it('while it is being opened stays closed, and is not dialled again', async () => {
    const runtime = await connect();
    const port = await portOf(two);
    const silent = await startFaultProxy(port);
    silent.corrupt(() => Buffer.alloc(0));
    try {
      valueOf(await runtime.port.cluster.disconnect({ node: two.node }, inTime()));
      const opening = runtime.port.cluster.connect(
        { node: two.node, address: { host: '127.0.0.1', port: silent.port } },
        inTime(),
      );
      await eventually(
        () => Promise.resolve(silent.accepted()),
        (accepted) => accepted === 1,
      );
      valueOf(await runtime.port.cluster.disconnect({ node: two.node }, inTime()));
      // It runs into its time, which would be worth another attempt.
      expect(errorOf(await opening)).toMatchObject({ effect: 'none' });
      // Several looks at what is lost, had it been lost.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(silent.accepted()).toBe(1);
      const { nodes } = valueOf(await runtime.port.cluster.nodes({}, inTime()));
      expect(nodes.find(({ node }) => node === two.node)?.reach).toEqual({ via: 'relay', relay: one.node });
    } finally {
      await silent.close();
    }
  });
});

describe('EPMD', () => {
  let epmd: ChildProcess;
  let epmdPort: number;
  const living: LiveNode[] = [];
  const startEpmd = async (): Promise<void> => {
    epmd = spawn('epmd', ['-port', String(epmdPort), '-address', '127.0.0.1'], { stdio: 'ignore' });
    await eventually(
      () =>
        epmdNames({ host: '127.0.0.1', port: epmdPort }, { timeoutMs: 1_000, signal: new AbortController().signal }),
      (names) => names.ok,
    );
  };
  const stopEpmd = async (): Promise<void> => {
    const gone = new Promise((resolve) => epmd.once('exit', resolve));
    epmd.kill('SIGKILL');
    await gone;
  };

  beforeEach(async () => {
    epmdPort = await freePort();
    await startEpmd();
  });
  afterEach(async () => {
    await Promise.all(living.splice(0).map((live) => live.stop()));
    if (epmd.exitCode === null && epmd.signalCode === null) await stopEpmd();
  });

  const startHere = async (name: string): Promise<LiveNode> => {
    const live = await startErlang({ name, cookie, env: { ERL_EPMD_PORT: String(epmdPort) } });
    living.push(live);
    return live;
  };
  const here = (live: LiveNode): BeamSpec => {
    const { address: _address, ...spec } = specOf({ node: live.node, epmd: { port: epmdPort } });
    return spec;
  };

  it('that goes away takes no link with it, and a link that breaks then is opened again where the node was', async () => {
    const live = await startHere('alone');
    const runtime = valueOf(await connectBeam(here(live)));
    open.push(runtime);
    await stopEpmd();
    valueOf(await stats(runtime, live));
    expect(runtime.state.is).toBe('ready');
    const states: string[] = [];
    runtime.onChange(() => states.push(runtime.state.is));
    await live.eval('[erlang:disconnect_node(N) || N <- nodes(hidden)].');
    await eventually(
      () => Promise.resolve(states),
      (seen) => seen.includes('lost') && seen.at(-1) === 'ready',
    );
    valueOf(await stats(runtime, live));
  });

  it('that is not there yet is told, and one that comes later lets us in', async () => {
    const live = await startHere('early');
    await stopEpmd();
    expect(errorOf(await connectBeam(here(live)))).toMatchObject({ code: 'connect.epmd_unreachable' });
    await startEpmd();
    // Since OTP 23 a node registers again when EPMD is back.
    const runtime = await eventually(
      () => connectBeam(here(live)),
      (result) => result.ok,
      20_000,
    );
    open.push(valueOf(runtime));
    valueOf(await stats(valueOf(runtime), live));
  });

  it('that hangs is told as that', async () => {
    epmd.kill('SIGSTOP');
    const { address: _address, ...spec } = specOf({
      node: 'any@localhost',
      epmd: { port: epmdPort },
      connectTimeoutMs: 300,
    });
    const silent = errorOf(await connectBeam(spec));
    epmd.kill('SIGCONT');
    expect(silent).toMatchObject({ code: 'connect.epmd_unreachable', details: { why: 'timeout' } });
  });
});
