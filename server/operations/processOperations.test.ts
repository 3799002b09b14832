import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import type { FakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import { processId } from '../../runtime/model.ts';
import type { House } from '../backend/testKit.ts';
import { at, fakeShop, houseOn, listAt } from '../backend/testKit.ts';
import { isJsonObject } from '../core/plainData.ts';
import { anyText, anything, errorOf, textLike, valueOf } from '../core/testKit.ts';
import type { OperationProgress } from '../protocol/operation.ts';

let runtime: FakeRuntime;
let house: House;
beforeEach(async () => {
  runtime = fakeShop();
  house = await houseOn(runtime);
});
afterEach(() => house.close());

type Row = { readonly [field: string]: Json };
async function list(operation: string, params: { readonly [key: string]: Json } = {}) {
  const result = await house.result(operation, params);
  return {
    items: listAt(result, 'items').filter((row): row is Row => isJsonObject(row)),
    nodes: listAt(result, 'nodes').filter((row): row is Row => isJsonObject(row)),
    total: at(result, 'total'),
    next: at(result, 'next'),
  };
}
function idOf(name: string, node = 'shop1@h'): string {
  const pid = runtime.processNamed(name, node);
  if (pid === null) throw new Error(`no ${name}`);
  return processId(pid);
}

describe('list_processes', () => {
  // @row OP-04
  // @row R3.2, PR-01
  it('lists all nodes, each row with its node, and says what became of each node', async () => {
    const { items, total, nodes, next } = await list('list_processes');
    expect([items.length, total, next]).toEqual([13, 13, null]);
    expect(nodes).toEqual([
      { node: 'shop1@h', status: 'ok' },
      { node: 'shop2@h', status: 'ok' },
    ]);
    const supervisor = items.find(({ pid }) => pid === idOf('Elixir.Shop.Supervisor'));
    expect(supervisor).toMatchObject({
      node: 'shop1@h',
      display: textLike(/^<0\.\d+\.0>$/),
      registeredName: 'Elixir.Shop.Supervisor',
      initialCall: 'supervisor:Elixir.Shop.Supervisor/1',
      memory: 0,
      messageQueueLen: 0,
    });
    expect(Object.keys(supervisor ?? {})).toEqual([
      ...['pid', 'node', 'display', 'registeredName', 'initialCall'],
      ...['currentFunction', 'status', 'memory', 'reductions', 'messageQueueLen'],
    ]);
  });

  // @row T012.d2
  it('sorts, by what is cheap and by what is not', async () => {
    const longest = await list('list_processes', { sort: '-messageQueueLen', limit: 1 });
    expect(longest.items).toMatchObject([{ registeredName: 'only_here', messageQueueLen: 20_000 }]);
    const largest = await list('list_processes', { sort: '-memory', limit: 3 });
    expect(largest.items.map(({ memory }) => memory)).toEqual([9000, 9000, 5000]);
    const named = await list('list_processes', { sort: 'registeredName', node: 'shop1@h', limit: 2 });
    expect(named.items.map(({ registeredName }) => registeredName)).toEqual([
      'Elixir.Shop.Catalog',
      'Elixir.Shop.Supervisor',
    ]);
  });

  // @row T004.a3, T025.d2
  it('filters at the nodes', async () => {
    const filter = { registeredName: { contains: 'Shop' }, memory: { ge: 5000 } };
    const { items, total } = await list('list_processes', { filter });
    expect(total).toBe(2);
    expect(items.every(({ registeredName }) => registeredName === 'Elixir.Shop.Catalog')).toBe(true);
    expect((await list('list_processes', { filter: { registeredName: { eq: null } } })).total).toBe(6);
    expect((await list('list_processes', { filter: { reductions: { gt: 10, lt: 30 } } })).total).toBe(2);
    expect((await list('list_processes', { filter: { registeredName: { prefix: 'only' } } })).total).toBe(1);
    expect(
      (
        await list('list_processes', {
          filter: { registeredName: { ne: 'init' }, reductions: { le: 0 } },
          node: 'shop2@h',
        })
      ).total,
    ).toBe(3);
  });

  // @row T012.a1
  it('pages through one list, without asking the nodes again', async () => {
    const first = await list('list_processes', { limit: 5, sort: 'registeredName' });
    const calls = runtime.calls('processes.scan');
    const second = await list('list_processes', { limit: 5, after: first.next });
    const third = await list('list_processes', { limit: 5, after: second.next });
    expect([first.items.length, second.items.length, third.items.length, third.next]).toEqual([5, 5, 3, null]);
    const pids = [first, second, third].flatMap(({ items }) => items.map(({ pid }) => pid));
    expect(new Set(pids).size).toBe(13);
    expect(runtime.calls('processes.scan')).toBe(calls);
  });

  it('answers only the fields asked for, beside what names a row', async () => {
    const { items } = await list('list_processes', { fields: ['memory'], sort: '-reductions', limit: 1 });
    expect(Object.keys(items[0] ?? {})).toEqual(['pid', 'node', 'display', 'memory']);
  });

  it('refuses cursors that are none, of another list, or no longer kept', async () => {
    const first = await list('list_processes', { limit: 5 });
    for (const after of ['', 'x', '!!', 'a'.repeat(200), Buffer.from('a:b').toString('base64url')]) {
      expect(errorOf(await house.run('list_processes', { after }))).toMatchObject({
        code: 'list.bad_cursor',
        pointer: '/after',
      });
    }
    const gone = Buffer.from(`${crypto.randomUUID()}:5`).toString('base64url');
    expect(errorOf(await house.run('list_processes', { after: gone }))).toMatchObject({
      class: 'not_found',
      code: 'list.cursor_expired',
    });
    const other = { caller: { ...house.options.caller, principal: 'bob' } };
    expect(errorOf(await house.run('list_processes', { after: first.next }, {}, other)).code).toBe(
      'list.cursor_expired',
    );
    expect(errorOf(await house.run('list_supervisors', { after: first.next })).code).toBe('list.cursor_expired');
  });

  // @row NF-06
  // @row R10.1
  it('goes on without a node that is down, and says which', async () => {
    runtime.crashNode('shop2@h');
    const { items, nodes } = await list('list_processes');
    expect(items.every(({ node }) => node === 'shop1@h')).toBe(true);
    expect(nodes.find(({ node }) => node === 'shop2@h')).toMatchObject({
      status: 'missing',
      error: { class: 'unavailable' },
    });
  });

  // @row R3.4
  it('fails when the one node asked for is down, or is none', async () => {
    runtime.crashNode('shop2@h');
    expect(errorOf(await house.run('list_processes', { node: 'shop2@h' }))).toMatchObject({
      class: 'unavailable',
      node: 'shop2@h',
    });
    expect(errorOf(await house.run('list_processes', { node: 'none@h' })).class).toBe('not_found');
  });

  // @row OP-39
  it('is process_list too, which wants a node', async () => {
    expect(errorOf(await house.run('process_list')).pointer).toBe('/node');
    expect((await list('process_list', { node: 'shop2@h' })).total).toBe(6);
  });

  it('sends every row as progress when asked', async () => {
    const rows: Json[] = [];
    const onProgress = (progress: OperationProgress) => {
      if (progress.is === 'rows') rows.push(...progress.rows);
    };
    valueOf(await house.run('list_processes', { stream: true, limit: 1 }, {}, { onProgress }));
    expect(rows).toHaveLength(13);
  });

  it('leaves null what a process or its node took with it meanwhile', async () => {
    const first = await list('list_processes', { limit: 5, sort: '-messageQueueLen' });
    await house.result('kill_process', { pid: 'Shop.Catalog', node: 'shop1@h' });
    runtime.crashNode('shop2@h');
    const { items, nodes } = await list('list_processes', { limit: 20, after: first.next });
    const known = (node: string) => items.filter((item) => item['node'] === node).map(({ memory }) => memory);
    expect(known('shop1@h')).toContain(0);
    expect(known('shop2@h').every((memory) => memory === null)).toBe(true);
    expect(nodes.map(({ status }) => status)).toEqual(['ok', 'partial']);
    expect(items.find(({ registeredName }) => registeredName === 'Elixir.Shop.Catalog')).toMatchObject({
      memory: null,
    });
  });

  it('ends with the stream, whatever that ends with', async () => {
    const error = failure('timeout', 'call.timeout', 'Late.', 'Wait.').error;
    runtime.fault('processes.scan', { is: 'error', error });
    expect(errorOf(await house.run('list_processes')).class).toBe('timeout');
  });
});

describe('get_process_info', () => {
  // @row OP-05
  // @row T004.a4
  it('knows a process by every form its pid is written in', async () => {
    const id = idOf('Elixir.Shop.Catalog', 'shop2@h');
    const numbers = /~(0\.\d+\.\d+)~/.exec(id)?.[1] ?? '';
    const forms = [
      id,
      `<${numbers}>`,
      `#PID<${numbers}>`,
      numbers,
      'Shop.Catalog',
      ':"Elixir.Shop.Catalog"',
      'Elixir.Shop.Catalog',
      ` <${numbers}> `,
      `pid(${numbers.replaceAll('.', ',')})`,
      `c:pid(${numbers.replaceAll('.', ', ')})`,
      `pid("${numbers}")`,
      "{'Elixir.Shop.Catalog', 'shop2@h'}",
      '{Shop.Catalog, :"shop2@h"}',
    ];
    for (const pid of forms) {
      const info = await house.result('get_process_info', { pid, node: 'shop2@h' });
      expect(info, pid).toMatchObject({ pid: id, node: 'shop2@h', memory: 5000, messageQueueLen: 0 });
    }
  });

  it('without a node takes the connected one, else the only one that has the name', async () => {
    expect(await house.result('get_process_info', { pid: 'Shop.Catalog' })).toMatchObject({ node: 'shop1@h' });
    runtime.crashNode('shop1@h');
    expect(await house.result('get_process_info', { pid: 'Shop.Catalog' })).toMatchObject({ node: 'shop2@h' });
    runtime.crashNode('shop2@h');
    expect(errorOf(await house.run('get_process_info', { pid: 'Shop.Catalog' })).code).toBe('node.none');
    expect(errorOf(await house.run('get_process_info', { pid: '<0.1.0>' })).code).toBe('node.none');
  });

  it('says when several other nodes have the name', async () => {
    const nodes = [...['a@h', 'b@h', 'c@h']].map((name) => ({
      name,
      processes: name === 'a@h' ? [] : [{ name: 'twin' }],
    }));
    const twins = await houseOn(createFakeRuntime({ nodes }));
    const error = errorOf(await twins.run('get_process_info', { pid: 'twin' }));
    expect(error).toMatchObject({ class: 'conflict', code: 'name.ambiguous', details: { nodes: ['b@h', 'c@h'] } });
    await twins.close();
  });

  it('answers only the fields asked for', async () => {
    const info = await house.result('get_process_info', { pid: 'Shop.Catalog', fields: ['memory', 'links'] });
    expect(info).toMatchObject({ memory: 5000, details: { links: anything } });
    expect(info).not.toHaveProperty('status');
  });

  // @row R7.3
  it.each([
    ['a pid that never was', '<0.9999.0>', 'not_found'],
    ['a name that is none', 'nobody', 'not_found'],
    ['a term that names no process', '{foo, bar}', 'validation'],
    ['a tuple that is too long', '{global, a, b}', 'validation'],
    ['a via without a module', '{via, 1, 2}', 'validation'],
    ['a list', '{[1]}', 'validation'],
    ['text that is no term', '{global, ', 'validation'],
  ])('refuses %s, and says what to do', async (_what, pid, errorClass) => {
    const error = errorOf(await house.run('get_process_info', { pid, node: 'shop1@h' }));
    expect(error).toMatchObject({ class: errorClass, effect: 'none' });
    expect(error.remedy).not.toBe('');
  });

  it('never takes a process from before its node restarted for another', async () => {
    const pid = idOf('Elixir.Shop.Catalog');
    runtime.crashNode('shop1@h');
    runtime.startNode('shop1@h');
    expect(errorOf(await house.run('get_process_info', { pid }))).toMatchObject({ class: 'not_found' });
    expect(errorOf(await house.run('kill_process', { pid }))).toMatchObject({ class: 'not_found', effect: 'none' });
  });
});

describe('kill_process', () => {
  // @row OP-02
  it('says whom it will end, ends them, and says with what reason they ended', async () => {
    const pid = idOf('only_here');
    const plan = valueOf(await house.run('kill_process', { pid: 'only_here' }, { mode: 'dry_run' }));
    expect(plan).toMatchObject({
      plan: {
        summary: textLike(/^End <0\.\d+\.0> \(only_here\) on shop1@h with reason :kill$/),
        touches: [{ node: 'shop1@h', pid, what: 'exit signal' }],
        severity: 'destroy',
        undo: 'no',
      },
    });
    expect(runtime.calls('processes.exit')).toBe(0);
    const killed = await house.result('kill_process', { pid: 'only_here' });
    expect(killed).toMatchObject({ pid, registeredName: 'only_here', reason: { display: anyText } });
    expect(runtime.processNamed('only_here')).toBeNull();
    expect(errorOf(await house.run('kill_process', { pid })).class).toBe('not_found');
  });

  it('says when the process traps the signal and lives on', async () => {
    const { items } = await list('list_processes', { node: 'shop1@h', sort: '-memory', limit: 1 });
    const pid = items[0]?.['pid'] ?? '';
    const error = errorOf(await house.run('kill_process', { pid, reason: 'shutdown' }));
    expect(error).toMatchObject({ class: 'execution', code: 'process.traps_exits', effect: 'applied' });
    expect(error.remedy).toContain('kill');
    // Which does not show that it traps exits: normal ends nobody.
    expect(errorOf(await house.run('kill_process', { pid, reason: 'normal' })).code).toBe('process.ignores_normal');
    expect(await house.result('kill_process', { pid })).toMatchObject({ pid });
  });

  it('refuses a reason that is no term', async () => {
    expect(errorOf(await house.run('kill_process', { pid: 'init', reason: '{:a' })).pointer).toBe('/reason');
    const given = await house.run('kill_process', { pid: 'only_here', reason: '{:shutdown, {1, "why"}}' });
    expect(given.ok).toBe(true);
  });
});

describe('start_process', () => {
  // @row OP-01
  it('starts a process with terms of all kinds for arguments, under a name', async () => {
    const args = [1, 'text', null, true, [1, { a: 2 }], { $term: '{:job, 7}' }];
    const plan = valueOf(
      await house.run('start_process', { module: 'Shop.Job', function: 'run', args, name: 'job' }, { mode: 'dry_run' }),
    );
    expect(plan).toMatchObject({ plan: { summary: 'Start Shop.Job.run/6 as job on shop1@h', severity: 'change' } });
    const started = await house.result('start_process', {
      module: 'Shop.Job',
      function: 'run',
      args,
      name: 'job',
      node: 'shop2@h',
    });
    expect(started).toMatchObject({ node: 'shop2@h', registeredName: 'job', pid: idOf('job', 'shop2@h') });
  });

  // @row T004.a1
  it('links and monitors what it is told to', async () => {
    const started = await house.run('start_process', {
      module: 'm',
      function: 'f',
      link: 'init',
      monitoredBy: 'only_here',
    });
    expect(started.ok).toBe(true);
    for (const wrong of [{ link: 'nobody' }, { monitoredBy: 'nobody' }]) {
      expect(errorOf(await house.run('start_process', { module: 'm', function: 'f', ...wrong })).class).toBe(
        'not_found',
      );
    }
  });

  it('starts nothing under a name that is taken, or with arguments that are no terms', async () => {
    const taken = errorOf(await house.run('start_process', { module: 'm', function: 'f', name: 'init' }));
    expect(taken).toMatchObject({ class: 'conflict', code: 'name.taken', effect: 'none' });
    const odd = errorOf(await house.run('start_process', { module: 'm', function: 'f', args: [{ $term: '{' }] }));
    expect(odd.pointer).toBe('/args/0');
    const large = errorOf(await house.run('start_process', { module: 'm', function: 'f', args: [1e300] }));
    expect(large).toMatchObject({ code: 'term.impossible', pointer: '/args/0' });
    expect(runtime.calls('processes.start')).toBe(0);
  });

  it('says so when the node is down', async () => {
    runtime.crashNode('shop2@h');
    const error = errorOf(await house.run('start_process', { module: 'm', function: 'f', node: 'shop2@h' }));
    expect(error).toMatchObject({ class: 'unavailable', node: 'shop2@h' });
  });
});

describe('garbage_collect_process', () => {
  it('says where it cannot be done, and where it can', async () => {
    const error = errorOf(await house.run('garbage_collect_process', { pid: 'init' }));
    expect(error).toMatchObject({ class: 'unsupported', effect: 'none' });
  });
});
