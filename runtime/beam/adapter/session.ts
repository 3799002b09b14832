/**
 * What the methods share: which nodes there are, how each is reached, and whether we are connected at all.
 *
 * The node joined first is only the way in: while any link is up the connection is not lost, and the nodes known are those that any
 * node we hold a link to sees. We are hidden, so nothing tells us of a node that joins: it is asked for.
 */
import { childOptions, remainingNow } from '../../callOptions.ts';
import { nodeNotFound, nodeUnavailable, notConnected } from '../../errors.ts';
import type { ArsenalError, NodeName, ProcessRef, Reach, Result } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import { atom } from '../../term/term.ts';
import { connectError } from '../connectError.ts';
import type { Address } from '../dist/tcp.ts';
import { isPoolName } from '../names/slotLease.ts';
import type { NodeAgent } from '../agent/nodeAgent.ts';
import type { Agents } from './agents.ts';
import { ChildListings } from './childListings.ts';
import { CrashRecorders } from './crashRecorder.ts';
import type { Links } from './links.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { DirectTarget, RelayTarget, relayed } from './nodeTarget.ts';
import { SupervisorFinders } from './supervisorFinder.ts';
import { nodeNames, numberOf, textOf, tupleOf } from './read.ts';

/** What a node says of itself. */
export type NodeFacts = {
  readonly creation: number;
  readonly otpRelease: string | null;
  readonly hidden: boolean;
  /** The visible nodes it is connected to. */
  readonly sees: readonly NodeName[];
};

/** A node of the cluster, whether it can be asked or not. */
export type KnownNode = {
  readonly node: NodeName;
  readonly reach: Reach;
  /** null when it could not be asked. */
  readonly facts: NodeFacts | null;
  /** Why it could not be asked; null when it was. */
  readonly error: ArsenalError | null;
  /** Whether any node that could be asked sees it. */
  readonly seen: boolean;
  /** The last creation we know of; null when it never could be asked. */
  readonly creation: number | null;
};

/** A node that none sees any more is still shown, as down, for so long: it may be restarting. */
const rememberedMs = 10 * 60_000;
/** One silent node must not hold up the view of the others. */
const askedForMs = 2_000;
/** One that was silent last time is given less, until it answers again. */
const silentAskedForMs = 250;

type Memory = { creation: number | null; otpRelease: string | null; lastSeen: number };

export class Session {
  readonly entry: NodeName;
  readonly links: Links;
  readonly agents: Agents;
  readonly finders = new SupervisorFinders();
  readonly recorders = new CrashRecorders();
  readonly listings = new ChildListings();
  /** The processes that keep states for us (stateHandles.ts), by the ids of their holdings. */
  readonly keepers = new Map<string, ProcessRef>();
  readonly #memory = new Map<NodeName, Memory>();
  readonly #silent = new Set<NodeName>();

  constructor(entry: NodeName, links: Links, agents: Agents) {
    this.entry = entry;
    this.links = links;
    this.agents = agents;
    this.#meet(entry);
  }

  /** A node that is known from elsewhere: it is asked from now on, and shown, up or not. */
  learn(node: NodeName): void {
    this.#meet(node);
  }

  /** A node that is gone for good: it is neither asked nor shown any more. */
  forget(node: NodeName): void {
    this.links.close(node);
    this.links.forget(node);
    this.#memory.delete(node);
    this.#silent.delete(node);
  }

  /** The names known now, without asking anybody. */
  knownNames(): readonly NodeName[] {
    return [...this.#memory.keys()];
  }

  /** Whether `node` is one of them. */
  knows(node: NodeName): boolean {
    return this.#memory.has(node);
  }

  /** The release that `node` said it runs, when it was last asked. */
  releaseOf(node: NodeName): string | null {
    return this.#memory.get(node)?.otpRelease ?? null;
  }

  /** Asks every node there is for its facts, opening links to those that have none. Nodes that are gone stay in it for a while. */
  async survey(options: CallOptions): Promise<readonly KnownNode[]> {
    const found = new Map<NodeName, Promise<KnownNode>>();
    const seen = new Set<NodeName>();
    const visit = (node: NodeName): void => {
      if (found.has(node)) return;
      this.#meet(node);
      found.set(
        node,
        this.#ask(node, options).then((known) => {
          for (const other of known.facts?.sees ?? []) {
            seen.add(other);
            visit(other);
          }
          return known;
        }),
      );
    };
    for (const connection of this.links.up(this.entry)) visit(connection.node);
    for (const node of this.#memory.keys()) visit(node);
    const nodes: KnownNode[] = [];
    // Asking one adds others: the map grows while it is gone through.
    for (const asking of found.values()) nodes.push(await asking);
    return this.#remember(nodes.map((known) => ({ ...known, seen: known.seen || seen.has(known.node) })));
  }

  #meet(node: NodeName): void {
    if (this.#memory.has(node)) return;
    this.#memory.set(node, { creation: null, otpRelease: null, lastSeen: performance.now() });
  }

