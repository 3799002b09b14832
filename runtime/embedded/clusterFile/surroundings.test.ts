/** What a cluster file says of the surroundings of its nodes: checked, and as libcluster's strategies find it while it changes. */
import { describe, expect, it } from 'vitest';
import { Cluster } from '../cluster/cluster.ts';
import { seededPrng } from '../kernel/prng.ts';
import { clusterOptions } from '../liveRuntime.ts';
import type { CheckedDefinition, ClusterDefinition } from './definition.ts';
import { checkDefinition } from './definition.ts';
import { libcluster } from './elixir.ts';
import { supervisor } from './modules.ts';
import { scheduleFaults } from './schedule.ts';

const [one, two] = ['shop@10.0.0.1', 'shop@10.0.0.2'];

function checked(given: unknown): CheckedDefinition {
  const read = checkDefinition(given);
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

/** Whether the two nodes are connected at each of these times. */
function connectedAt(
  child: ReturnType<typeof libcluster>,
  more: Pick<ClusterDefinition, 'surroundings' | 'faults'>,
  timesMs: readonly number[],
): readonly boolean[] {
  const top = supervisor('top', { children: [child] });
  const definition = checked({
    nodes: [one, two],
    modules: [top],
    applications: [{ name: 'shop', module: top }],
    network: { mesh: 'none' },
    ...more,
  });
  const cluster = new Cluster({ ...clusterOptions(definition), prng: seededPrng(1) });
  scheduleFaults(cluster, definition);
  return timesMs.map((atMs) => {
    cluster.runUntil(atMs);
    const node = cluster.node(one);
    return node !== null && cluster.connectedTo(node).includes(two);
  });
}

describe('the surroundings of a cluster file', () => {
  it('are addresses that DNSPoll finds, for as long as the file says', () => {
    const poll = libcluster('DNSPoll', { query: 'shop.local', node_basename: 'shop', polling_interval: 500 });
    const dns = { 'shop.local': ['10.0.0.1', '10.0.0.2'] };
    expect(connectedAt(poll, { surroundings: { dns } }, [2000])).toEqual([true]);
    expect(connectedAt(poll, {}, [2000])).toEqual([false]);
    const faults = [{ atMs: 5000, forMs: 5000, surroundings: { dns } }];
    expect(connectedAt(poll, { faults }, [4000, 8000, 12_000])).toEqual([false, true, false]);
  });

  it('are pods that the API of Kubernetes lists, refuses to list, or does not answer for', () => {
    const config = { kubernetes_node_basename: 'shop', kubernetes_selector: 'app=shop', kubernetes_namespace: 'n' };
    const poll = libcluster('Kubernetes', { ...config, polling_interval: 500 });
    const which = { namespace: 'n', selector: 'app=shop' };
    const pods = [{ ...which, pods: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2', hostname: 'shop-2' }] }];
    const refused = [{ ...which, status: 403, message: 'forbidden' }];
    const gone = [{ ...which, unreachable: true as const }];
    const faults = [
      { atMs: 5000, forMs: 5000, surroundings: { kubernetes: gone } },
      { atMs: 15_000, forMs: 5000, surroundings: { kubernetes: refused } },
    ];
    // No answer leaves all as it is; a refusal is, for libcluster, an empty list.
    expect(connectedAt(poll, { surroundings: { kubernetes: pods }, faults }, [4000, 9000, 19_000, 24_000])).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });

  it('are a network that carries multicast, or for a while does not', () => {
    const surroundings = { multicast: false };
    const faults = [{ atMs: 30_000, surroundings: { multicast: true } }];
    expect(connectedAt(libcluster('Gossip'), { surroundings, faults }, [29_000, 60_000])).toEqual([false, true]);
    expect(connectedAt(libcluster('Gossip'), {}, [29_000])).toEqual([true]);
  });

  it('are hosts whose port mappers are asked', () => {
    const hosts = ['10.0.0.1', '10.0.0.2'];
    expect(connectedAt(libcluster('ErlangHosts'), { surroundings: { hosts } }, [20_000])).toEqual([true]);
    expect(connectedAt(libcluster('ErlangHosts'), { surroundings: { hosts: null } }, [20_000])).toEqual([false]);
  });

  it.each([
    [7, '/surroundings', 'is no object.'],
    [{ weather: 1 }, '/surroundings/weather', 'is not known here; there is dns, kubernetes, hosts, multicast.'],
    [{ multicast: 'yes' }, '/surroundings/multicast', 'is true or false.'],
    [{ dns: { a: 'b' } }, '/surroundings/dns/a', 'is no list.'],
    [{ dns: { a: [1] } }, '/surroundings/dns/a/0', 'is no text.'],
    [{ hosts: Array(101).fill('h') }, '/surroundings/hosts', 'are more than 100.'],
    [
      { kubernetes: [{ namespace: 'n' }] },
      '/surroundings/kubernetes/0',
      'has no namespace and selector, which are texts.',
    ],
    [
      { kubernetes: [{ namespace: 'n', selector: 's' }] },
      '/surroundings/kubernetes/0',
      'has not exactly one of pods, status and unreachable.',
    ],
    [
      { kubernetes: [{ namespace: 'n', selector: 's', status: 200 }] },
      '/surroundings/kubernetes/0/status',
      'is no HTTP status from 100 to 599 that is not 200.',
    ],
    [
      { kubernetes: [{ namespace: 'n', selector: 's', unreachable: false }] },
      '/surroundings/kubernetes/0/unreachable',
      'is true or left out.',
    ],
    [
      { kubernetes: [{ namespace: 'n', selector: 's', pods: [{ name: 'x' }] }] },
      '/surroundings/kubernetes/0/pods/0',
      'is no pod: ip, and hostname if it has one, are texts.',
    ],
  ])('are refused where they are not such: %j', (surroundings, pointer, message) => {
    const read = checkDefinition({ nodes: 1, surroundings });
    expect(read.ok ? [] : read.error.details?.['problems']).toContainEqual({ pointer, message });
    const scheduled = checkDefinition({ nodes: 1, faults: [{ atMs: 1, surroundings }] });
    expect(scheduled.ok ? [] : scheduled.error.details?.['problems']).toContainEqual({
      pointer: `/faults/0${pointer}`,
      message,
    });
  });
});
