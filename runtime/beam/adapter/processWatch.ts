/**
 * Processes watched: the best of all by a number, or some by their pids. On each node a task looks and sends what changed
 * (agent/proc_watch.erl); where nothing of ours may live on a node, or we have no link to it, it is asked again and again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { callOptions } from '../../callOptions.ts';
import type { NodeName, ProcessField, Result } from '../../model.ts';
import type { CallOptions, WatchQuery } from '../../port.ts';
import { selectRows } from '../../processQuery.ts';
import type { Fidelity } from '../../watch.ts';
import { WatchSource } from '../../watch.ts';
import type { WatchStreamItem } from '../../watchStream.ts';
import type { AgentTask, TaskSpec } from '../agent/nodeAgent.ts';
import { Demand } from './demand.ts';
import type { NodeTarget } from './nodeTarget.ts';
import type { PageRows } from './processRows.ts';
import type { RowFrame } from './processFrames.ts';
import { FrameReader } from './processFrames.ts';
import type { Place, Top } from './watchedRows.ts';
import { placeKey, valueOfPlace, watchedRow } from './watchedRows.ts';
import { shortestIntervalMs } from './sampledWatch.ts';
import type { Session } from './session.ts';

/** What is watched, as each node is asked for it. */
export type ProcessPlan = {
  readonly nodes: readonly NodeName[] | 'all';
  /** What the rows show. */
  readonly keys: readonly ProcessField[];
  /** The best of all, of which each node tells its own; null for processes by their pids. */
  readonly top: Top | null;
  /** The task for a node, with the keys and items of its rows; null where only asking can do it. */
  readonly task: (target: NodeTarget, everyMs: number, options: CallOptions) => Promise<Result<NodeTask | null>>;
  /** One look at a node. */
  readonly look: (node: NodeName, options: CallOptions) => Promise<Result<Look>>;
};

export type NodeTask = {
  readonly spec: Pick<TaskSpec, 'kind' | 'args'>;
  readonly keys: readonly ProcessField[];
  readonly items: readonly string[];
};

export type Look = { readonly pages: readonly PageRows[]; readonly total: number };

/** A task's frames come one by one, each when the one before was taken. */
const credit = 1;
/** A task whose reader is gone is worth nothing to anybody. */
const lingerMs = 1_000;
const askMs = 5_000;
const lookMs = 10_000;
const stopMs = 1_000;
/** Between two attempts at a node that cannot be asked. */
const againMs = 1_000;
/** So long a node is asked, before it is tried again to leave it to a task. */
const pollMs = 10_000;
/** The first rows wait so long for nodes that do not answer. */
const firstWaitMs = 1_500;
/** How often we look for nodes that joined. */
const surveyMs = 2_000;

/** What one node has told. */
type OfNode = {
  readonly control: AbortController;
  rows: Map<string, Place> | null;
  total: number;
  oldestMs: number | null;
};

