/** The nodes of a local cluster and the network between them, as the owner runs them. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { failure, nodeNotFound, nodeUnavailable } from '../../errors.ts';
import type { Incarnation, NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { LocalClusterInfo, LocalNodeInfo, LocalNodeState, LocalSpec } from '../localSpec.ts';
import { defaultNodeCount, mostLocalNodes } from '../localSpec.ts';
import { LinkNetwork } from '../network/linkNetwork.ts';
import { launchOf } from '../nodes/launch.ts';
import type { NodeLine } from '../nodes/lifeline.ts';
import { Lifelines } from '../nodes/lifeline.ts';
import type { LogFrom, LogPart } from '../nodes/logFile.ts';
import { LogFile, readLog } from '../nodes/logFile.ts';
import { NodeProcess } from '../nodes/nodeProcess.ts';
import type { Prepared } from '../nodes/preflight.ts';
import { notInTime, notStarted } from '../nodes/startFailure.ts';
import { removeStrays, straysOf } from '../nodes/strays.ts';
import { FaultBook } from './faultBook.ts';
import { badName, baseNameOf, fullName, isNodeName, shortName, tooManyNodes } from './nodeNames.ts';
import { clusterFiles } from './ownerFiles.ts';

/** A project may take long to start; what takes longer hangs. */
const startMs = 120_000;
/** For the nodes to find each other after they were told to. */
const wholeMs = 5_000;
const askMs = 1_000;
const pauseMs = 25;
/** OTP closes links until partitions do not overlap by default from this release (kernel, prevent_overlapping_partitions). */
const preventingRelease = 25;
/** kernel's default for `net_ticktime`. */
const defaultTicktimeSeconds = 60;

type Member = {
  readonly node: NodeName;
  /** The part before `@`. */
  readonly name: string;
  readonly number: number;
  readonly log: LogFile;
  state: LocalNodeState;
  process: NodeProcess | null;
  creation: number;
  /** Starting and ending a node happen one after the other. */
  turn: Promise<unknown>;
  isReady: (() => void) | null;
};

export type LocalClusterOptions = {
  readonly spec: LocalSpec;
  readonly prepared: Prepared;
  readonly clusterDir: string;
  readonly env: { readonly [name: string]: string | undefined };
  readonly onNode: (node: NodeName, is: 'up' | 'down' | 'removed') => void;
  /** Nobody wants it any more: what has started is ended. */
  readonly signal: AbortSignal;
};

export class LocalCluster {
  readonly faults: FaultBook;
  readonly #options: LocalClusterOptions;
  readonly #files: ReturnType<typeof clusterFiles>;
  readonly #cookie = randomBytes(24).toString('hex');
  readonly #members = new Map<NodeName, Member>();
  readonly #network: LinkNetwork;
  readonly #lifelines: Lifelines;
  #managementPort = 0;
  #lastNumber = 0;
  #isClosing = false;