  #remember(nodes: readonly KnownNode[]): readonly KnownNode[] {
    const now = performance.now();
    return nodes.flatMap((known) => {
      const before = this.#memory.get(known.node);
      // Met when it was visited, and forgotten while it was asked.
      if (before === undefined) return [];
      const memory: Memory = {
        creation: known.facts?.creation ?? before.creation,
        otpRelease: known.facts?.otpRelease ?? before.otpRelease,
        lastSeen: known.seen ? now : before.lastSeen,
      };
      if (known.node !== this.entry && now - memory.lastSeen > rememberedMs) {
        this.#memory.delete(known.node);
        this.#silent.delete(known.node);
        this.links.forget(known.node);
        return [];
      }
      this.#memory.set(known.node, memory);
      return [{ ...known, creation: memory.creation }];
    });
  }

  async #ask(node: NodeName, options: CallOptions): Promise<KnownNode> {
    const within = childOptions(options, this.#silent.has(node) ? silentAskedForMs : askedForMs);
    const target = await this.reach(node, within);
    const facts = target.ok ? await this.#factsOf(target.value, within) : null;
    if (target.ok && facts !== null) {
      this.#silent.delete(node);
      return { node, reach: target.value.reach, facts, error: null, seen: true, creation: facts.creation };
    }
    this.#silent.add(node);
    const error = target.ok ? silent(node) : target.error;
    return { node, reach: this.#noReach(node), facts: null, error, seen: false, creation: null };
  }

  async #factsOf(target: NodeTarget, options: CallOptions): Promise<NodeFacts | null> {
    const said = await target.run('facts', [], options);
    const [release, hidden, visible] = said.ok ? (tupleOf(said.value, 4) ?? []) : [];
    if (release === undefined) return null;
    return {
      creation: target.creation,
      otpRelease: textOf(release),
      hidden: hidden?.t === 'atom' && hidden.v === 'true',
      sees: nodeNames(visible).filter((name) => !isPoolName(name)),
    };
  }

  #noReach(node: NodeName): Extract<Reach, { via: 'none' }> {
    const state = this.links.stateOf(node);
    if (state?.is === 'down') return { via: 'none', since: state.since, why: state.why };
    return { via: 'none', since: state?.since ?? Date.now(), why: 'silent' };
  }

  /**
   * The way to ask `node` now: over our own link, which is opened if there is none, else through a node that is connected to it.
   * Errors: `connection.lost`, `node.not_found`, `node.unavailable`.
   */
  async reach(node: NodeName, options: CallOptions): Promise<Result<NodeTarget>> {
    if (!this.#memory.has(node) && !(await this.#discover(node, options))) return fail(nodeNotFound(node).error);
    const linked = await this.links.look(node, childOptions(options, Math.max(1, remainingNow(options) * 0.6)));
    if (linked.ok) return ok(new DirectTarget(linked.value));
    const relays = this.links.up(this.entry);
    if (relays.length === 0) return notConnected();
    for (const relay of relays) {
      const target = await this.#behind(new DirectTarget(relay), node, options);
      if (target !== null) return ok(target);
    }
    const unavailable = nodeUnavailable(node);
    return fail({ ...unavailable.error, details: { link: linked.error.code, why: linked.error.message } });
  }

  async #behind(relay: DirectTarget, node: NodeName, options: CallOptions): Promise<RelayTarget | null> {
    const called = { module: 'erlang', name: 'system_info', args: [atom('creation')] };
    const answer = await relayed(relay, node, called, childOptions(options, askedForMs));
    const creation = answer.ok ? numberOf(answer.value) : null;
    return creation === null ? null : new RelayTarget(relay.connection, node, creation);
  }

  /** Whether a node of which we do not know is known to one that we hold a link to. */
  async #discover(node: NodeName, options: CallOptions): Promise<boolean> {
    await this.survey(options);
    return this.#memory.has(node);
  }

  /** As {@link reach}, but over our own link only: a process is acted on over the connection to its own node. */
  async reachDirectly(node: NodeName, options: CallOptions): Promise<Result<DirectTarget>> {
    const target = await this.reach(node, options);
    if (!target.ok) return target;
    const linked = await this.links.act(node, options);
    if (linked.ok) return ok(new DirectTarget(linked.value));
    const unavailable = nodeUnavailable(node);
    return fail({
      ...unavailable.error,
      message: `There is no link to ${node} itself, and nothing is changed or monitored through another node.`,
      remedy: `Connect to it (connect_node ${node}).`,
      details: { link: linked.error.code, why: linked.error.message },
    });
  }

  /** The agent on `node`, started on first need. Errors: those of {@link reachDirectly} and {@link Agents.agentOn}. */
  async agentOf(node: NodeName, options: CallOptions): Promise<Result<NodeAgent>> {
    const target = await this.reachDirectly(node, options);
    return target.ok ? this.agents.agentOn(target.value.connection, options) : target;
  }

  /** Opens our link to a node, which need not be known yet. */
  async connect(node: NodeName, options: CallOptions, address?: Address): Promise<Result<DirectTarget>> {
    const opened = await this.links.open(node, options, address);
    if (!opened.ok) return opened;
    this.#meet(node);
    return ok(new DirectTarget(opened.value));
  }

  /**
   * The nodes that `nodes` means. `all` are those a survey finds; those that did not answer it are `missing`: asked again, each
   * would take its full time, and the answers of the others would come too late.
   */
  async whoToAsk(nodes: readonly NodeName[] | 'all', options: CallOptions): Promise<WhoToAsk> {
    if (nodes !== 'all') return { ask: [...new Set(nodes)], missing: [] };
    const known = await this.survey(options);
    return {
      ask: known.filter(({ error }) => error === null).map(({ node }) => node),
      missing: known.flatMap(({ node, error }) => (error === null ? [] : [{ node, error }])),
    };
  }
}

export type WhoToAsk = {
  readonly ask: readonly NodeName[];
  readonly missing: readonly { readonly node: NodeName; readonly error: ArsenalError }[];
};

/** The error of a node that we hold a link to and that answers nothing. */
export function silent(node: NodeName): ArsenalError {
  return connectError({ kind: 'timeout', timeoutMs: 0, message: '' }, node);
}
