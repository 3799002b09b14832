import { describe, expect, it } from 'vitest';
import { decodeWatchTopic, decodeWatchUp } from './watch.ts';

const pid = { node: 'a@x', creation: 1, id: 7, serial: 0 };
const scan = { nodes: 'all', keys: ['memory'], pageRows: 10 };
const runtime = (of: unknown) => ({ of: 'runtime', connection: 'sim', query: { minIntervalMs: 500, of } });
const where = (predicate: unknown) => runtime({ rows: 'top', query: { ...scan, where: predicate } });
const compared = { key: 'memory', op: 'gt', value: 5 };

function nested(depth: number): unknown {
  return depth === 0 ? compared : { not: nested(depth - 1) };
}

describe('a topic that came over a wire', () => {
  it.each([
    { of: 'connections' },
    { of: 'catalogue' },
    { of: 'events' },
    runtime({ rows: 'nodes' }),
    runtime({ rows: 'sandboxes' }),
    runtime({ rows: 'holdings' }),
    runtime({ rows: 'supervisors', nodes: 'all' }),
    runtime({ rows: 'supervisors', nodes: ['a@x'] }),
    runtime({ rows: 'children', supervisor: pid, window: { offset: 0, limit: 50 } }),
    runtime({ rows: 'processes', pids: [pid], keys: ['label', 'memory'] }),
    runtime({ rows: 'names', registry: 'local' }),
    runtime({ rows: 'names', registry: 'global' }),
    runtime({ rows: 'names', registry: { via: 'Shop.Registry' } }),
    runtime({ rows: 'groups', scope: 'pg' }),
    runtime({ rows: 'horde' }),
    runtime({ rows: 'horde_entries', name: 'Shop.Horde' }),
    runtime({ rows: 'horde_children', name: 'Shop.Horde' }),
    runtime({ rows: 'topologies' }),
    runtime({ rows: 'top', query: scan }),
    runtime({
      rows: 'top',
      query: { ...scan, top: { n: 5, by: 'memory', direction: 'descending' }, allowCostly: true },
    }),
    where({ all: [compared, { any: [{ key: 'label', op: 'eq', value: null }] }] }),
    where({ key: 'initial_call', op: 'prefix', value: 'shop' }),
    where({ key: 'trap_exit', op: 'ne', value: true }),
    where(nested(8)),
  ])('is read: %j', (topic) => {
    expect(decodeWatchTopic(JSON.parse(JSON.stringify(topic)))).toEqual(topic);
  });

  it.each([
    null,
    7,
    [],
    {},
    { of: 'nodes' },
    { of: 'runtime' },
    { of: 'runtime', connection: 'x'.repeat(2_000), query: { minIntervalMs: 1, of: { rows: 'nodes' } } },
    { of: 'runtime', connection: 'sim', query: { minIntervalMs: -1, of: { rows: 'nodes' } } },
    { of: 'runtime', connection: 'sim', query: { minIntervalMs: 1.5, of: { rows: 'nodes' } } },
    { of: 'runtime', connection: 'sim', query: { minIntervalMs: 1e9, of: { rows: 'nodes' } } },
    runtime(null),
    runtime({ rows: 'everything' }),
    runtime({ rows: 'supervisors', nodes: 'some' }),
    runtime({ rows: 'supervisors', nodes: [7] }),
    runtime({ rows: 'supervisors', nodes: Array.from({ length: 1_001 }, () => 'a@x') }),
    runtime({ rows: 'children', supervisor: { ...pid, id: -1 }, window: { offset: 0, limit: 1 } }),
    runtime({ rows: 'children', supervisor: { ...pid, id: 2 ** 40 }, window: { offset: 0, limit: 1 } }),
    runtime({ rows: 'children', supervisor: pid, window: { offset: 0 } }),
    runtime({ rows: 'children', supervisor: null, window: { offset: 0, limit: 1 } }),
    runtime({ rows: 'processes', pids: pid, keys: [] }),
    runtime({ rows: 'processes', pids: [], keys: ['password'] }),
    runtime({ rows: 'names', registry: 'remote' }),
    runtime({ rows: 'names', registry: { via: 7 } }),
    runtime({ rows: 'groups' }),
    runtime({ rows: 'horde_entries' }),
    runtime({ rows: 'top', query: null }),
    runtime({ rows: 'top', query: { ...scan, pageRows: 'many' } }),
    runtime({ rows: 'top', query: { ...scan, allowCostly: 'yes' } }),
    runtime({ rows: 'top', query: { ...scan, top: 5 } }),
    runtime({ rows: 'top', query: { ...scan, top: { n: 5, by: 'memory', direction: 'up' } } }),
    where('x'),
    where({ key: 'memory', op: 'about', value: 5 }),
    where({ key: 'memory', op: 'contains', value: '5' }),
    where({ key: 'label', op: 'contains', value: 5 }),
    where({ key: 'memory', op: 'gt', value: Number.NaN }),
    where({ key: 'memory', op: 'gt', value: {} }),
    where({ all: compared }),
    where(nested(9)),
  ])('is refused: %j', (topic) => {
    expect(decodeWatchTopic(topic)).toBeNull();
  });

  it('brings nothing along that was not asked for', () => {
    const more = { ...runtime({ rows: 'nodes' }), isAdmin: true };
    expect(decodeWatchTopic(more)).toEqual(runtime({ rows: 'nodes' }));
  });
});

describe('a message of a subscriber', () => {
  const subscription = 's';
  it.each([
    { is: 'open', subscription, topic: { of: 'events' } },
    { is: 'ack', subscription, epoch: 'e', to: 3 },
    { is: 'ack', subscription, epoch: 'e', to: 3, part: 0 },
    { is: 'resync', subscription },
    { is: 'visible', subscription, as: 'hidden' },
    { is: 'visible', subscription, as: 'shown' },
    { is: 'close', subscription },
  ])('is read: %j', (message) => {
    expect(decodeWatchUp(message)).toEqual(message);
  });

  it.each([
    null,
    'open',
    { is: 'resync' },
    { is: 'resync', subscription: 's'.repeat(2_000) },
    { is: 'shout', subscription },
    { is: 'open', subscription },
    { is: 'open', subscription, topic: { of: 'nothing' } },
    { is: 'ack', subscription },
    { is: 'ack', subscription, epoch: 'e', to: -1 },
    { is: 'ack', subscription, epoch: 7, to: 1 },
    { is: 'ack', subscription, epoch: 'e', to: 1, part: 'x' },
    { is: 'visible', subscription, as: 'dimmed' },
  ])('is refused: %j', (message) => {
    expect(decodeWatchUp(message)).toBeNull();
  });
});
