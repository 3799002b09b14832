/**
 * A window's part in the agent of one node, in one life of it: over as many connections as it takes, under one token. What the agent
 * keeps for us while we are away is ours again when we are back in time.
 */
import { remainingNow } from '../../callOptions.ts';
import { arsenalError, cancelled, timedOut } from '../../errors.ts';
import type { ArsenalError, Holding, Incarnation, NodeName, Result } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { PidTerm, Term } from '../../term/term.ts';
import { atom, integer, isAtom, list, listElements, text, tuple } from '../../term/term.ts';
import type { Connection } from '../dist/connection.ts';
import type { DistError, DistResult } from '../dist/errors.ts';
import type { AgentTask, AgentTier, NodeAgent, TaskSpec } from './nodeAgent.ts';
import { holdingId, holdingTerm, readHolding } from './holdingTerms.ts';
import type { ReaderLink } from './taskReader.ts';
import { readFromTask, TaskReader } from './taskReader.ts';

export type ClientName = {
  /** Secret between us and the agents: whoever has it is us. */
  readonly token: string;
  /** For people. */
  readonly name: string;
  /** How long the agent waits for us when we are lost, and outlives the last of us. */
  readonly lingerMs: number;
};

type Link = {
  readonly connection: Connection;
  readonly agent: PidTerm;
  readonly leave: () => void;
};

const defaultLingerMs = 10_000;
/** Beyond the linger, before we believe that the agent has given us up. */
const graceMs = 2_000;
/** Credit that could not be sent is tried again. */
const retryMs = 50;

export class AgentClient implements NodeAgent {
  readonly at: Incarnation;
  tier: AgentTier = 'interpreted';
  why = '';
  readonly #me: ClientName;
  readonly #gone: () => void;
  readonly #tasks = new Map<number, { readonly reader: TaskReader; readonly lingerMs: number }>();
  readonly #readerLink: ReaderLink;
  #lastNo = 0;
  #link: Link | null = null;
  #timers = new Set<NodeJS.Timeout>();

