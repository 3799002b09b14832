/**
 * What nodes say of their connections to each other, second by second, while somebody watches: a task on each node that we hold a link
 * to (agent/heartbeat.erl). Without an agent nothing is known before the nodes themselves notice.
 */
import { callOptions } from '../../callOptions.ts';
import type { NodeName, PeerLink } from '../../model.ts';
import type { AgentTask } from '../agent/nodeAgent.ts';
import type { Connection } from '../dist/connection.ts';
import { isPoolName } from '../names/slotLease.ts';
import type { Term } from '../../term/term.ts';
import { atomName, listOf, numberOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

const startMs = 10_000;
const stopMs = 1_000;
/** After a task could not be started, or ended by itself, its node is left alone for so long. */
const pauseMs = 5_000;
/** All of a beat is told every few seconds, and a change at once. */
const frames = 8;

type Beat = {
  readonly over: Connection;
  task: AgentTask | null;
  links: readonly PeerLink[] | null;
  retryAt: number;
  state: 'starting' | 'running' | 'ended';
};

export class Heartbeats {
  readonly #session: Session;
  readonly #changed: () => void;
  readonly #beats = new Map<NodeName, Beat>();
  #users = 0;

  /** `changed` is called when a node says that a connection of its became otherwise. */
  constructor(session: Session, changed: () => void) {
    this.#session = session;
    this.#changed = changed;
  }

  /** Somebody watches, until the answer is called. */
  use(): () => void {
    this.#users += 1;
    let isUsed = true;
    return () => {
      if (!isUsed) return;
      isUsed = false;
      this.#users -= 1;
      if (this.#users === 0) this.#stopAll();
    };
  }

  /** Starts on nodes that have come since; called with each sample of the nodes. */
  follow(): void {
    if (this.#users === 0) return;
    for (const connection of this.#session.links.up(this.#session.entry)) {
      const beat = this.#beats.get(connection.node);
      if (beat?.over === connection && (beat.state !== 'ended' || performance.now() < beat.retryAt)) continue;
      const fresh: Beat = { over: connection, task: null, links: null, retryAt: 0, state: 'starting' };
      this.#beats.set(connection.node, fresh);
      void this.#run(fresh);
    }
  }

  /** What `node` said last; null when nothing of ours asks there. */
  linksOf(node: NodeName): readonly PeerLink[] | null {
    const beat = this.#beats.get(node);
    return beat?.over.state === 'up' ? beat.links : null;
  }

  async #run(beat: Beat): Promise<void> {
    const agent = await this.#session.agents.agentOn(beat.over, callOptions(startMs));
    const task = agent.ok
      ? await agent.value.task(
          { kind: 'beat', args: [], shared: 'beat', holding: null, credit: frames },
          callOptions(startMs),
        )
      : agent;
    if (task.ok && this.#isCurrent(beat)) {
      beat.task = task.value;
      beat.state = 'running';
      for await (const frame of task.value.frames()) this.#take(beat, frame);
    } else if (task.ok) void task.value.stop(callOptions(stopMs));
    beat.state = 'ended';
    beat.links = null;
    beat.retryAt = performance.now() + pauseMs;
  }

  #isCurrent(beat: Beat): boolean {
    return this.#users > 0 && this.#beats.get(beat.over.node) === beat;
  }

  #take(beat: Beat, frame: Term): void {
    const before = beat.links;
    beat.links = listOf(tupleOf(frame, 2)?.[1]).flatMap(peerLink);
    if (statesOf(before) !== statesOf(beat.links)) this.#changed();
  }

  #stopAll(): void {
    for (const beat of this.#beats.values()) void beat.task?.stop(callOptions(stopMs));
    this.#beats.clear();
  }
}

function statesOf(links: readonly PeerLink[] | null): string {
  return (links ?? []).map(({ node, state }) => `${node} ${state}`).join();
}

function peerLink(term: Term): PeerLink[] {
  const [peer, what, rtt] = tupleOf(term, 3) ?? [];
  const [node, state, rttUs] = [atomName(peer), atomName(what), numberOf(rtt)];
  // Other windows are no nodes of the cluster.
  if (node === null || isPoolName(node)) return [];
  if (state !== 'connected' && state !== 'silent' && state !== 'disconnected') return [];
  return [{ node, state, rttMs: rttUs === null ? null : rttUs / 1_000 }];
}
