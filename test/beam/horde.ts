/** Live nodes that run real Horde and libcluster (test/fixtures/horde-app), where their compiled code is given. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BeamSpec } from '../../runtime/beam/beamSpec.ts';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startElixir, stopAll } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import { freshLeaseDir } from './shop.ts';

/** The ebin folders of Horde, libcluster and what they need, as `mix compile` makes them. */
export const hordeEbins: readonly string[] = (process.env['ARSENAL_TEST_HORDE_EBIN'] ?? '')
  .split(delimiter)
  .filter((folder) => folder !== '');
/** Why suites on real Horde are skipped; null when they can run. */
export const noHorde: string | null =
  hordeEbins.length === 0 ? 'set ARSENAL_TEST_HORDE_EBIN to the ebin folders of Horde and libcluster to run it' : null;

const sources = join(dirname(fileURLToPath(import.meta.url)), '..', 'fixtures', 'horde-app', 'lib');
let compiled: string | null = null;
process.on('exit', () => {
  if (compiled !== null) rmSync(compiled, { recursive: true, force: true });
});

/** Compiles the application once; answers the code paths of its nodes. */
function codePaths(): readonly string[] {
  if (compiled === null) {
    compiled = mkdtempSync(join(tmpdir(), 'arsenal-horde-app-'));
    const files = readdirSync(sources).map((name) => join(sources, name));
    execFileSync('elixirc', [...hordeEbins.flatMap((folder) => ['-pa', folder]), '-o', compiled, ...files], {
      stdio: 'pipe',
    });
  }
  return [...hordeEbins, compiled];
}

export type HordeOptions = {
  readonly nodes: number;
  /** Elixir keywords for `HordeApp.start/1`: `[redistribution: :active]`. */
  readonly options?: string;
  /** More arguments for `erl`. */
  readonly args?: readonly string[];
};
export type HordeCluster = {
  readonly nodes: readonly LiveNode[];
  readonly names: readonly string[];
  /** Starts one more node, or one that was stopped, and connects it with the others. */
  startNode(name: string): Promise<LiveNode>;
  /** Makes the two nodes refuse and drop each other, as a cut cable does. */
  cut(one: LiveNode, other: LiveNode): Promise<void>;
  heal(one: LiveNode, other: LiveNode): Promise<void>;
  connect(change?: Partial<BeamSpec>): Promise<Runtime>;
  stop(): void;
};

/** Starts nodes `horde1`, `horde2`, … with the application, connected with each other. */
export async function startHorde({ nodes, options = '[]', args = [] }: HordeOptions): Promise<HordeCluster> {
  const paths = codePaths();
  const cookie = 'horde';
  const started: LiveNode[] = [];
  const startNode = async (name: string) => {
    const node = await startElixir({
      name,
      cookie,
      long: true,
      args: [
        ...paths.flatMap((folder) => ['-pa', folder]),
        ...['-kernel', 'prevent_overlapping_partitions', 'false', '-kernel', 'logger_level', 'error'],
        ...args,
      ],
    });
    for (const other of started) await node.eval(`Node.connect(:"${other.node}")`);
    await node.eval(
      'for app <- [:logger, :telemetry_poller, :libring, :libcluster], do: Application.ensure_all_started(app)',
    );
    const said = await node.eval(`HordeApp.start(${options})`);
    if (said !== ':ok') throw new Error(`The application did not start on ${node.node}: ${said}`);
    started.push(node);
    return node;
  };
  try {
    for (let at = 1; at <= nodes; at += 1) await startNode(`horde${at}`);
  } catch (error) {
    stopAll();
    throw error;
  }
  const [first] = started;
  if (first === undefined) throw new Error('No node was asked for.');
  return {
    nodes: started,
    names: started.map(({ node }) => node),
    startNode,
    async cut(one, other) {
      // A cookie that the other does not have keeps it from coming back.
      for (const [here, there, cookieNow] of [
        [one, other, 'cut'],
        [other, one, 'cut_too'],
      ] as const) {
        await here.eval(`Node.set_cookie(:"${there.node}", :${cookieNow}); Node.disconnect(:"${there.node}")`);
      }
    },
    async heal(one, other) {
      await one.eval(`Node.set_cookie(:"${other.node}", :${cookie})`);
      await other.eval(`Node.set_cookie(:"${one.node}", :${cookie}); Node.connect(:"${one.node}")`);
    },
    async connect(change = {}) {
      const spec = {
        id: 'horde',
        node: first.node,
        cookie,
        epmd: { port: first.epmdPort },
        leaseDir: freshLeaseDir(),
        ...change,
      };
      return valueOf(await connectBeam(spec));
    },
    stop: stopAll,
  };
}
