/** Two BEAM nodes and a link of ours to the second: what the first does with it is what we are measured by. */
import type { Connection } from '../runtime/beam/dist/connection.ts';
import { HiddenNode } from '../runtime/beam/dist/node.ts';
import type { LiveNode } from '../test/harness/erlang.ts';
import { startErlang, stopAll } from '../test/harness/erlang.ts';

export type LivePair = {
  readonly peer: LiveNode;
  readonly target: LiveNode;
  readonly connection: Connection;
  /** A link of its own, as a newcomer opens it. */
  readonly connect: () => Promise<{ readonly connection: Connection; readonly close: () => void }>;
  /** Has a node evaluate expressions that end in a list of numbers. */
  readonly numbersOf: (node: LiveNode, source: string) => Promise<readonly number[]>;
  readonly dispose: () => void;
};

const cookie = 'bench';
/** A node prints a list of small numbers as text; with this on top none is. */
const notText = 0x1000_0000;
export const callTime = () => ({ timeoutMs: 60_000, signal: new AbortController().signal });

/** Starts both; rejects when they do not come up. */
export async function livePair(): Promise<LivePair> {
  const [peer, target] = await Promise.all([
    startErlang({ name: 'bench_peer', cookie }),
    startErlang({ name: 'bench_target', cookie }),
  ]);
  await peer.eval(`true = net_kernel:connect_node('${target.node}').`);
  const connect = async (name: string) => {
    const node = new HiddenNode({ name: `${name}@localhost`, cookie, nameIsLeased: true });
    const connected = await node.connect({ node: target.node, epmdPort: target.epmdPort }, callTime());
    if (!connected.ok) throw new Error(connected.error.message);
    const close = () => {
      node.close();
    };
    return { connection: connected.value, close };
  };
  const first = await connect('bench_ours');
  return {
    peer,
    target,
    connection: first.connection,
    connect: () => connect('bench_newcomer'),
    numbersOf: async (node, source) => {
      const expressions = source.replace(/\.\s*$/, '');
      const printed = await node.eval(`[${notText} + Number || Number <- begin ${expressions} end].`);
      const numbers: unknown = JSON.parse(printed);
      if (!Array.isArray(numbers)) throw new Error(`No list: ${source}`);
      return numbers.map((number) => Number(number) - notText);
    },
    dispose: () => {
      first.close();
      stopAll();
    },
  };
}
