/** The topologies of libcluster in a user's cluster, as the port shows them: also such as failed, and without what is secret. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { startRuntime } from '../../runtime/embedded/liveRuntime.ts';
import { printTerm } from '../../runtime/term/print.ts';
import { valueOf } from '../../server/core/testKit.ts';

let folder: string;
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-topologies-')));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

it('shows strategies with their configuration, passwords left out', async () => {
  const file = path.join(folder, 'arsenal.cluster.ts');
  fs.writeFileSync(
    file,
    `import { atom, defineCluster, libcluster, supervisor, tuple } from 'arsenal-otp/cluster';
const gossip = libcluster('Gossip', { secret: 'hush', port: 4589, nested: [tuple(atom('api_key'), 1), tuple('cookie', 2), tuple(1, 2, 3), 7] });
const ignored = { ...libcluster('Epmd', { hosts: [] }), id: atom('second') };
const top = supervisor('top', { children: [gossip, ignored] });
export default defineCluster({ nodes: ['a@sim', 'b@sim'], modules: [top], applications: [{ name: 'app', module: top }] });
`,
  );
  const options = { id: 'sim', nodes: [], sandboxChildFile: 'none', time: 'deterministic', clusterFile: file } as const;
  const runtime = valueOf(startRuntime(options, () => undefined));
  try {
    const { topologies } = valueOf(await runtime.port.libcluster.topologies({ nodes: ['a@sim'] }, callOptions(20_000)));
    const shown = topologies.map(({ strategy, state, config }) => ({
      strategy,
      state: state.is,
      config: printTerm(config, { syntax: 'erlang', maxLength: 1000, maxDepth: 50 }),
    }));
    expect(shown).toEqual([
      {
        strategy: 'Elixir.Cluster.Strategy.Gossip',
        state: 'running',
        config:
          '[{secret,<<"(hidden)">>},{port,4589},{nested,[{api_key,<<"(hidden)">>},{<<"cookie">>,<<"(hidden)">>},{1,2,3},7]}]',
      },
      { strategy: 'Elixir.Cluster.Strategy.Epmd', state: 'ended', config: '[{hosts,[]}]' },
    ]);
  } finally {
    await runtime.close();
  }
});
