import { Type } from 'typebox';
import type { Result } from '../../../runtime/model.ts';
import { fail, ok, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Context } from '../../core/context.ts';
import { mapLimited } from '../limited.ts';
import { nodeParam, nullable, onNodeParam, pidParam, supervisorParam } from '../parameters.ts';
import type { Move } from '../process/moves.ts';
import {
  homeOf,
  movedResult,
  moveHowParams,
  moveMany,
  moveNeeds,
  nothingDone,
  probeMoves,
  takeBack,
  undoText,
} from '../process/moves.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';

const most = 100;

export const migrateProcesses = defineOperation({
  name: 'migrate_processes',
  title: 'Migrate Processes',
  description:
    'Moves several processes to another node, each as migrate_process does. All are looked up before the first is moved. With `atomic` either all are moved, or those that were are moved back.',
  category: 'distributed',
  severity: 'destroy',
  idempotent: false,
  needs: [...resolveNeeds, ...moveNeeds],
  mayUse: ['processes.info', 'holdings.list'],
  params: Type.Object({
    pids: Type.Array(pidParam, { minItems: 1, maxItems: most, uniqueItems: true, description: 'The processes.' }),
    node: onNodeParam,
    to: Type.String({ ...nodeParam, description: 'The node they are to live on.' }),
    supervisor: Type.Optional(
      Type.String({
        ...supervisorParam,
        description: 'The supervisor there that is to have them; the ones of the same name as their own when absent.',
      }),
    ),
    atomic: Type.Boolean({ default: false, description: 'Take all back when one cannot be moved.' }),
    concurrency: Type.Integer({ minimum: 1, maximum: 10, default: 4, description: 'Moved at the same time.' }),
    ...moveHowParams,
  }),
  result: Type.Object({
    items: Type.Array(movedResult),
    moved: Type.Integer({ description: 'That live on the other node now.' }),
    undo: nullable(
      Type.String({ description: 'The way back of those that were moved: balance_cluster_load takes it as `undo`.' }),
    ),
  }),
  route: { method: 'POST', path: '/cluster/migrate' },
  examples: [
    {
      title: 'Two of them, or none',
      params: {
        pids: ['Shop.WishList.Demo1.Ada', 'Shop.WishList.Demo1.Alan'],
        node: 'demo1@sim',
        to: 'demo2@sim',
        atomic: true,
      },
    },
  ],
  errors: [
    { code: 'process.not_done', remedy: 'See the reason; all is as it was.' },
    { code: 'supervisor.no_counterpart', remedy: 'Say which supervisor there is to have it.' },
    { code: 'process.not_found', remedy: 'See list_processes for those there are.' },
    { code: 'node.not_connected', remedy: 'Connect the two nodes, or mend what keeps them apart.' },
  ],
  timeoutMs: 600_000,
  // What was moved is moved back after the call was given up, too.
  graceMs: 120_000,
  async plan(context, { pids, node, to, supervisor: written, atomic, concurrency, maxBytes, forwardMs }) {
    const supervisor =
      written === undefined
        ? ok(null)
        : await resolveProcess(context, { text: written, node: to, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const found = await mapLimited([...pids.entries()], 8, ([at, text]) =>
      moveOf(context, { text, node, pointer: `/pids/${String(at)}` }, { to, supervisor: supervisor.value }),
    );
    const moves: Move[] = [];
    for (const move of found) {
      if (!move.ok) return move;
      // Two texts can mean one process.
      if (!moves.some(({ process }) => processId(process) === processId(move.value.process))) moves.push(move.value);
    }
    return ok({
      summary: `Move ${String(moves.length)} processes to ${to}${atomic ? ', or none' : ''}`,
      touches: moves.map(({ process }) => ({
        node: process.node,
        pid: processId(process),
        what: `${pidText(process)} moves to ${to}; a forwarder stays for a while`,
      })),
      severity: 'destroy',
      undo: 'partly',
      steps: { moves, atomic, concurrency, how: { maxBytes, forwardMs, owner: context.owner } },
    });
  },
  async apply(context, { steps }) {
    const { moves, atomic, concurrency, how } = steps;
    const { rows, done } = await moveMany(context, moves, how, { atomic, atOnce: concurrency });
    const error = nothingDone(rows);
    if (error !== null) return fail(error);
    return ok({ items: [...rows], moved: done.length, undo: undoText(done) });
  },
  probe: (context, { steps }) => probeMoves(context, steps.moves, steps.how),
  async compensate(context, { steps }, done) {
    return takeBack(context, done.ok ? done.value.undo : null, steps.how);
  },
});

async function moveOf(
  context: Context<(typeof resolveNeeds)[number] | 'processes.info'>,
  written: Parameters<typeof resolveProcess>[1],
  { to, supervisor }: Pick<Move, 'to' | 'supervisor'>,
): Promise<Result<Move>> {
  const process = await resolveProcess(context, written);
  if (!process.ok) return process;
  const home = supervisor === null ? null : await homeOf(context, process.value);
  return ok({ process: process.value, to, supervisor, home });
}
