/** What a row of a list costs in processor time, by the number of rows and of nodes: over a fake runtime, each cluster in a process of its own. */
import { callOptions } from '../runtime/callOptions.ts';
import type { FakeRuntime } from '../runtime/fake/fakeRuntime.ts';
import { createFakeRuntime } from '../runtime/fake/fakeRuntime.ts';
import { houseOn } from '../server/backend/testKit.ts';
import { valueOf } from '../server/core/testKit.ts';
import type { OperationProgress } from '../server/protocol/operation.ts';
import { sideBySide, unlimited } from './pipelineCosts.ts';

/** Of the list: the processes that use most memory. */
const largest = { sort: '-memory', limit: 50, fields: ['memory'], timeoutMs: 60_000 };
/** A block is about so many rows, in one call or in many: some, at least, of what a short call leaves behind is collected in its own block. */
const rowsInBlock = 300_000;

/** What a row costs: asked of the port alone; sent to the caller, all of them in order; looked at for a page of the first 50. */
export const rowFigures = {
  scanned: 'scanned by the port',
  sent: 'sent',
  shown: 'looked at for a page of 50',
} as const;

/** A cluster of so many nodes with so many processes each. */
function clusterOf(nodeCount: number, processesEach: number): FakeRuntime {
  const processes = Array.from({ length: processesEach }, (_, at) => ({
    name: `p${at}`,
    memory: (at * 7919) % 100_003,
  }));
  return createFakeRuntime({
    nodes: Array.from({ length: nodeCount }, (_, at) => ({ name: `n${String(at)}@h`, processes })),
  });
}

async function scanned(runtime: FakeRuntime): Promise<void> {
  const query = { nodes: 'all', keys: ['memory'], pageRows: 1000, allowCostly: true } as const;
  for await (const item of runtime.port.processes.scan(query, callOptions(60_000))) {
    if (item.is === 'end') valueOf(item.result);
  }
}

/** Processor microseconds a row of list_processes, sorted by memory, each the median of its blocks. */
export async function rowCosts(
  nodeCount: number,
  processesEach: number,
): Promise<{ readonly [figure: string]: number }> {
  const runtime = clusterOf(nodeCount, processesEach);
  const house = await houseOn(runtime, unlimited);
  const rows = nodeCount * processesEach;
  const often = (call: () => Promise<unknown>) => async () => {
    for (let row = 0; row < rowsInBlock; row += rows) await call();
  };
  const sendAll = async () => {
    let sent = 0;
    const onProgress = (progress: OperationProgress) => {
      if (progress.is === 'rows') sent += progress.rows.length;
    };
    valueOf(await house.run('list_processes', { ...largest, stream: true }, {}, { onProgress }));
    if (sent !== rows) throw new Error(`${String(sent)} of ${String(rows)} rows were sent.`);
  };
  const median = await sideBySide(
    house.backend.state.store,
    {
      [rowFigures.scanned]: often(() => scanned(runtime)),
      [rowFigures.sent]: often(sendAll),
      [rowFigures.shown]: often(async () => valueOf(await house.run('list_processes', largest))),
    },
    1,
  );
  await house.close();
  return Object.fromEntries(
    Object.values(rowFigures).map((name) => [name, median(name) / (rows * Math.ceil(rowsInBlock / rows))]),
  );
}