  private constructor(options: LocalClusterOptions) {
    this.#options = options;
    this.#files = clusterFiles(options.clusterDir);
    this.faults = new FaultBook({
      lifeOf: (node) => this.#lifeOf(node),
      hang: (node) => this.#hang(node),
      linksChanged: () => this.#linksChanged(),
    });
    this.#network = new LinkNetwork((from, to) => this.faults.conditionOf(fullName(from), fullName(to)));
    this.#lifelines = new Lifelines({
      onHello: (line) => this.#hello(line),
      onReady: (node) => this.#members.get(node)?.isReady?.(),
    });
  }

  /**
   * Starts the nodes of `spec` and connects them. When one does not start, all are ended. Errors: `local.node_failed`,
   * `local.node_timeout`, `local.bad_name`, `local.too_many_nodes`.
   */
  static async start(options: LocalClusterOptions): Promise<Result<LocalCluster>> {
    const { spec } = options;
    const count = spec.nodes ?? defaultNodeCount;
    if (!Number.isInteger(count) || count < 1 || count > mostLocalNodes) return tooManyNodes();
    const base = spec.baseName ?? baseNameOf(spec.project);
    if (!isNodeName(`${base}1`)) return badName(base);
    const cluster = new LocalCluster(options);
    await cluster.#open();
    options.signal.addEventListener('abort', () => void cluster.close(), { once: true });
    const nodes = Array.from({ length: count }, (_, at) => cluster.#admit(`${base}${at + 1}`));
    const started = await cluster.#startAll(nodes);
    if (started.ok) return ok(cluster);
    await cluster.close();
    return started;
  }

  /** The cluster as it is, but for what only its owner's server knows. */
  info(): Omit<LocalClusterInfo, 'windows' | 'isKept' | 'ownerPid'> {
    const { spec, prepared } = this.#options;
    return {
      project: spec.project,
      launcher: prepared.launcher,
      nodes: [...this.#members.values()].map(nodeInfo),
      epmdPort: this.#managementPort,
      cookieFile: this.#files.cookieFile,
      otpRelease: prepared.toolchain.otpRelease,
      preventsOverlap: this.preventsOverlap,
      netTicktimeSeconds: spec.netTicktimeSeconds ?? defaultTicktimeSeconds,
      faults: this.faults.described(),
    };
  }

  /** Whether OTP itself closes more links when a partition leaves islands that overlap. */
  get preventsOverlap(): boolean {
    const { spec, prepared } = this.#options;
    return spec.preventOverlappingPartitions ?? Number(prepared.toolchain.otpRelease) >= preventingRelease;
  }

  /** What a node printed; with null, the build. Error: `node.not_found`. */
  log(node: NodeName | null, from: LogFrom): Result<LogPart & { readonly file: string }> {
    const file = node === null ? this.#files.buildLog : this.#members.get(node)?.log.file;
    return file === undefined ? nodeNotFound(node ?? '') : ok({ file, ...readLog(file, from) });
  }

  /** Starts one node more; null: under the next free name. Errors as of {@link start}, and `node.exists`. */
  async addNode(node: NodeName | null): Promise<Result<{ readonly node: NodeName }>> {
    if (this.#members.size >= mostLocalNodes) return tooManyNodes();
    const name = node === null ? this.#freeName() : shortName(node);
    if (name === null || !isNodeName(name)) return badName(node ?? '');
    if (this.#members.has(fullName(name))) {
      return failure('conflict', 'node.exists', `There is a node ${fullName(name)} already.`, 'Choose another name.', {
        node: fullName(name),
      });
    }
    const member = this.#admit(name);
    const started = await this.#start(member);
    if (!started.ok) {
      this.#members.delete(member.node);
      await this.#network.forget(name);
      return started;
    }
    this.#joinHordes();
    return ok({ node: member.node });
  }

  /** Ends a node for good. Errors: `node.not_found`, `local.last_node`. */
  async removeNode(node: NodeName): Promise<Result<{ readonly wasUp: boolean }>> {
    const member = this.#members.get(node);
    if (member === undefined) return nodeNotFound(node);
    if (this.#members.size === 1) {
      return failure('conflict', 'local.last_node', `${node} is the only node.`, 'Stop the cluster instead.', { node });
    }
    const wasUp = await this.#inTurn(member, async () => {
      const isUp = member.process !== null;
      this.#members.delete(node);
      this.faults.nodeEnded(node, true);
      await member.process?.stop();
      return isUp;
    });
    await this.#network.forget(member.name);
    member.log.close();
    this.#options.onNode(node, 'removed');
    return ok({ wasUp });
  }

  /** Ends a node at once, as a power cut does. Error: `node.not_found`. */
  async crashNode(node: NodeName): Promise<Result<{ readonly wasUp: boolean }>> {
    const member = this.#members.get(node);
    if (member === undefined) return nodeNotFound(node);
    // Not in its turn: a node that hangs while it starts can be crashed too.
    const wasUp = member.process !== null;
    await member.process?.kill();
    return ok({ wasUp });
  }

  /** Starts a node that is down, under the same name. Errors: `node.not_found`, `node.up`, and those of starting. */
  async startNode(node: NodeName): Promise<Result<{ readonly node: NodeName }>> {
    const member = this.#members.get(node);
    if (member === undefined) return nodeNotFound(node);
    if (member.process !== null) {
      return failure('conflict', 'node.up', `Node ${node} is up.`, 'Crash it first, if it is to start anew.', { node });
    }
    const started = await this.#start(member);
    if (!started.ok) return started;
    this.#joinHordes();
    return ok({ node });
  }

  /** Ends every node and gives up every port. Never rejects. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.faults.close();
    await Promise.all([...this.#members.values()].map(async (member) => member.process?.stop()));
    this.#lifelines.close();
    this.#network.close();
    for (const { log } of this.#members.values()) log.close();
    await rm(this.#files.cookieFile, { force: true }).catch(() => undefined);
    await rm(path.join(this.#options.clusterDir, 'nodes'), { recursive: true, force: true }).catch(() => undefined);
  }

  async #open(): Promise<void> {
    const { cookieFile } = this.#files;
    await mkdir(path.dirname(cookieFile), { recursive: true, mode: 0o700 });
    // Of an owner that was killed.
    await rm(path.join(this.#options.clusterDir, 'nodes'), { recursive: true, force: true });
    await rm(cookieFile, { force: true });
    await writeFile(cookieFile, this.#cookie, { mode: 0o600, flag: 'wx' });
    await chmod(cookieFile, 0o400);
    await this.#lifelines.listen();
    this.#managementPort = await this.#network.managementPort();
  }

  #admit(name: string): Member {
    const member: Member = {
      node: fullName(name),
      name,
      number: (this.#lastNumber += 1),
      log: new LogFile(this.#files.nodeLog(name)),
      state: 'down',
      process: null,
      creation: 0,
      turn: Promise.resolve(),
      isReady: null,
    };
    this.#members.set(member.node, member);
    return member;
  }

  #freeName(): string {
    const base = this.#options.spec.baseName ?? baseNameOf(this.#options.spec.project);
    let at = 1;
    while (this.#members.has(fullName(`${base}${at}`))) at += 1;
    return `${base}${at}`;
  }

  async #startAll(members: readonly Member[]): Promise<Result<null>> {
    const starting: Promise<Result<null>>[] = [];
    for (const member of members) {
      const start = this.#start(member);
      starting.push(start);
      // rebar3 looks through the build folder each time it starts; several at once would write to one file.
      if (this.#options.prepared.launcher === 'rebar3' && !(await start).ok) break;
    }
    const failed = (await Promise.all(starting)).find((result) => !result.ok);
    if (failed !== undefined) return failed;
    await this.#untilWhole();
    this.#joinHordes();
    return ok(null);
  }

  #start(member: Member): Promise<Result<null>> {
    return this.#inTurn(member, () => this.#startNow(member));
  }

  async #startNow(member: Member): Promise<Result<null>> {
    if (this.#isStopped()) return nodeUnavailable(member.node);
    member.state = 'starting';
    const strays = straysOf(this.#options.prepared.launcher, this.#options.spec.project);
    const launch = launchOf({ ...(await this.#placeOf(member)), ...this.#constants() });
    const ready = new Promise<'ready'>((resolve) => {
      member.isReady = () => resolve('ready');
    });
    const process = await NodeProcess.start(launch, this.#cookie, member.log);
    member.process = process;
    if (this.#isStopped()) await process.kill();
    void process.ended.then((how) => this.#ended(member, process, how));
    const timer = new AbortController();
    const late = delay(startMs, 'late' as const, { signal: timer.signal, ref: false }).catch(() => 'late' as const);
    const came = await Promise.race([ready, process.ended.then((how) => ({ how })), late]);
    timer.abort();
    member.isReady = null;
    await removeStrays(strays);
    if (came === 'ready') {
      member.state = 'up';
      if (process.line !== null) this.#connectToOthers(process.line);
      member.creation = this.#network.names.get(member.name)?.creation ?? 0;
      this.#options.onNode(member.node, 'up');
      return ok(null);
    }
    await process.kill();
    return came === 'late' ? notInTime(member, startMs) : notStarted(member, came.how);
  }

  /** Read anew each time: it changes while a node starts. */
  #isStopped(): boolean {
    return this.#isClosing;
  }

  async #placeOf(member: Member) {
    return {
      node: member.node,
      number: member.number,
      nodeDir: this.#files.nodeDir(member.name),
      epmdPort: await this.#network.portOf(member.name),
      lifeline: this.#lifelines.expect(member.node),
      topology: [...this.#members.keys()],
    };
  }

  #constants() {
    const { spec, prepared, env } = this.#options;
    const { codeDir, buildDir, mixScript } = this.#files;
    return {
      ...prepared,
      codeDir,
      buildDir,
      mixScript,
      project: spec.project,
      applications: spec.applications,
      netTicktimeSeconds: spec.netTicktimeSeconds,
      preventOverlappingPartitions: spec.preventOverlappingPartitions,
      userEnv: env,
      extraEnv: spec.env,
    };
  }

  #hello(line: NodeLine): void {
    const member = this.#members.get(line.node);
    if (member?.process == null) return;
    member.process.line = line;
    // Before its applications start, so that they find the cluster, whether the project connects nodes or not. Not so below rebar3,
    // whose shell goes through all processes when it starts and fails when one ends meanwhile, as those that connect do.
    if (this.#options.prepared.launcher !== 'rebar3') this.#connectToOthers(line);
  }

  #connectToOthers(line: NodeLine): void {
    line.connect(this.#linesUp().map(({ node }) => node));
  }

  #ended(member: Member, process: NodeProcess, how: string): void {
    member.log.write(`--- ${new Date().toISOString()} ended: ${how}\n`);
    if (member.process !== process) return;
    member.process = null;
    member.state = 'down';
    this.faults.nodeEnded(member.node, false);
    if (this.#members.has(member.node)) this.#options.onNode(member.node, 'down');
  }

  #hang(node: NodeName): Result<() => void> {
    const member = this.#members.get(node);
    if (member === undefined) return nodeNotFound(node);
    const { process } = member;
    if (process?.line == null) return nodeUnavailable(node);
    const undo = process.hang();
    member.state = 'hung';
    return ok(() => {
      undo();
      if (member.process === process && process.hangs === 0) member.state = 'up';
    });
  }

  #linksChanged(): void {
    this.#network.refresh();
    // OTP connects again at the next message; who heals a network wants the cluster back. Where a link is still down it stays so.
    this.#connectAll();
  }

  #connectAll(): void {
    const lines = this.#linesUp();
    for (const line of lines) {
      const open = lines
        .map(({ node }) => node)
        .filter((other) => this.faults.conditionOf(line.node, other).passage === 'open')
        .filter((other) => this.faults.conditionOf(other, line.node).passage === 'open');
      line.connect(open);
    }
  }

  /** Waits, for a while, until every node sees all others. */
  async #untilWhole(): Promise<void> {
    const until = performance.now() + wholeMs;
    for (;;) {
      const lines = this.#linesUp();
      const seen = await Promise.all(lines.map((line) => line.sees(askMs)));
      if (seen.every((nodes) => nodes !== null && nodes.length >= lines.length - 1)) return;
      if (performance.now() > until) return;
      this.#connectAll();
      await delay(pauseMs);
    }
  }

  #joinHordes(): void {
    const nodes = [...this.#members.keys()];
    for (const line of this.#linesUp()) line.joinHordes(nodes);
  }

  #linesUp(): readonly NodeLine[] {
    return [...this.#members.values()].flatMap(({ process, state }) =>
      process?.line == null || state === 'hung' ? [] : [process.line],
    );
  }

  #lifeOf(node: NodeName): Incarnation | null {
    const member = this.#members.get(node);
    return member === undefined ? null : { node, creation: member.creation };
  }

  async #inTurn<T>(member: Member, work: () => Promise<T>): Promise<T> {
    const turn = member.turn.then(work, work);
    member.turn = turn.catch(() => undefined);
    return turn;
  }
}

function nodeInfo({ node, state, process, creation, log }: Member): LocalNodeInfo {
  return { node, state, osPid: process?.osPid ?? null, creation, logFile: log.file };
}
