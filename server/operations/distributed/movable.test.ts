/** Which processes could move where, and whom that asks, on a scripted cluster. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { answering, failing } from '../../../runtime/fake/scriptedRuntime.ts';
import type { ChildRow, ProcessRef, SupervisorInfo } from '../../../runtime/model.ts';
import { ok, processId } from '../../../runtime/model.ts';
import type { MethodTable } from '../../../runtime/port.ts';
import { atom } from '../../../runtime/term/term.ts';
import { at, listAt } from '../../backend/testKit.ts';
import type { Bench } from '../testKit.ts';
import { child, idOf, late, nodeInfo, ref, scriptedHouse } from '../testKit.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await scriptedHouse();
});
beforeEach(() => {
  bench.script({});
});
afterAll(() => bench.close());

const supervisor = (pid: ProcessRef, name: string | null, kind: SupervisorInfo['kind'] = 'supervisor') => ({
  supervisor: pid,
  name: name === null ? null : ({ in: 'local', node: pid.node, name } as const),
  kind,
  module: null,
  application: null,
  parent: null,
  flags: null,
  evidence: 'initial_call' as const,
});
const worker = (id: string, pid: ProcessRef): ChildRow => child(atom(id), { is: 'running', pid });

/** `a@h` has much to do, `b@h` nothing; each has a static supervisor, a dynamic one and others that the other node has not. */
const supervisors: readonly SupervisorInfo[] = [
  supervisor(ref('a@h', 1), 'static'),
  supervisor(ref('a@h', 2), 'dynamic', 'dynamic_supervisor'),
  supervisor(ref('a@h', 3), 'only_here'),
  supervisor(ref('a@h', 4), null),
  supervisor(ref('b@h', 1), 'static'),
  supervisor(ref('b@h', 2), 'dynamic', 'dynamic_supervisor'),
  supervisor(ref('b@h', 5), 'only_there'),
  supervisor(ref('b@h', 6), null),
];
const children: { readonly [supervisor: string]: readonly ChildRow[] } = {
  [idOf('a@h', 1)]: [worker('both', ref('a@h', 10)), worker('mine', ref('a@h', 11))],
  [idOf('a@h', 2)]: [worker('undefined', ref('a@h', 12))],
  [idOf('a@h', 3)]: [worker('alone', ref('a@h', 13))],
  [idOf('a@h', 4)]: [worker('hidden', ref('a@h', 14))],
  [idOf('b@h', 1)]: [worker('both', ref('b@h', 10))],
};
const stats = (processCount: number) => ({
  ...{ uptimeMs: 1, processCount, processLimit: null, runQueue: 0, memoryBytes: 1, atomCount: null },
  ...{ reductions: 1, schedulersOnline: 1 },
});

it('the supervisors of other nodes are asked for their children only where a place could be taken', async () => {
  const methods: MethodTable = {
    'cluster.nodes': answering({ nodes: [nodeInfo('a@h'), nodeInfo('b@h')] }),
    'system.stats': ({ node }) => Promise.resolve(ok(stats(node === 'a@h' ? 100 : 10))),
    async *'supervisors.find'() {
      await Promise.resolve();
      yield { is: 'frame', frame: supervisors };
      yield { is: 'end', result: ok({ total: supervisors.length, nodes: [] }) };
    },
    async *'supervisors.children'({ supervisor: pid }) {
      await Promise.resolve();
      const rows = children[processId(pid)] ?? [];
      yield { is: 'frame', frame: rows };
      yield { is: 'end', result: ok({ total: rows.length }) };
    },
    'supervisors.childSpec': failing(late),
    'processes.info': failing(late),
    'processes.migrate': failing(late),
    'holdings.release': failing(late),
  };
  bench.script(methods);
  const told = await bench.result('balance_cluster_load', { sampleMs: 0, tolerancePercent: 0 });
  const moves = listAt(told, 'moves').map((move) => [at(move, 'pid'), at(move, 'to')]);
  expect(moves.toSorted()).toEqual([
    [idOf('a@h', 11), 'b@h'],
    [idOf('a@h', 12), 'b@h'],
  ]);
  expect(listAt(told, 'staying').map((row) => [at(row, 'supervisor'), at(row, 'processes'), at(row, 'why')])).toEqual([
    ['static', 1, 'the other nodes have them already'],
    ['only_here', 1, 'no node that has room has this supervisor'],
    [idOf('a@h', 4), 1, 'their supervisor has no name by which it could be found on another node'],
  ]);
  const asked = bench.runtime.asked('supervisors.children').map((params) => JSON.stringify(params));
  const askedOf = (node: string) => asked.filter((text) => text.includes(`"node":"${node}"`)).length;
  // Of b@h only the static one: under the dynamic one there is always room, and the others are of no use.
  expect([askedOf('a@h'), askedOf('b@h')]).toEqual([4, 1]);
});
