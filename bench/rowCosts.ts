/** What a row of a list costs in processor time, by the number of rows and of nodes: over a fake runtime, all in one process. */
import { callOptions } from '../runtime/callOptions.ts';
import type { FakeRuntime } from '../runtime/fake/fakeRuntime.ts';
import { createFakeRuntime } from '../runtime/fake/fakeRuntime.ts';
import type { House } from '../server/backend/testKit.ts';
import { houseOn } from '../server/backend/testKit.ts';
import { valueOf } from '../server/core/testKit.ts';
import { sideBySide, unlimited } from './pipelineCosts.ts';

/** Of the list: the processes that use most memory. */
const largest = { sort: '-memory', limit: 50, fields: ['memory'], timeoutMs: 60_000 };
/** A block looks at so many rows, in one call or in many. */
const rowsInBlock = 100_000;

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

/** So often that all of it looks at as many rows. */
function often(rows: number, call: () => Promise<unknown>): () => Promise<unknown> {
  return async () => {
    for (let row = 0; row < rowsInBlock; row += rows) await call();
  };
}

async function scanned(runtime: FakeRuntime): Promise<void> {
  const query = { nodes: 'all', keys: ['memory'], pageRows: 1000, allowCostly: true } as const;
  for await (const item of runtime.port.processes.scan(query, callOptions(60_000))) {
    if (item.is === 'end') valueOf(item.result);
  }
}

/** Processor microseconds of list_processes, sorted by memory, each the median of its blocks. */
export async function rowCosts(): Promise<{ readonly [figure: string]: number }> {
  const works: { [name: string]: () => Promise<unknown> } = {};
  const homes: House[] = [];
  for (const [nodes, each] of [
    [1, 1_000],
    [1, 10_000],
    [1, 100_000],
    [2, 10_000],
    [3, 10_000],
    [4, 10_000],
    [5, 10_000],
    [5, 20_000],
  ] as const) {
    const runtime = clusterOf(nodes, each);
    const home = await houseOn(runtime, unlimited);
    homes.push(home);
    works[`a row of ${nodes} × ${each}, the port's scan`] = often(nodes * each, () => scanned(runtime));
    works[`a row of ${nodes} × ${each}`] = often(nodes * each, async () =>
      valueOf(await home.run('list_processes', largest)),
    );
  }
  // All in turns: whichever were first would pay for making the code they share fast.
  const median = await sideBySide(
    { flush: () => Promise.all(homes.map(({ backend }) => backend.state.store.flush())) },
    works,
    1,
  );
  for (const home of homes) await home.close();
  const row = (name: string) => median(name) / rowsInBlock;
  const call = (nodes: number, each: number) => row(`a row of ${nodes} × ${each}`) * nodes * each;
  const firstRows = (call(1, 10_000) - call(1, 1_000)) / 9_000;
  return {
    ...Object.fromEntries(Object.keys(works).map((name) => [name, row(name)])),
    // What has nothing to do with how many rows there are is in both calls, and in neither of these.
    'each row more, from 1,000 to 10,000': firstRows,
    'each row more, from 10,000 to 100,000': (call(1, 100_000) - call(1, 10_000)) / 90_000,
    'each row more, from one node of 10,000 to five': (call(5, 10_000) - call(1, 10_000)) / 40_000,
    'each row more, from five nodes of 10,000 to five of 20,000': (call(5, 20_000) - call(5, 10_000)) / 50_000,
    'a call of 1,000 without its rows': call(1, 1_000) - firstRows * 1_000,
  };
}
