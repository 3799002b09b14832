/** What is checked of a cluster's definition: each part that can be wrong, and where the complaint points. */
import { describe, expect, it } from 'vitest';
import { errorOf, valueOf } from '../../server/core/testKit.ts';
import { checkDefinition, defineCluster } from '../../runtime/embedded/clusterFile/definition.ts';
import { codeModule, genServer, ok, supervisor } from '../../runtime/embedded/clusterFile/modules.ts';

const counter = genServer('counter', { init: () => ok(0) });
const top = supervisor('top', { children: [{ module: counter }] });
const nodes = ['a@sim', 'b@sim'];
/** A definition with one part as given. */
const withPart = (part: { readonly [key: string]: unknown }): unknown => ({ nodes, modules: [counter, top], ...part });
const problemsOf = (given: unknown): unknown => errorOf(checkDefinition(given)).details?.['problems'];
const application = (fields: { readonly [key: string]: unknown }): unknown =>
  withPart({ applications: [{ name: 'app', module: 'top', ...fields }] });
const fault = (fields: { readonly [key: string]: unknown }): unknown => withPart({ faults: [{ atMs: 10, ...fields }] });
const link = { from: 'a@sim', to: 'b@sim' };

describe('a definition', () => {
  it('has no gaps once it is checked', () => {
    expect(valueOf(checkDefinition(defineCluster({ nodes: 2, modules: [] })))).toEqual({
      nodes: ['node1@sim', 'node2@sim'],
      modules: [],
      applications: [],
      network: { latencyMs: { min: 0.3, max: 1.5 }, netTicktimeMs: 60_000, mesh: 'full' },
      horde: 'faithful',
      faults: [],
      seed: null,
    });
    expect(valueOf(checkDefinition({ nodes: 1 })).modules).toEqual([]);
  });

  it('keeps all that it says', () => {
    const faults = [
      { atMs: 0, forMs: 5, fault: { is: 'partition', islands: [['a@sim'], ['b@sim']], mode: 'blackhole' } },
      { atMs: 1, fault: { is: 'delay', ...link, delayMs: 5, jitterMs: 1 } },
      { atMs: 2, fault: { is: 'drop', ...link, lossRatio: 0.5, bytesPerSecond: null } },
      { atMs: 2, fault: { is: 'drop', ...link, lossRatio: 0, bytesPerSecond: 100 } },
      { atMs: 3, hang: 'a@sim' },
      { atMs: 4, crash: 'b@sim' },
    ];
    const whole = {
      nodes,
      modules: [counter, top],
      applications: [{ name: 'app', module: top, argument: 'given', version: 7, nodes: ['b@sim'] }],
      network: { latencyMs: { min: 1, max: 2 }, netTicktimeSeconds: 8, mesh: 'none' },
      horde: 'ideal',
      faults,
      seed: 9,
    };
    expect(valueOf(checkDefinition(whole))).toEqual({
      nodes,
      modules: [counter, top],
      applications: [
        { name: 'app', description: '', version: '7', module: 'top', argument: 'given', nodes: ['b@sim'] },
      ],
      network: { latencyMs: { min: 1, max: 2 }, netTicktimeMs: 8000, mesh: 'none' },
      horde: 'ideal',
      faults,
      seed: 9,
    });
  });

  it.each<readonly [what: string, given: unknown, pointers: readonly string[]]>([
    ['is a list', [], ['']],
    ['has nodes by a text', { nodes: 'a@sim' }, ['/nodes', '/nodes']],
    ['has no node', { nodes: [] }, ['/nodes']],
    ['has too many nodes', { nodes: 51 }, ['/nodes']],
    ['has a number of nodes that is none', { nodes: Number.NaN }, ['/nodes']],
    ['has modules by a name', { nodes, modules: 'counter' }, ['/modules']],
    ['has two modules of one name', { nodes, modules: [counter, counter] }, ['/modules/1']],
    ['has a module without functions', { nodes, modules: [{ name: 'm' }] }, ['/modules/0']],
    ['has a module without a name', { nodes, modules: [{ name: '', functions: {} }] }, ['/modules/0']],
    ['has a function without an arity', { nodes, modules: [codeModule('m', { f: () => 1 })] }, ['/modules/0']],
    ['has a function that is none', { nodes, modules: [{ name: 'm', functions: { 'f/0': 1 } }] }, ['/modules/0']],
    ['has functions by null', { nodes, modules: [{ name: 'm', functions: null }] }, ['/modules/0']],
    ['wants another Horde', withPart({ horde: 'perfect' }), ['/horde']],
    ['has a seed below zero', withPart({ seed: -1 }), ['/seed']],
    ['has a seed by a text', withPart({ seed: '7' }), ['/seed']],
    ['has an application that is none', withPart({ applications: [7] }), ['/applications/0']],
    ['has an application with a bad name', application({ name: 'Bad Name' }), ['/applications/0/name']],
    ['has an application of an unknown module', application({ module: 'none' }), ['/applications/0/module']],
    ['has an application that cannot start', application({ module: counter }), ['/applications/0/module']],
    ['has an application of a number', application({ module: 7 }), ['/applications/0/module']],
    ['has an application elsewhere', application({ nodes: ['c@sim'] }), ['/applications/0/nodes']],
    ['has an application with another field', application({ env: [] }), ['/applications/0/env']],
    ['has a network by a word', withPart({ network: 'fast' }), ['/network']],
    [
      'has a latency by a number',
      withPart({ network: { latencyMs: 3 } }),
      ['/network/latencyMs', '/network/latencyMs/min', '/network/latencyMs/max'],
    ],
    [
      'has a latency that ends before it begins',
      withPart({ network: { latencyMs: { min: 5, max: 1 } } }),
      ['/network/latencyMs/max'],
    ],
    ['has a tick time of nothing', withPart({ network: { netTicktimeSeconds: 0 } }), ['/network/netTicktimeSeconds']],
    ['has half a mesh', withPart({ network: { mesh: 'half' } }), ['/network/mesh']],
    ['has a fault that is none', withPart({ faults: ['crash'] }), ['/faults/0']],
    ['has a fault that does nothing', fault({}), ['/faults/0']],
    ['has two faults in one', fault({ hang: 'a@sim', crash: 'a@sim' }), ['/faults/0']],
    ['has a crash of nobody', fault({ crash: 7 }), ['/faults/0/crash', '/faults/0/fault']],
    ['has a fault that lasts no time', fault({ hang: 'a@sim', forMs: 0 }), ['/faults/0/forMs']],
    ['has a fault of an unknown kind', fault({ fault: { is: 'flood' } }), ['/faults/0/fault']],
    ['has a fault by a word', fault({ fault: 'partition' }), ['/faults/0/fault']],
    ['has islands of numbers', fault({ fault: { is: 'partition', mode: 'cut', islands: [[1]] } }), ['/faults/0/fault']],
    ['has islands by a word', fault({ fault: { is: 'partition', mode: 'cut', islands: 'all' } }), ['/faults/0/fault']],
    [
      'has a partition of another kind',
      fault({ fault: { is: 'partition', mode: 'half', islands: [] } }),
      ['/faults/0/fault'],
    ],
    ['has one island', fault({ fault: { is: 'partition', mode: 'cut', islands: [nodes] } }), ['/faults/0/fault']],
    ['has a delay without a jitter', fault({ fault: { is: 'delay', ...link, delayMs: 1 } }), ['/faults/0/fault']],
    [
      'has a delay to nowhere',
      fault({ fault: { is: 'delay', from: 'a@sim', delayMs: 1, jitterMs: 0 } }),
      ['/faults/0/fault'],
    ],
    ['has a drop without a limit', fault({ fault: { is: 'drop', ...link, lossRatio: 1 } }), ['/faults/0/fault']],
    [
      'has a drop of more than all',
      fault({ fault: { is: 'drop', ...link, lossRatio: 2, bytesPerSecond: null } }),
      ['/faults/0/fault'],
    ],
  ])('that %s is refused, and said where', (_what, given, pointers) => {
    expect(problemsOf(given)).toEqual(pointers.map((pointer) => ({ pointer, message: expect.any(String) })));
    expect(errorOf(checkDefinition(given))).toMatchObject({ code: 'cluster_file.invalid', pointer: pointers[0] });
  });
});
