/** The methods `horde.*` on the simulated cluster. */
import { cancelled, failure } from '../../errors.ts';
import type { HordeEntry, HordeFinding, NodeCoverage, NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, HordePlacement, MethodTable, Params, Placement, StreamItem } from '../../port.ts';
import type { Horde } from '../../spanning/hordeFindings.ts';
import {
  differingMembers,
  duplicateChildren,
  mostOfAKind,
  orphan,
  seenTwice,
  wrongEntries,
} from '../../spanning/hordeFindings.ts';
import { printTerm } from '../../term/print.ts';
import type { Pid, Value } from '../../term/values.ts';
import { a } from '../../term/values.ts';
import { strategies } from '../horde/distribution.ts';
import { startHordeChild } from '../horde/dynamicSupervisor.ts';
import { chooseNode } from '../horde/supervisorImpl.ts';
import type { HordeSupervisorState } from '../horde/supervisorState.ts';
import { hordeSupervisorsOn } from '../horde/supervisorState.ts';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import type { KernelNode } from '../kernel/node.ts';
import { asValue, elementsOf } from '../kernel/values.ts';
import { specValue } from '../otp/childSpec.ts';
import { startedPid } from './children.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { refOf, termOf } from './context.ts';
import {
  entryRows,
  hordeChildren,
  hordeChildRows,
  hordeEntries,
  hordeViews,
  orphansOn,
  present,
  specHash,
  withoutDefaults,
} from './hordeRows.ts';
import { specFrom } from './supervisors.ts';

const rowsPerFrame = 1000;
/** How often a strategy of which we do not know whether it draws lots is asked. */
const timesAsked = 20;

export function hordeMethods(context: Context): MethodTable {
  return {
    'horde.clusters': async function* ({ nodes }) {
      await Promise.resolve();
      const { up, coverage } = context.nodes(nodes);
      const views = up.flatMap(hordeViews);
      if (views.length > 0) yield { is: 'frame', frame: views };
      yield { is: 'end', result: ok({ nodes: coverage }) };
    },
    'horde.entries': ({ nodes, name }, { signal }) => {
      const { up, coverage } = context.nodes(nodes);
      const rows = present(entryRows(up, name), 'registry', name);
      return inFrames(rows.ok ? ok(hordeEntries(context, rows.value)) : rows, coverage, signal);
    },
    'horde.children': ({ nodes, name }, { signal }) => {
      const { up, coverage } = context.nodes(nodes);
      const rows = present(hordeChildRows(up, name), 'supervisor', name);
      return inFrames(rows.ok ? ok(hordeChildren(context, rows.value)) : rows, coverage, signal);
    },
    'horde.findings': (params, options) => findings(context, params, options),
    'horde.place': (params, options) => place(context, params, options),
    'horde.startChild': (params, options) => startChild(context, params, options),
  };
}

async function* inFrames<R>(
  rows: Result<readonly R[]>,
  nodes: NodeCoverage[],
  signal: AbortSignal,
): AsyncGenerator<StreamItem<readonly R[], { readonly nodes: NodeCoverage[]; readonly total: number }>> {
  await Promise.resolve();
  if (!rows.ok) {
    yield { is: 'end', result: rows };
    return;
  }
  for (let from = 0; from < rows.value.length; from += rowsPerFrame) {
    yield { is: 'frame', frame: rows.value.slice(from, from + rowsPerFrame) };
    if (signal.aborted) {
      yield { is: 'end', result: cancelled('none') };
      return;
    }
  }
  yield { is: 'end', result: ok({ nodes, total: rows.value.length }) };
}

// ------------------------------------------------------------------------------------------------------------ findings

async function findings(
  context: Context,
  { nodes, name, settleMs }: Params<'horde.findings'>,
  { signal }: CallOptions,
): Promise<Result<Answer<'horde.findings'>>> {
  const first = lookOnce(context, nodes, name);
  const [node] = context.nodes(nodes).up;
  if (node === undefined) return ok(first);
  // In the cluster's own time: that is what its Hordes agree in.
  const waited = await command(context, node, signal, function* () {
    yield* sleep(settleMs);
    return ok(null);
  });
  if (!waited.ok) return waited;
  const then = lookOnce(context, nodes, name);
  return ok({ findings: seenTwice(first.findings, then.findings), nodes: then.nodes });
}

function lookOnce(
  context: Context,
  nodes: readonly NodeName[] | 'all',
  name: string | null,
): { readonly findings: readonly HordeFinding[]; readonly nodes: NodeCoverage[] } {
  const { up, coverage } = context.nodes(nodes);
  const hordes = new Map<string, Horde>();
  for (const { kind, name: found } of up.flatMap(hordeViews)) {
    if (name === null || found === name) hordes.set(`${kind} ${found}`, { kind, name: found });
  }
  return { findings: [...hordes.values()].flatMap((horde) => wrongIn(context, up, horde)), nodes: coverage };
}

