/** The owner's side of the line to windows and tools: who is attached, what they ask, and when the owner's work is over. */
import { timingSafeEqual } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { arsenalError, failure } from '../../errors.ts';
import type { Result } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { LocalClusterInfo, LocalSpec } from '../localSpec.ts';
import { listenOnLoopback } from '../network/listen.ts';
import { LogFile } from '../nodes/logFile.ts';
import { preflight } from '../nodes/preflight.ts';
import { readJsonLines, writeJsonLine } from './jsonLines.ts';
import { LocalCluster } from './localCluster.ts';
import { clusterFiles } from './ownerFiles.ts';
import type { ClientRole, OwnerAnswer, OwnerEvent, OwnerMethod, OwnerParams, OwnerReply } from './protocol.ts';
import { ownerMethods } from './protocol.ts';

/** After the last window has gone; another may be on its way, as when an editor reloads. */
const lingerMs = 5_000;
/** For the first window to attach, and for one whose start failed to go. */
const firstAttachMs = 20_000;
const secretMs = 2_000;

type Session = {
  readonly id: number;
  readonly socket: Socket;
  role: ClientRole | null;
  /** Ends who does not say the secret. */
  readonly late: NodeJS.Timeout;
};
type Handlers = {
  readonly [M in OwnerMethod]: (params: OwnerParams<M>, session: Session) => Promise<Result<OwnerAnswer<M>>>;
};

export type OwnerOptions = {
  readonly clusterDir: string;
  readonly env: { readonly [name: string]: string | undefined };
  /** Its work is over: no window, nothing kept, or told to stop. Every node has ended by then. */
  readonly onOver: () => void;
  readonly log: (line: string) => void;
};

export class OwnerServer {
  readonly #options: OwnerOptions;
  readonly #server: Server;
  readonly #sessions = new Set<Session>();
  readonly #stopping = new AbortController();
  readonly #handlers: Handlers;
  #token = '';
  /** Windows and tools that came before it was known whether this is the owner. */
  #early: (() => void)[] | null = [];
  #nextSession = 1;
  #isKept = false;
  #wasAsked = false;
  #cluster: LocalCluster | null = null;
  #spec: LocalSpec | null = null;
  #starting: Promise<Result<LocalCluster>> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #ending: Promise<void> | null = null;

  constructor(options: OwnerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#came(socket));
    this.#handlers = this.#makeHandlers();
  }

  listen(): Promise<number> {
    return listenOnLoopback(this.#server);
  }

  /**
   * From now on those are answered that know `token`: whoever would be the owner itself at once, all others once this is known to be the
   * owner ({@link own}), so that nobody begins with one that withdraws.
   */
  admit(token: string): void {
    this.#token = token;
    this.#endIn(firstAttachMs);
  }

  /** It is the owner, and stays it. */
  own(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const come of early) come();
  }

  /** Ends the nodes and says that the work is over; never rejects, may be called again. */
  end(why: string): Promise<void> {
    this.#ending ??= this.#endNow(why);
    return this.#ending;
  }

  async #endNow(why: string): Promise<void> {
    this.#options.log(`ending: ${why}`);
    this.#tell({ event: 'ending' });
    this.#stopping.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#starting;
    await this.#cluster?.close();
    this.#cluster = null;
    this.#server.close();
    for (const { socket } of this.#sessions) socket.end();
    this.#options.onOver();
  }

