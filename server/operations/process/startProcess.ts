import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import { ok } from '../../../runtime/model.ts';
import type { ProcessRef, Result } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { placedResult, place, placementParams } from '../placement.ts';
import { atomText, jsonValue, nullable, otherPidParam, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import type { ResolveContext } from '../resolve.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { argsFromJson, atomName, shownName } from '../terms.ts';
import { endStarted } from './endStarted.ts';

const mostArgBytes = 65_536;

export const startProcess = defineOperation({
  name: 'start_process',
  title: 'Start Process',
  description:
    'Starts a process on a node by calling MODULE:FUNCTION(ARGS) in it, under a registered name if one is given. It has the group leader of its node and belongs to no supervisor, so nobody starts it anew: add_child starts one that is, as its restart says.',
  category: 'process',
  severity: 'change',
  idempotent: false,
  needs: [...resolveNeeds, 'processes.start'],
  mayUse: ['system.stats'],
  undoNeeds: ['processes.exit'],
  params: Type.Object({
    module: atomText('The module: Shop.Cart, :lists or lists.', 'module'),
    function: atomText('The function to run in the new process.'),
    args: Type.Array(
      jsonValue('A value by the table of docs/terms.md, or {"$term": "{:job, 7}"} for any term as text.', mostArgBytes),
      { maxItems: 255, default: [], description: 'Its arguments.' },
    ),
    ...placementParams,
    name: Type.Optional(atomText('Registers it under this name on its node.', 'registeredName')),
    link: Type.Optional(otherPidParam('Links it to this process')),
    monitoredBy: Type.Optional(otherPidParam('Has this process monitor it')),
  }),
  result: Type.Object({ ...placementOfProcess, registeredName: nullable(Type.String()), placed: placedResult }),
  route: { method: 'POST', path: '/processes' },
  examples: [
    { title: 'A process that sleeps', params: { module: 'timer', function: 'sleep', args: [60000], name: 'sleeper' } },
  ],
  errors: [
    { code: 'name.taken', remedy: 'Choose another name, or end the process that has it.' },
    { code: 'process.undef', remedy: 'See which functions the module exports, with how many arguments.' },
    { code: 'term.unknown_atom', remedy: 'Only names that the code running there mentions can be used.' },
  ],
  async plan(context, params) {
    const placed = await place(context, params);
    if (!placed.ok) return placed;
    const { got: node } = placed.value;
    const args = argsFromJson(params.args, '/args');
    if (!args.ok) return args;
    const link = await resolveOptional(context, params.link, node, '/link');
    if (!link.ok) return link;
    const monitoredBy = await resolveOptional(context, params.monitoredBy, node, '/monitoredBy');
    if (!monitoredBy.ok) return monitoredBy;
    const name = params.name === undefined ? null : atomName(params.name);
    const free = name === null ? ok(null) : await checkFree(context, name, node);
    if (!free.ok) return free;
    const called = `${shownName(atomName(params.module))}.${params.function}/${args.value.length}`;
    return ok({
      summary: `Start ${called}${name === null ? '' : ` as ${shownName(name)}`} on ${node}`,
      touches: [{ node: node, what: `a new process runs ${called}` }],
      severity: 'change',
      undo: 'partly',
      steps: {
        placed: placed.value,
        node,
        module: atomName(params.module),
        function: params.function,
        args: [...args.value],
        name,
        link: link.value,
        monitoredBy: monitoredBy.value,
      },
    });
  },
  async apply(context, { steps }) {
    const { name, link, monitoredBy, placed, ...rest } = steps;
    const started = await context.port.processes.start(
      {
        ...rest,
        ...(name !== null && { name }),
        ...(link !== null && { link }),
        ...(monitoredBy !== null && { monitoredBy }),
      },
      context.options(),
    );
    return started.ok ? ok({ ...namedProcess(started.value), registeredName: name, placed }) : started;
  },
  async compensate(context, _plan, done) {
    return done.ok ? endStarted(context, done.value.pid) : ok(null);
  },
  async probe(context, { steps }) {
    // Only a name tells this process from any other; it was free when the intent was written.
    if (steps.name === null) return 'unknown';
    const found = await nameOn(context, steps.name, steps.node);
    if (found.ok) return 'applied';
    return found.error.class === 'not_found' ? 'none' : 'unknown';
  },
});

async function resolveOptional(
  context: ResolveContext,
  text: string | undefined,
  node: string,
  pointer: string,
): Promise<Result<ProcessRef | null>> {
  return text === undefined ? ok(null) : resolveProcess(context, { text, node, pointer });
}

function nameOn(context: ResolveContext, name: string, node: string) {
  return context.port.names.resolve(
    { target: { name: { in: 'local', node, name } }, seenFrom: node },
    context.options(),
  );
}

/** A name that is taken is refused before anything is started. */
async function checkFree(context: ResolveContext, name: string, node: string): Promise<Result<null>> {
  const found = await nameOn(context, name, node);
  if (!found.ok) return found.error.class === 'not_found' ? ok(null) : found;
  return failure(
    'conflict',
    'name.taken',
    `${shownName(name)} is registered on ${node} already.`,
    'Choose another name, or end the process that has it.',
    { node, pointer: '/name' },
  );
}
