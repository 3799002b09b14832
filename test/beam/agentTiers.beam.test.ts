/** How the agent comes to a node: as object code, compiled there, as text, or not at all. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { residentMethods } from '../../runtime/beam/adapter/agents.ts';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { AgentImage } from '../../runtime/beam/agent/bringing.ts';
import { agentImage } from '../../runtime/beam/agent/bringing.ts';
import type { AgentChoice, NodeInfo, ProcessRef } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { valueAt } from '../../runtime/processQuery.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { leftovers, nothingLeft, owner, statusOf, until, victim } from './agentKit.ts';
import { errorOf, freshLeaseDir, inTime } from './shop.ts';

let node: LiveNode;
let runtime: Runtime | null = null;
beforeAll(async () => {
  node = await startErlang({ name: 'tiers', cookie: 'crumbs' });
});
afterEach(async () => {
  await runtime?.close();
  runtime = null;
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

async function connected(on: LiveNode, agent: AgentChoice, image?: AgentImage): Promise<Runtime> {
  const { node: name, cookie, epmdPort } = on;
  const spec = {
    id: 't',
    node: name,
    cookie,
    epmd: { port: epmdPort },
    leaseDir: freshLeaseDir(),
    agent,
    agentLingerMs: 200,
  };
  runtime = valueOf(await connectBeam(spec, image));
  return runtime;
}

async function observed(by: Runtime): Promise<NodeInfo> {
  const [info] = valueOf(await by.port.cluster.nodes({}, inTime())).nodes;
  if (info === undefined) throw new Error('There is no node.');
  return info;
}

async function suspended(by: Runtime, pid: ProcessRef): Promise<string> {
  // The agent may have to be compiled first, on a machine that others use, too.
  const long = inTime(45_000);
  const held = valueOf(await by.port.processes.suspend({ pid, how: 'process', owner, lingerMs: 5_000 }, long));
  const status = await statusOf(node, pid);
  expect(valueOf(await by.port.holdings.release({ id: held.id }, inTime()))).toEqual({ wasHeld: true });
  return status;
}

/** What every tier answers the same. */
async function stateless(by: Runtime): Promise<void> {
  const scan = await readAll(
    by.port.processes.scan({ nodes: 'all', keys: ['registered_name'], pageRows: 1_000 }, inTime()),
  );
  valueOf(scan.end);
  const names = scan.frames.flatMap((page) =>
    Array.from(page.ids, (_, row) => valueAt(page.columns, 'registered_name', row)).filter((name) => name !== null),
  );
  // The processes, not the ports, that have a name.
  expect(names.length).toBe(Number(await node.eval('length([N || N <- registered(), is_pid(whereis(N))]).')));
  const found = await readAll(by.port.supervisors.find({ nodes: 'all' }, inTime()));
  expect(found.frames.flat().length).toBeGreaterThan(1);
  const stats = valueOf(await by.port.system.stats({ node: node.node }, inTime()));
  expect(stats.schedulersOnline).toBe(Number(await node.eval('erlang:system_info(schedulers_online).')));
}

const broken = (): AgentImage => ({ ...agentImage(), objectCode: agentImage().objectCode.slice(0, 100) });

describe('the agent is', () => {
  it('loaded as object code, once', async () => {
    const by = await connected(node, 'load');
    const pid = await victim(node);
    expect(await suspended(by, pid)).toBe('suspended');
    expect(await observed(by)).toMatchObject({ observer: 'agent', observerWhy: '' });
    const module = agentImage().module;
    expect(await node.eval(`{code:is_loaded(${module}), erlang:check_old_code(${module})}.`)).toBe(
      '{{file,"arsenal_agent"},false}',
    );
    await stateless(by);
  });

  it('compiled there when its object code is refused', async () => {
    const by = await connected(node, 'load', broken());
    expect(await suspended(by, await victim(node))).toBe('suspended');
    const { observer, observerWhy } = await observed(by);
    expect(observer).toBe('agent');
    expect(observerWhy).toMatch(/^Compiled there.*badfile/);
    await stateless(by);
  });

  it('interpreted when there is no compiler either', async () => {
    await node.eval(
      'begin code:del_path(compiler), code:purge(compile), code:delete(compile), code:purge(compile), code:ensure_loaded(compile) end.',
    );
    try {
      const by = await connected(node, 'load', broken());
      expect(await suspended(by, await victim(node))).toBe('suspended');
      const { observer, observerWhy } = await observed(by);
      expect(observer).toBe('interpreted');
      expect(observerWhy).toMatch(/badfile.*no_compiler/);
      expect(await node.eval(`code:is_loaded(${agentImage().module}).`)).toBe('false');
      await stateless(by);
    } finally {
      await node.eval(
        'code:add_pathz(filename:join(code:lib_dir(), hd([D || D <- element(2, file:list_dir(code:lib_dir())), lists:prefix("compiler-", D)]) ++ "/ebin")).',
      );
    }
  });

  it('interpreted when the user wants no code loaded', async () => {
    const by = await connected(node, 'interpret');
    expect(await suspended(by, await victim(node))).toBe('suspended');
    expect(await observed(by)).toMatchObject({
      observer: 'interpreted',
      observerWhy: 'This connection loads no code.',
    });
    expect(await node.eval(`code:is_loaded(${agentImage().module}).`)).toBe('false');
    await stateless(by);
  });

  it('loaded on a node that loads no module by itself, and interpreted there when its object code is refused', async () => {
    const embedded = await startErlang({ name: 'embedded', cookie: 'crumbs', args: ['-mode', 'embedded'] });
    const by = await connected(embedded, 'load');
    await until(
      () => observed(by),
      ({ observer }) => observer === 'agent',
    );
    expect(await observed(by)).toMatchObject({ observer: 'agent', observerWhy: '' });
    await by.close();
    expect(
      await until(
        () => leftovers(embedded),
        (left) => left === nothingLeft,
      ),
    ).toBe(nothingLeft);
    const again = await connected(embedded, 'load', broken());
    const pid = await victim(embedded);
    valueOf(await again.port.processes.suspend({ pid, how: 'process', owner, lingerMs: 5_000 }, inTime()));
    const { observer, observerWhy } = await observed(again);
    expect(observer).toBe('interpreted');
    expect(observerWhy).toMatch(/badfile.*no_compiler/);
    await again.close();
    expect(await statusOf(embedded, pid)).toBe('waiting');
    await embedded.stop();
  });

  it('not there at all when the user wants nothing resident; what needs it says so', async () => {
    const by = await connected(node, 'none');
    await stateless(by);
    expect(await leftovers(node)).toBe(nothingLeft);
    expect(await observed(by)).toMatchObject({ observer: 'agentless' });
    const pid = await victim(node);
    const refused = errorOf(await by.port.processes.suspend({ pid, how: 'process', owner, lingerMs: 1_000 }, inTime()));
    expect(refused).toMatchObject({ class: 'unsupported', effect: 'none' });
    expect(refused.remedy).toContain('interpret');
    for (const method of residentMethods) expect(by.capabilities.runtime[method].can, method).toBe(false);
    expect(by.capabilities.runtime['processes.scan'].can).toBe(true);
    expect(valueOf(await by.port.holdings.list({}, inTime())).holdings).toEqual([]);
    expect(await statusOf(node, pid)).toBe('waiting');
  });
});
