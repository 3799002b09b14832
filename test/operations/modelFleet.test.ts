import fc from 'fast-check';
import { it } from 'vitest';
import { runtimeOver } from '../../runtime/embedded/adapter/adapterKit.ts';
import type { Cluster } from '../../runtime/embedded/cluster/cluster.ts';
import { noreply, startServer } from '../../runtime/embedded/otp/genServer.ts';
import type { ServerModule } from '../../runtime/embedded/otp/genServer.ts';
import { nodeOf, testCluster, testModule } from '../../runtime/embedded/testKit.ts';
import type { House } from '../../server/backend/testKit.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { fleetHolds, fleetSequences } from './modelFleet.ts';

const nodes = ['one@sim', 'two@sim'] as const;

const server: ServerModule<number> = {
  module: 'worker',
  init: () => ({ is: 'ok', state: 7 }),
  handleInfo: (_self, _message, state) => noreply(state),
  show: (state) => state,
  restore: (value) => Number(value),
};
const worker = testModule('worker', { 'start_link/1': (self, argument) => startServer(self, server, argument) });

/** All that the kernel keeps of the processes of the cluster, and for them, when what was under way is over. */
async function remains(house: House, cluster: Cluster): Promise<readonly string[]> {
  await house.result('step_time', { ms: 1_000 });
  const told = nodes.flatMap((name) => {
    const node = nodeOf(cluster, name);
    const processes = [...node.processes.values()].map((one) => {
      const kept = [one.links?.size, one.monitors?.size, one.monitoredBy?.size].map((count) => count ?? 0);
      const held = `${one.traceFlags} ${one.suspendedBy?.size ?? 0} ${one.profile === null ? 'no' : 'a'} profile`;
      return `${name} ${one.name ?? one.currentFunction} ${kept.join(' ')} ${held} ${one.mailbox.length}`;
    });
    const names = [...node.names.keys()].toSorted();
    return [...processes, `${name} has ${names.join(' ')}`, `${name} ${node.tracer === null ? 'no' : 'a'} tracer`];
  });
  return told.toSorted();
}

// @row IV-14
it('whatever is done to supervised processes in whatever order, the simulated cluster is as the model says, and as before', async () => {
  const property = fc.asyncProperty(fleetSequences(10), async (sequence) => {
    const cluster = testCluster(nodes, { modules: [worker] });
    const house = await houseOn(runtimeOver(cluster));
    try {
      const fleet = { house, nodes, worker: 'worker', collects: false };
      await fleetHolds({ ...fleet, remains: () => remains(house, cluster) }, sequence);
    } finally {
      await house.close();
    }
  });
  await fc.assert(property, { numRuns: process.env['ARSENAL_PROVE'] === '1' ? 500 : 15 });
}, 600_000);
