/** The methods `cluster.*`. */
import { failure, notConnected } from '../../errors.ts';
import type { NodeInfo, NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params } from '../../port.ts';
import { CoverageBook } from './coverage.ts';
import type { KnownNode, Session } from './session.ts';
import { silent } from './session.ts';

/** A node as it is shown; `creation` 0, which no node has, when none is known because it never could be asked. */
function nodeInfo(session: Session, known: KnownNode): NodeInfo {
  return {
    node: known.node,
    creation: known.creation ?? 0,
    otpRelease: known.facts?.otpRelease ?? session.releaseOf(known.node),
    hidden: known.facts?.hidden ?? false,
    reach: known.reach,
    ...session.agents.observerOf(known.node),
  };
}

async function links(session: Session, options: CallOptions): Promise<Result<Answer<'cluster.links'>>> {
  const known = await session.survey(options);
  if (session.links.up(session.entry).length === 0) return notConnected();
  const book = new CoverageBook();
  const said: { node: NodeName; sees: readonly NodeName[] }[] = [];
  for (const { node, facts } of known) {
    if (facts === null) {
      const state = session.links.stateOf(node);
      book.failed(node, state?.is === 'down' ? state.error : silent(node));
    } else {
      book.reached(node);
      said.push({ node, sees: facts.sees });
    }
  }
  return ok({ nodes: book.all, links: said });
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

function disconnect(session: Session, node: NodeName): Result<Answer<'cluster.disconnect'>> {
  if (node === session.entry) {
    return failure(
      'conflict',
      'connect.is_entry',
      `${node} is the node this connection was made through.`,
      'Close the connection instead.',
      { node },
    );
  }
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
    'cluster.disconnect': ({ node }) => Promise.resolve(disconnect(session, node)),
  };
}
