import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import type { Coverage, NodeName, Result, Wait } from '../../../runtime/model.ts';
import { ok, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import { mapLimited } from '../limited.ts';
import { coverageResult, nodeFilterParam, nullable, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import type { Waiting } from './waitCircles.ts';
import { circlesIn } from './waitCircles.ts';
import { known } from '../knownErrors.ts';

const needs = ['cluster.nodes', 'system.waits', 'names.resolve'] as const;
type DeadlockContext = Context<(typeof needs)[number]>;

const mostWaits = 10_000;
const resolvedAtOnce = 32;

export const analyzeDeadlocks = defineOperation({
  name: 'analyze_deadlocks',
  title: 'Analyze Deadlocks',
  description:
    'Looks for circles of processes that each wait in a call for the next: of gen_server, gen_statem or GenServer, over all nodes. It looks twice, and only what has not moved in between counts. Calls that are slow but go on are no circle.',
  category: 'tracing',
  severity: 'diagnose',
  idempotent: true,
  needs,
  params: Type.Object({
    node: nodeFilterParam,
    confirmMs: Type.Integer({
      minimum: 0,
      maximum: 30_000,
      default: 10,
      description:
        'Between the two looks. A circle in both was one all the while between them, however short that was.',
    }),
  }),
  result: Type.Object({
    circles: Type.Array(
      Type.Object({
        evidence: Type.Enum(['certain', 'likely'], {
          description: 'likely: for one of them, whom it called was read from its stack.',
        }),
        processes: Type.Array(
          Type.Object({
            ...placementOfProcess,
            registeredName: nullable(Type.String()),
            waitsFor: Type.String({ description: 'The id of the next.' }),
            stack: Type.Array(Type.String(), { description: 'Innermost first.' }),
          }),
        ),
      }),
    ),
    waiting: Type.Integer({ description: 'Processes that waited in a call all the while, in a circle or not.' }),
    truncated: Type.Boolean({ description: 'Whether more waited than were looked at.' }),
    nodes: coverageResult,
  }),
  route: { method: 'GET', path: '/system/deadlocks' },
  examples: [
    { title: 'Of the whole cluster', params: {} },
    { title: 'Of one node', params: { node: 'demo1@sim' } },
  ],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  timeoutMs: 60_000,
  async execute(context, { node, confirmMs }) {
    // Who waits in the same call at both looks waited in it at every moment between the end of the first and the beginning of the
    // second, over all nodes: the members of a circle waited for each other at one time. A longer while makes that no surer; it only
    // leaves out circles that the time limit of a call is about to open.
    const first = await look(context, node);
    if (!first.ok) return first;
    await delay(confirmMs, undefined, { signal: context.signal }).catch(() => undefined);
    const second = await look(context, node);
    if (!second.ok) return second;
    const before = new Map(first.value.waits.map((wait) => [processId(wait.process), wait]));
    const stayed = second.value.waits.filter((wait) => {
      const was = before.get(processId(wait.process));
      return was !== undefined && was.call !== null && was.call === wait.call;
    });
    const waiting = await mapLimited(stayed, resolvedAtOnce, (wait) => resolved(context, wait));
    const waits = new Map(stayed.map((wait) => [processId(wait.process), wait]));
    const circles = circlesIn(waiting).map(({ members, evidence }) => ({
      evidence,
      processes: members.map((id, at) => {
        const wait = waits.get(id);
        return {
          ...(wait === undefined ? { pid: id, node: '', display: id } : namedProcess(wait.process)),
          registeredName: wait?.registeredName ?? null,
          waitsFor: members[(at + 1) % members.length] ?? id,
          stack: [...(wait?.stack ?? [])],
        };
      }),
    }));
    return ok({
      circles,
      waiting: stayed.length,
      truncated: first.value.truncated || second.value.truncated,
      nodes: second.value.nodes,
    });
  },
});

type Looked = { readonly waits: readonly Wait[]; readonly truncated: boolean; readonly nodes: Coverage };

async function look(context: DeadlockContext, node: NodeName | undefined): Promise<Result<Looked>> {
  const asked = await eachNode(context, node, (name) =>
    context.port.system.waits({ node: name, limit: mostWaits }, context.options()),
  );
  if (!asked.ok) return asked;
  const { answers, nodes } = asked.value;
  return ok({
    waits: answers.flatMap(({ value }) => value.waits),
    truncated: answers.some(({ value }) => value.total > value.waits.length),
    nodes,
  });
}

/** Names of other nodes become the processes they stand for; one that stands for none closes no circle. */
async function resolved(context: DeadlockContext, wait: Wait): Promise<Waiting> {
  const on = await Promise.all(
    wait.on.map(async (callee) => {
      if (!('name' in callee)) return [processId(callee)];
      const { name, node } = callee;
      const found = await context.port.names.resolve(
        { target: { name: { in: 'local', node, name } }, seenFrom: node },
        context.options(),
      );
      return found.ok ? [processId(found.value.pid)] : [];
    }),
  );
  return { id: processId(wait.process), on: on.flat(), evidence: wait.evidence };
}
