/** The agents on the nodes of one connection: brought when a node is first looked at, joined again when its link comes back. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { callOptions, childOptions, remainingNow } from '../../callOptions.ts';
import { arsenalError, cancelled, unsupported } from '../../errors.ts';
import type { AgentChoice, ArsenalError, NodeInfo, NodeName, Reach, Result } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { PidTerm, Term } from '../../term/term.ts';
import { atom, isAtom } from '../../term/term.ts';
import { AgentClient } from '../agent/agentClient.ts';
import type { AgentImage, Bare } from '../agent/bringing.ts';
import { bringAgent, othersInterpret } from '../agent/bringing.ts';
import type { AgentTier, NodeAgent } from '../agent/nodeAgent.ts';
import type { Connection } from '../dist/connection.ts';
import type { DistResult } from '../dist/errors.ts';
import { success } from '../dist/errors.ts';
import { callFailure } from './callError.ts';
import { DirectTarget, setLoaded } from './nodeTarget.ts';

/** To bring the code, start the agent and join it: where its object code is refused it is compiled there, which takes seconds. */
const joinMs = 30_000;
/** To undo what we hold, which takes the agent two seconds where a task does not end by itself. */
const undoMs = 2_500;
const leaveMs = 300;
/** Between two attempts to come back to an agent that keeps something for us. */
const retryMs = 500;
/** Code that is on its way out is brought again, so often. */
const mostTries = 5;

export type AgentsOptions = {
  readonly choice: AgentChoice;
  readonly lingerMs: number;
  readonly image: AgentImage;
  /** Called when what looks on a node has changed. */
  readonly changed: () => void;
};

export type Observed = Pick<NodeInfo, 'observer' | 'observerWhy'>;

type Entry = {
  readonly client: AgentClient;
  joining: { readonly over: Connection; readonly result: Promise<ArsenalError | null> } | null;
  error: ArsenalError | null;
};

export class Agents {
  readonly #options: AgentsOptions;
  readonly #me: { readonly token: string; readonly name: string; readonly lingerMs: number };
  readonly #entries = new Map<NodeName, Entry>();
  readonly #closing = new AbortController();

  constructor(options: AgentsOptions) {
    this.#options = options;
    this.#me = { token: randomUUID(), name: `Arsenal, process ${String(process.pid)}`, lingerMs: options.lingerMs };
  }

  /** A link has come up: an agent that is allowed is brought, and one that keeps something for us is joined again. */
  linkUp(connection: Connection): void {
    const entry = this.#entryOf(connection);
    if (this.#options.choice === 'load' || entry.client.taskCount > 0) void this.#keepTrying(entry, connection);
  }

  /** Once; more often only for what the agent keeps for us until its time is over. */
  async #keepTrying(entry: Entry, connection: Connection): Promise<void> {
    for (;;) {
      const error = await this.#ensure(entry, connection);
      const isUseful = error !== null && entry.client.taskCount > 0 && connection.state === 'up';
      if (!isUseful || this.#closing.signal.aborted) return;
      await delay(retryMs, undefined, { ref: false });
    }
  }

  /** What looks on a node for us, and why nothing better does. */
  observerOf(node: NodeName, reach: Reach): Observed {
    const { choice } = this.#options;
    if (reach.via === 'relay') {
      return {
        observer: 'agentless',
        observerWhy: `It is asked through ${reach.relay}; an agent needs a link of our own.`,
      };
    }
    const entry = this.#entries.get(node);
    if (entry !== undefined && entry.client.connection?.state === 'up') {
      return { observer: entry.client.tier, observerWhy: entry.client.why };
    }
    if (choice === 'none')
      return { observer: 'agentless', observerWhy: 'This connection keeps nothing of ours on nodes.' };
    if (entry?.error != null) return { observer: 'agentless', observerWhy: entry.error.message };
    return { observer: 'agentless', observerWhy: 'Nothing has needed an agent there yet.' };
  }

  /** The agent behind `connection`, started if need be. Errors: `unsupported` where the user wants none, `agent.*`, those of a call. */
  async agentOn(connection: Connection, options: CallOptions): Promise<Result<NodeAgent>> {
    if (this.#options.choice === 'none') return noAgentWanted();
    const entry = this.#entryOf(connection);
    const error = await inTime(this.#ensure(entry, connection), options);
    return error === null ? ok(entry.client) : fail(error);
  }

  #entryOf(connection: Connection): Entry {
    const { node, creation } = connection;
    const known = this.#entries.get(node);
    if (known?.client.at.creation === creation) return known;
    known?.client.giveUp();
    const client = new AgentClient({ node, creation }, this.#me, () => {
      setLoaded(connection, null);
      if (client.connection !== null) setLoaded(client.connection, null);
      if (this.#entries.get(node) === entry) this.#entries.delete(node);
      this.#options.changed();
    });
    const entry: Entry = { client, joining: null, error: null };
    this.#entries.set(node, entry);
    return entry;
  }

  #ensure(entry: Entry, connection: Connection): Promise<ArsenalError | null> {
    if (entry.client.connection === connection) return Promise.resolve(null);
    if (entry.joining?.over === connection) return entry.joining.result;
    const result = this.#join(entry, connection).then((error) => {
      entry.joining = null;
      entry.error = error;
      this.#options.changed();
      return error;
    });
    entry.joining = { over: connection, result };
    return result;
  }

  async #join({ client }: Entry, connection: Connection): Promise<ArsenalError | null> {
    const { image, choice } = this.#options;
    const options = callOptions(joinMs, this.#closing.signal);
    const target = new DirectTarget(connection);
    const { node } = target;
    const bare: Bare = {
      call: (module, name, args) => target.call(module, name, args, options),
      interpret: (name, args) => target.interpretOnce(name, args, options),
    };
    for (let attempt = 0; attempt < mostTries; attempt += 1) {
      const brought = choice === 'load' ? await bringAgent(bare, image) : noLoading;
      if (!brought.ok) return callFailure(brought.error, { node, what: 'The agent', effect: 'unknown' }).error;
      const { tier, why } = brought.value;
      setLoaded(connection, tier === 'agent' ? image.module : null);
      client.why = why;
      const agent = await startedAgent(target, image.module, tier, options);
      if (!agent.ok) return callFailure(agent.error, { node, what: 'The agent', effect: 'unknown' }).error;
      const joined = agent.value === null ? 'gone' : await client.join(connection, agent.value, options);
      if (joined === 'joined') {
        // Whoever came first decided how it runs.
        if (client.tier !== tier)
          client.why = client.tier === 'agent' ? 'Another window has it loaded.' : othersInterpret;
        return null;
      }
      setLoaded(connection, null);
      if (joined !== 'gone') return joined;
    }
    return arsenalError(
      'unavailable',
      'agent.no_answer',
      `The agent on ${node} was about to end whenever we joined it.`,
      'Try again in a moment.',
      { node },
    );
  }

  /** Gives back all that we hold on a node, before our link to it is closed. Never rejects. */
  async leave(node: NodeName): Promise<void> {
    const entry = this.#entries.get(node);
    if (entry === undefined) return;
    this.#entries.delete(node);
    await entry.client.leave(callOptions(entry.client.taskCount > 0 ? undoMs : leaveMs));
  }

  /** Gives back all that we hold on the nodes. Never rejects. */
  async close(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((node) => this.leave(node)));
    this.#closing.abort();
  }
}

