/** The backend in this process: catalogue, pipeline, services and runtimes, put together. */
import path from 'node:path';
import { callOptions, longestMs, remainingNow } from '../../runtime/callOptions.ts';
import { failure } from '../../runtime/errors.ts';
import type { ConnectionId, NodeName, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { checkRole, defaultRole } from '../core/authorization.ts';
import { withinBudget } from '../core/budget.ts';
import type { CallExtras, FinishedCall } from '../core/calls.ts';
import type { Caller } from '../core/context.ts';
import { Pipeline } from '../core/pipeline.ts';
import { isJsonObject } from '../core/plainData.ts';
import { Registry } from '../core/registry.ts';
import { checkCaller } from '../core/steps.ts';
import { builtinOperations } from '../operations/catalogue.ts';
import type {
  Access,
  ArsenalEvent,
  ConnectionInfo,
  ConnectSpec,
  LocalLog,
  LocalLogFrom,
} from '../protocol/connection.ts';
import type {
  Availability,
  CatalogueEntry,
  HistoryLimits,
  OperationAnswer,
  OperationCall,
  OperationOutcome,
  PolicyProblem,
  PolicySettings,
} from '../protocol/operation.ts';
import { batchName } from '../protocol/operation.ts';
import type { WatchTopic } from '../protocol/watch.ts';
import { AuditLog } from '../services/audit/auditLog.ts';
import { Journal } from '../services/audit/journal.ts';
import type { LogFiles } from '../services/audit/logFiles.ts';
import { logFilesIn } from '../services/audit/logFiles.ts';
import { Events } from '../services/events.ts';
import { Metrics } from '../services/metrics.ts';
import type { BatchServices } from '../services/batch/batches.ts';
import { BatchRunner } from '../services/batch/batches.ts';
import { NodeOperations } from '../services/nodeOperations/nodeOperations.ts';
import { Outcomes } from '../services/outcomes.ts';
import { prometheusText, prometheusType } from '../services/prometheus.ts';
import type { Policy } from '../services/policy.ts';
import { narrowest, policyOfSettings, readPolicy, readPolicyFile } from '../services/policy.ts';
import type { RateLimits } from '../services/rateLimit.ts';
import { defaultRateLimits, RateLimiter } from '../services/rateLimit.ts';
import { ScanStore } from '../services/scans.ts';
import { SpanFile } from '../services/spanFile.ts';
import { CallStateOf } from '../services/state/callState.ts';
import type { StateFiles } from '../services/state/stateFiles.ts';
import { stateFilesIn } from '../services/state/stateFiles.ts';
import { StateManager } from '../services/state/stateManager.ts';
import { StateStore } from '../services/state/stateStore.ts';
import { followTask } from '../services/tasks/follow.ts';
import type { TaskChange } from '../services/tasks/tasks.ts';
import { TaskStore } from '../services/tasks/tasks.ts';
import { howItEnded } from '../operations/tracing/listTraces.ts';
import type { Backend, BackendCallOptions } from './backend.ts';
import type { BatchOutcomeServices } from './batchOutcome.ts';
import { batchOutcome, isOmitted } from './batchOutcome.ts';
import type { ConnectionChange } from './connections.ts';
import { Connections } from './connections.ts';
import { UndoableCalls } from '../services/undoables.ts';
import { Discovery } from './discovery.ts';
import { capabilityOf, hindrances } from './hindrances.ts';
import { NodeEvents } from './nodeEvents.ts';
import type { OpenRuntime } from './openers.ts';
import { openerOf } from './openers.ts';
import { readLocalLog } from './openersLocal.ts';
import { probeInterrupted } from './probe.ts';
import { Topics } from './topics.ts';
import type { OpenedWatch } from './watchHub.ts';
import { WatchHub } from './watchHub.ts';

export type BackendLog = (level: 'debug' | 'info' | 'warn' | 'error', message: string, details?: object) => void;

export type BackendOptions = {
  /** Where state is kept: audit log, leases. Several processes may share it. An absolute path. */
  readonly home: string;
  /** The bundled worker that hosts the simulated cluster. */
  readonly simulatedWorkerFile: string;
  /** The bundled program a sandbox's process runs. */
  readonly sandboxChildFile: string;
  /** Writes allowed on real clusters for every caller (`serve --allow-writes`); otherwise asked for in the editor, refused elsewhere. */
  readonly allowWrites?: boolean;
  readonly log?: BackendLog;
  /**
   * What whoever starts it lays down beside `policy.json` in the home, in a file of the same form, or as it is: where more than one
   * speak, the narrower holds.
   */
  readonly policyFile?: string;
  readonly policy?: Policy;
  /** Instead of all that is laid down of rates. For tests. */
  readonly rateLimits?: RateLimits;
  /** How much is kept of the calls that are over, and for how long. */
  readonly history?: HistoryLimits;
  /** Instead of the runtimes there are. For tests. */
  readonly openRuntime?: OpenRuntime;
  /** Instead of the files under `home`. For tests. */
  readonly auditFiles?: LogFiles;
  readonly stateFiles?: StateFiles;
};

/** A backend in this process, whose catalogue can be added to. */
export interface LocalBackend extends Backend {
  readonly registry: Registry;
  readonly metrics: Metrics;
  readonly state: StateManager;
  /**
   * What a node of a local cluster printed; null: the build. Errors: `connection.not_found`, `node.not_found`, and `runtime.unsupported`
   * for a cluster whose nodes we have not started.
   */
  nodeLog(
    connection: ConnectionId,
    node: NodeName | null,
    from: LocalLogFrom,
    options: BackendCallOptions,
  ): Promise<Result<LocalLog>>;
  /**
   * Puts into force what the editor's user lays down, at once and for every caller, beside what the home and the command line do. What is
   * wrong with it is answered, and widens nothing.
   */
  configurePolicy(settings: PolicySettings): readonly PolicyProblem[];
  /** Ends it before the backend ends: whoever adds to the catalogue. */
  owns(part: { close(): Promise<void> }): void;
  /** Publishes an event of whoever adds to the catalogue: a module of the user's that is broken. */
  publish(what: ArsenalEvent['what']): void;
}

/** A batch is many calls: so many at once of each caller, then one in two seconds. */
const batchRateLimits: RateLimits = { burst: 20, perSecond: 0.5 };

/** Makes a backend. It touches nothing on disk before there is something to keep. Errors: `home.invalid`, `policy.invalid`. */
export async function createBackend(options: BackendOptions): Promise<Result<LocalBackend>> {
  if (!path.isAbsolute(options.home)) {
    return failure(
      'validation',
      'home.invalid',
      `${options.home} is no absolute path.`,
      'Give the folder for state in full.',
    );
  }
  const ofHome = await readPolicy(options.home);
  if (!ofHome.ok) return ofHome;
  const named = options.policyFile === undefined ? ok({}) : await readPolicyFile(options.policyFile);
  if (!named.ok) return named;
  return ok(new LocalBackendHere(options, [ofHome.value, named.value, options.policy ?? {}]));
}

class LocalBackendHere implements LocalBackend {
  readonly registry: Registry;
  readonly metrics = new Metrics();
  readonly state: StateManager;
  readonly #connections: Connections;
  readonly #pipeline: Pipeline;
  readonly #audit: AuditLog;
  readonly #spans: SpanFile | null;
  readonly #journal: Journal;
  readonly #outcomes: Outcomes;
  readonly #events = new Events();
  readonly #scans = new ScanStore();
  readonly #tasks = new TaskStore();
  readonly #undoables = new UndoableCalls((id) => {
    const found = this.#connections.find(id);
    return found.ok ? found.value.runtime : null;
  });
  readonly #hub: WatchHub;
  readonly #topics: Topics;
  readonly #nodeEvents: NodeEvents;
  readonly #nodeOperations: NodeOperations;
  readonly #discovery: Discovery;
  readonly #limiter: RateLimiter;
  /** Laid down where it was started: by the home, and by who started it. */
  readonly #laidDown: readonly Policy[];
  /** What the settings lay down, as it is in force. */
  #settings: Policy = {};
  /** Of tests, instead of what is laid down. */
  readonly #fixedLimits: RateLimits | null;
  readonly #parts: { close(): Promise<void> }[] = [];
  #closing: Promise<void> | null = null;

  constructor(options: BackendOptions, laidDown: readonly Policy[]) {
    const { log = () => undefined, allowWrites = false } = options;
    this.#laidDown = laidDown;
    this.#fixedLimits = options.rateLimits ?? null;
    this.registry = new Registry();
    this.#nodeOperations = new NodeOperations(this.registry);
    this.#limiter = new RateLimiter();
    this.#obey({});
    const files = options.auditFiles ?? logFilesIn(path.join(options.home, 'audit'));
    this.#audit = new AuditLog(
      files,
      (message, cause) => log('error', message, { cause: String(cause) }),
      (operation) => this.registry.find(operation)?.entry ?? null,
    );
    this.#connections = new Connections(options.openRuntime ?? openerOf(options), { allowWrites });
    this.#journal = new Journal(files);
    this.#outcomes = new Outcomes({
      journal: this.#journal,
      probe: (entry) => probeInterrupted(entry, this.registry, this.#connections),
      settle: (requestId, operation, effect) => this.#audit.settle(requestId, operation, effect),
    });
    this.state = new StateManager(
      new StateStore(options.stateFiles ?? stateFilesIn(path.join(options.home, 'history')), {
        ...(options.history !== undefined && { limits: options.history }),
        warn: (message, cause) => log('warn', message, { cause: String(cause) }),
      }),
      (name) => this.registry.find(name),
    );
    const { spansFile } = narrowest(this.#laidDown);
    this.#spans =
      spansFile === undefined
        ? null
        : new SpanFile(spansFile, (message, cause) => log('warn', message, { cause: String(cause) }));
    const batchLimiter = new RateLimiter(batchRateLimits);
    this.#pipeline = new Pipeline({
      find: (name) => this.registry.find(name),
      connection: (id) => this.#connections.find(id),
      admit: (caller, entry) => (entry.name === batchName ? batchLimiter : this.#limiter).admit(caller, entry.name),
      audit: this.#audit,
      claims: this.#outcomes,
      undoable: (call) => this.#undoables.keep(call),
      observers: [this.metrics.observe, (call) => publishFinished(this.#events, call)],
      ...(this.#spans !== null && { spans: this.#spans }),
    });
    this.#hub = new WatchHub({
      runtime: (id) => {
        const found = this.#connections.find(id);
        return found.ok ? ok(found.value.runtime) : found;
      },
      onChange: (listener) => this.#connections.onChange(listener),
    });
    this.#discovery = new Discovery({
      nodeOperations: this.#nodeOperations,
      runtime: (id) => {
        const found = this.#connections.find(id);
        return found.ok ? ok(found.value.runtime) : found;
      },
      watched: () => this.#hub.watched(),
      connections: () => this.#connections.list().map(({ id }) => id),
    });
    this.#nodeEvents = new NodeEvents((connection, what) => this.#events.publish(connection, what));
    this.#registerBuiltins();
    this.#topics = new Topics(this.#connections, this.registry, this.#events);
    this.#connections.onChange((change) => this.#connectionChanged(change));
    this.#tasks.onChange((change) => publishTask(this.#events, change));
    this.registry.onChange(({ is, entry }) => {
      if (is === 'changed') return;
      const what = is === 'registered' ? 'operation_registered' : 'operation_removed';
      this.#events.publish(null, { is: what, operation: entry.name });
    });
  }

  async connect(spec: ConnectSpec, { caller, signal }: BackendCallOptions): Promise<Result<ConnectionInfo>> {
    const allowed = mayConnect(caller);
    return allowed.ok ? this.#connections.connect(spec, caller, signal) : allowed;
  }

  async disconnect(connection: ConnectionId, { caller }: BackendCallOptions): Promise<Result<null>> {
    const allowed = mayConnect(caller);
    return allowed.ok ? this.#connections.disconnect(connection) : allowed;
  }

  async retry(connection: ConnectionId, { caller, signal }: BackendCallOptions): Promise<Result<ConnectionInfo>> {
    const allowed = mayConnect(caller);
    return allowed.ok ? this.#connections.retry(connection, signal) : allowed;
  }

  setAccess(connection: ConnectionId, access: Access, { caller }: BackendCallOptions): Result<ConnectionInfo> {
    const known = checkCaller(caller);
    return known.ok ? this.#connections.setAccess(connection, access, caller) : known;
  }

  connections(): readonly ConnectionInfo[] {
    return this.#connections.list();
  }

  catalogue(): readonly CatalogueEntry[] {
    this.#discovery.lookAtAll();
    return this.registry.list();
  }

  registered(): readonly CatalogueEntry[] {
    return this.registry.list();
  }

  async discover(connection: ConnectionId, { caller }: BackendCallOptions): Promise<Result<null>> {
    const known = checkCaller(caller);
    return known.ok ? this.#discovery.lookAnew(connection) : known;
  }

  availability(connection: ConnectionId): Result<readonly Availability[]> {
    const found = this.#connections.find(connection);
    if (!found.ok) return found;
    return ok(
      this.registry.list().map((entry) => ({
        operation: entry.name,
        capability: capabilityOf(entry, connection, found.value.runtime, (id, name) =>
          this.#nodeOperations.isOn(id, name),
        ),
      })),
    );
  }

  async nodeLog(
    connection: ConnectionId,
    node: NodeName | null,
    from: LocalLogFrom,
    { caller, signal }: BackendCallOptions,
  ): Promise<Result<LocalLog>> {
    const known = checkCaller(caller);
    if (!known.ok) return known;
    const allowed = checkRole(caller, 'node_log', defaultRole('diagnose'));
    if (!allowed.ok) return allowed;
    const found = this.#connections.find(connection);
    return found.ok ? readLocalLog(found.value.runtime, node, from, signal) : found;
  }

  execute(call: OperationCall, options: BackendCallOptions): Promise<Result<OperationAnswer>> {
    return this.#isStrange(call) ? this.#lookAndRun(call, options) : this.#run(call, options);
  }

  async #lookAndRun(call: OperationCall, options: BackendCallOptions): Promise<Result<OperationAnswer>> {
    return this.#run(call, { ...options, ...(await this.#lookFor(call, options)) });
  }

  /** Whether only a node can have that operation. */
  #isStrange({ connection, operation }: Pick<OperationCall, 'connection' | 'operation'>): boolean {
    return connection !== null && this.registry.find(operation) === null;
  }

  /**
   * A name that nobody knows may be that of an operation which a node has since. Looking for it takes of the call's own time, and ends
   * with the call; answers the time that is left then, where the call has a limit.
   */
  async #lookFor(
    { connection, operation, params }: Pick<OperationCall, 'connection' | 'operation' | 'params'>,
    { caller, signal, timeoutMs }: Pick<CallExtras, 'caller' | 'signal' | 'timeoutMs'>,
  ): Promise<{ readonly timeoutMs?: number }> {
    if (connection === null || !this.#isStrange({ connection, operation }) || !checkCaller(caller).ok) return {};
    const limits = [timeoutMs, isJsonObject(params) ? params['timeoutMs'] : undefined].filter(isLimit);
    const budget = callOptions(Math.min(longestMs, ...limits), signal);
    await withinBudget(operation, 'none', budget, () => this.#discovery.lookAnew(connection), 0);
    return limits.length === 0 ? {} : { timeoutMs: Math.max(1, remainingNow(budget)) };
  }

  #run(call: OperationCall, options: CallExtras): Promise<Result<OperationAnswer>> {
    return this.state.run(call, options, (extras) => this.#pipeline.execute(call, extras));
  }

  async outcome(requestId: string, { caller }: BackendCallOptions): Promise<Result<OperationOutcome>> {
    const known = checkCaller(caller);
    return known.ok ? ok(await this.#outcomeOf(requestId, caller)) : known;
  }

  /** From memory, from the audit log, from the history: each knows of what the one before does not. */
  async #outcomeOf(requestId: string, caller: Caller): Promise<OperationOutcome> {
    const outcome = await this.#outcomes.outcome(requestId, caller);
    switch (outcome.state) {
      case 'never_seen':
        return (await this.state.outcome(requestId, caller)) ?? outcome;
      case 'interrupted':
        return outcome.operation === batchName ? batchOutcome(outcome, requestId, this.#batchOutcomes()) : outcome;
      case 'done': {
        const { result } = outcome;
        return (result.ok && isOmitted(result.value) ? await this.state.outcome(requestId, caller) : null) ?? outcome;
      }
      case 'running':
        return outcome;
    }
  }

  #batchOutcomes(): BatchOutcomeServices {
    return {
      journal: this.#journal,
      store: this.state.store,
      probe: (entry) => probeInterrupted(entry, this.registry, this.#connections),
      settle: (requestId, operation, effect) => this.#audit.settle(requestId, operation, effect),
    };
  }

  async openWatch(topic: WatchTopic, { caller }: BackendCallOptions): Promise<Result<OpenedWatch>> {
    const known = checkCaller(caller);
    if (!known.ok) return known;
    const allowed = checkRole(caller, 'watch', defaultRole('read'));
    if (!allowed.ok) return allowed;
    if (topic.of === 'execution') {
      const followed = this.state.follow(topic.requestId, caller);
      return followed.ok ? ok({ source: followed.value, release: () => undefined }) : followed;
    }
    if (topic.of === 'trace') {
      const found = this.#tasks.find(topic.trace, caller);
      return found.ok ? ok(followTask(found.value)) : found;
    }
    if (topic.of !== 'runtime') return ok({ source: this.#topics.source(topic.of), release: () => undefined });
    const found = this.#connections.has(topic.connection);
    if (!found.ok) return found;
    const watch = this.#hub.open(topic.connection, topic.query);
    if (watch.isNew && topic.query.of.rows === 'nodes') this.#nodeEvents.follow(topic.connection, watch.source);
    return ok(watch);
  }

  metricsText(): { readonly type: string; readonly text: string } {
    return { type: prometheusType, text: prometheusText(this.metrics.all()) };
  }

  onEvent(listener: (event: ArsenalEvent) => void): { dispose(): void } {
    return this.#events.onEvent(listener);
  }

  configurePolicy(settings: PolicySettings): readonly PolicyProblem[] {
    const { policy, problems } = policyOfSettings({ ...settings }, this.#settings);
    this.#settings = policy;
    this.#obey(policy);
    return problems;
  }

  /** Puts into force what the settings lay down, beside what was laid down where it was started. */
  #obey(settings: Policy): void {
    const { roles = {}, rateLimits, trustedOperations = [] } = narrowest([...this.#laidDown, settings]);
    this.registry.configureRoles(roles);
    this.#limiter.configure(this.#fixedLimits ?? rateLimits ?? defaultRateLimits);
    this.#nodeOperations.trust(trustedOperations);
  }

  owns(part: { close(): Promise<void> }): void {
    this.#parts.push(part);
  }

  publish(what: ArsenalEvent['what']): void {
    this.#events.publish(null, what);
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    this.#discovery.close();
    await Promise.all(this.#parts.map((part) => part.close()));
    this.#hub.close();
    await this.#connections.close();
    this.#tasks.close();
    this.#topics.close();
    await this.#audit.close();
    await this.#spans?.flush();
    await this.state.close();
  }

  #registerBuiltins(): void {
    const catalogue = {
      list: (category?: string) => {
        this.#discovery.lookAtAll();
        return this.registry.list(category);
      },
      search: (query: string) => {
        this.#discovery.lookAtAll();
        return this.registry.search(query);
      },
      describe: (name: string) => this.registry.find(name)?.entry ?? null,
      middlewares: (name: string) => this.#pipeline.middlewares(this.registry.find(name)?.operation),
      hindrances: (entry: CatalogueEntry, caller: Caller, connection: ConnectionId | null) =>
        hindrances(entry, caller, connection, {
          connection: (id) => this.#connections.find(id),
          isOn: (id, name) => this.#nodeOperations.isOn(id, name),
        }),
    };
    for (const operation of builtinOperations({
      catalogue,
      scans: this.#scans,
      tasks: this.#tasks,
      nodeOperations: this.#nodeOperations,
      batches: new BatchRunner({
        pipeline: this.#itemPipeline(),
        find: (name) => this.registry.find(name),
        learn: async (connection, operation, context) => {
          const { caller, signal } = context;
          const timeoutMs = context.options().remainingMs;
          await this.#lookFor({ connection, operation, params: {} }, { caller, signal, timeoutMs });
        },
        outcome: (outcome) => this.#audit.outcome(outcome),
        undone: (requestId, operation) => this.#audit.settle(requestId, operation, 'none'),
      }),
      state: new CallStateOf(this.state),
      undoables: this.#undoables,
    })) {
      const registered = this.registry.register(operation, { from: 'builtin' });
      // One of ours that breaks the rules is a mistake in this program, not a state it can be in.
      if (!registered.ok) throw new Error(registered.error.message);
    }
  }

  /** The pipeline for the items of batches: what is kept of calls is kept of them too. */
  #itemPipeline(): BatchServices['pipeline'] {
    return {
      execute: (call, extras) => this.#run(call, extras),
      prepare: (call, extras) => this.#pipeline.prepare(call, extras),
      runPlanned: (call, extras, plan) =>
        this.state.runAs(
          call,
          extras,
          (own) => this.#pipeline.runPlanned(call, own, plan),
          ({ answer }) => answer,
        ),
    };
  }

  #connectionChanged({ id, state, stateChanged }: ConnectionChange): void {
    if (state.is === 'closed') {
      this.#hub.closeConnection(id);
      this.#scans.forget(id);
      this.#undoables.forget(id);
      this.#nodeEvents.forget(id);
      this.#discovery.forget(id);
    }
    if (!stateChanged) return;
    if (state.is === 'closed' || state.is === 'lost') this.#tasks.lose(id);
    if (state.is === 'ready' || state.is === 'degraded') void this.#discovery.look(id);
    this.#events.publish(id, {
      is: 'connection_state',
      state: state.is,
      ...(state.is === 'lost' && { error: state.error }),
    });
  }
}

function isLimit(value: unknown): value is number {
  return typeof value === 'number' && value > 0;
}

function mayConnect(caller: Caller): Result<null> {
  const known = checkCaller(caller);
  return known.ok ? checkRole(caller, 'connect', defaultRole('change')) : known;
}

/** Only what ran is news; a form that validates as one types is not. */
function publishFinished(events: Events, call: FinishedCall): void {
  // A batch is told of as one.
  if (call.entry === null || call.mode !== 'run' || call.parent !== null) return;
  events.publish(call.connection, {
    is: 'operation_finished',
    operation: call.entry.name,
    requestId: call.requestId,
    outcome: call.error === null ? 'ok' : 'failed',
    ...(call.error !== null && { code: call.error.code }),
    durationMs: call.durationMs,
  });
}

/** Who begins to look for a while, and what became of it: what it saw is for its own caller. */
function publishTask(events: Events, { is, task }: TaskChange): void {
  const { id: trace, kind, operation, connection, outcome } = task;
  if (is === 'began') {
    events.publish(connection, { is: 'trace_began', trace, kind, operation });
    return;
  }
  const code = outcome?.is === 'failed' ? outcome.error.code : null;
  events.publish(connection, {
    is: 'trace_ended',
    trace,
    kind,
    operation,
    outcome: howItEnded(task) ?? 'finished',
    ...(code !== null && { code }),
  });
}
