/** The methods `cluster.*`. */
import { childOptions } from '../../callOptions.ts';
import { failure, notConnected } from '../../errors.ts';
import type { NodeInfo, NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { integer } from '../../term/term.ts';
import { isPoolName } from '../names/slotLease.ts';
import { CoverageBook } from './coverage.ts';
import { atomName, listOf, tupleOf } from './read.ts';
import type { KnownNode, Session } from './session.ts';
import { silent } from './session.ts';

/** How long the peers of a node have to answer it. */
const peersMs = 1_000;

/** A node as it is shown; `creation` 0, which no node has, when none is known because it never could be asked. */
function nodeInfo(session: Session, known: KnownNode): NodeInfo {
  return {
    node: known.node,
    creation: known.creation ?? 0,
    otpRelease: known.facts?.otpRelease ?? session.releaseOf(known.node),
    hidden: known.facts?.hidden ?? false,
    reach: known.reach,
    ...session.agents.observerOf(known.node, known.reach),
  };
}

async function links(session: Session, options: CallOptions): Promise<Result<Answer<'cluster.links'>>> {
  const known = await session.survey(options);
  if (session.links.up(session.entry).length === 0) return notConnected();
  const book = new CoverageBook();
  const asking: Promise<Answer<'cluster.links'>['links'][number]>[] = [];
  for (const { node, facts } of known) {
    if (facts === null) {
      const state = session.links.stateOf(node);
      book.failed(node, state?.is === 'down' ? state.error : silent(node));
    } else {
      book.reached(node);
      asking.push(silentPeers(session, node, options).then((quiet) => ({ node, sees: facts.sees, silent: quiet })));
    }
  }
  return ok({ nodes: book.all, links: await Promise.all(asking) });
}

/** The peers of a node that did not answer it within a second; none where it could not be asked either. */
async function silentPeers(session: Session, node: NodeName, options: CallOptions): Promise<readonly NodeName[]> {
  const within = childOptions(options, peersMs * 2);
  const target = await session.reach(node, within);
  const said = target.ok ? await target.value.run('beat_once', [integer(peersMs)], within) : null;
  return said?.ok === true ? listOf(said.value).flatMap(silentPeer) : [];
}

function silentPeer(term: Term): NodeName[] {
  const [peer, how] = (tupleOf(term, 2) ?? []).map(atomName);
  return typeof peer === 'string' && how === 'silent' && !isPoolName(peer) ? [peer] : [];
}

async function connect(
  session: Session,
  { node, address }: Params<'cluster.connect'>,
  options: CallOptions,
): Promise<Result<NodeInfo>> {
  if (!isNodeName(node)) return badNodeName(node);
  const target = await session.connect(node, options, address);
  if (!target.ok) return target;
  const known = (await session.survey(options)).find((other) => other.node === node);
  return known === undefined
    ? failure('unavailable', 'node.unavailable', `Node ${node} was lost at once.`, 'Try again.', { node })
    : ok(nodeInfo(session, known));
}

/** `name@host`, as a node calls itself. */
export function isNodeName(node: string): boolean {
  return node.length <= 255 && /^[^@\s]+@[^@\s]+$/.test(node);
}

export function badNodeName(node: string) {
  return failure(
    'validation',
    'connect.bad_node_name',
    'A node’s name has two parts: name@host.',
    'Give the whole name, as node() prints it there.',
    { details: { node } },
  );
}

async function disconnect(session: Session, node: NodeName): Promise<Result<Answer<'cluster.disconnect'>>> {
  if (node === session.entry) {
    return failure(
      'conflict',
      'connect.is_entry',
      `${node} is the node this connection was made through.`,
      'Close the connection instead.',
      { node },
    );
  }
  // What this connection holds there is given back, as when the whole of it ends.
  await session.agents.leave(node);
  return ok({ wasConnected: session.links.close(node) });
}

export function clusterMethods(session: Session): MethodTable {
  return {
    'cluster.nodes': async (_params, options) => {
      const nodes = await session.survey(options);
      if (session.links.up(session.entry).length === 0) return notConnected();
      return ok({ nodes: nodes.map((known) => nodeInfo(session, known)) });
    },
    'cluster.links': (_params, options) => links(session, options),
    'cluster.connect': (params, options) => connect(session, params, options),
    'cluster.disconnect': ({ node }) => disconnect(session, node),
  };
}