/** What a connection without anything of ours on the nodes cannot do, whatever the node. */
export const residentMethods = [
  'processes.suspend',
  'processes.stateHandle',
  'processes.migrate',
  'processes.crashes',
  'supervisors.restarts',
  'trace.start',
] as const;

export const noAgentRefusal = {
  why: 'this connection keeps nothing of ours on nodes (agent: none).',
  remedy: 'Connect with the agent “interpret” (processes of ours, no code) or “load”.',
} as const;

/** The agent that runs there, started if there is none; null when its code is on its way out. */
async function startedAgent(
  target: DirectTarget,
  module: string,
  tier: AgentTier,
  options: CallOptions,
): Promise<DistResult<PidTerm | null>> {
  // To find one costs less than to interpret what starts one.
  const running = tier === 'agent' ? null : await target.call('erlang', 'whereis', [atom(module)], options);
  if (running !== null && (!running.ok || running.value.t === 'pid')) return pidIn(running);
  const args = [atom(module), atom(tier)];
  const said =
    tier === 'agent'
      ? await target.call(module, 'main_started', args, options)
      : await target.interpretOnce('main_started', args, options);
  // Between asking whether the code is there and calling it, an agent may have gone with it.
  if (!said.ok && said.error.kind === 'exception' && isAtom(said.error.reason, 'undef')) return success(null);
  return pidIn(said);
}

function pidIn(said: DistResult<Term>): DistResult<PidTerm | null> {
  return said.ok ? success(said.value.t === 'pid' ? said.value : null) : said;
}

const noLoading = { ok: true, value: { tier: 'interpreted', why: 'This connection loads no code.' } } as const;

function noAgentWanted() {
  return unsupported('What outlives a call', noAgentRefusal.why, noAgentRefusal.remedy);
}

/** What `work` answers, as long as the caller waits; it goes on for others. */
async function inTime(work: Promise<ArsenalError | null>, options: CallOptions): Promise<ArsenalError | null> {
  const within = childOptions(options, joinMs);
  let timer: NodeJS.Timeout | undefined;
  let giveUp: () => void = () => undefined;
  const late = new Promise<ArsenalError>((resolve) => {
    giveUp = () => {
      resolve(cancelled('none').error);
    };
    options.signal.addEventListener('abort', giveUp, { once: true });
    timer = setTimeout(() => {
      resolve(arsenalError('timeout', 'call.timeout', 'The agent did not start in time.', 'Try again.'));
    }, remainingNow(within));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', giveUp);
  }
}
