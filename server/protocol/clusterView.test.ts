/** Rows of nodes as they come: nothing in them is trusted. What is made of good ones, webview/cluster/model.test.ts shows. */
import { describe, expect, it } from 'vitest';
import type { Row } from '../../runtime/watch.ts';
import { clusterView, compareNames, readNodeRows } from './clusterView.ts';

const bare = { node: 'a@h', creation: 1, status: 'up' };
const stats = {
  uptimeMs: 5,
  processCount: 7,
  processLimit: 100,
  runQueue: 0,
  memoryBytes: 1,
  atomCount: 2,
  reductions: 3,
  schedulersOnline: 4,
};
const read = (...rows: readonly Row[]) => readNodeRows(rows.map((row, at) => [String(at), row] as const));
const only = (row: Row) => read(row).nodes[0];
const reasons = (...rows: readonly Row[]) => clusterView(read(...rows).nodes).nodes.map((node) => node.reasons);

describe('rows of nodes', () => {
  it('are left out, and counted, where they name no node, no incarnation or no status', () => {
    const bad: readonly Row[] = [{}, { ...bare, node: 7 }, { ...bare, creation: '1' }, { ...bare, status: 'tired' }];
    expect(read(...bad)).toEqual({ nodes: [], unreadable: 4 });
  });

  it('are made whole where something is not told, or is not what it should be', () => {
    const whole = {
      ...bare,
      since: 0,
      hidden: false,
      otpRelease: null,
      observer: 'agentless',
      reach: { via: 'direct' },
      stats: null,
      sees: null,
      links: null,
    };
    expect(only(bare)).toEqual(whole);
    const odd = { since: 'then', hidden: 'no', otpRelease: 27, observer: 'spy', reach: 'far', stats: [], sees: 'all' };
    expect(only({ ...bare, ...odd, links: {}, observerWhy: 9 })).toEqual(whole);
    const good = {
      since: 5,
      hidden: true,
      otpRelease: '27',
      observer: 'interpreted',
      observerWhy: 'no code',
      sees: [],
    };
    expect(only({ ...bare, ...good })).toEqual({ ...whole, ...good });
    expect(only({ ...bare, observer: 'agent' })?.observer).toBe('agent');
  });

  it('say how a node is reached, as far as that is a way', () => {
    const reach = (given: Row[string]) => only({ ...bare, reach: given })?.reach;
    expect(reach({ via: 'relay', relay: 'b@h' })).toEqual({ via: 'relay', relay: 'b@h' });
    expect(reach({ via: 'relay', relay: 7 })).toEqual({ via: 'direct' });
    for (const why of ['refused', 'silent', 'unresolved', 'down']) {
      expect(reach({ via: 'none', why, since: 3 })).toEqual({ via: 'none', why, since: 3 });
    }
    expect(reach({ via: 'none', why: 'magic' })).toEqual({ via: 'none', why: 'down', since: 0 });
  });

  it('have figures where those that count are numbers, and links that can be read', () => {
    const statsOf = (change: Row) => only({ ...bare, stats: { ...stats, ...change } })?.stats;
    expect(statsOf({})).toEqual(stats);
    for (const key of ['processCount', 'runQueue', 'reductions', 'schedulersOnline']) {
      expect(statsOf({ [key]: null })).toBeNull();
    }
    const unknown = { uptimeMs: null, processLimit: null, memoryBytes: null, atomCount: null };
    expect(statsOf({ uptimeMs: 'long', processLimit: null, memoryBytes: {}, atomCount: [] })).toEqual({
      ...stats,
      ...unknown,
    });
    const links: Row[string] = [
      { node: 'b@h', state: 'silent', rttMs: 4 },
      { node: 'c@h', state: 'connected', rttMs: 'soon' },
      { node: 7, state: 'connected' },
      { node: 'd@h', state: 'married' },
      'e@h',
    ];
    expect(only({ ...bare, links })?.links).toEqual([
      { node: 'b@h', state: 'silent', rttMs: 4 },
      { node: 'c@h', state: 'connected', rttMs: null },
    ]);
    expect(only({ ...bare, sees: ['b@h', 7] })?.sees).toEqual(['b@h']);
  });
});

describe('what is wrong with a node', () => {
  it('is why it cannot be reached, that it is down, or that it is on its way', () => {
    const none = (why: string): Row => ({ ...bare, status: 'unreachable', reach: { via: 'none', why } });
    expect(['down', 'refused', 'silent', 'unresolved'].map((why) => reasons(none(why)).flat()[0])).toEqual([
      'It cannot be reached from here.',
      'It refuses our connection.',
      'It does not answer from here.',
      'Its host name cannot be resolved from here.',
    ]);
    expect(reasons({ ...bare, status: 'unreachable' })).toEqual([['It does not answer from here.']]);
    expect(reasons({ ...bare, status: 'down' })).toEqual([['It is down.']]);
    expect(reasons({ ...bare, status: 'connecting' })).toEqual([['It is being connected to.']]);
  });

  it('is a link that one of two lacks, or on which nobody answers', () => {
    const one = (more: Row): Row => ({ ...bare, ...more });
    const two = (more: Row): Row => ({ ...bare, node: 'b@h', ...more });
    expect(reasons(one({ sees: ['b@h'] }), two({ sees: [] }))).toEqual([
      ['b@h does not see it.'],
      ['It does not see a@h, which sees it.'],
    ]);
    const silent = (node: string): Row => ({ links: [{ node, state: 'silent', rttMs: null }] });
    expect(reasons(one({ sees: ['b@h'], ...silent('b@h') }), two({ sees: ['a@h'] }))).toEqual([
      ['b@h does not answer it.'],
      ['a@h does not see it.'],
    ]);
    expect(reasons(one({ sees: ['b@h'], ...silent('b@h') }), two({ sees: ['a@h'], ...silent('a@h') }))).toEqual([
      ['b@h does not answer it.'],
      ['a@h does not answer it.'],
    ]);
    expect(reasons(one({ sees: ['b@h'] }), two({ sees: null }))).toEqual([[], []]);
  });

  it('is an application that does not run though it was started', () => {
    const told = [{ name: 'shop', reason: '{no_port,4000}' }, { name: 'cart' }, 7];
    const { nodes } = readNodeRows([['a@h', { ...bare, failedApplications: told }]]);
    expect(clusterView(nodes).nodes.map(({ status, reasons: why }) => [status, why])).toEqual([
      ['degraded', ['Application shop does not run: {no_port,4000}']],
    ]);
  });

  it('is that it is out of breath, or out of room', () => {
    const busy = { ...bare, stats: { ...stats, runQueue: 13, processCount: 81 } };
    expect(reasons(busy)).toEqual([['13 processes wait for 4 schedulers.', '81 % of its process table is in use.']]);
    expect(reasons({ ...bare, stats: { ...stats, processLimit: null, processCount: 81 } })).toEqual([[]]);
  });
});

describe('names', () => {
  it('are in the order people count in', () => {
    const names = ['app10@h', 'app2@h', 'app@h', 'app2@g', 'app02@h', 'app'];
    expect(names.toSorted(compareNames)).toEqual(['app', 'app02@h', 'app2@g', 'app2@h', 'app10@h', 'app@h']);
    expect(compareNames('a1', 'a1')).toBe(0);
  });
});
