/** Windows on one live node's agent, each with a connection of its own that can be lost at any moment, for the agent's suites. */
import { randomUUID } from 'node:crypto';
import { Agents } from '../../runtime/beam/adapter/agents.ts';
import { DirectTarget } from '../../runtime/beam/adapter/nodeTarget.ts';
import type { AgentImage } from '../../runtime/beam/agent/bringing.ts';
import { agentImage } from '../../runtime/beam/agent/bringing.ts';
import type { AgentTask, NodeAgent, TaskSpec } from '../../runtime/beam/agent/nodeAgent.ts';
import type { Connection } from '../../runtime/beam/dist/connection.ts';
import { HiddenNode } from '../../runtime/beam/dist/node.ts';
import type { AgentChoice, Holding, ProcessRef } from '../../runtime/model.ts';
import type { Term } from '../../runtime/term/term.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import { inTime } from './shop.ts';

export type WindowOptions = {
  readonly choice?: AgentChoice;
  readonly lingerMs?: number;
  readonly image?: AgentImage;
};

export type Window = {
  readonly agents: Agents;
  readonly connection: () => Connection;
  readonly target: () => DirectTarget;
  readonly agent: () => Promise<NodeAgent>;
  readonly task: (spec: Partial<TaskSpec> & Pick<TaskSpec, 'kind' | 'args'>) => Promise<AgentTask>;
  /** Loses the connection without a word, and stays away. */
  readonly lose: () => void;
  /** Comes back over a new connection, with the same token. */
  readonly comeBack: () => Promise<void>;
  readonly close: () => Promise<void>;
};

const open = new Set<Window>();

/** Closes every window that is still open. */
export async function closeWindows(): Promise<void> {
  for (const window of [...open]) await window.close();
}

export async function openWindow(node: LiveNode, options: WindowOptions = {}): Promise<Window> {
  const { choice = 'load', lingerMs = 10_000, image = agentImage() } = options;
  const hidden = new HiddenNode({
    name: `w${randomUUID().slice(0, 8)}@localhost`,
    cookie: node.cookie,
    nameIsLeased: true,
  });
  const agents = new Agents({ choice, lingerMs, image, changed: () => undefined });
  const connect = async (): Promise<Connection> => {
    const target = { node: node.node, epmdPort: node.epmdPort };
    const connected = await hidden.connect(target, { timeoutMs: 5_000, signal: new AbortController().signal });
    if (!connected.ok) throw new Error(connected.error.message);
    agents.linkUp(connected.value);
    return connected.value;
  };
  let connection = await connect();
  const agent = async (): Promise<NodeAgent> => valueOf(await agents.agentOn(connection, inTime()));
  const window: Window = {
    agents,
    connection: () => connection,
    target: () => new DirectTarget(connection),
    agent,
    task: async (spec) => valueOf(await (await agent()).task({ holding: null, credit: 8, ...spec }, inTime())),
    lose: () => {
      connection.disconnect();
    },
    comeBack: async () => {
      connection = await connect();
      await agent();
    },
    close: async () => {
      open.delete(window);
      await agents.close();
      hidden.close();
    },
  };
  open.add(window);
  return window;
}

export const owner = { principal: 'ada', client: 'window-1', operation: 'suspend_process', requestId: 'r-1' };

/** What a suspension of `pid` by `owner` is held as. */
export function suspensionOf(pid: ProcessRef, lingerMs = 10_000) {
  return { kind: 'suspension', target: pid, owner, lingerMs } as const;
}

/** What the agents on the node say is held there, seen through `window`. */
export async function heldThrough(window: Window): Promise<readonly Holding[]> {
  return valueOf(await (await window.agent()).holdings(inTime()));
}

/** The frames that come until the task ends. */
export async function allFrames(task: AgentTask): Promise<readonly Term[]> {
  const frames: Term[] = [];
  for await (const frame of task.frames()) frames.push(frame);
  return frames;
}

/** Looks again and again until `look` answers what is `wanted`; what it answered last, if it never does. */
export async function until<T>(look: () => T | Promise<T>, wanted: (seen: T) => boolean, ms = 10_000): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const seen = await look();
    if (wanted(seen) || performance.now() > end) return seen;
    await pause(30);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** A process there that waits for ever, or the gen_server that evaluates `kind`. */
export async function victim(node: LiveNode, code = 'spawn(fun() -> receive stop -> ok end end)'): Promise<ProcessRef> {
  const said = await node.eval(
    `begin P = ${code}, <<131, 88, R/binary>> = term_to_binary(P), S = byte_size(R) - 12, <<_:S/binary, I:32, Q:32, C:32>> = R, {I, Q, C} end.`,
  );
  const [id = 0, serial = 0, creation = 0] = (said.match(/\d+/g) ?? []).map(Number);
  return { node: node.node, creation, id, serial };
}

/** A gen_server of OTP that works for nobody. */
export const someServer = `element(2, gen_event:start())`;

export async function statusOf(node: LiveNode, { id, serial }: ProcessRef): Promise<string> {
  return node.eval(
    `case process_info(pid(0, ${id}, ${serial}), status) of {_, S} -> S; U -> U end.`.replace('pid(', 'c:pid('),
  );
}

/** Whether the process answers system messages: `running` or `suspended`, as sys:get_status/1 says. */
export async function sysStatusOf(node: LiveNode, { id, serial }: ProcessRef): Promise<string> {
  return node.eval(`begin {status, _, _, [_, S | _]} = sys:get_status(c:pid(0, ${id}, ${serial})), S end.`);
}

/** On a node: the guard, which owns the table of what is to be undone. */
export const guard = `hd([ets:info(T, owner) || T <- ets:all(), ets:info(T, name) =:= arsenal_agent_undo])`;

/** What is left of ours on the node. */
export async function leftovers(node: LiveNode): Promise<string> {
  return node.eval(`{
    [M || {M, _} <- code:all_loaded(), lists:prefix("arsenal_agent", atom_to_list(M))],
    [N || N <- registered(), lists:prefix("arsenal_agent", atom_to_list(N))],
    [ets:info(T, name) || T <- ets:all(), lists:prefix("arsenal", catch atom_to_list(ets:info(T, name)))],
    [P || P <- processes(), {_, D} <- [process_info(P, dictionary)], A <- [proplists:get_value('$ancestors', D, [])],
      is_list(A), N <- A, is_atom(N), lists:prefix("arsenal_agent", atom_to_list(N))]}.`);
}

export const nothingLeft = '{[],[],[],[]}';
