/** From what a caller wrote to the one process that is meant. */
import { failure } from '../../runtime/errors.ts';
import type { NameRef, NodeName, ProcessRef, Result } from '../../runtime/model.ts';
import { ok, parseProcessId } from '../../runtime/model.ts';
import { parseTerm } from '../../runtime/term/parse.ts';
import type { Term } from '../../runtime/term/term.ts';
import type { Context } from '../core/context.ts';
import { atomName, shownName, termFromText } from './terms.ts';

/** What resolving needs of the port. */
export const resolveNeeds = ['names.resolve', 'cluster.nodes'] as const;
export type ResolveContext = Context<(typeof resolveNeeds)[number]>;

export type Written = {
  readonly text: string;
  /** The node on which a local name or a printed pid is meant. */
  readonly node: NodeName | undefined;
  /** Where the text stood in the parameters. */
  readonly pointer: string;
};

/** As OTP and Elixir print it, and as the functions of their shells take it: `c:pid(0, 1, 0)`, `pid("0.1.0")`. */
const printed = [
  /^(?:#PID)?<?(\d{1,10}\.\d{1,10}\.\d{1,10})>?$/,
  /^(?:c:)?pid\(\s*"?(\d{1,10}\s*[.,]\s*\d{1,10}\s*[.,]\s*\d{1,10})"?\s*\)$/,
];

/**
 * The process a caller means. An id is taken as it is: what acts on it says when it is gone, or its node has restarted. Errors:
 * `not_found` `process.not_found`; `conflict` `name.disputed` when nodes see different processes under a name, `name.ambiguous` when
 * several nodes have one of that name and none was named.
 */
export function resolveProcess(context: ResolveContext, written: Written): Promise<Result<ProcessRef>> {
  const { node, pointer } = written;
  const text = written.text.trim();
  const id = parseProcessId(text);
  if (id !== null) return Promise.resolve(ok(id));
  const numbers = printed.map((form) => form.exec(text)?.[1]).find((found) => found !== undefined);
  if (numbers !== undefined) return resolvePrinted(context, `<${numbers.replaceAll(/\s*[.,]\s*/g, '.')}>`, node);
  if (text.startsWith('{')) return resolveTerm(context, text, node, pointer);
  return node === undefined ? resolveAnywhere(context, text) : resolveLocal(context, text, node);
}

async function resolvePrinted(
  context: ResolveContext,
  text: string,
  node: NodeName | undefined,
): Promise<Result<ProcessRef>> {
  const on = node === undefined ? await connectedNode(context) : ok(node);
  if (!on.ok) return on;
  const target = { printed: text, printedOn: on.value };
  const found = await context.port.names.resolve({ target, seenFrom: on.value }, context.options());
  return found.ok ? ok(found.value.pid) : found;
}

async function resolveTerm(
  context: ResolveContext,
  text: string,
  node: NodeName | undefined,
  pointer: string,
): Promise<Result<ProcessRef>> {
  const term = termFromText(text, pointer);
  if (!term.ok) return term;
  // {'a.b', 'c@d'} are two atoms in Erlang only.
  const erlang = parseTerm(text, 'erlang');
  const onNode = nameOnNode(term.value) ?? (erlang.ok ? nameOnNode(erlang.value) : null);
  if (onNode !== null) return resolveLocal(context, onNode.name, onNode.node);
  const name = nameIn(term.value);
  if (name === null) {
    return failure(
      'validation',
      'process.unreadable',
      `${text} names no process.`,
      'Write {global, NAME}, {via, MODULE, NAME} or {NAME, NODE}.',
      { pointer },
    );
  }
  const seenFrom = node ?? 'any';
  const found = await context.port.names.resolve(
    { target: { name, ...(node !== undefined && { seenFrom: node }) }, seenFrom },
    context.options(),
  );
  if (!found.ok) return found;
  const { pid, disagree } = found.value;
  return disagree.length === 0
    ? ok(pid)
    : disputed(text, [found.value.seenFrom, ...disagree.map((other) => other.node)]);
}

/** `{Name, Node}`: a registered name on a node, as `gen_server:call/2` takes it. */
function nameOnNode(term: Term): { readonly name: string; readonly node: NodeName } | null {
  if (term.t !== 'tuple' || term.e.length !== 2) return null;
  const [name, node] = term.e;
  if (name?.t !== 'atom' || node?.t !== 'atom' || name.v === 'global' || !node.v.includes('@')) return null;
  return { name: name.v, node: node.v };
}

function nameIn(term: Term): NameRef | null {
  if (term.t !== 'tuple') return null;
  const [tag, second, third] = term.e;
  if (tag?.t !== 'atom' || second === undefined) return null;
  if (tag.v === 'global' && term.e.length === 2) return { in: 'global', name: second };
  if (tag.v !== 'via' || second.t !== 'atom' || third === undefined || term.e.length !== 3) return null;
  return { in: 'via', module: second.v, name: third };
}

/** A local name on one node: as Elixir writes it, then as it stands. */
async function resolveLocal(context: ResolveContext, text: string, node: NodeName): Promise<Result<ProcessRef>> {
  const names = [...new Set([atomName(text), text])];
  let last: Result<ProcessRef> = notRegistered(text, node);
  for (const name of names) {
    const target = { name: { in: 'local', node, name } } as const;
    const found = await context.port.names.resolve({ target, seenFrom: node }, context.options());
    if (found.ok) return ok(found.value.pid);
    if (found.error.class !== 'not_found') return found;
    last = found;
  }
  return last;
}

/** A local name without a node: on the connected node, else on the one node that has it. */
async function resolveAnywhere(context: ResolveContext, text: string): Promise<Result<ProcessRef>> {
  const here = await connectedNode(context);
  if (!here.ok) return here;
  const first = await resolveLocal(context, text, here.value);
  if (first.ok || first.error.class !== 'not_found') return first;
  const others = await otherNodes(context, here.value);
  const answers = await Promise.all(others.map((node) => resolveLocal(context, text, node)));
  const found = answers.flatMap((answer) => (answer.ok ? [answer.value] : []));
  const [only] = found;
  if (only === undefined) return notRegistered(text, undefined);
  return found.length === 1 ? ok(only) : ambiguous(text, found);
}

async function otherNodes(context: ResolveContext, but: NodeName): Promise<readonly NodeName[]> {
  const nodes = await context.port.cluster.nodes({}, context.options());
  if (!nodes.ok) return [];
  return nodes.value.nodes.filter(({ node, reach }) => node !== but && reach.via !== 'none').map(({ node }) => node);
}

/** The node we are connected to: the first we hold a link of our own to. */
export async function connectedNode(context: Context<'cluster.nodes'>): Promise<Result<NodeName>> {
  const nodes = await context.port.cluster.nodes({}, context.options());
  if (!nodes.ok) return nodes;
  const direct = nodes.value.nodes.find(({ reach }) => reach.via === 'direct');
  return direct === undefined ? noNode() : ok(direct.node);
}

/** There is no node that could be asked. */
export function noNode(): Result<never> {
  return failure(
    'unavailable',
    'node.none',
    'No node can be reached.',
    'Start one, or connect to one with connect_node.',
  );
}

function notRegistered(text: string, node: NodeName | undefined): Result<never> {
  return failure(
    'not_found',
    'process.not_found',
    `No process is registered as ${shownName(text)}${node === undefined ? '' : ` on ${node}`}.`,
    'See list_registered_processes for the names there are.',
    node === undefined ? {} : { node },
  );
}

function ambiguous(text: string, found: readonly ProcessRef[]): Result<never> {
  const nodes = found.map(({ node }) => node);
  return failure(
    'conflict',
    'name.ambiguous',
    `Several nodes have a process ${shownName(text)}: ${nodes.join(', ')}.`,
    'Name the node too.',
    { details: { nodes } },
  );
}

function disputed(text: string, nodes: readonly NodeName[]): Result<never> {
  return failure(
    'conflict',
    'name.disputed',
    `Nodes see different processes under ${text}.`,
    'Name the process by its pid; the cluster may be partitioned.',
    { details: { nodes: [...nodes] } },
  );
}
