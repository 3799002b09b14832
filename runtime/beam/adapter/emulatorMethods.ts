/** What the emulator of a node does beside running processes: allocators, schedulers; and who waits for whom. */
import { childOptions } from '../../callOptions.ts';
import type { NodeName, ProcessRef, Result, Wait } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { integer } from '../../term/term.ts';
import { answered, strangeAnswer } from './callError.ts';
import { ports } from './portList.ts';
import { atomName, listOf, numberOf, processOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

/** What a call takes beside the time it measures. */
const slackMs = 2_000;

async function allocators(
  session: Session,
  node: NodeName,
  options: CallOptions,
): Promise<Result<Answer<'system.allocators'>>> {
  const target = await session.reach(node, options);
  if (!target.ok) return target;
  const said = answered(await target.value.run('node_allocators', [], options), node, 'The allocators');
  if (!said.ok) return said;
  return ok({
    allocators: listOf(said.value).flatMap((term) => {
      const [name, instances, carriers, blocks] = tupleOf(term, 4) ?? [];
      const shown = atomName(name);
      if (shown === null) return [];
      return [
        {
          name: shown,
          instances: numberOf(instances) ?? 0,
          carrierBytes: numberOf(carriers) ?? 0,
          blockBytes: numberOf(blocks) ?? 0,
        },
      ];
    }),
  });
}

async function schedulers(
  session: Session,
  { node, forMs }: Params<'system.schedulers'>,
  options: CallOptions,
): Promise<Result<Answer<'system.schedulers'>>> {
  const target = await session.reach(node, options);
  if (!target.ok) return target;
  const within = childOptions(options, forMs + slackMs);
  const said = answered(await target.value.run('node_schedulers', [integer(forMs)], within), node, 'The schedulers');
  if (!said.ok) return said;
  const [normal, dirtyCpu, shares, queues] = tupleOf(said.value, 4) ?? [];
  const [normals, dirtyCpus] = [numberOf(normal), numberOf(dirtyCpu)];
  if (normals === null || dirtyCpus === null) return strangeAnswer(node, 'The answer about schedulers');
  // One queue for each normal scheduler, then one for all dirty CPU and one for all dirty I/O schedulers (erlang:statistics/1).
  const lengths = listOf(queues).map(numberOf);
  return ok({
    schedulers: listOf(shares).flatMap((pair) => {
      const [id, share] = (tupleOf(pair, 2) ?? []).map(numberOf);
      if (typeof id !== 'number' || typeof share !== 'number') return [];
      const kind = id <= normals ? 'normal' : id <= normals + dirtyCpus ? 'dirty_cpu' : 'dirty_io';
      return [{ id, kind, utilisation: share, runQueue: kind === 'normal' ? (lengths[id - 1] ?? null) : null }];
    }),
  });
}

async function waits(
  session: Session,
  { node, limit }: Params<'system.waits'>,
  options: CallOptions,
): Promise<Result<Answer<'system.waits'>>> {
  const target = await session.reach(node, options);
  if (!target.ok) return target;
  const said = answered(await target.value.run('diag_waits', [integer(limit)], options), node, 'Who waits');
  if (!said.ok) return said;
  const [total, found] = tupleOf(said.value, 2) ?? [];
  const count = numberOf(total);
  if (count === null) return strangeAnswer(node, 'The answer about who waits');
  return ok({ total: count, waits: listOf(found).flatMap(waitOf) });
}

function waitOf(term: Term): Wait[] {
  const [who, on, evidence, call, name, stack] = tupleOf(term, 6) ?? [];
  const process = processOf(who);
  if (process === null || on === undefined) return [];
  return [
    {
      process,
      registeredName: atomName(name),
      on: listOf(on).flatMap(calleeOf),
      evidence: atomName(evidence) === 'certain' ? 'certain' : 'likely',
      call: call?.t === 'text' ? call.v : null,
      stack: listOf(stack).flatMap(frameText),
    },
  ];
}

function calleeOf(term: Term): (ProcessRef | { readonly name: string; readonly node: NodeName })[] {
  const process = processOf(term);
  if (process !== null) return [process];
  const [name, node] = (tupleOf(term, 2) ?? []).map(atomName);
  return typeof name === 'string' && typeof node === 'string' ? [{ name, node }] : [];
}

function frameText(term: Term): string[] {
  const [module, name, arity, line] = tupleOf(term, 4) ?? [];
  const [m, f, a, l] = [atomName(module), atomName(name), numberOf(arity), numberOf(line)];
  if (m === null || f === null || a === null) return [];
  return [`${m}:${f}/${String(a)}${l === null || l === 0 ? '' : `:${String(l)}`}`];
}

export function emulatorMethods(session: Session): MethodTable {
  return {
    'system.ports': (params, options) => ports(session, params, options),
    'system.allocators': ({ node }, options) => allocators(session, node, options),
    'system.schedulers': (params, options) => schedulers(session, params, options),
    'system.waits': (params, options) => waits(session, params, options),
  };
}
