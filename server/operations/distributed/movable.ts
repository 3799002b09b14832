/** Which processes could live on another node: servers under a supervisor that the other node has under the same name. */
import type { ChildRow, NodeName, ProcessRef, Result, SupervisorInfo } from '../../../runtime/model.ts';
import { ok, processId } from '../../../runtime/model.ts';
import { termKey } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import { mapLimited } from '../limited.ts';
import { collect } from '../streams.ts';
import { isDynamic } from '../supervisor/childParameters.ts';
import { nameText } from '../terms.ts';

export const movableNeeds = ['supervisors.find', 'supervisors.children'] as const;
type MovableContext = Context<(typeof movableNeeds)[number] | 'supervisors.childSpec'>;

const mostSupervisors = 200_000;
const askedAtOnce = 8;

export type Candidate = {
  readonly process: ProcessRef;
  /** The name of its supervisor, here and there. */
  readonly supervisor: string;
  /** The nodes that could take it. */
  readonly to: readonly NodeName[];
};
/** Why processes of a supervisor stay where they are. */
export type Staying = {
  readonly node: NodeName;
  readonly supervisor: string;
  readonly processes: number;
  readonly why: string;
};

type Looked = { readonly info: SupervisorInfo; readonly name: string | null; readonly children: readonly ChildRow[] };

/**
 * The candidates on `from`, and why others are none. Whether a state can leave its process is not looked at: that would suspend it.
 */
export async function movable(
  context: MovableContext,
  from: readonly NodeName[],
  to: readonly NodeName[],
  mostOfSupervisor: number,
): Promise<Result<{ readonly candidates: readonly Candidate[]; readonly staying: readonly Staying[] }>> {
  const nodes = [...new Set([...from, ...to])];
  const found = await collect(context.port.supervisors.find({ nodes }, context.options()), mostSupervisors);
  if (!found.ok) return found;
  const named = found.value.rows.map((info) => ({
    info,
    name: info.name?.in === 'local' ? nameText(info.name) : null,
  }));
  const looked = await lookInto(
    context,
    named.filter(({ info }) => from.includes(info.supervisor.node)),
    mostOfSupervisor,
  );
  // Elsewhere only those are asked that could take something whose place may be taken there: each is busy while it answers.
  const wanted = new Set(
    looked.flatMap(({ name, children }) => (name !== null && children.some(hasPlace) ? [name] : [])),
  );
  const others = named.filter(({ info, name }) => name !== null && to.includes(info.supervisor.node));
  const asked = others.filter(({ name }) => name !== null && wanted.has(name));
  const takers = [
    ...(await lookInto(context, asked, mostOfSupervisor)),
    ...others.filter((other) => !asked.includes(other)).map((other) => ({ ...other, children: [] })),
  ];
  const candidates: Candidate[] = [];
  const staying: Staying[] = [];
  for (const here of looked) {
    const workers = here.children.filter((row) => row.type === 'worker' && row.state.is === 'running');
    if (workers.length === 0) continue;
    const why = await whyNone(context, here);
    const { node } = here.info.supervisor;
    const stay = (processes: number, because: string) =>
      staying.push({ node, supervisor: here.name ?? processId(here.info.supervisor), processes, why: because });
    if (why !== null || here.name === null) {
      stay(workers.length, why ?? unnamed);
      continue;
    }
    const there = takers.filter(({ info, name }) => name === here.name && info.supervisor.node !== node);
    const able = workers.flatMap((row): readonly Candidate[] => {
      const able = there.filter((other) => canTake(here, row, other)).map(({ info }) => info.supervisor.node);
      return row.state.is === 'running' && able.length > 0
        ? [{ process: row.state.pid, supervisor: here.name ?? '', to: able }]
        : [];
    });
    for (const one of able) candidates.push(one);
    if (able.length < workers.length) {
      const because =
        there.length === 0 ? 'no node that has room has this supervisor' : 'the other nodes have them already';
      stay(workers.length - able.length, because);
    }
  }
  return ok({ candidates, staying });
}

/** With their children; one that does not answer now has nothing to move. */
function lookInto(
  context: MovableContext,
  supervisors: readonly Pick<Looked, 'info' | 'name'>[],
  mostOfSupervisor: number,
): Promise<readonly Looked[]> {
  return mapLimited(supervisors, askedAtOnce, async ({ info, name }): Promise<Looked> => {
    const asked = context.port.supervisors.children(
      { supervisor: info.supervisor, offset: 0, limit: mostOfSupervisor },
      context.options(),
    );
    const children = await collect(asked, mostOfSupervisor);
    return { info, name, children: children.ok ? children.value.rows : [] };
  });
}

/** Whether it is one of a supervisor whose children have ids, each once. */
function hasPlace({ childId, type, state }: ChildRow): boolean {
  return type === 'worker' && state.is === 'running' && !isDynamic(childId);
}

const unnamed = 'their supervisor has no name by which it could be found on another node';

async function whyNone(context: MovableContext, { info, name, children }: Looked): Promise<string | null> {
  if (info.kind === 'horde_supervisor') return 'Horde places its children itself';
  if (info.kind === 'task_supervisor') return 'tasks are no servers';
  if (info.kind === 'partition_supervisor') return 'each partition has its place';
  if (name === null) return unnamed;
  const dynamic = children.find(({ childId }) => isDynamic(childId));
  if (dynamic === undefined) return null;
  const { supervisor } = info;
  const spec = await context.port.supervisors.childSpec({ supervisor, childId: dynamic.childId }, context.options());
  return spec.ok && spec.value.restart === 'temporary'
    ? 'temporary children: nobody keeps how they were started'
    : null;
}

/** A supervisor whose children have ids has each id once: what runs there already has its place taken. */
function canTake(here: Looked, row: ChildRow, there: Looked): boolean {
  if (there.info.kind !== here.info.kind) return false;
  if (isDynamic(row.childId)) return true;
  return !there.children.some(({ childId }) => termKey(childId) === termKey(row.childId));
}
