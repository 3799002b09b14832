/** The rows of the watch `nodes`. */
import { childOptions } from '../../callOptions.ts';
import type { NodeName, NodeRow, Reach, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { KeyedRow } from '../../watch.ts';
import type { Heartbeats } from './heartbeats.ts';
import type { Sample } from './sampledWatch.ts';
import type { KnownNode, Session } from './session.ts';
import { statsOf } from './systemMethods.ts';

const longestFiguresMs = 2_000;

export class NodeWatch {
  readonly #session: Session;
  readonly #heartbeats: Heartbeats;
  /** When each node's status last changed, as we saw it. */
  readonly #status = new Map<NodeName, { status: NodeRow['status']; since: number }>();

  constructor(session: Session, heartbeats: Heartbeats) {
    this.#session = session;
    this.#heartbeats = heartbeats;
  }

  async sample(options: CallOptions): Promise<Result<Sample>> {
    const known = await this.#session.survey(options);
    this.#heartbeats.follow();
    const rows = await Promise.all(known.map((node) => this.#row(node, options)));
    return ok({ rows: rows.map((row): KeyedRow => [row.node, row]) });
  }

  async #row(known: KnownNode, options: CallOptions): Promise<NodeRow> {
    const within = childOptions(options, longestFiguresMs);
    const target = known.facts === null ? null : await this.#session.reach(known.node, within);
    const stats = target?.ok === true ? await statsOf(target.value, within) : null;
    const status = statusOf(known);
    return {
      node: known.node,
      creation: known.creation ?? 0,
      status,
      since: this.#since(known.node, status),
      hidden: known.facts?.hidden ?? false,
      otpRelease: known.facts?.otpRelease ?? this.#session.releaseOf(known.node),
      ...this.#session.agents.observerOf(known.node, known.reach),
      reach: known.reach,
      stats: stats?.ok === true ? stats.value : null,
      sees: known.facts?.sees ?? null,
      links: this.#heartbeats.linksOf(known.node),
    };
  }

  #since(node: NodeName, status: NodeRow['status']): number {
    const before = this.#status.get(node);
    if (before?.status === status) return before.since;
    const since = Date.now();
    this.#status.set(node, { status, since });
    return since;
  }
}

function statusOf({ facts, seen, reach }: KnownNode): NodeRow['status'] {
  if (facts !== null) return 'up';
  return seen || isCutOff(reach) ? 'unreachable' : 'down';
}

/** A node that refuses us, or is silent, may well live. */
function isCutOff(reach: Reach): boolean {
  return reach.via === 'none' && reach.why !== 'down';
}
