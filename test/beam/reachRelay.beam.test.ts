/** A node that we hold no link to, asked through one that does: everything can be read there, nothing is changed, nobody connects. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import type { ProcessRef } from '../../runtime/model.ts';
import type { MethodName, Runtime, StreamItem } from '../../runtime/port.ts';
import { methodNames, portMethods } from '../../runtime/port.ts';
import { methodOf } from '../../runtime/portFacade.ts';
import { atom } from '../../runtime/term/term.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { eventually } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { connectShop, inTime, named } from './shop.ts';

let shop: Shop;
let runtime: Runtime;
/** The node behind the relay, a process of it, and a supervisor. */
let second: string;
let pid: ProcessRef;
let supervisor: ProcessRef;

beforeAll(async () => {
  shop = await startShop({ nodes: 2 });
  [, second = ''] = shop.nodes;
  // It lets the first in, and us not.
  await shop.rpc(second, `erlang:set_cookie(other_cookie), erlang:set_cookie('${shop.node}', '${shop.cookie}').`);
  runtime = await connectShop(shop);
  await eventually(reach, (via) => via === 'relay');
  pid = await named(runtime, second, 'Elixir.Shop.Catalogue');
  await shop.rpc(second, '{ok, _} = pg:start(shop_scope).');
  supervisor = await named(runtime, second, 'Elixir.Shop.Supervisor');
}, 60_000);
afterAll(async () => {
  await runtime.close();
  await shop.stop();
});

async function reach(): Promise<string | undefined> {
  const { nodes } = valueOf(await runtime.port.cluster.nodes({}, inTime()));
  return nodes.find(({ node }) => node === second)?.reach.via;
}

/** Calls a method with parameters of any shape; answers its result, or its end's. */
async function callAny(name: MethodName, params: unknown): Promise<unknown> {
  const answer = methodOf(runtime.port, name)?.(params, callOptions(5_000));
  if (portMethods[name].kind === 'unary') return answer;
  for await (const item of answer as AsyncIterable<StreamItem<unknown, unknown>>)
    if (item.is === 'end') return item.result;
  throw new Error('The stream had no end.');
}

/** How to ask the second node by each method that reads of nodes; what is missing here is not proven to work through a relay. */
const reads = (): { readonly [name in MethodName]?: unknown } => ({
  'cluster.nodes': {},
  'cluster.links': {},
  'holdings.list': {},
  'processes.scan': { nodes: [second], keys: ['registered_name', 'status'], pageRows: 50 },
  'processes.info': { pids: [pid], keys: ['registered_name', 'memory', 'current_function'] },
  'names.resolve': { target: { name: { in: 'local', node: second, name: 'Elixir.Shop.Catalogue' } }, seenFrom: second },
  'names.list': { nodes: [second], registry: 'local' },
  'names.registries': { nodes: [second] },
  'names.compare': { nodes: [second] },
  'names.groups': { nodes: [second], scope: 'shop_scope' },
  'supervisors.find': { nodes: [second] },
  'supervisors.children': { supervisor, offset: 0, limit: 100 },
  'supervisors.count': { supervisor },
  'supervisors.flags': { supervisor },
  'horde.clusters': { nodes: [second] },
  'horde.findings': { nodes: [second], name: null, settleMs: 10 },
  'libcluster.topologies': { nodes: [second] },
  'operations.find': { nodes: [second], onDisk: false },
  'system.stats': { node: second },
  'system.info': { node: second },
  'system.memory': { node: second },
  'system.applications': { node: second },
  'system.ets': { node: second },
  'system.ports': { node: second },
  'system.allocators': { node: second },
});

/** Reads that need a Horde there, that last, or that ask no node. */
const elsewhere: readonly MethodName[] = ['horde.entries', 'horde.children', 'horde.place', 'watch.open', 'trace.list'];

/** Reads that leave something at work on the node while they last, or from then on: that is only done over a link to the node itself. */
const overOwnLink = (): { readonly [name in MethodName]?: unknown } => ({
  'processes.monitor': { pid, keys: ['message_queue_len'], everyMs: 100 },
  'processes.crashes': { node: second, limit: 10 },
  'supervisors.restarts': { supervisor, limit: 10 },
});

