/** What cluster_health makes of what nodes say of themselves and of each other. */
import { describe, expect, it } from 'vitest';
import type { NodeStats, Reach } from '../../../runtime/model.ts';
import type { Sight } from '../nodeRows.ts';
import { textWith } from '../../core/testKit.ts';
import { nodeInfo } from '../testKit.ts';
import type { Thresholds } from './healthReasons.ts';
import { clusterReasons, linkReasons, loadReasons, mailboxReasons } from './healthReasons.ts';
import { conditionOf } from './nodeConditions.ts';

const sight = (node: string, sees: readonly string[], silent: readonly string[] = []): Sight => ({
  node,
  sees,
  silent,
});
const gone = (why: Extract<Reach, { via: 'none' }>['why']): Reach => ({ via: 'none', since: 0, why });

describe('how a node is', () => {
  const b = (reach: Reach) => nodeInfo('b@h', { reach });

  it.each(['down', 'refused', 'silent', 'unresolved'] as const)('is told as it is reached: %s', (why) => {
    expect(conditionOf(b(gone(why)), [sight('a@h', [])]).is).toBe(why);
    expect(conditionOf(b(gone(why)), []).is).toBe(why);
  });

  it('is parted where another hears it, and silent where those that are connected do not', () => {
    const heard = [sight('a@h', ['c@h']), sight('c@h', ['a@h', 'b@h'])];
    expect(conditionOf(b(gone('silent')), heard)).toMatchObject({ is: 'parted', message: textWith('c@h hears it') });
    const unheard = [sight('a@h', ['b@h', 'c@h'], ['b@h']), sight('c@h', ['a@h', 'b@h'], ['b@h'])];
    expect(conditionOf(b(gone('silent')), unheard).is).toBe('silent');
    expect(conditionOf(b({ via: 'direct' }), unheard).is).toBe('silent');
    expect(conditionOf(b({ via: 'direct' }), heard).is).toBe('parted');
  });

  it('is up where it answers, unless several that are connected hear nothing of it', () => {
    const one = [sight('a@h', ['b@h'], ['b@h']), sight('b@h', ['a@h'])];
    expect(conditionOf(b({ via: 'direct' }), one)).toEqual({ is: 'up', message: '', remedy: '' });
    const several = [...one, sight('c@h', ['a@h', 'b@h'], ['b@h'])];
    expect(conditionOf(b({ via: 'direct' }), several)).toMatchObject({
      is: 'parted',
      message: textWith('a@h, c@h hear nothing'),
    });
    expect(conditionOf(b({ via: 'direct' }), [...one, sight('c@h', ['b@h'])]).is).toBe('up');
    expect(conditionOf(b({ via: 'relay', relay: 'a@h' }), []).is).toBe('up');
  });
});

describe('why a node is not healthy', () => {
  const stats: NodeStats = {
    uptimeMs: 1,
    processCount: 85,
    processLimit: 100,
    runQueue: 7,
    memoryBytes: 2_097_152,
    atomCount: 95,
    reductions: 1,
    schedulersOnline: 2,
  };
  const thresholds: Thresholds = {
    runQueuePerScheduler: 3,
    processLimitShare: 0.8,
    atomLimitShare: 0.8,
    portLimitShare: 0.8,
    mailboxLength: 10,
    answerMs: 1_000,
  };
  const entries = { atomLimit: 100, portCount: 80, portLimit: 100 };
  const found = (change: Partial<Thresholds> = {}, of: Partial<NodeStats> = {}) =>
    loadReasons({ ...stats, ...of }, entries, { ...thresholds, ...change }).map(({ code, level }) => [code, level]);

  it('is what is above its thresholds, graver the nearer a table is to being full', () => {
    expect(found()).toEqual([
      ['node.run_queue', 'degraded'],
      ['node.process_limit', 'degraded'],
      ['node.atom_limit', 'critical'],
    ]);
    expect(found({ runQueuePerScheduler: 4, processLimitShare: 0.9, atomLimitShare: 0.99 })).toEqual([]);
    expect(found({ portLimitShare: 0.5, memoryBytes: 2_000_000 }).slice(3)).toEqual([
      ['node.port_limit', 'critical'],
      ['node.memory', 'degraded'],
    ]);
  });

  it('is not guessed from what is not known', () => {
    const unknown = { processLimit: null, atomCount: null, memoryBytes: null, runQueue: 0 };
    expect(loadReasons({ ...stats, ...unknown }, {}, { ...thresholds, memoryBytes: 1 })).toEqual([]);
    expect(mailboxReasons(null, 0)).toEqual([]);
  });

  it('names the process with the long mailbox', () => {
    expect(mailboxReasons({ length: 10, pid: 'a@h~0.5.0~7' }, 10)).toEqual([]);
    expect(mailboxReasons({ length: 11, pid: 'a@h~0.5.0~7' }, 10)).toMatchObject([
      { code: 'process.mailbox', pid: 'a@h~0.5.0~7', value: 11, threshold: 10 },
    ]);
  });

  it('is the link that one of two denies, or over which nothing comes', () => {
    const codes = (sights: readonly Sight[]) => linkReasons('a@h', sights).map(({ code }) => code);
    expect(codes([sight('a@h', ['b@h']), sight('b@h', ['a@h'])])).toEqual([]);
    expect(codes([sight('a@h', ['b@h']), sight('b@h', [])])).toEqual(['link.one_way']);
    expect(codes([sight('a@h', ['b@h'], ['b@h']), sight('b@h', ['a@h'])])).toEqual(['link.silent']);
    expect(codes([sight('b@h', ['c@h']), sight('c@h', [])])).toEqual([]);
  });
});

describe('why a cluster is not healthy', () => {
  const item = (node: string, health: 'healthy' | 'degraded' = 'healthy', status = 'up') => ({ node, status, health });
  const reasons = (items: readonly ReturnType<typeof item>[], sights: readonly Sight[], releases = ['25', '25']) =>
    clusterReasons(
      items,
      releases.map((otpRelease, at) => nodeInfo(`n${String(at)}@h`, { otpRelease })),
      sights,
    ).map(({ code, level }) => [code, level]);

  it('tells of parts, of who is missing, of who is ill, and that releases differ', () => {
    const whole = [sight('a@h', ['b@h']), sight('b@h', ['a@h'])];
    expect(reasons([item('a@h'), item('b@h')], whole)).toEqual([]);
    expect(reasons([item('a@h'), item('b@h')], [sight('a@h', []), sight('b@h', [])])).toEqual([
      ['cluster.partitioned', 'critical'],
    ]);
    const one = [item('a@h', 'degraded'), item('b@h'), item('c@h', 'healthy', 'down')];
    expect(reasons(one, whole)).toEqual([
      ['cluster.nodes_missing', 'degraded'],
      ['cluster.nodes_ill', 'degraded'],
    ]);
    expect(reasons([item('a@h'), item('b@h')], whole, ['25', '26'])).toEqual([['cluster.releases_differ', 'healthy']]);
  });

  it('says of everything what to do', () => {
    const all = [
      ...clusterReasons(
        [item('a@h', 'degraded'), item('b@h', 'healthy', 'down')],
        [nodeInfo('a@h'), nodeInfo('b@h', { otpRelease: '26' })],
        [sight('a@h', []), sight('b@h', [])],
      ),
      ...linkReasons('a@h', [sight('a@h', ['b@h']), sight('b@h', [])]),
    ];
    expect(all).toHaveLength(5);
    expect(all.filter(({ remedy }) => remedy.length < 20)).toEqual([]);
  });
});
