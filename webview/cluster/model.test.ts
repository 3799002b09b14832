import { describe, expect, it } from 'vitest';
import type { NodeRow } from '../../runtime/model.ts';
import { clusterView, readNodeRows, runQueueShare } from '../../server/protocol/clusterView.ts';
import { nodeRow } from './sampleRows.ts';

function mesh(names: readonly string[], change: (row: NodeRow) => Partial<NodeRow> = () => ({})): NodeRow[] {
  return names.map((node) => {
    const row = nodeRow(node, { sees: names.filter((other) => other !== node) });
    return { ...row, ...change(row) };
  });
}

describe('the cluster as it is drawn', () => {
  // @row OP-37
  it('is healthy and whole when all see all', () => {
    const view = clusterView(mesh(['a@h', 'b@h', 'c@h']));
    expect(view.nodes.map((node) => node.status)).toEqual(['healthy', 'healthy', 'healthy']);
    expect(view.links.map((link) => link.state)).toEqual(['connected', 'connected', 'connected']);
    expect(view.islands).toEqual([{ members: ['a@h', 'b@h', 'c@h'], is: 'majority' }]);
    expect(view.processes).toBe(300);
  });

  it('tells down from unreachable from here', () => {
    const rows = mesh(['a@h', 'b@h', 'c@h'], (row) =>
      row.node === 'b@h'
        ? { status: 'down', sees: null, stats: null }
        : row.node === 'c@h'
          ? { status: 'unreachable', sees: null, reach: { via: 'none', since: 1, why: 'silent' } }
          : {},
    );
    const view = clusterView(rows);
    expect(view.nodes.map((node) => node.status)).toEqual(
      ['degraded', 'down', 'unreachable'].map((s, i) => (i === 0 ? 'healthy' : s)),
    );
    // a still sees c: it is part of the cluster, only not reached from here.
    expect(view.islands).toEqual([{ members: ['a@h', 'c@h'], is: 'majority' }]);
    expect(view.nodes[2]?.reasons).toEqual(['It does not answer from here.']);
  });

  it('finds the islands of a partition and counts the links between them', () => {
    const left = ['a@h', 'b@h', 'c@h'];
    const right = ['d@h', 'e@h'];
    const view = clusterView([...mesh(left), ...mesh(right)]);
    expect(view.islands).toEqual([
      { members: left, is: 'majority' },
      { members: right, is: 'minority' },
    ]);
    expect(view.lostLinks).toBe(6);
    expect(view.links.every((link) => link.state === 'connected')).toBe(true);
    const halves = clusterView([...mesh(['a@h', 'b@h']), ...mesh(right)]);
    expect(halves.islands.map((island) => island.is)).toEqual(['equal', 'equal']);
  });

  it('finds one-way and missing links, and says so at both ends', () => {
    const rows = mesh(['a@h', 'b@h', 'c@h'], (row) =>
      row.node === 'a@h' ? { sees: ['c@h'] } : row.node === 'b@h' ? { sees: ['a@h', 'c@h'] } : {},
    );
    const view = clusterView(rows);
    expect(view.links.find((link) => link.b === 'b@h')?.state).toBe('one_way');
    expect(view.nodes[0]?.reasons).toEqual(['It does not see b@h, which sees it.']);
    expect(view.nodes[1]?.reasons).toEqual(['a@h does not see it.']);
    const missing = clusterView(mesh(['a@h', 'b@h', 'c@h'], (row) => (row.node === 'c@h' ? {} : { sees: ['c@h'] })));
    expect(missing.links.find((link) => link.b === 'b@h')?.state).toBe('missing');
    expect(missing.nodes.map((node) => node.status)).toEqual(['degraded', 'degraded', 'healthy']);
  });

  it('shows silence before the nodes have noticed it: no answer either way is as good as no link', () => {
    const silent = (node: string) => [{ node, state: 'silent' as const, rttMs: 0.4 }];
    const rows = mesh(['a@h', 'b@h', 'c@h'], (row) =>
      row.node === 'c@h' ? { links: [...silent('a@h'), ...silent('b@h')] } : { links: silent('c@h') },
    );
    const view = clusterView(rows);
    expect(view.islands.map(({ members }) => members)).toEqual([['a@h', 'b@h'], ['c@h']]);
    expect(view.lostLinks).toBe(2);
    expect(view.links.map(({ state }) => state)).toEqual(['connected', 'silent', 'silent']);
    expect(view.nodes[0]?.reasons).toEqual(['c@h does not answer it.']);
    const oneWay = clusterView(mesh(['a@h', 'b@h'], (row) => (row.node === 'a@h' ? { links: silent('b@h') } : {})));
    expect(oneWay.links).toEqual([{ a: 'a@h', b: 'b@h', state: 'one_way' }]);
    expect(oneWay.nodes.map(({ reasons }) => reasons)).toEqual([['b@h does not answer it.'], ['a@h does not see it.']]);
  });

  it('draws no conclusion from a node that could not be asked, nor from a hidden one', () => {
    const view = clusterView(mesh(['a@h', 'b@h'], (row) => (row.node === 'b@h' ? { sees: null } : {})));
    expect(view.links).toEqual([{ a: 'a@h', b: 'b@h', state: 'connected' }]);
    const hidden = clusterView([...mesh(['a@h', 'b@h', 'c@h']), nodeRow('tool@h', { hidden: true, sees: ['a@h'] })]);
    expect(hidden.links.map((link) => link.state)).toEqual(['connected', 'connected', 'connected', 'connected']);
    expect(hidden.islands).toHaveLength(1);
  });

  it('calls a node degraded by its run queue and its process table', () => {
    const busy = nodeRow('a@h', { sees: [] });
    const stats = { ...busy.stats, runQueue: 9, schedulersOnline: 2, processCount: 900, processLimit: 1000 };
    const view = clusterView([
      { ...busy, stats: { uptimeMs: 1, memoryBytes: null, atomCount: null, reductions: 1, ...stats } },
    ]);
    expect(view.nodes[0]?.status).toBe('degraded');
    expect(view.nodes[0]?.reasons).toHaveLength(2);
    expect(runQueueShare({ uptimeMs: 1, memoryBytes: null, atomCount: null, reductions: 1, ...stats })).toBe(1);
  });

  it('shows who has left as a ghost, unless it is back', () => {
    const [a, b] = mesh(['a@h', 'b@h']);
    if (a === undefined || b === undefined) throw new Error('no rows');
    expect(clusterView([a], [b]).nodes.map((node) => node.status)).toEqual(['healthy', 'gone']);
    expect(clusterView([a, b], [b]).nodes).toHaveLength(2);
  });

  it('leaves out rows that are not what they should be, and counts them', () => {
    const good = nodeRow('a@h', {});
    const read = readNodeRows([
      ['a@h', { ...good, sees: ['b@h', 7], reach: 'x', stats: { processCount: 'many' } }],
      ['x', { node: 7 }],
      ['y', { node: 'y', creation: 1, status: 'odd' }],
    ]);
    expect(read.unreadable).toBe(2);
    expect(read.nodes[0]).toMatchObject({ node: 'a@h', sees: ['b@h'], reach: { via: 'direct' }, stats: null });
  });
});