  /** `gone` is called when there is an agent no more: it has ended, or been ended. */
  constructor(at: Incarnation, me: ClientName, gone: () => void) {
    this.at = at;
    this.#me = me;
    this.#gone = gone;
    this.#readerLink = {
      node: at.node,
      credit: (no, acked, upTo) => {
        this.#credit(no, acked, upTo);
      },
      tell: (no, word) => {
        this.#send(tuple(atom('tell'), this.#token, integer(no), word));
      },
      stop: (no) => {
        this.#send(tuple(atom('stop'), this.#token, integer(no)));
      },
      forget: (no) => {
        this.#tasks.delete(no);
      },
    };
  }

  get #token(): Term {
    return text(this.#me.token);
  }

  /** The connection over which we are joined; null while there is none. */
  get connection(): Connection | null {
    return this.#link?.connection ?? null;
  }

  get taskCount(): number {
    return this.#tasks.size;
  }

  /** Joins over `connection` the agent that is `agent` there. */
  async join(connection: Connection, agent: PidTerm, options: CallOptions): Promise<'joined' | 'gone' | ArsenalError> {
    const receiver = connection.spawnRawPid({
      message: (raw) => {
        const from = readFromTask(raw);
        if (from !== null) this.#tasks.get(from.no)?.reader.take(from);
      },
      exit: () => undefined,
    });
    const resume = [...this.#tasks].map(([no, { reader }]) => {
      const { acked, upTo } = reader.standing;
      return tuple(integer(no), integer(acked), integer(upTo));
    });
    const { name, lingerMs } = this.#me;
    const question = tuple(atom('join'), this.#token, receiver.pid, text(name), integer(lingerMs), list(resume));
    const wait = { timeoutMs: remainingNow(options), signal: options.signal };
    const said = await connection.genCall(agent, question, wait);
    const [joined, tier, unknown] = said.ok && said.value.t === 'tuple' ? said.value.e : [];
    if (!isAtom(joined, 'joined')) {
      receiver.release();
      return !said.ok && said.error.kind === 'down' ? 'gone' : noAgent(this.at.node);
    }
    this.tier = isAtom(tier, 'agent') ? 'agent' : 'interpreted';
    this.#joined(connection, agent, receiver.release);
    for (const no of listElements(unknown ?? list([])) ?? []) {
      if (no.t === 'int') this.#tasks.get(no.v)?.reader.end(fail(lostTask(this.at.node)));
    }
    return 'joined';
  }

  #joined(connection: Connection, agent: PidTerm, release: () => void): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const watching = connection.monitor(agent, (reason) => {
      if (!isAtom(reason, 'noconnection')) this.#agentGone(link);
    });
    const down = connection.onDown(() => {
      this.#lost(link);
    });
    const link: Link = {
      connection,
      agent,
      leave: () => {
        down.dispose();
        watching.demonitor();
        release();
      },
    };
    this.#link = link;
  }

  /** The agent keeps what is ours for a while; each task is given up when its time is over. */
  #lost(link: Link): void {
    if (this.#link !== link) return;
    this.#link = null;
    for (const [, { reader, lingerMs }] of this.#tasks) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        reader.end(fail(lostTask(this.at.node)));
      }, lingerMs + graceMs);
      timer.unref();
      this.#timers.add(timer);
    }
  }

  #agentGone(link: Link): void {
    if (this.#link !== link) return;
    this.#link = null;
    link.leave();
    this.giveUp();
    this.#gone();
  }

  /** There is nothing to come back to. */
  giveUp(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const { reader } of [...this.#tasks.values()]) reader.end(fail(lostTask(this.at.node)));
  }

  /** Gives back all that we hold there and leaves. Never rejects. */
  async leave(options: CallOptions): Promise<void> {
    const link = this.#link;
    if (link !== null) await this.#ask(tuple(atom('leave'), this.#token), options);
    this.#link = null;
    link?.leave();
    this.giveUp();
  }

  async task(spec: TaskSpec, options: CallOptions): Promise<Result<AgentTask>> {
    this.#lastNo += 1;
    const no = this.#lastNo;
    const lingerMs = spec.holding?.lingerMs ?? spec.lingerMs ?? defaultLingerMs;
    // Its frames can come before the answer.
    const reader = new TaskReader(no, spec.credit, this.#readerLink);
    this.#tasks.set(no, { reader, lingerMs });
    const { shared, holding, kind, args } = spec;
    const started = await this.#ask(
      tuple(
        atom('start'),
        this.#token,
        integer(no),
        atom(kind),
        list(args),
        shared === undefined ? atom('none') : text(shared),
        holding === null ? atom('none') : holdingTerm(holding),
        integer(lingerMs),
        integer(spec.credit),
      ),
      options,
    );
    const [how, id] = started.ok && started.value.t === 'tuple' ? started.value.e : [];
    if (isAtom(how, 'started') && id?.t === 'int') {
      reader.id = holdingId(this.at, id.v);
      return ok(reader);
    }
    // It may have begun: then nobody would read it.
    this.#readerLink.stop(no);
    this.#tasks.delete(no);
    return fail(started.ok ? notStarted(this.at.node, kind) : this.#unanswered(started.error));
  }

  #unanswered({ kind }: DistError): ArsenalError {
    if (kind === 'cancelled') return cancelled('unknown').error;
    if (kind === 'timeout') return timedOut('The agent', 'unknown', this.at.node).error;
    return lostTask(this.at.node);
  }

  async holdings(options: CallOptions): Promise<Result<readonly Holding[]>> {
    const said = await this.#ask(atom('holdings'), options);
    if (!said.ok) return fail(noAgent(this.at.node));
    const held = said.value.t === 'tuple' ? listElements(said.value.e[1] ?? list([])) : [];
    return ok((held ?? []).flatMap((term) => readHolding(this.at, term) ?? []));
  }

  #ask(question: Term, options: CallOptions): Promise<DistResult<Term>> {
    const link = this.#link;
    if (link === null) {
      return Promise.resolve({ ok: false, error: { kind: 'noconnection', why: 'closed', message: 'No agent.' } });
    }
    return link.connection.genCall(link.agent, question, { timeoutMs: remainingNow(options), signal: options.signal });
  }

  #send(message: Term): boolean {
    return this.#link === null || this.#link.connection.send(this.#link.agent, message) === null;
  }

  #credit(no: number, acked: number, upTo: number): void {
    if (this.#send(tuple(atom('credit'), this.#token, integer(no), integer(acked), integer(upTo)))) return;
    // More waits to be sent than the link takes. Credit that never comes would end the flow for good.
    setTimeout(() => {
      const reader = this.#tasks.get(no)?.reader;
      if (reader === undefined) return;
      const now = reader.standing;
      this.#credit(no, now.acked, now.upTo);
    }, retryMs).unref();
  }
}

/** The agent does not answer, or cannot be started. */
function noAgent(node: NodeName): ArsenalError {
  return arsenalError(
    'unavailable',
    'agent.no_answer',
    `The agent on ${node} does not answer.`,
    'Try again; if it stays so, connect without an agent.',
    { node },
  );
}

/** What worked for us there is gone with its agent, or was given up by it while we were away. */
function lostTask(node: NodeName): ArsenalError {
  return arsenalError(
    'unavailable',
    'agent.lost',
    `The agent on ${node} has ended, or was out of reach for too long.`,
    'What it held for you is undone. Begin it again.',
    { node, effect: 'unknown' },
  );
}

function notStarted(node: NodeName, kind: string): ArsenalError {
  return arsenalError(
    'execution',
    'agent.not_started',
    `The agent on ${node} did not start the work “${kind}”.`,
    'The node may have reached its process limit; see its log.',
    { node },
  );
}
