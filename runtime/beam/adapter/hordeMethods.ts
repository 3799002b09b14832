/** The methods `horde.*`: real Horde, looked into and started under by its own functions; nothing of it is reinvented. */
import { childOptions, remainingNow } from '../../callOptions.ts';
import { failure, timedOut } from '../../errors.ts';
import type { NodeName, ProcessRef, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import type { HordePlacement, Placement } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { integer, isAtom } from '../../term/term.ts';
import { agreedChild, agreedEntry } from '../../spanning/agreement.ts';
import { answered, briefly, callFailure, strangeAnswer } from './callError.ts';
import { findings } from './hordeFindings.ts';
import { hordeSpec, specHash } from './hordeSpec.ts';
import { readChild, readEntry } from './hordeRows.ts';
import { hordesOn } from './hordeViews.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, numberOf, processOf, tupleOf } from './read.ts';
import { atomOnNode, safeTerm } from './safeTerm.ts';
import type { Session } from './session.ts';
import { together, unknownLives, vouchedEntry } from './spanning.ts';

/** A child that takes longer to start than the call has time leaves us not knowing. */
const answerMs = 200;
/** How often a strategy of which we do not know whether it draws lots is asked. */
const timesAsked = 20;

type ClustersItem = StreamItem<Frame<'horde.clusters'>, StreamEnd<'horde.clusters'>>;

async function* clusters(
  session: Session,
  { nodes }: Params<'horde.clusters'>,
  options: CallOptions,
): AsyncGenerator<ClustersItem> {
  const found = await hordesOn(session, nodes, options);
  if (found.views.length > 0) yield { is: 'frame', frame: found.views };
  yield { is: 'end', result: ok({ nodes: found.nodes }) };
}

type Supervisor = { readonly target: NodeTarget; readonly name: Term; readonly spec: Term };

/** The supervisor's name and the child's specification as terms of the node; nothing makes an atom there. */
async function prepared(
  session: Session,
  { name, spec, seenFrom }: Params<'horde.place'>,
  options: CallOptions,
): Promise<Result<Supervisor>> {
  const target = await session.reach(seenFrom, options);
  if (!target.ok) return target;
  const known = await atomOnNode(target.value, name, options);
  if (!known.ok) return known;
  if (known.value === null) return noSupervisor(name, seenFrom);
  const term = await safeTerm(target.value, hordeSpec(spec), '/spec', options);
  return term.ok ? ok({ target: target.value, name: known.value, spec: term.value }) : term;
}

function noSupervisor(name: string, node: NodeName): Result<never> {
  return failure(
    'not_found',
    'registry.not_found',
    `There is no Horde.DynamicSupervisor ${name} on ${node}.`,
    'See horde_supervisor_inspect for those there are; a module name as Elixir.Shop.Horde.',
    { node },
  );
}

async function place(
  session: Session,
  params: Params<'horde.place'>,
  options: CallOptions,
): Promise<Result<HordePlacement>> {
  const at = await prepared(session, params, options);
  if (!at.ok) return at;
  const chosen = await chosenBy(at.value, params, options);
  return chosen.ok ? ok(chosen.value.placement) : chosen;
}

type Chosen = { readonly placement: HordePlacement; readonly hops: number | null };

const drawsLots: ReadonlySet<string> = new Set(['Elixir.Horde.UniformRandomDistribution']);

async function chosenBy(
  { target, name, spec }: Supervisor,
  { name: shown, spec: asked }: Params<'horde.place'>,
  options: CallOptions,
): Promise<Result<Chosen>> {
  const waitMs = integer(Math.max(1, Math.floor(remainingNow(options) - answerMs)));
  const said = await target.run('horde_place', [name, spec, integer(timesAsked), waitMs], options);
  const answer = answered(said, target.node, 'The distribution strategy');
  if (!answer.ok) return answer;
  if (isAtom(answer.value, 'none')) return noSupervisor(shown, target.node);
  if (isAtom(answer.value, 'timeout')) return timedOut(`Supervisor ${shown}`, 'none', target.node);
  const [strategyTerm, hops, choices] = tupleOf(answer.value, 3) ?? [];
  const strategy = atomName(strategyTerm);
  const all = listOf(choices);
  const [tag, member, node] = tupleOf(all[0]) ?? [];
  if (strategy === null || tag === undefined) return strangeAnswer(target.node, 'The state of Horde');
  const [memberName, nodeName] = [atomName(member), atomName(node)];
  if (memberName === null || nodeName === null || !isAtom(tag, 'ok')) return noPlace(strategy, member, target.node);
  const repeatable = all.length === 1 && !drawsLots.has(strategy);
  return ok({
    placement: { node: nodeName, member: memberName, strategy, repeatable, specHash: specHash(asked) },
    hops: numberOf(hops),
  });
}

/** `{error, no_alive_nodes | quorum_not_met | …}` */
function noPlace(strategy: string, reason: Term | undefined, node: NodeName): Result<never> {
  const why = reason === undefined ? 'no reason' : briefly(reason);
  return failure(
    'conflict',
    'horde.no_place',
    `${strategy} chooses no member as ${node} sees them: ${why}.`,
    'Bring the missing members back, or look at the cluster from another side of the partition.',
    { node, details: { strategy, reason: why } },
  );
}

async function startChild(
  session: Session,
  params: Params<'horde.startChild'>,
  options: CallOptions,
): Promise<Result<Answer<'horde.startChild'>>> {
  const linked = await session.reachDirectly(params.seenFrom, options);
  if (!linked.ok) return linked;
  const seen = await prepared(session, params, options);
  if (!seen.ok) return seen;
  const chosen = await chosenBy(seen.value, params, options);
  if (!chosen.ok) return chosen;
  const { placement, hops } = chosen.value;
  const { prefer } = params;
  // A member that may hand nothing on starts what it is asked for: then the preference is whom to ask.
  const asksPreferred = hops === 0 && prefer !== null && prefer !== params.seenFrom;
  const from = asksPreferred ? { ...params, seenFrom: prefer } : params;
  const asked = asksPreferred ? await preparedDirectly(session, from, options) : seen;
  if (!asked.ok) return asked;
  const started = await startedBy(asked.value, params.name, options);
  if (!started.ok) return started;
  const pid = started.value;
  return ok({ pid, placed: placedAt(pid.node, prefer), predicted: hops === 0 ? null : placement });
}

async function preparedDirectly(
  session: Session,
  params: Params<'horde.place'>,
  options: CallOptions,
): Promise<Result<Supervisor>> {
  const linked = await session.reachDirectly(params.seenFrom, options);
  return linked.ok ? prepared(session, params, options) : linked;
}

/** Horde decides; a preference that it did not meet was not allowed for by its strategy. */
function placedAt(node: NodeName, prefer: NodeName | null): Placement {
  return { wanted: prefer ?? 'any', got: node, why: prefer === null || prefer === node ? 'as_asked' : 'not_allowed' };
}

async function startedBy(
  { target, name, spec }: Supervisor,
  shown: string,
  options: CallOptions,
): Promise<Result<ProcessRef>> {
  const waitMs = Math.max(1, Math.floor(remainingNow(options) - answerMs));
  const said = await target.run('horde_start', [name, spec, integer(waitMs)], childOptions(options));
  if (!said.ok) return callFailure(said.error, { node: target.node, what: `Supervisor ${shown}`, effect: 'unknown' });
  if (isAtom(said.value, 'none')) return noSupervisor(shown, target.node);
  if (isAtom(said.value, 'timeout')) return timedOut(`Supervisor ${shown}`, 'unknown', target.node);
  const [tag, reply] = tupleOf(said.value, 2) ?? [];
  const [verdict, value] = tupleOf(reply) ?? [];
  const pid = processOf(value);
  if (atomName(tag) === 'started' && isAtom(verdict, 'ok') && pid !== null) return ok(pid);
  const why = isAtom(tag, 'started') ? (value ?? reply) : said.value;
  return failure(
    'execution',
    'horde.not_started',
    `Horde did not start the child: ${why === undefined ? 'no reason given' : briefly(why)}.`,
    'See what the reason says: `ignore` comes from the child itself, `shutting_down` from a member that leaves.',
    { node: target.node, details: { reason: why === undefined ? null : briefly(why) } },
  );
}

export function hordeMethods(session: Session): MethodTable {
  return {
    'horde.clusters': (params, options) => clusters(session, params, options),
    'horde.entries': ({ nodes, name }, options) => {
      const listed = { rows: 'horde_entries', name } as const;
      return together(
        session,
        { nodes, listed, read: readEntry, vouched: vouchedEntry, agree: agreedEntry, lives: unknownLives },
        options,
      );
    },
    'horde.children': ({ nodes, name }, options) => {
      const listed = { rows: 'horde_children', name } as const;
      return together(
        session,
        { nodes, listed, read: readChild, vouched: vouchedEntry, agree: agreedChild, lives: unknownLives },
        options,
      );
    },
    'horde.findings': (params, options) => findings(session, params, options),
    'horde.place': (params, options) => place(session, params, options),
    'horde.startChild': (params, options) => startChild(session, params, options),
  };
}
