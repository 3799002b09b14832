import { Type } from 'typebox';
import type { Json, ProcessRef, Result, RowPage } from '../../../runtime/model.ts';
import { ok, parseProcessId, pidText, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, pidParam, placementOfProcess } from '../parameters.ts';
import { cell, namedProcess, processAt } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { known } from '../knownErrors.ts';

const keys = ['registered_name', 'initial_call', 'status', 'links', 'ancestors'] as const;

type Relative = {
  readonly pid: string;
  readonly node: string;
  readonly display: string;
  readonly registeredName: string | null;
  readonly initialCall: string | null;
  readonly status: string | null;
  readonly links: readonly Relative[];
  /** Links there are beyond those shown. */
  readonly more: number;
};

export const getProcessTree = defineOperation({
  name: 'get_process_tree',
  title: 'Get Process Tree',
  description:
    'A process among its own: the ancestors that proc_lib kept for it, and below it the processes it is linked to, and those they are linked to. Each process stands once, where it was met first.',
  category: 'process',
  severity: 'read',
  idempotent: true,
  needs: [...resolveNeeds, 'processes.info'],
  params: Type.Object({
    pid: pidParam,
    node: onNodeParam,
    depth: Type.Integer({ minimum: 1, maximum: 16, default: 3, description: 'Levels of links.' }),
    limit: Type.Integer({ minimum: 1, maximum: 2_000, default: 300, description: 'Processes in all.' }),
  }),
  result: Type.Object({
    ...placementOfProcess,
    ancestors: Type.Array(Type.String(), { description: 'Nearest first: registered names and ids.' }),
    tree: Type.Unsafe<Relative>({ type: 'object' }),
    processes: Type.Integer({ description: 'Processes in the tree.' }),
    truncated: Type.Boolean({ description: 'Whether limits left something out.' }),
  }),
  route: { method: 'GET', path: '/processes/:pid/tree' },
  aliases: [{ name: 'build_process_tree', preset: {} }],
  examples: [{ title: 'Around a server', params: { pid: 'Shop.Catalog', node: 'demo1@sim', depth: 2 } }],
  errors: [known.processNotFound, known.nameAmbiguous, known.nodeUnavailable],
  async execute(context, { pid, node, depth, limit }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    const met = new Map<string, ProcessRef>([[processId(process.value), process.value]]);
    const facts = new Map<string, Facts>();
    let level: readonly ProcessRef[] = [process.value];
    for (let at = 0; at <= depth && level.length > 0; at += 1) {
      const read = await factsOf(context, level);
      if (!read.ok) return read;
      for (const [id, one] of read.value) facts.set(id, one);
      const next: ProcessRef[] = [];
      for (const link of [...read.value.values()].flatMap(({ links }) => links)) {
        const id = processId(link);
        if (met.has(id) || met.size >= limit || at === depth) continue;
        met.set(id, link);
        next.push(link);
      }
      level = next;
    }
    const shown = new Set<string>();
    const tree = relativeOf(process.value, facts, met, shown);
    const own = facts.get(processId(process.value));
    return ok({
      ...namedProcess(process.value),
      ancestors: [...(own?.ancestors ?? [])],
      tree,
      processes: shown.size,
      truncated: [...facts.values()].some(({ links }) => links.some((link) => !met.has(processId(link)))),
    });
  },
});

type Facts = {
  readonly links: readonly ProcessRef[];
  readonly ancestors: readonly string[];
  readonly registeredName: string | null;
  readonly initialCall: string | null;
  readonly status: string | null;
};

async function factsOf(
  context: Context<'processes.info'>,
  pids: readonly ProcessRef[],
): Promise<Result<ReadonlyMap<string, Facts>>> {
  const info = await context.port.processes.info({ pids, keys }, context.options());
  if (!info.ok) return info;
  return ok(
    new Map(
      info.value.pages.flatMap((page) =>
        [...page.ids.keys()].map((at): [string, Facts] => [processId(processAt(page, at)), factsAt(page, at)]),
      ),
    ),
  );
}

function factsAt(page: RowPage, at: number): Facts {
  const text = (key: 'registered_name' | 'initial_call' | 'status') => {
    const value = cell(page, key, at);
    return typeof value === 'string' ? value : null;
  };
  return {
    links: textsIn(cell(page, 'links', at)).flatMap((id) => parseProcessId(id) ?? []),
    ancestors: textsIn(cell(page, 'ancestors', at)),
    registeredName: text('registered_name'),
    initialCall: text('initial_call'),
    status: text('status'),
  };
}

function textsIn(value: Json): readonly string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
}

function relativeOf(
  process: ProcessRef,
  facts: ReadonlyMap<string, Facts>,
  met: ReadonlyMap<string, ProcessRef>,
  shown: Set<string>,
): Relative {
  const id = processId(process);
  shown.add(id);
  const own = facts.get(id);
  const links = own?.links ?? [];
  const below = links.filter((link) => met.has(processId(link)) && !shown.has(processId(link)));
  // All of a level are marked before any of them is gone into, so that each stands as near to the root as it was met.
  for (const link of below) shown.add(processId(link));
  return {
    pid: id,
    node: process.node,
    display: pidText(process),
    registeredName: own?.registeredName ?? null,
    initialCall: own?.initialCall ?? null,
    status: own?.status ?? null,
    links: below.map((link) => relativeOf(link, facts, met, shown)),
    more: links.filter((link) => !met.has(processId(link))).length,
  };
}