/** One thing that is watched, by however many; while none of them wants a frame, nothing of it is done on any node. */
export class ProcessWatch {
  readonly source: WatchSource;
  readonly #session: Session;
  readonly #everyMs: number;
  readonly #plan: ProcessPlan;
  readonly #nodes = new Map<NodeName, OfNode>();
  readonly #demand = new Demand(() => {
    this.#demanded();
  });
  #wanted: (() => void)[] = [];
  #looking: AbortController | null = null;
  #isLate = false;
  /** As it was told last; 0 when all is looked at each time. */
  #oldestMs = 0;
  #lookAgain: () => void = () => undefined;

  constructor(session: Session, epoch: string, intervalMs: number, plan: ProcessPlan) {
    this.#session = session;
    this.#everyMs = Math.max(intervalMs, shortestIntervalMs);
    this.#plan = plan;
    this.source = new WatchSource({ fidelity: this.#fidelity(), epoch });
  }

  /** The stream of one who watches. */
  stream(query: WatchQuery, signal: AbortSignal, left: () => void): AsyncGenerator<WatchStreamItem> {
    return this.#demand.stream(this.source, query, signal, () => {
      this.#stop();
      left();
    });
  }

  /** A link came or went: there may be other nodes now. */
  nudge(): void {
    this.#lookAgain();
  }

  /** The connection is another one now; the rows are told anew. */
  restart(epoch: string): void {
    this.source.restart({ epoch });
    this.#tell();
    this.nudge();
  }

  #demanded(): void {
    if (!this.#demand.isWanted()) return;
    if (this.#looking === null) void this.#look();
    const waiting = this.#wanted;
    this.#wanted = [];
    for (const wake of waiting) wake();
  }

  /** Until somebody wants the next frame, or nobody is left. */
  async #whenWanted(signal: AbortSignal): Promise<void> {
    if (this.#demand.isWanted() || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wanted.push(resolve);
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
    });
  }

  // ------------------------------------------------------------------------------------------------------- which nodes

  /** Follows each node there is. Never rejects. */
  async #look(): Promise<void> {
    const looking = new AbortController();
    this.#looking = looking;
    const { signal } = looking;
    const { nodes } = this.#plan;
    const firstWait = setTimeout(() => {
      this.#isLate = true;
      this.#tell();
    }, firstWaitMs);
    while (!isAborted(signal)) {
      const there = nodes === 'all' ? await this.#all(signal) : nodes;
      if (isAborted(signal)) break;
      for (const node of this.#nodes.keys()) if (!there.includes(node)) this.#drop(node);
      for (const node of there) if (!this.#nodes.has(node)) this.#add(node);
      if (there.length === 0) this.#tell();
      await this.#pause(nodes === 'all' ? surveyMs : undefined, signal);
    }
    clearTimeout(firstWait);
  }

  async #all(signal: AbortSignal): Promise<readonly NodeName[]> {
    const known = await this.#session.survey(callOptions(askMs, signal));
    return known.flatMap(({ node, error }) => (error === null ? [node] : []));
  }

  async #pause(ms: number | undefined, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#lookAgain = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener('abort', this.#lookAgain, { once: true });
    });
  }

  #add(node: NodeName): void {
    const control = new AbortController();
    this.#nodes.set(node, { control, rows: null, total: 0, oldestMs: 0 });
    void this.#follow(node, control.signal);
  }

  #drop(node: NodeName): void {
    this.#nodes.get(node)?.control.abort();
    this.#nodes.delete(node);
    this.#tell();
  }

  #stop(): void {
    this.#looking?.abort();
    this.#looking = null;
    for (const { control } of this.#nodes.values()) control.abort();
    this.#nodes.clear();
    this.#isLate = false;
  }

  // ----------------------------------------------------------------------------------------------------------- one node

  /** Never rejects. */
  async #follow(node: NodeName, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const task = await this.#taskOn(node, signal);
      if (task === null && (await this.#poll(node, signal)) === 'try_again') continue;
      if (task !== null) await this.#read(node, task, signal);
      if (isAborted(signal)) return;
      this.#set(node, { rows: new Map(), total: 0, oldestMs: 0 });
      await delay(againMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Null where the node is to be asked again and again instead. */
  async #taskOn(node: NodeName, signal: AbortSignal): Promise<(NodeTask & { readonly running: AgentTask }) | null> {
    const options = callOptions(askMs, signal);
    const target = await this.#session.reach(node, options);
    if (!target.ok || target.value.connection === null) return null;
    const task = await this.#plan.task(target.value, this.#everyMs, options);
    if (!task.ok || task.value === null) return null;
    const agent = await this.#session.agentOf(node, options);
    if (!agent.ok) return null;
    const running = await agent.value.task({ ...task.value.spec, holding: null, credit, lingerMs }, options);
    return running.ok ? { ...task.value, running: running.value } : null;
  }

  async #read(node: NodeName, task: NodeTask & { readonly running: AgentTask }, signal: AbortSignal): Promise<void> {
    const reader = new FrameReader(node, task.keys, task.items);
    const stop = (): void => void task.running.stop(callOptions(stopMs));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const rows = new Map<string, Place>();
    try {
      for await (const raw of task.running.rawFrames()) {
        const frame = reader.read(raw);
        if (frame === null) {
          stop();
          return;
        }
        apply(rows, frame);
        this.#set(node, { rows, total: frame.total, oldestMs: frame.oldestMs });
        await this.#whenWanted(signal);
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #poll(node: NodeName, signal: AbortSignal): Promise<'over' | 'try_again'> {
    const begunAt = performance.now();
    for (;;) {
      const startedAt = performance.now();
      const looked = await this.#plan.look(node, callOptions(lookMs, signal));
      if (!looked.ok || signal.aborted) return 'over';
      const { pages, total } = looked.value;
      const places = pages.flatMap((page) => Array.from(page.ids.keys(), (at): Place => ({ page, at })));
      this.#set(node, { rows: new Map(places.map((place) => [placeKey(place), place])), total, oldestMs: 0 });
      await this.#whenWanted(signal);
      const waitMs = Math.max(0, this.#everyMs - (performance.now() - startedAt));
      await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (isAborted(signal)) return 'over';
      if (performance.now() - begunAt > pollMs) return 'try_again';
    }
  }

  // --------------------------------------------------------------------------------------------------------------- rows

  #set(node: NodeName, told: Omit<OfNode, 'control'>): void {
    const of = this.#nodes.get(node);
    if (of === undefined) return;
    Object.assign(of, told);
    this.#tell();
  }

  /** What all nodes told: of the best of each, the best. */
  #tell(): void {
    const told = [...this.#nodes.values()];
    if (!this.#demand.isUsed() || (!this.#isLate && told.some(({ rows }) => rows === null))) return;
    const places = told.flatMap(({ rows }) => [...(rows?.values() ?? [])]);
    const { top, keys } = this.#plan;
    const best = top === null ? places : selectRows(places, { top }, valueOfPlace);
    this.source.refine(this.#fidelity(told.map(({ oldestMs }) => oldestMs)));
    this.source.set(
      best.map((place) => watchedRow(place, keys)),
      told.reduce((sum, { total }) => sum + total, 0),
    );
  }

  /** In steps of twice as long, and shorter again only when it is much shorter: it is told with all rows, and so is to change seldom. */
  #fidelity(ages: readonly (number | null)[] = []): Fidelity {
    const everyMs = this.#everyMs;
    if (ages.includes(null)) return { is: 'sampled', everyMs, oldestMs: null };
    const oldestMs = Math.max(0, ...ages.map(Number));
    if (oldestMs > this.#oldestMs || oldestMs < this.#oldestMs / 8) {
      this.#oldestMs = oldestMs <= everyMs ? 0 : everyMs * 2 ** Math.ceil(Math.log2(oldestMs / everyMs));
    }
    return this.#oldestMs === 0 ? { is: 'sampled', everyMs } : { is: 'sampled', everyMs, oldestMs: this.#oldestMs };
  }
}

function apply(rows: Map<string, Place>, { page, gone }: RowFrame): void {
  for (const at of page.ids.keys()) rows.set(placeKey({ page, at }), { page, at });
  for (const key of gone) rows.delete(key);
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