describe('a node behind a relay', () => {
  it('is read by every method that reads', async () => {
    const isRead = (name: MethodName) => portMethods[name].effect === 'read' && runtime.capabilities.runtime[name].can;
    for (const [name, params] of Object.entries(reads()) as [MethodName, unknown][]) {
      if (!isRead(name)) continue;
      const result = await callAny(name, params);
      expect([name, result]).toMatchObject([name, { ok: true }]);
      const value = JSON.stringify(result);
      expect(value, name).not.toContain('"status":"missing"');
    }
    expect(await reach()).toBe('relay');
    const proven = [...Object.keys(reads()), ...Object.keys(overOwnLink()), ...elsewhere];
    expect(methodNames().filter((name) => isRead(name) && !proven.includes(name))).toEqual([]);
  });

  it('is watched', async () => {
    for (const of of [
      { rows: 'nodes' },
      { rows: 'children', supervisor, window: { offset: 0, limit: 100 } },
      { rows: 'names', registry: 'local' },
    ] as const) {
      for await (const item of runtime.port.watch.open({ minIntervalMs: 10, of }, inTime())) {
        expect(item, of.rows).toMatchObject({ is: 'frame' });
        if (item.is === 'frame') expect(JSON.stringify(item.frame), of.rows).toContain(second);
        break;
      }
    }
  });

  it('has nobody followed and nothing recorded, and that is said', async () => {
    for (const [name, params] of Object.entries(overOwnLink()) as [MethodName, unknown][]) {
      if (!runtime.capabilities.runtime[name].can) continue;
      const result = await callAny(name, params);
      expect([name, result]).toMatchObject([
        name,
        { ok: false, error: { class: 'unavailable', effect: 'none', node: second } },
      ]);
    }
  });

  it('is not changed, and each write says why and what to do', async () => {
    const reason = { term: atom('kill') };
    const writes: { readonly [name in MethodName]?: unknown } = {
      'processes.exit': { pid, reason, confirmMs: 100 },
      'processes.start': {
        node: second,
        module: 'timer',
        function: 'sleep',
        args: [{ syntax: 'erlang', source: '1' }],
      },
      'processes.collectGarbage': { pid },
      'processes.send': { pid, message: { term: atom('hello') }, how: 'info' },
      'supervisors.terminateChild': { supervisor, child: { pid } },
    };
    for (const [name, params] of Object.entries(writes) as [MethodName, unknown][]) {
      if (!runtime.capabilities.runtime[name].can) continue;
      const result = await callAny(name, params);
      expect(result, name).toMatchObject({ ok: false, error: { class: 'unavailable', effect: 'none', node: second } });
      expect(result, name).toMatchObject({ error: { remedy: expect.stringContaining('connect_node') } });
    }
    expect(await named(runtime, second, 'Elixir.Shop.Catalogue')).toEqual(pid);
  });

  it('that the relay has lost is not reached by making the relay connect', async () => {
    const connected = async () => shop.rpc(shop.node, 'nodes().');
    expect(await connected()).toContain(second);
    await shop.rpc(shop.node, `erlang:disconnect_node('${second}').`);
    await eventually(connected, (nodes) => nodes === '[]');
    for (const [name, params] of Object.entries(reads()) as [MethodName, unknown][]) await callAny(name, params);
    expect(await callAny('system.stats', { node: second })).toMatchObject({
      ok: false,
      error: { code: 'node.unavailable', effect: 'none' },
    });
    await callAny('processes.exit', { pid, reason: { term: atom('kill') }, confirmMs: 100 });
    expect(await connected()).toBe('[]');
    expect(await reach()).toBe('none');
    // It would have connected at once, had anybody asked it to.
    await shop.rpc(shop.node, `erlang:send({rex, '${second}'}, hello).`);
    await eventually(connected, (nodes) => nodes.includes(second));
    await eventually(reach, (via) => via === 'relay');
  });
});
