/** Local clusters for the live suites: the owner as it is built, a home of its own, and a line to each node apart from the product's. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { HiddenNode } from '../../runtime/beam/dist/node.ts';
import type { Connection } from '../../runtime/beam/dist/connection.ts';
import { readCookie } from '../../runtime/beam/cookie.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import type { LocalRuntime } from '../../runtime/local/localRuntime.ts';
import { startLocal } from '../../runtime/local/localRuntime.ts';
import type { LocalClusterInfo, LocalSpec } from '../../runtime/local/localSpec.ts';
import { usualSpec } from '../../runtime/local/localSpec.ts';
import { attachRunning } from '../../runtime/local/owner/attachOwner.ts';
import { clusterDirOf } from '../../runtime/local/owner/ownerFiles.ts';
import { charlist, list, listElements } from '../../runtime/term/term.ts';
import type { Term } from '../../runtime/term/term.ts';
import { printTerm } from '../../runtime/term/print.ts';
import { isAlive, within } from '../embedded/bundles.ts';
import { valueOf } from '../port/results.ts';

export { isAlive, within };

export const holder = { principal: 'test', client: 'test', operation: 'test', requestId: 'test' } as const;
export const held = { owner: holder, lingerMs: 1_000 } as const;

/** A folder with the built programs, and one for state. */
export class LocalBench {
  readonly folder: string;
  readonly home: string;
  readonly ownerFile: string;
  readonly #runtimes: LocalRuntime[] = [];
  readonly #probes: HiddenNode[] = [];
  readonly #osPids = new Set<number>();
  readonly #projects = new Set<string | null>();

  private constructor(folder: string) {
    this.folder = folder;
    this.home = path.join(folder, 'home');
    this.ownerFile = path.join(folder, 'localCluster.js');
  }

  static async open(): Promise<LocalBench> {
    const bench = new LocalBench(await mkdtemp(path.join(tmpdir(), 'arsenal-local-')));
    await bench.bundle('runtime/local/owner/main.ts', 'localCluster.js');
    return bench;
  }

  /** Bundles one more entry point, to run it as a program. */
  async bundle(entry: string, name: string): Promise<string> {
    const outfile = path.join(this.folder, name);
    const root = path.join(import.meta.dirname, '..', '..');
    const shared = { bundle: true, platform: 'node', format: 'cjs', target: 'node20', logLevel: 'warning' } as const;
    await build({ ...shared, entryPoints: [path.join(root, entry)], outfile });
    return outfile;
  }

  start(change: Partial<LocalSpec> = {}) {
    const spec = { ...usualSpec, ...change };
    this.#projects.add(spec.project);
    return startLocal({
      id: 'local',
      spec,
      home: this.home,
      ownerFile: this.ownerFile,
      leaseDir: path.join(this.home, 'leases'),
    });
  }

  /** A cluster that must start. */
  async cluster(change: Partial<LocalSpec> = {}): Promise<TestCluster> {
    const runtime = valueOf(await this.start(change));
    this.#runtimes.push(runtime);
    const info = await infoOf(runtime);
    this.note(info);
    return new TestCluster(runtime, info, this.#probes);
  }

  /** Remembers processes, so that they are gone after the test whatever happens. */
  note({ ownerPid, nodes }: Pick<LocalClusterInfo, 'ownerPid' | 'nodes'>): void {
    for (const osPid of [ownerPid, ...nodes.map((node) => node.osPid)]) if (osPid !== null) this.#osPids.add(osPid);
  }

  clusterDir(project: string | null = null): Promise<string> {
    return clusterDirOf(this.home, project);
  }

  /** Ends every cluster that was started, and waits until its processes are gone. */
  async stopAll(): Promise<void> {
    for (const probe of this.#probes.splice(0)) probe.close();
    for (const runtime of this.#runtimes) {
      const info = await runtime.info(callOptions(2_000));
      if (info.ok) this.note(info.value);
    }
    for (const project of this.#projects) {
      const owner = await attachRunning(await this.clusterDir(project), 'tool');
      await owner?.ask('stop', {}, callOptions(15_000));
      owner?.close();
    }
    for (const runtime of this.#runtimes.splice(0)) await runtime.close();
    await within(5_000, () => ![...this.#osPids].some(isAlive));
    for (const osPid of this.#osPids) if (isAlive(osPid)) process.kill(osPid, 'SIGKILL');
    this.#osPids.clear();
  }

  async dispose(): Promise<void> {
    await this.stopAll();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export async function infoOf(runtime: LocalRuntime): Promise<LocalClusterInfo> {
  return valueOf(await runtime.info(callOptions(5_000)));
}

export class TestCluster {
  readonly runtime: LocalRuntime;
  readonly first: LocalClusterInfo;
  readonly #probes: HiddenNode[];
  #probe: HiddenNode | null = null;

  constructor(runtime: LocalRuntime, first: LocalClusterInfo, probes: HiddenNode[]) {
    this.runtime = runtime;
    this.first = first;
    this.#probes = probes;
  }

  get names(): readonly string[] {
    return this.first.nodes.map(({ node }) => node);
  }

  /** Evaluates Erlang expressions on a node, as its shell would; answers the value. They end with a full stop. */
  async eval(node: string, source: string, timeoutMs = 10_000): Promise<Term> {
    const connection = await this.#connect(node);
    const options = { timeoutMs, signal: new AbortController().signal };
    const call = async (module: string, name: string, args: readonly Term[]): Promise<Term> => {
      const answer = await connection.call(module, name, args, options);
      if (!answer.ok) throw new Error(`${node}: ${answer.error.message}`);
      return answer.value;
    };
    const tokens = await call('erl_scan', 'string', [charlist(source)]);
    const parsed = await call('erl_parse', 'parse_exprs', [tokens.t === 'tuple' ? tokens.e[1]! : tokens]);
    const value = await call('erl_eval', 'exprs', [parsed.t === 'tuple' ? parsed.e[1]! : parsed, list([])]);
    return value.t === 'tuple' ? value.e[1]! : value;
  }

  /** The same, printed. */
  async print(node: string, source: string): Promise<string> {
    return printTerm(await this.eval(node, source), { syntax: 'erlang' });
  }

  /** Which nodes `node` says it is connected to, sorted; ours are hidden. */
  async sees(node: string): Promise<readonly string[]> {
    const nodes = listElements(await this.eval(node, 'nodes().')) ?? [];
    return nodes.flatMap((name) => (name.t === 'atom' ? [name.v] : [])).sort();
  }

  /** What every node sees, as numbers: `{1: [2, 3]}`. */
  async seen(): Promise<readonly (readonly number[])[]> {
    const all = await Promise.all(this.names.map((node) => this.sees(node)));
    return all.map((nodes) => nodes.map((node) => this.names.indexOf(node) + 1).sort());
  }

  async #connect(node: string): Promise<Connection> {
    if (this.#probe === null) {
      const cookie = valueOf(await readCookie({ file: this.first.cookieFile }));
      this.#probe = new HiddenNode({ name: 'probe@127.0.0.1', cookie, nameIsLeased: true });
      this.#probes.push(this.#probe);
    }
    const target = { node, epmdHost: '127.0.0.1', epmdPort: this.first.epmdPort };
    const connected = await this.#probe.connect(target, { timeoutMs: 5_000, signal: new AbortController().signal });
    if (!connected.ok) throw new Error(`${node}: ${connected.error.message}`);
    return connected.value;
  }
}
