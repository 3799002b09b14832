import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import { simulatedRuntime } from '../../runtime/embedded/adapter/simulatedRuntime.ts';
import { sleep } from '../../runtime/embedded/kernel/flow.ts';
import { defaultProcessLimit } from '../../runtime/embedded/kernel/world.ts';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import { SandboxManager } from '../../runtime/embedded/sandbox/sandboxManager.ts';
import { OnDemandClock } from '../../runtime/embedded/time/onDemandClock.ts';
import { nodeOf, spawn, testCluster } from '../../runtime/embedded/testKit.ts';
import type { ChildSpec, Holding, NodeRow, ProcessRef, Result, TermInput } from '../../runtime/model.ts';
import { processId } from '../../runtime/model.ts';
import type { CallOptions, Port, Runtime, WatchTarget } from '../../runtime/port.ts';
import { printTerm } from '../../runtime/term/print.ts';
import type { Term } from '../../runtime/term/term.ts';
import { atom, integer, text, tuple } from '../../runtime/term/term.ts';
import type { Row } from '../../runtime/watch.ts';
import { WatchView } from '../../runtime/watch.ts';
import { eventually, readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';

const nodes = ['demo1@sim', 'demo2@sim', 'demo3@sim'];
const [one = '', two = '', three = ''] = nodes;
const owner = { principal: 'user', client: 'test', operation: 'test', requestId: 'r1' };
const kill = { term: atom('kill') } as const;

let runtime: Runtime;
let port: Port;
beforeEach(() => {
  runtime = liveRuntime({ id: 'sim', nodes, seed: 1, sandboxChildFile: 'none' });
  ({ port } = runtime);
});
afterEach(() => runtime.close());

const soon = (): CallOptions => callOptions(5_000);
const shown = (term: Term | null): string => (term === null ? 'nothing' : printTerm(term, { syntax: 'erlang' }));
const erlang = (source: string): TermInput => ({ syntax: 'erlang', source });

function errorOf(result: Result<unknown>): string {
  return result.ok ? 'no error' : `${result.error.class} ${result.error.code}`;
}
async function named(name: string, node = one): Promise<ProcessRef> {
  const target = { name: { in: 'local', node, name } } as const;
  return valueOf(await port.names.resolve({ target, seenFrom: node }, soon())).pid;
}
async function sleeper(node = one): Promise<ProcessRef> {
  const params = { node, module: 'timer', function: 'sleep', args: [erlang('infinity')] };
  return valueOf(await port.processes.start(params, soon()));
}
async function childrenOf(supervisor: ProcessRef) {
  const params = { supervisor, offset: 0, limit: 100 };
  return (await readAll(port.supervisors.children(params, soon()))).frames.flat();
}
async function columnOf(pid: ProcessRef, key: 'links' | 'status' | 'registered_name' | 'group_leader' | 'monitors') {
  const [page] = valueOf(await port.processes.info({ pids: [pid], keys: [key] }, soon())).pages;
  const column = page?.columns[key];
  if (column === undefined) return undefined;
  return column.as === 'dictionary' ? column.values[column.index[0] ?? 0] : column.values[0];
}

/** A watch that is open: its rows now, and the end of it. */
function watch(of: WatchTarget, minIntervalMs = 0) {
  const abort = new AbortController();
  const view = new WatchView();
  const state: { end: Result<unknown> | null } = { end: null };
  const reading = (async () => {
    for await (const item of port.watch.open({ minIntervalMs, of }, callOptions(longestMs, abort.signal))) {
      if (item.is === 'end') state.end = item.result;
      else view.apply(item.frame);
    }
  })();
  return {
    rows: (): readonly Row[] => [...(view.state?.rows.values() ?? [])],
    keys: (): readonly string[] => [...(view.state?.rows.keys() ?? [])],
    fidelity: () => view.state?.fidelity.is,
    total: () => view.state?.total,
    end: () => state.end,
    close: async () => {
      abort.abort();
      await reading;
    },
  };
}

describe('processes', () => {
  it('are started by module and function on a node, with its group leader, named, linked and watched as asked', async () => {
    const link = await sleeper(two);
    const monitoredBy = await sleeper(one);
    const params = {
      node: two,
      module: 'timer',
      function: 'sleep',
      args: [erlang('60000')],
      name: 'napper',
      link,
      monitoredBy,
    };
    const pid = valueOf(await port.processes.start(params, soon()));
    expect(pid.node).toBe(two);
    expect(processId(await named('napper', two))).toBe(processId(pid));
    expect(await columnOf(pid, 'links')).toEqual([processId(link)]);
    expect(await columnOf(pid, 'group_leader')).toBe(processId(await named('user', two)));
    expect(await columnOf(monitoredBy, 'monitors')).toEqual([processId(pid)]);
    valueOf(await port.processes.exit({ pid: link, reason: erlang('boom'), confirmMs: 1000 }, soon()));
    expect(
      await eventually(
        () => named('napper', two).catch(() => null),
        (found) => found === null,
      ),
    ).toBeNull();
    // From another node, so it takes its way.
    const box = await eventually(
      async () => valueOf(await port.processes.mailbox({ pid: monitoredBy, limit: 10 }, soon())),
      ({ length }) => length > 0,
    );
    expect(box.messages?.map(shown)[0]).toMatch(/^\{'DOWN',#Ref<.*>,process,<.*>,boom\}$/);
  });

  it('are not started where the function, the name, the argument or a relative is wrong', async () => {
    const start = (more: object): Promise<Result<ProcessRef>> =>
      port.processes.start({ node: one, module: 'timer', function: 'sleep', args: [erlang('1')], ...more }, soon());
    const undef = await start({ module: 'nothing' });
    expect(undef).toMatchObject({ error: { code: 'process.undef', class: 'execution', effect: 'none' } });
    expect(undef.ok ? '' : undef.error.remedy).toContain('timer');
    const arity = await start({ args: [] });
    expect(arity.ok ? '' : arity.error.remedy).toContain('sleep/1');
    expect(errorOf(await start({ name: 'Elixir.Shop.Catalog' }))).toBe('conflict name.taken');
    expect(errorOf(await start({ args: [erlang('{1,')] }))).toBe('validation term.syntax');
    expect(errorOf(await start({ args: [{ term: { t: 'elided', was: 'list', size: 9 } }] }))).toBe(
      'validation term.not_sendable',
    );
    expect(errorOf(await start({ node: 'nobody@sim' }))).toBe('not_found node.not_found');
    const gone = { node: one, creation: 9, id: 1, serial: 0 };
    expect(errorOf(await start({ link: gone }))).toBe('not_found process.not_found');
    expect(errorOf(await start({ monitoredBy: gone }))).toBe('not_found process.not_found');
    // A module of the shop is found without its prefix, as one writes it in Elixir.
    expect((await start({ module: 'Shop.Cart', function: 'start', args: [erlang('7')] })).ok).toBe(true);
  });

  it('are ended, survive what they trap, and are left alone when the node would end with them', async () => {
    const victim = await sleeper();
    expect(
      await port.processes.exit({ pid: victim, reason: erlang('{shutdown, 7}'), confirmMs: 1000 }, soon()),
    ).toEqual({
      ok: true,
      value: { outcome: 'exited', reason: tuple(atom('shutdown'), integer(7)) },
    });
    const trapping = await named('Elixir.Shop.Supervisor');
    const asked = await port.processes.exit({ pid: trapping, reason: erlang('boom'), confirmMs: 50 }, soon());
    expect(valueOf(asked)).toEqual({ outcome: 'survived' });
    for (const name of ['init', 'kernel_sup', 'net_kernel', 'user', 'application_controller']) {
      const refused = await port.processes.exit({ pid: await named(name), reason: kill, confirmMs: 50 }, soon());
      expect(errorOf(refused)).toBe('authorization process.protected');
    }
    expect(errorOf(await port.processes.exit({ pid: trapping, reason: erlang('('), confirmMs: 1 }, soon()))).toBe(
      'validation term.syntax',
    );
  });

  it('show their state, as much of it as fits, and say when they have none', async () => {
    const catalog = await named('Elixir.Shop.Catalog');
    const whole = valueOf(await port.processes.state({ pid: catalog, maxBytes: 10_000 }, soon()));
    expect(whole.whole).toBe(true);
    expect(shown(whole.state)).toMatch(/^#\{items => #\{apples => \d+,/);
    const part = valueOf(await port.processes.state({ pid: catalog, maxBytes: 60 }, soon()));
    expect(part.whole).toBe(false);
    expect(JSON.stringify(part.state)).toContain('elided');
    const supervisor = await named('Elixir.Shop.Supervisor');
    const record = valueOf(await port.processes.state({ pid: supervisor, maxBytes: 100_000 }, soon()));
    expect(shown(record.state)).toMatch(/^\{state,\{local,'Elixir\.Shop\.Supervisor'\},one_for_one,/);
    const cut = valueOf(await port.processes.state({ pid: supervisor, maxBytes: 100 }, soon()));
    expect(JSON.stringify(cut.state)).toContain('elided');
    expect(errorOf(await port.processes.state({ pid: await sleeper(), maxBytes: 10 }, soon()))).toBe(
      'unsupported runtime.unsupported',
    );
  });

  it('take messages, casts and calls; a mailbox is shown while it is short', async () => {
    const pid = await sleeper();
    for (const source of ['hello', '{job,7}']) {
      valueOf(await port.processes.send({ pid, message: erlang(source), how: 'info' }, soon()));
    }
    valueOf(await port.processes.send({ pid, message: { term: text('x') }, how: 'cast' }, soon()));
    const box = valueOf(await port.processes.mailbox({ pid, limit: 3 }, soon()));
    expect(box.messages?.map(shown)).toEqual(['hello', '{job,7}', `{'$gen_cast',<<"x">>}`]);
    expect(valueOf(await port.processes.mailbox({ pid, limit: 2 }, soon()))).toEqual({ length: 3, messages: null });
    const catalog = await named('Elixir.Shop.Catalog', two);
    const stock = await port.processes.send(
      { pid: catalog, message: erlang('{stock,<<"bread">>}'), how: 'call' },
      soon(),
    );
    expect(valueOf(stock).reply).toMatchObject({ t: 'int' });
    // A process that does not answer: its own time-out, not the caller's.
    const silent = await port.processes.send({ pid, message: erlang('x'), how: 'call' }, callOptions(3_000));
    expect(silent).toMatchObject({ error: { code: 'process.exited', class: 'execution', effect: 'unknown' } });
    expect(errorOf(await port.processes.send({ pid, message: erlang(']'), how: 'info' }, soon()))).toBe(
      'validation term.syntax',
    );
  });

  it('are suspended by holdings, which are listed, and go with their process', async () => {
    const catalog = await named('Elixir.Shop.Catalog');
    const calling = { pid: catalog, message: erlang('{stock,<<"bread">>}'), how: 'call' } as const;
    for (const how of ['process', 'sys'] as const) {
      const held: Holding = valueOf(await port.processes.suspend({ pid: catalog, how, owner, lingerMs: 0 }, soon()));
      expect(held.kind).toBe(how === 'process' ? 'suspension' : 'sys_suspension');
      // Held by sys it runs on, and looks at each message that others send it.
      const status = how === 'process' ? ['suspended'] : ['waiting', 'runnable'];
      expect(status).toContain(await columnOf(catalog, 'status'));
      expect(errorOf(await port.processes.send(calling, callOptions(2_000)))).toBe('execution process.exited');
      expect(valueOf(await port.holdings.list({ client: 'test' }, soon())).holdings).toEqual([held]);
      expect(valueOf(await port.holdings.list({ client: 'other' }, soon())).holdings).toEqual([]);
      expect(valueOf(await port.holdings.release({ id: held.id }, soon()))).toEqual({ wasHeld: true });
      expect(valueOf(await port.holdings.release({ id: held.id }, soon()))).toEqual({ wasHeld: false });
      expect((await port.processes.send(calling, soon())).ok).toBe(true);
    }
    const seen = watch({ rows: 'holdings' });
    const pid = await sleeper(two);
    valueOf(await port.processes.suspend({ pid, how: 'process', owner, lingerMs: 0 }, soon()));
    expect(
      await eventually(
        async () => seen.rows().length,
        (count) => count === 1,
      ),
    ).toBe(1);
    const other = await sleeper(three);
    valueOf(await port.processes.suspend({ pid: other, how: 'process', owner, lingerMs: 0 }, soon()));
    valueOf(await port.processes.exit({ pid, reason: kill, confirmMs: 1000 }, soon()));
    valueOf(await port.faults.crashNode({ node: three }, soon()));
    await eventually(
      async () => seen.rows().length,
      (count) => count === 0,
    );
    await seen.close();
    expect(
      errorOf(await port.processes.suspend({ pid: await named('init'), how: 'process', owner, lingerMs: 0 }, soon())),
    ).toBe('authorization process.protected');
    const loose = { pid: await sleeper(), how: 'sys', owner, lingerMs: 0 } as const;
    expect(errorOf(await port.processes.suspend(loose, soon()))).toBe('unsupported runtime.unsupported');
  });

  it('that carry out a command can be ended like any other, and whoever waits is told', async () => {
    const catalog = await named('Elixir.Shop.Catalog');
    valueOf(await port.processes.suspend({ pid: catalog, how: 'process', owner, lingerMs: 0 }, soon()));
    const waiting = port.processes.send({ pid: catalog, message: erlang('x'), how: 'call' }, soon());
    const where = { key: 'initial_call', op: 'eq', value: 'arsenal:command/0' } as const;
    const { frames } = await readAll(port.processes.scan({ nodes: [one], keys: [], where, pageRows: 10 }, soon()));
    const [page] = frames;
    const pid = { ...(page?.of ?? { node: one, creation: 0 }), id: page?.ids[0] ?? -1, serial: page?.serials[0] ?? -1 };
    valueOf(await port.processes.exit({ pid, reason: kill, confirmMs: 1000 }, soon()));
    expect(await waiting).toMatchObject({ error: { code: 'process.exited', effect: 'unknown' } });
    const abandoned = port.processes.send({ pid: catalog, message: erlang('x'), how: 'call' }, soon());
    valueOf(await port.faults.crashNode({ node: one }, soon()));
    expect(await abandoned).toMatchObject({ error: { code: 'node.unavailable', effect: 'unknown' } });
  });

  it('are as many as a node can have: then it says so, to starts and to commands', async () => {
    const cluster = testCluster([one]);
    const full = simulatedRuntime({
      id: 'full',
      cluster,
      clock: new OnDemandClock(cluster),
      sandboxes: new SandboxManager({ childFile: 'none', wallNow: () => 0 }),
      wallNow: () => 0,
      epoch: 'one',
      onClose: () => undefined,
    });
    const node = nodeOf(cluster, one);
    const victim = spawn(node, () => sleep(1e9));
    while (node.processes.size < defaultProcessLimit) spawn(node, () => sleep(1e9));
    const params = { node: one, module: 'timer', function: 'sleep', args: [erlang('1')] };
    expect(errorOf(await full.port.processes.start(params, soon()))).toBe('execution process.system_limit');
    const { node: name, creation, id, serial } = victim.pid;
    const exit = { pid: { node: name, creation, id, serial }, reason: kill, confirmMs: 100 };
    expect(errorOf(await full.port.processes.exit(exit, soon()))).toBe('execution process.system_limit');
    // More processes than are summed up: the figure is not known, rather than wrong.
    expect(valueOf(await full.port.system.stats({ node: one }, soon()))).toMatchObject({
      processCount: defaultProcessLimit,
      memoryBytes: null,
    });
    await full.close();
  });

  it('are watched one by one until they end', async () => {
    const pid = await sleeper();
    const stream = port.processes.monitor({ pid, keys: ['status'], everyMs: 20 }, soon());
    let frames = 0;
    for await (const item of stream) {
      if (item.is === 'end') {
        expect(item.result).toEqual({ ok: true, value: { reason: atom('boom') } });
        break;
      }
      frames += 1;
      if (frames === 2) void port.processes.exit({ pid, reason: erlang('boom'), confirmMs: 1000 }, soon());
    }
    expect(frames).toBeGreaterThanOrEqual(2);
    const far = await sleeper(two);
    const lost = readAll(port.processes.monitor({ pid: far, keys: [], everyMs: 10_000 }, soon()));
    setTimeout(() => void port.faults.crashNode({ node: two }, soon()), 20);
    expect((await lost).end).toEqual({ ok: true, value: { reason: atom('noconnection') } });
    expect(errorOf((await readAll(port.processes.monitor({ pid, keys: [], everyMs: 10 }, soon()))).end)).toBe(
      'not_found process.not_found',
    );
  });

  it('are found by predicate and by rank, with every column there is', async () => {
    const keys = [
      ...([
        'registered_name',
        'initial_call',
        'status',
        'reductions',
        'message_queue_len',
        'group_leader',
        'label',
      ] as const),
      ...(['memory', 'current_function', 'total_heap_size', 'links', 'monitors', 'dictionary'] as const),
      ...(['current_stacktrace', 'trap_exit', 'parent', 'ancestors'] as const),
    ];
    const where = { key: 'initial_call', op: 'prefix', value: 'supervisor:' } as const;
    const found = await readAll(port.processes.scan({ nodes: [one], keys, where, pageRows: 100 }, soon()));
    const [page] = found.frames;
    expect(page?.ids).toHaveLength(10);
    expect(Object.keys(page?.columns ?? {}).sort()).toEqual([...keys].sort());
    expect(page?.columns.current_function).toMatchObject({ values: ['gen_server:loop/7'] });
    const top = { n: 3, by: 'reductions', direction: 'descending' } as const;
    const best = await readAll(port.processes.scan({ nodes: 'all', keys: ['reductions'], top, pageRows: 100 }, soon()));
    expect(best.frames.map(({ ids }) => ids.length)).toEqual([3, 3, 3]);
    const costly = await readAll(
      port.processes.scan({ nodes: 'all', keys: [], top: { ...top, by: 'memory' }, pageRows: 100 }, soon()),
    );
    expect(errorOf(costly.end)).toBe('validation scan.costly');
  });
});

describe('supervisors', () => {
  it('are those the kernel has, with their place in the tree', async () => {
    const found = (await readAll(port.supervisors.find({ nodes: [one] }, soon()))).frames.flat();
    const byModule = new Map(found.map((info) => [info.module, info]));
    const root = byModule.get('Elixir.Shop.Supervisor');
    expect(root).toMatchObject({ application: 'shop', parent: null, evidence: 'builtin', kind: 'supervisor' });
    expect(byModule.get('Elixir.Shop.Payments')?.parent).toEqual(root?.supervisor);
    expect(byModule.get('kernel')).toMatchObject({ application: 'kernel', name: { name: 'kernel_sup' } });
    const payments = byModule.get('Elixir.Shop.Payments')?.supervisor;
    if (payments === undefined) throw new Error('no payments');
    expect(valueOf(await port.supervisors.flags({ supervisor: payments }, soon()))).toEqual({
      strategy: 'one_for_all',
      intensity: 10,
      periodSeconds: 30,
      autoShutdown: 'never',
    });
    expect(valueOf(await port.supervisors.count({ supervisor: payments }, soon()))).toEqual({
      specs: 2,
      active: 2,
      supervisors: 0,
      workers: 2,
    });
    expect((await childrenOf(payments)).map(({ registeredName, index }) => [registeredName, index])).toEqual([
      ['Elixir.Shop.Payments.Ledger', 0],
      ['Elixir.Shop.Payments.Gateway', 1],
    ]);
    const childId = atom('Elixir.Shop.Payments.Gateway');
    expect(valueOf(await port.supervisors.childSpec({ supervisor: payments, childId }, soon()))).toMatchObject({
      start: { module: 'Elixir.Shop.Payments.Gateway', function: 'start_link' },
      restart: 'permanent',
      shutdown: 5000,
    });
    expect(errorOf(await port.supervisors.childSpec({ supervisor: payments, childId: atom('x') }, soon()))).toBe(
      'not_found child.not_found',
    );
    expect(errorOf(await port.supervisors.flags({ supervisor: await sleeper() }, soon()))).toBe(
      'validation supervisor.not_one',
    );
  });

  it('show a new child after the old one was killed, and remember the restart', async () => {
    const supervisor = await named('Elixir.Shop.Supervisor');
    const seen = watch({ rows: 'children', supervisor, window: { offset: 0, limit: 100 } });
    await eventually(
      async () => seen.total(),
      (total) => total === 11,
    );
    expect(seen.fidelity()).toBe('exact');
    const before = JSON.stringify(seen.rows());
    const old = await named('Elixir.Shop.Catalog');
    valueOf(await port.processes.exit({ pid: old, reason: kill, confirmMs: 1000 }, soon()));
    const isNew = (rows: string): boolean => rows !== before && !rows.includes(`"id":${old.id},`);
    await eventually(
      async () => JSON.stringify(seen.rows()),
      (rows) => isNew(rows) && rows.includes('"running"'),
    );
    expect(JSON.stringify(seen.rows())).toContain(JSON.stringify(await named('Elixir.Shop.Catalog')));
    const { restarts } = valueOf(await port.supervisors.restarts({ supervisor, limit: 10 }, soon()));
    expect(restarts.map(({ childId, reason, count }) => [shown(childId), shown(reason), count])).toEqual([
      [`'Elixir.Shop.Catalog'`, 'killed', 1],
    ]);
    await seen.close();
    expect(errorOf(seen.end() ?? { ok: true, value: null })).toBe('cancelled call.cancelled');
  });

  it('start, terminate, restart and delete children when asked, and say why when they do not', async () => {
    const supervisor = await named('Elixir.Shop.Pipeline');
    const spec: ChildSpec = {
      childId: atom('extra'),
      start: { module: 'Elixir.Shop.Cart', function: 'start_link', args: [integer(1)] },
      restart: 'permanent',
      shutdown: 1000,
      type: 'worker',
      significant: false,
    };
    const child = { supervisor, childId: spec.childId };
    const started = valueOf(await port.supervisors.startChild({ supervisor, spec }, soon()));
    expect(started.pid).toMatchObject({ node: one });
    expect(errorOf(await port.supervisors.startChild({ supervisor, spec }, soon()))).toBe('conflict child.exists');
    expect(errorOf(await port.supervisors.restartChild(child, soon()))).toBe('conflict child.running');
    expect(errorOf(await port.supervisors.deleteChild(child, soon()))).toBe('conflict child.running');
    valueOf(await port.supervisors.terminateChild({ supervisor, child: { childId: spec.childId } }, soon()));
    expect((await childrenOf(supervisor)).at(-1)?.state).toEqual({ is: 'undefined' });
    expect(valueOf(await port.supervisors.restartChild(child, soon())).pid).not.toBeNull();
    const again = (await childrenOf(supervisor)).at(-1)?.state;
    if (again?.is !== 'running') throw new Error('not running');
    valueOf(await port.supervisors.terminateChild({ supervisor, child: { pid: again.pid } }, soon()));
    valueOf(await port.supervisors.deleteChild(child, soon()));
    expect(errorOf(await port.supervisors.deleteChild(child, soon()))).toBe('not_found child.not_found');
    expect(errorOf(await port.supervisors.terminateChild({ supervisor, child: { pid: again.pid } }, soon()))).toBe(
      'not_found child.not_found',
    );
    const broken = { ...spec, start: { ...spec.start, args: [atom('nobody')] } };
    expect(errorOf(await port.supervisors.startChild({ supervisor, spec: broken }, soon()))).toBe(
      'execution child.start_failed',
    );
    const kernel = await named('kernel_sup');
    expect(errorOf(await port.supervisors.startChild({ supervisor: kernel, spec }, soon()))).toBe(
      'authorization process.protected',
    );
    const moved = { supervisor, spec, initialState: { handle: 'x' } };
    expect(errorOf(await port.supervisors.startChild(moved, soon()))).toBe('not_found state.not_held');
  });

  it('of kind simple_one_for_one know their children by pid', async () => {
    const supervisor = await named('Elixir.Shop.CartSupervisor');
    const spec: ChildSpec = {
      childId: atom('undefined'),
      start: { module: '', function: '', args: [integer(41)] },
      restart: 'transient',
      shutdown: 5000,
      type: 'worker',
      significant: false,
    };
    const seen = watch({ rows: 'children', supervisor, window: { offset: 0, limit: 100 } });
    const { pid } = valueOf(await port.supervisors.startChild({ supervisor, spec }, soon()));
    if (pid === null) throw new Error('not started');
    await eventually(
      async () => JSON.stringify(seen.rows()),
      (rows) => rows.includes(`"id":${pid.id},`),
    );
    expect(errorOf(await port.supervisors.restartChild({ supervisor, childId: atom('x') }, soon()))).toBe(
      'conflict supervisor.simple_one_for_one',
    );
    expect(valueOf(await port.supervisors.childSpec({ supervisor, childId: atom('x') }, soon())).restart).toBe(
      'transient',
    );
    valueOf(await port.supervisors.terminateChild({ supervisor, child: { pid } }, soon()));
    await eventually(
      async () => JSON.stringify(seen.rows()),
      (rows) => !rows.includes(`"id":${pid.id},`),
    );
    await seen.close();
  });

  it('that end take the watch of their children with them', async () => {
    const supervisor = await named('Elixir.Shop.Payments');
    const window = { offset: 0, limit: 100 };
    const seen = watch({ rows: 'children', supervisor, window });
    const far = watch({ rows: 'children', supervisor: await named('Elixir.Shop.Payments', two), window });
    const all = watch({ rows: 'supervisors', nodes: 'all' });
    await eventually(
      async () => [seen.total(), far.total(), all.total()],
      ([a, b, c]) => a === 2 && b === 2 && c === 30,
    );
    valueOf(await port.processes.exit({ pid: supervisor, reason: kill, confirmMs: 1000 }, soon()));
    valueOf(await port.faults.crashNode({ node: two }, soon()));
    const ended = { ok: true, value: { ended: 'source_gone' } };
    await eventually(
      async () => [seen.end(), far.end()],
      (ends) => ends.every((end) => end !== null),
    );
    expect([seen.end(), far.end()]).toEqual([ended, ended]);
    await eventually(
      async () => all.total(),
      (total) => total === 20,
    );
    expect(all.keys()).not.toContain(processId(supervisor));
    await all.close();
  });
});

describe('nodes', () => {
  it('go down and come up again as another life, seen at once by who watches', async () => {
    const seen = watch({ rows: 'nodes' });
    const statusOf = (node: string): string => {
      const row = seen.rows().find((one) => one['node'] === node);
      return JSON.stringify([row?.['status'], row?.['creation']]);
    };
    await eventually(
      async () => seen.rows().length,
      (count) => count === 3,
    );
    const before = await named('Elixir.Shop.Catalog', two);
    valueOf(await port.faults.crashNode({ node: two }, soon()));
    await eventually(
      async () => statusOf(two),
      (status) => status === '["down",1]',
      1000,
    );
    expect(errorOf(await port.system.stats({ node: two }, soon()))).toBe('unavailable node.unavailable');
    expect(errorOf(await port.processes.info({ pids: [before], keys: [] }, soon()))).toBe(
      'unavailable node.unavailable',
    );
    const links = valueOf(await port.cluster.links({}, soon()));
    expect(links.links.map(({ node }) => node)).toEqual([one, three]);
    expect(links.nodes.find(({ node }) => node === two)).toMatchObject({ status: 'missing' });
    expect(valueOf(await port.faults.crashNode({ node: two }, soon()))).toEqual({ wasUp: false });
    expect(valueOf(await port.faults.startNode({ node: two }, soon()))).toMatchObject({ node: two, creation: 2 });
    await eventually(
      async () => statusOf(two),
      (status) => status === '["up",2]',
      1000,
    );
    const after = await eventually(
      () => named('Elixir.Shop.Catalog', two).catch(() => null),
      (pid) => pid !== null,
    );
    // The same number in another life is another process.
    expect(after).toEqual({ ...before, creation: 2 });
    expect(errorOf(await port.processes.state({ pid: before, maxBytes: 10 }, soon()))).toBe(
      'not_found process.not_found',
    );
    expect(errorOf(await port.faults.startNode({ node: two }, soon()))).toBe('conflict node.up');
    expect(errorOf(await port.faults.startNode({ node: 'x@sim' }, soon()))).toBe('not_found node.not_found');
    expect(errorOf(await port.faults.crashNode({ node: 'x@sim' }, soon()))).toBe('not_found node.not_found');
    await seen.close();
  });

  it('are added, within bounds, by a name that is one', async () => {
    expect(valueOf(await port.faults.addNode({ node: 'demo4@sim' }, soon()))).toMatchObject({ creation: 1 });
    expect(errorOf(await port.faults.addNode({ node: 'demo4@sim' }, soon()))).toBe('conflict node.exists');
    expect(errorOf(await port.faults.addNode({ node: 'demo 4' }, soon()))).toBe('validation node.bad_name');
    await eventually(
      () => named('Elixir.Shop.Catalog', 'demo4@sim').catch(() => null),
      (pid) => pid !== null,
    );
    for (let at = 5; at <= 50; at += 1) valueOf(await port.faults.addNode({ node: `demo${at}@sim` }, soon()));
    expect(errorOf(await port.faults.addNode({ node: 'demo51@sim' }, soon()))).toBe('conflict node.too_many');
  });

  it('whose link we close are asked through another, until none is left', async () => {
    expect(valueOf(await port.cluster.disconnect({ node: two }, soon()))).toEqual({ wasConnected: true });
    expect(valueOf(await port.cluster.disconnect({ node: two }, soon()))).toEqual({ wasConnected: false });
    const reachOf = async (node: string) =>
      valueOf(await port.cluster.nodes({}, soon())).nodes.find((info) => info.node === node)?.reach;
    expect(await reachOf(two)).toEqual({ via: 'relay', relay: one });
    expect((await port.system.stats({ node: two }, soon())).ok).toBe(true);
    for (const node of [one, three]) valueOf(await port.cluster.disconnect({ node }, soon()));
    expect(await reachOf(two)).toMatchObject({ via: 'none', why: 'silent' });
    expect(errorOf(await port.system.stats({ node: two }, soon()))).toBe('unavailable node.unavailable');
    const seen = watch({ rows: 'nodes' });
    await eventually(
      async () => JSON.stringify(seen.rows()),
      (rows) => rows.includes('"unreachable"'),
    );
    expect(valueOf(await port.cluster.connect({ node: two }, soon())).reach).toEqual({ via: 'direct' });
    await eventually(
      async () => JSON.stringify(seen.rows()),
      (rows) => rows.includes('"up"'),
    );
    await seen.close();
    valueOf(await port.faults.crashNode({ node: two }, soon()));
    expect(errorOf(await port.cluster.connect({ node: two }, soon()))).toBe('unavailable node.unavailable');
    expect(errorOf(await port.cluster.connect({ node: 'x@sim' }, soon()))).toBe('not_found node.not_found');
    expect(errorOf(await port.cluster.disconnect({ node: 'x@sim' }, soon()))).toBe('not_found node.not_found');
  });

  it('say what they are and what runs on them', async () => {
    const stats = valueOf(await port.system.stats({ node: one }, soon()));
    expect(stats).toMatchObject({ processLimit: 262_144, schedulersOnline: 1, atomCount: null });
    expect(stats.processCount).toBeGreaterThan(15);
    expect(stats.memoryBytes).toBeGreaterThan(1000);
    expect(valueOf(await port.system.memory({ node: one }, soon())).bytes['processes']).toBeGreaterThan(1000);
    expect(valueOf(await port.system.info({ node: one }, soon())).entries).toMatchObject({
      connectedNodes: [two, three],
    });
    const { applications } = valueOf(await port.system.applications({ node: one }, soon()));
    expect(applications).toMatchObject([
      { name: 'kernel', running: true },
      { name: 'shop', running: true, root: await named('Elixir.Shop.Supervisor') },
    ]);
    const root = await named('Elixir.Shop.Supervisor');
    valueOf(await port.processes.exit({ pid: root, reason: kill, confirmMs: 1000 }, soon()));
    const stopped = async () => valueOf(await port.system.applications({ node: one }, soon())).applications[1];
    expect(await eventually(stopped, (application) => application?.running === false)).toMatchObject({ root: null });
  });
});

describe('names', () => {
  it('are listed, watched, and found in every form that is printed', async () => {
    const listed = await readAll(port.names.list({ nodes: 'all', registry: 'local' }, soon()));
    const rows = listed.frames.flat();
    expect(valueOf(listed.end).total).toBe(rows.length);
    const seen = watch({ rows: 'names', registry: 'local' });
    await eventually(
      async () => seen.rows().length,
      (count) => count === rows.length,
    );
    const params = { node: one, module: 'timer', function: 'sleep', args: [erlang('20')], name: 'short' };
    const pid = valueOf(await port.processes.start(params, soon()));
    await eventually(
      async () => seen.rows().length,
      (count) => count === rows.length + 1,
    );
    await eventually(
      async () => seen.rows().length,
      (count) => count === rows.length,
    );
    await seen.close();
    const other = await sleeper(two);
    const resolve = (printed: string, printedOn?: string) =>
      port.names.resolve(
        { target: { printed, ...(printedOn !== undefined && { printedOn }) }, seenFrom: 'any' },
        soon(),
      );
    for (const form of [`<0.${other.id}.0>`, `#PID<0.${other.id}.0>`, `0.${other.id}.0`]) {
      expect(valueOf(await resolve(form, two)).pid).toEqual(other);
    }
    expect(valueOf(await resolve(processId(other))).pid).toEqual(other);
    expect(valueOf(await port.names.resolve({ target: { pid: other }, seenFrom: 'any' }, soon())).pid).toEqual(other);
    expect(valueOf(await resolve('<0.0.0>')).pid).toEqual(await named('init'));
    expect(errorOf(await resolve(processId(pid)))).toBe('not_found process.not_found');
    expect(errorOf(await resolve('hello'))).toBe('validation process.bad_pid');
    expect(errorOf(await resolve('<9012.7.0>', one))).toBe('validation process.foreign_pid');
    expect(errorOf(await resolve('<0.7.0>', 'x@sim'))).toBe('not_found node.not_found');
  });

  it('of registries are not listed, and it is said so', async () => {
    const target = { name: { in: 'via', module: 'Elixir.Nothing', name: atom('x') } } as const;
    expect(errorOf(await port.names.resolve({ target, seenFrom: 'any' }, soon()))).toBe('not_found name.not_found');
    const registry = { via: 'Elixir.Registry' } as const;
    const { end } = await readAll(port.names.list({ nodes: 'all', registry }, soon()));
    expect(errorOf(end)).toBe('unsupported runtime.unsupported');
    const opened = await readAll(port.watch.open({ minIntervalMs: 0, of: { rows: 'names', registry } }, soon()));
    expect(errorOf(opened.end)).toBe('unsupported runtime.unsupported');
    const away = { name: { in: 'local', node: 'x@sim', name: 'init' } } as const;
    expect(errorOf(await port.names.resolve({ target: away, seenFrom: 'any' }, soon()))).toBe(
      'not_found node.not_found',
    );
  });
});

describe('watches of processes', () => {
  it('sample figures, and drop a process as soon as it ends', async () => {
    const pid = await sleeper();
    const keys = [
      'registered_name',
      'initial_call',
      'current_function',
      'status',
      'memory',
      'reductions',
      'message_queue_len',
    ] as const;
    const seen = watch({ rows: 'processes', pids: [pid], keys });
    await eventually(
      async () => seen.rows().length,
      (count) => count === 1,
    );
    expect(seen.fidelity()).toBe('sampled');
    expect(seen.rows()[0]).toMatchObject({ node: one, initialCall: 'timer:sleep/1', currentFunction: 'timer:sleep/1' });
    valueOf(await port.processes.exit({ pid, reason: kill, confirmMs: 1000 }, soon()));
    await eventually(
      async () => seen.rows().length,
      (count) => count === 0,
      400,
    );
    await seen.close();
    const top = { n: 2, by: 'reductions', direction: 'descending' } as const;
    const best = watch({ rows: 'top', query: { nodes: 'all', keys: ['reductions'], top, pageRows: 10 } });
    await eventually(
      async () => best.rows().length,
      (count) => count === 6,
    );
    const first = JSON.stringify(best.rows());
    // The figures of what runs are seen to change.
    await eventually(
      async () => JSON.stringify(best.rows()),
      (rows) => rows !== first,
    );
    await best.close();
    const faulty = { nodes: 'all', keys: [], pageRows: 0 } as const;
    const refused = await readAll(port.watch.open({ minIntervalMs: 0, of: { rows: 'top', query: faulty } }, soon()));
    expect(errorOf(refused.end)).toBe('validation scan.page_rows');
  });

  it('of nodes carry figures that go on', async () => {
    const seen = watch({ rows: 'nodes' });
    const uptimes = () => seen.rows().map((row) => (row as unknown as NodeRow).stats?.uptimeMs ?? 0);
    await eventually(
      async () => uptimes(),
      (all) => all.length === 3,
    );
    const before = Math.max(...uptimes());
    await eventually(
      async () => uptimes(),
      (all) => Math.min(...all) > before,
    );
    await seen.close();
  });
});
