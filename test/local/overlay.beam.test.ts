/** A project with real libcluster and Horde, configured for elsewhere: on a local cluster its nodes find each other all the same. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { hordeEbins, noHorde } from '../beam/horde.ts';
import { valueOf } from '../port/results.ts';
import type { TestCluster } from './support.ts';
import { held, LocalBench } from './support.ts';

const files = {
  // The libraries are given as compiled code: nothing is fetched here.
  'mix.exs': `for folder <- ${JSON.stringify(hordeEbins)}, do: Code.prepend_path(folder)
defmodule Stall.MixProject do
  use Mix.Project
  def project, do: [app: :stall, version: "1.0.0", prune_code_paths: false]
  def application, do: [mod: {Stall, []}, extra_applications: [:logger, :libcluster, :horde]]
end
`,
  'config/config.exs': `import Config
config :libcluster, topologies: [elsewhere: [strategy: Cluster.Strategy.Epmd, config: [hosts: [:"prod@10.0.0.1"]]]]
`,
  'lib/stall.ex': `defmodule Stall do
  use Application
  def start(_, _) do
    children = [
      {Cluster.Supervisor, [Application.get_env(:libcluster, :topologies, []), [name: Stall.Cluster]]},
      {Horde.Registry, name: Stall.Registry, keys: :unique},
      {Horde.DynamicSupervisor, name: Stall.Carts, strategy: :one_for_one},
      {Horde.DynamicSupervisor, name: Stall.Auto, strategy: :one_for_one, members: :auto},
      {Horde.DynamicSupervisor, name: Stall.Planned, strategy: :one_for_one, members: [:other_name]}
    ]
    Supervisor.start_link(children, strategy: :one_for_one, name: Stall.Supervisor)
  end
end
`,
};

describe.skipIf(noHorde !== null)(`libcluster and Horde by overlay (${noHorde ?? 'on'})`, () => {
  let bench: LocalBench;
  let project: string;
  let cluster: TestCluster;
  beforeAll(async () => {
    bench = await LocalBench.open();
    project = path.join(mkdtempSync(path.join(tmpdir(), 'arsenal-overlay-')), 'stall');
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
      writeFileSync(path.join(project, file), text);
    }
    cluster = await bench.cluster({ project, netTicktimeSeconds: 4 });
  }, 120_000);
  afterEach(async () => {
    const { holdings } = valueOf(await cluster.runtime.port.holdings.list({}, callOptions(5_000)));
    for (const { id } of holdings) await cluster.runtime.port.holdings.release({ id }, callOptions(5_000));
  });
  afterAll(async () => {
    await bench.dispose();
    rmSync(path.dirname(project), { recursive: true, force: true });
  });

  /** The nodes that are members of a horde, as `node` says. */
  async function membersOn(node: string, horde: string): Promise<readonly string[]> {
    const printed = await cluster.print(node, `[N || {_, N} <- gen_server:call('Elixir.${horde}', members)].`);
    return [...printed.matchAll(/stall\d@127\.0\.0\.1/g)].map(([name]) => name).sort();
  }

  // @row R1.1
  it('libcluster has a topology of our nodes, in place of the project’s', async () => {
    for (const node of cluster.names) {
      const topologies = await cluster.print(node, '{ok, T} = application:get_env(libcluster, topologies), T.');
      expect(topologies).toContain("'Elixir.Cluster.Strategy.Epmd'");
      for (const other of cluster.names) expect(topologies).toContain(other);
      expect(topologies).not.toContain('10.0.0.1');
      const strategies = await cluster.print(node, "supervisor:count_children('Elixir.Stall.Cluster').");
      expect(strategies).toContain('{active,1}');
    }
  });

  it('a horde without members has one on each node, and one with a plan of its own keeps it', async () => {
    for (const node of cluster.names) {
      for (const horde of ['Stall.Registry', 'Stall.Carts', 'Stall.Auto']) {
        await expect.poll(() => membersOn(node, horde), { timeout: 5_000 }).toEqual(cluster.names);
      }
      expect(await membersOn(node, 'Stall.Planned')).toEqual([node, node]);
    }
  });

  it('a key registered on one node is known on the others', async () => {
    const [one = '', two = ''] = cluster.names;
    await cluster.eval(
      one,
      `
      spawn(fun() -> {ok, _} = 'Elixir.Horde.Registry':register('Elixir.Stall.Registry', apples, 7), timer:sleep(60000) end).`,
    );
    const found = () => cluster.print(two, "'Elixir.Horde.Registry':lookup('Elixir.Stall.Registry', apples).");
    await expect.poll(found, { timeout: 5_000 }).toContain('7');
  });

  it('the nodes come together again after a partition', async () => {
    const [one = '', two = '', three = ''] = cluster.names;
    const params = { islands: [[one, two], [three]], mode: 'cut', ...held } as const;
    const { id } = valueOf(await cluster.runtime.port.faults.partition(params, callOptions(5_000)));
    await expect.poll(() => cluster.seen(), { timeout: 5_000 }).toEqual([[2], [1], []]);
    valueOf(await cluster.runtime.port.holdings.release({ id }, callOptions(5_000)));
    await expect
      .poll(() => cluster.seen(), { timeout: 10_000 })
      .toEqual([
        [2, 3],
        [1, 3],
        [1, 2],
      ]);
  });

  it('a node that is added becomes a member too', async () => {
    const node = 'stall4@127.0.0.1';
    valueOf(await cluster.runtime.port.faults.addNode({ node }, callOptions(30_000)));
    const all = [...cluster.names, node];
    await expect.poll(() => membersOn(cluster.names[0]!, 'Stall.Carts'), { timeout: 5_000 }).toEqual(all);
    await expect.poll(() => membersOn(node, 'Stall.Registry'), { timeout: 5_000 }).toEqual(all);
  });
});
