import { Type } from 'typebox';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam, onNodeParam, pidParam, placementOfProcess, supervisorParam } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { nameText } from '../terms.ts';

export const migrateProcess = defineOperation({
  name: 'migrate_process',
  title: 'Migrate Process',
  description:
    'Moves a gen_server, gen_statem or GenServer to another node by handing over its state, which is equal there or all is undone. The pid changes; messages to the old one are forwarded for a while; ports, tables, timers, references and funs in the state are refused.',
  category: 'process',
  severity: 'destroy',
  idempotent: false,
  needs: [...resolveNeeds, 'processes.migrate'],
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
    maxBytes: Type.Integer({ minimum: 64, maximum: 67_108_864, default: 8_388_608, description: 'Largest state.' }),
    forwardMs: Type.Integer({
      minimum: 0,
      maximum: 3_600_000,
      default: 30_000,
      description: 'How long the old process forwards what is still sent to it.',
    }),
  }),
  result: Type.Object({
    ...placementOfProcess,
    before: Type.String({ description: 'The id of the process it was.' }),
    supervisor: Type.String({ description: 'The id of its supervisor now.' }),
    stateBytes: Type.Integer(),
    pauseMs: Type.Number({ description: 'How long it handled nothing.' }),
    waited: Type.Integer({ description: 'Messages that came meanwhile; they were forwarded first.' }),
    names: Type.Array(Type.Object({ name: Type.String(), moved: Type.Boolean() })),
    left: Type.Object({
      localPids: Type.Integer({ description: 'Processes of the old node that its state names.' }),
      monitors: Type.Integer(),
      links: Type.Integer(),
    }),
    forwarder: Type.String({ description: 'What forwards: a holding.' }),
  }),
  route: { method: 'POST', path: '/processes/:pid/migrate' },
  examples: [{ title: 'To another node', params: { pid: 'Shop.Catalog', node: 'demo1@sim', to: 'demo2@sim' } }],
  timeoutMs: 60_000,
  async plan(context, { pid, node, to, supervisor: written, maxBytes, forwardMs }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    const supervisor =
      written === undefined
        ? ok(null)
        : await resolveProcess(context, { text: written, node: to, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    return ok({
      summary: `Move ${pidText(process.value)} from ${process.value.node} to ${to}`,
      touches: [
        { node: process.value.node, pid: processId(process.value), what: 'suspension, then a forwarder, then its end' },
        { node: to, what: 'a new process with its state' },
      ],
      severity: 'destroy',
      undo: 'partly',
      steps: {
        process: process.value,
        to,
        supervisor: supervisor.value,
        maxBytes,
        forwardMs,
        owner: context.owner,
      },
    });
  },
  async apply(context, { steps }) {
    const { process, to, supervisor, maxBytes, forwardMs, owner } = steps;
    const moved = await context.port.processes.migrate(
      {
        pid: process,
        node: to,
        ...(supervisor !== null && { supervisor }),
        maxBytes,
        forwardMs,
        owner,
        lingerMs: forwardMs,
      },
      context.options(),
    );
    if (!moved.ok) return moved;
    const { pid, bytes, pauseMs, waited, left, names, forwarder } = moved.value;
    return ok({
      ...namedProcess(pid),
      before: processId(process),
      supervisor: processId(moved.value.supervisor),
      stateBytes: bytes,
      pauseMs,
      waited,
      names: names.map(({ name, moved: isMoved }) => ({ name: nameText(name), moved: isMoved })),
      left,
      forwarder,
    });
  },
});