function wrongIn(context: Context, up: readonly KernelNode[], horde: Horde): readonly HordeFinding[] {
  const { kind, name } = horde;
  const views = up.flatMap(hordeViews).filter((view) => view.kind === kind && view.name === name);
  const nodes = views.map(({ node }) => node);
  const orphans = up
    .flatMap((node) => orphansOn(node, kind, name).map(([pid, what]) => orphan(horde, node.name, pid, what)))
    .slice(0, mostOfAKind);
  if (kind === 'registry') {
    const entries = hordeEntries(context, entryRows(up, name));
    return [...differingMembers(horde, views), ...wrongEntries(horde, entries, nodes), ...orphans];
  }
  const children = hordeChildren(context, hordeChildRows(up, name));
  const entries = children.map(({ childId, ...child }): HordeEntry => ({ key: childId, ...child }));
  return [
    ...differingMembers(horde, views),
    ...wrongEntries(horde, entries, nodes),
    ...duplicateChildren(horde, children),
    ...orphans,
  ];
}

// ------------------------------------------------------------------------------------------------------------ starting

type Supervisor = { readonly node: KernelNode; readonly state: HordeSupervisorState; readonly spec: Value };

function supervisorFor(context: Context, { name, seenFrom, spec }: Params<'horde.place'>): Result<Supervisor> {
  const node = context.node(seenFrom);
  if (!node.ok) return node;
  const state = hordeSupervisorsOn(node.value).get(name);
  if (state === undefined || node.value.find(state.pid) === undefined) {
    return failure(
      'not_found',
      'registry.not_found',
      `There is no Horde.DynamicSupervisor ${name} on ${seenFrom}.`,
      'See horde_supervisor_inspect for those there are; a module name as Elixir.Shop.Horde.',
      { node: seenFrom },
    );
  }
  return ok({ node: node.value, state, spec: withoutDefaults(specValue(specFrom(spec))) });
}

async function place(
  context: Context,
  params: Params<'horde.place'>,
  { signal }: CallOptions,
): Promise<Result<HordePlacement>> {
  const found = supervisorFor(context, params);
  return found.ok ? chosenBy(context, found.value, signal) : found;
}

/** Asks the strategy as the member itself asks it. */
function chosenBy(
  context: Context,
  { node, state, spec }: Supervisor,
  signal: AbortSignal,
): Promise<Result<HordePlacement>> {
  const { strategy } = state;
  return command(context, node, signal, function* (self): Flow<Result<HordePlacement>> {
    const chosen = new Map<string, HordePlacement>();
    for (let times = 0; times < timesAsked; times += 1) {
      const choice = yield* chooseNode(self, state, spec);
      if ('error' in choice) return noPlace(strategy, choice.error, node.name);
      const [name, on] = choice.name.elements;
      chosen.set(on.name, { node: on.name, member: name.name, strategy, repeatable: true, specHash: specHash(spec) });
    }
    const [first] = chosen.values();
    if (first === undefined) return noPlace(strategy, undefined, node.name);
    return ok({ ...first, repeatable: chosen.size === 1 && strategy !== strategies.random });
  });
}

function briefly(value: Value): string {
  return printTerm(termOf(value), { syntax: 'erlang', maxLength: 200, maxDepth: 4 });
}

function noPlace(strategy: string, reason: Value, node: NodeName): Result<never> {
  const why = briefly(reason);
  return failure(
    'conflict',
    'horde.no_place',
    `${strategy} chooses no member as ${node} sees them: ${why}.`,
    'Bring the missing members back, or look at the cluster from another side of the partition.',
    { node, details: { strategy, reason: why } },
  );
}

async function startChild(
  context: Context,
  params: Params<'horde.startChild'>,
  { signal }: CallOptions,
): Promise<Result<Answer<'horde.startChild'>>> {
  const seen = supervisorFor(context, params);
  if (!seen.ok) return seen;
  const chosen = await chosenBy(context, seen.value, signal);
  if (!chosen.ok) return chosen;
  const { prefer } = params;
  const handsOn = seen.value.state.proxyTtl !== 0;
  // A member that may hand nothing on starts what it is asked for: then the preference is whom to ask.
  const asked = handsOn || prefer === null ? seen : supervisorFor(context, { ...params, seenFrom: prefer });
  if (!asked.ok) return asked;
  const { node, spec } = asked.value;
  const started = await command(
    context,
    node,
    signal,
    function* (self): Flow<Result<Pid>> {
      const answer = yield* startHordeChild(self, a(params.name), spec);
      return outcomeOf(answer, node.name);
    },
    'finished_apart',
  );
  if (!started.ok) return started;
  const pid = refOf(started.value);
  return ok({ pid, placed: placedAt(pid.node, prefer), predicted: handsOn ? chosen.value : null });
}

function outcomeOf(answer: Value, node: NodeName): Result<Pid> {
  const pid = startedPid(answer);
  if (pid !== null) return ok(pid);
  const why = briefly(elementsOf(answer)?.length === 2 ? asValue(elementsOf(answer)?.[1]) : answer);
  return failure(
    'execution',
    'horde.not_started',
    `Horde did not start the child: ${why}.`,
    'See what the reason says; `ignore` comes from the child itself, `shutting_down` from a member that leaves.',
    { node, details: { reason: why } },
  );
}
/** Horde decides; a preference that it did not meet was not allowed for by its strategy. */
function placedAt(node: NodeName, prefer: NodeName | null): Placement {
  return { wanted: prefer ?? 'any', got: node, why: prefer === null || prefer === node ? 'as_asked' : 'not_allowed' };
}