  #came(socket: Socket): void {
    const late = setTimeout(() => socket.destroy(), secretMs);
    const session: Session = { id: this.#nextSession++, socket, role: null, late };
    this.#sessions.add(session);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(late);
      this.#sessions.delete(session);
      this.#cluster?.faults.sessionEnded(session.id);
      this.#look();
    });
    readJsonLines(socket, (value) => void this.#serve(session, value));
  }

  async #serve(session: Session, value: unknown): Promise<void> {
    const { id, method, params } = requestOf(value);
    if (id === null || method === null || (session.role === null && method !== 'attach')) {
      session.socket.destroy();
      return;
    }
    let result: Result<unknown>;
    try {
      // Both ends are of one version, which the owner's file says: the parameters are of the shape the table says.
      const handle = this.#handlers[method] as (params: unknown, session: Session) => Promise<Result<unknown>>;
      result = await handle(params, session);
    } catch (thrown) {
      const said = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      this.#options.log(`${method}: ${said}`);
      result = fail(
        arsenalError('system', 'local.threw', `The owner of the local cluster failed: ${said}`, 'Report it.', {
          effect: 'unknown',
        }),
      );
    }
    const reply: OwnerReply = { id, result };
    writeJsonLine(session.socket, reply);
  }

  #makeHandlers(): Handlers {
    const withCluster = async <T>(
      use: (cluster: LocalCluster) => Promise<Result<T>> | Result<T>,
    ): Promise<Result<T>> => {
      const cluster = this.#cluster;
      return cluster === null ? noCluster() : use(cluster);
    };
    return {
      attach: async ({ token, role }, session) => {
        if (!isSame(token, this.#token)) {
          session.socket.destroy();
          return failure('authentication', 'local.bad_secret', 'The secret is wrong.', 'Read the owner’s file again.');
        }
        clearTimeout(session.late);
        if (role !== 'owner') await this.#known();
        session.role = role;
        this.#look();
        return ok(this.#cluster === null ? null : this.#infoOf(this.#cluster));
      },
      start: ({ spec, keep }) => this.#start(spec, keep),
      status: () => withCluster((cluster) => ok(this.#infoOf(cluster))),
      stop: async () => {
        this.#stopping.abort();
        await this.#starting;
        await this.#cluster?.close();
        this.#cluster = null;
        // The answer goes out before the lines are closed.
        setImmediate(() => void this.end('told to stop'));
        return ok(null);
      },
      log: ({ node, from }) => withCluster((cluster) => cluster.log(node, from)),
      addNode: ({ node }) => withCluster((cluster) => cluster.addNode(node)),
      removeNode: ({ node }) => withCluster((cluster) => cluster.removeNode(node)),
      crashNode: ({ node }) => withCluster((cluster) => cluster.crashNode(node)),
      startNode: ({ node }) => withCluster((cluster) => cluster.startNode(node)),
      fault: ({ fault, life }, session) =>
        withCluster((cluster) => {
          const held = cluster.faults.hold(fault, life, session.id);
          return held.ok ? ok({ ...held.value, preventsOverlap: cluster.preventsOverlap }) : held;
        }),
      holdings: () => withCluster((cluster) => ok(cluster.faults.holdings())),
      release: ({ id }) =>
        withCluster((cluster) =>
          ok({ released: id === null ? cluster.faults.releaseAll() : Number(cluster.faults.release(id)) }),
        ),
    };
  }

  /** Resolves when this is known to be the owner; when it is another, the line is closed instead. */
  #known(): Promise<void> {
    const early = this.#early;
    return early === null ? Promise.resolve() : new Promise((resolve) => early.push(resolve));
  }

  async #start(spec: LocalSpec, keep: boolean): Promise<Result<LocalClusterInfo>> {
    this.#wasAsked = true;
    if (this.#spec === null || this.#starting === null) {
      this.#spec = spec;
      this.#starting = this.#startCluster(spec);
    } else if (!isCompatible(spec, this.#spec)) {
      return failure(
        'conflict',
        'local.runs_otherwise',
        'A local cluster of this project runs already, started with other settings.',
        'Join it as it is (leave the settings out), or stop it first: arsenal cluster stop.',
        { details: { running: { ...this.#spec } } },
      );
    }
    const started = await this.#starting;
    if (!started.ok) {
      this.#starting = null;
      this.#spec = null;
      return started;
    }
    this.#isKept ||= keep;
    this.#look();
    return ok(this.#infoOf(started.value));
  }

  async #startCluster(spec: LocalSpec): Promise<Result<LocalCluster>> {
    const { clusterDir, env } = this.#options;
    const files = clusterFiles(clusterDir);
    const buildLog = new LogFile(files.buildLog);
    buildLog.write(`--- ${new Date().toISOString()}\n`);
    const prepared = await preflight({
      project: spec.project,
      launcher: spec.launcher,
      env,
      folders: files,
      onOutput: (bytes) => buildLog.write(bytes),
      signal: this.#stopping.signal,
    });
    buildLog.close();
    if (!prepared.ok) return prepared;
    const started = await LocalCluster.start({
      spec,
      prepared: prepared.value,
      clusterDir,
      env,
      onNode: (node, is) => {
        this.#options.log(`${node} ${is}`);
        this.#tell({ event: 'node', node, is });
      },
      signal: this.#stopping.signal,
    });
    if (started.ok) this.#cluster = started.value;
    return started;
  }

  #infoOf(cluster: LocalCluster): LocalClusterInfo {
    return {
      ...cluster.info(),
      isKept: this.#isKept,
      ownerPid: process.pid,
      windows: this.#windows(),
    };
  }

  #windows(): number {
    return [...this.#sessions].filter(({ role }) => role === 'window').length;
  }

  /** Whether anybody needs us still. */
  #look(): void {
    if (this.#windows() > 0 || (this.#isKept && this.#cluster !== null)) {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
    } else if (this.#wasAsked && this.#sessions.size === 0 && this.#cluster === null && this.#starting === null) {
      void this.end('nothing was started');
    } else {
      this.#endIn(lingerMs);
    }
  }

  #endIn(ms: number): void {
    if (this.#timer !== null || this.#ending !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // A tool may be starting a cluster that is to be kept.
      if (this.#starting !== null && this.#cluster === null && this.#sessions.size > 0) this.#endIn(ms);
      else void this.end('no window is left');
    }, ms);
  }

  #tell(event: OwnerEvent): void {
    for (const { socket, role } of this.#sessions) if (role !== null) writeJsonLine(socket, event);
  }
}

/** Whether who asks for `wanted` can have what runs: what they left open, they take as it is. */
function isCompatible(wanted: LocalSpec, running: LocalSpec): boolean {
  return (
    (wanted.launcher === null || wanted.launcher === running.launcher || running.launcher === null) &&
    (wanted.nodes === null || wanted.nodes === running.nodes) &&
    (wanted.baseName === null || wanted.baseName === running.baseName) &&
    (wanted.netTicktimeSeconds === null || wanted.netTicktimeSeconds === running.netTicktimeSeconds) &&
    (wanted.preventOverlappingPartitions === null ||
      wanted.preventOverlappingPartitions === running.preventOverlappingPartitions) &&
    (Object.keys(wanted.env).length === 0 || JSON.stringify(wanted.env) === JSON.stringify(running.env)) &&
    (wanted.applications.length === 0 || wanted.applications.join(' ') === running.applications.join(' '))
  );
}

function requestOf(value: unknown): {
  readonly id: number | null;
  readonly method: OwnerMethod | null;
  readonly params: unknown;
} {
  const { id, method, params } = (typeof value === 'object' && value !== null ? value : {}) as {
    readonly [key: string]: unknown;
  };
  return {
    id: typeof id === 'number' ? id : null,
    method: ownerMethods.find((known) => known === method) ?? null,
    params,
  };
}

function isSame(given: unknown, expected: string): boolean {
  if (typeof given !== 'string') return false;
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return other.length > 0 && one.length === other.length && timingSafeEqual(one, other);
}

function noCluster(): Result<never> {
  return failure(
    'unavailable',
    'local.not_running',
    'No local cluster of this project runs.',
    'Start one: arsenal cluster start.',
  );
}
