import { Type } from 'typebox';
import { ok, parseProcessId, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam, onNodeParam, pidParam, placementOfProcess, supervisorParam } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { nameText } from '../terms.ts';
import { homeOf, moveBack, moveHowParams, moveOne, probeMoves } from './moves.ts';

export const migrateProcess = defineOperation({
  name: 'migrate_process',
  title: 'Migrate Process',
  description:
    'Moves a gen_server, gen_statem or GenServer to another node by handing over its state, which is equal there or all is undone. The pid changes; messages to the old one are forwarded for a while; ports, tables, timers, references and funs in the state are refused.',
  category: 'process',
  severity: 'destroy',
  idempotent: false,
  needs: [...resolveNeeds, 'processes.migrate'],
  undoNeeds: ['holdings.release'],
  mayUse: ['processes.info', 'holdings.list'],
  params: Type.Object({
    pid: pidParam,
    node: onNodeParam,
    to: Type.String({ ...nodeParam, description: 'The node it is to live on.' }),
    supervisor: Type.Optional(
      Type.String({
        ...supervisorParam,
        description: 'The supervisor there that is to have it; the one of the same name as its own when absent.',
      }),
    ),
    ...moveHowParams,
  }),
  result: Type.Object({
    ...placementOfProcess,
    before: Type.String({ description: 'The id of the process it was.' }),
    supervisor: Type.String({ description: 'The id of its supervisor now.' }),
    stateBytes: Type.Integer(),
    pauseMs: Type.Number({ description: 'How long it handled nothing.' }),
    waited: Type.Integer({ description: 'Messages that came meanwhile; they were forwarded first.' }),
    namesGapMs: Type.Number({ description: 'How long its names that span nodes stood for nobody.' }),
    names: Type.Array(Type.Object({ name: Type.String(), moved: Type.Boolean() })),
    left: Type.Object({
      localPids: Type.Integer({ description: 'Processes of the old node that its state names.' }),
      monitors: Type.Integer(),
      links: Type.Integer(),
    }),
    forwarder: Type.String({ description: 'What forwards: a holding.' }),
  }),
  route: { method: 'POST', path: '/processes/:pid/migrate' },
  examples: [
    { title: 'To another node', params: { pid: 'Shop.WishList.Demo1.Ada', node: 'demo1@sim', to: 'demo2@sim' } },
  ],
  errors: [
    { code: 'process.same_node', remedy: 'Choose another node.' },
    { code: 'process.not_done', remedy: 'See the reason; all is as it was.' },
    { code: 'supervisor.no_counterpart', remedy: 'Say which supervisor there is to have it.' },
    { code: 'node.not_connected', remedy: 'Connect the two nodes, or mend what keeps them apart.' },
    { code: 'process.state_too_large', remedy: 'Raise maxBytes if the nodes can bear it.' },
    { code: 'process.migration_lost', remedy: 'Look on both nodes, and end the one that is not wanted.' },
    { code: 'process.protected', remedy: 'The node cannot live without it; it stays.' },
  ],
  timeoutMs: 60_000,
  async plan(context, { pid, node, to, supervisor: written, maxBytes, forwardMs }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    const supervisor =
      written === undefined
        ? ok(null)
        : await resolveProcess(context, { text: written, node: to, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    // By name both ways lead home; a chosen supervisor says nothing of where it came from.
    const home = supervisor.value === null ? null : await homeOf(context, process.value);
    return ok({
      summary: `Move ${pidText(process.value)} from ${process.value.node} to ${to}`,
      touches: [
        { node: process.value.node, pid: processId(process.value), what: 'suspension, then a forwarder, then its end' },
        { node: to, what: 'a new process with its state' },
      ],
      severity: 'destroy',
      undo: 'partly',
      steps: {
        move: { process: process.value, to, supervisor: supervisor.value, home },
        how: { maxBytes, forwardMs, owner: context.owner },
      },
    });
  },
  async apply(context, { steps }) {
    const moved = await moveOne(context, steps.move, steps.how);
    if (!moved.ok) return moved;
    const { pid, bytes, pauseMs, waited, left, names, namesGapMs, forwarder } = moved.value;
    return ok({
      ...namedProcess(pid),
      before: processId(steps.move.process),
      supervisor: processId(moved.value.supervisor),
      stateBytes: bytes,
      pauseMs,
      waited,
      namesGapMs,
      names: names.map(({ name, moved: isMoved }) => ({ name: nameText(name), moved: isMoved })),
      left,
      forwarder,
    });
  },
  probe: (context, { steps }) => probeMoves(context, [steps.move], steps.how),
  /** Back to its node and supervisor, with the state it has by then; it is a new process once more. */
  async compensate(context, { steps }, done) {
    const pid = done.ok ? parseProcessId(done.value.pid) : null;
    if (!done.ok || pid === null) return ok(null);
    const back = await moveBack(context, steps.move, { pid, forwarder: done.value.forwarder }, steps.how);
    return back.ok ? ok(null) : back;
  },
});
