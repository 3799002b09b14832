/** The methods `system.*`. */
import { childOptions, remainingNow } from '../../callOptions.ts';
import type { Json, NodeName, NodeStats, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, list } from '../../term/term.ts';
import { answered, strangeAnswer } from './callError.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, numberOf, processOf, propertiesOf, textOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

/** Figures of one node now; those it cannot say are null, where the model allows that, else the answer is an error. */
export async function statsOf(target: NodeTarget, options: CallOptions): Promise<Result<NodeStats>> {
  const said = answered(await target.run('stats', [], options), target.node, 'The figures');
  if (!said.ok) return said;
  const figures = listOf(said.value).map(numberOf);
  const [uptimeMs, processCount, processLimit, runQueue, memoryBytes, atomCount, reductions, schedulersOnline] =
    figures;
  if (typeof processCount !== 'number' || typeof runQueue !== 'number')
    return strangeAnswer(target.node, 'The figures');
  if (typeof reductions !== 'number' || typeof schedulersOnline !== 'number') {
    return strangeAnswer(target.node, 'The figures');
  }
  return ok({
    uptimeMs: uptimeMs ?? null,
    processCount,
    processLimit: processLimit ?? null,
    runQueue,
    memoryBytes: memoryBytes ?? null,
    atomCount: atomCount ?? null,
    reductions,
    schedulersOnline,
  });
}

/** The keys of `erlang:system_info/1` that are shown, and under which name. None of them stops the node to be worked out. */
const infoKeys = {
  otp_release: 'otpRelease',
  version: 'ertsVersion',
  system_architecture: 'systemArchitecture',
  emu_flavor: 'emulatorFlavor',
  wordsize: 'wordSizeBytes',
  logical_processors: 'logicalProcessors',
  schedulers: 'schedulers',
  schedulers_online: 'schedulersOnline',
  dirty_cpu_schedulers_online: 'dirtyCpuSchedulersOnline',
  dirty_io_schedulers: 'dirtyIoSchedulers',
  process_count: 'processCount',
  process_limit: 'processLimit',
  port_count: 'portCount',
  port_limit: 'portLimit',
  ets_count: 'etsCount',
  ets_limit: 'etsLimit',
  atom_count: 'atomCount',
  atom_limit: 'atomLimit',
  dist_buf_busy_limit: 'distributionBufferLimitBytes',
  creation: 'creation',
} as const;

async function info(session: Session, node: NodeName, options: CallOptions): Promise<Result<Answer<'system.info'>>> {
  const reached = await session.reach(node, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const keys = list(Object.keys(infoKeys).map(atom));
  const said = answered(await target.run('system_info', [keys], options), node, 'The system information');
  if (!said.ok) return said;
  const values = propertiesOf(said.value);
  const entries: { [key: string]: Json } = { node };
  for (const [key, name] of Object.entries(infoKeys)) {
    const value = values.get(key);
    entries[name] = value === undefined || value.t === 'atom' ? jsonAtom(value) : (numberOf(value) ?? textOf(value));
  }
  entries['elixirVersion'] = await elixirVersion(target, options);
  return ok({ entries });
}

function jsonAtom(value: Term | undefined): Json {
  const name = atomName(value);
  return name === 'null' || name === 'unknown' ? null : name;
}

/** Null where Elixir is not there. */
async function elixirVersion(target: NodeTarget, options: CallOptions): Promise<string | null> {
  const said = await target.call('application', 'get_key', [atom('elixir'), atom('vsn')], options);
  return said.ok ? textOf(tupleOf(said.value, 2)?.[1]) : null;
}

async function memory(
  session: Session,
  node: NodeName,
  options: CallOptions,
): Promise<Result<Answer<'system.memory'>>> {
  const target = await session.reach(node, options);
  if (!target.ok) return target;
  const said = answered(await target.value.call('erlang', 'memory', [], options), node, 'The memory');
  if (!said.ok) return said;
  const bytes: { [kind: string]: number } = {};
  for (const [kind, term] of propertiesOf(said.value)) {
    const value = numberOf(term);
    if (value !== null) bytes[kind] = value;
  }
  return ok({ bytes });
}

async function applications(
  session: Session,
  node: NodeName,
  options: CallOptions,
): Promise<Result<Answer<'system.applications'>>> {
  const reached = await session.reach(node, options);
  if (!reached.ok) return reached;
  const within = childOptions(options, 5_000);
  const wait = integer(Math.max(1, Math.floor(remainingNow(within) * 0.9)));
  const said = answered(await reached.value.run('applications', [wait], within), node, 'The list of applications');
  if (!said.ok) return said;
  return ok({
    applications: listOf(said.value).flatMap((term) => {
      const [name, description, version, running, root] = tupleOf(term, 5) ?? [];
      const shown = atomName(name);
      if (shown === null) return [];
      return [
        {
          name: shown,
          description: textOf(description) ?? '',
          version: textOf(version) ?? '',
          running: atomName(running) === 'true',
          root: processOf(root),
          failure: null,
        },
      ];
    }),
  });
}

export function systemMethods(session: Session): MethodTable {
  return {
    'system.stats': async ({ node }, options) => {
      const target = await session.reach(node, options);
      return target.ok ? statsOf(target.value, options) : target;
    },
    'system.info': ({ node }, options) => info(session, node, options),
    'system.memory': ({ node }, options) => memory(session, node, options),
    'system.applications': ({ node }, options) => applications(session, node, options),
  };
}
