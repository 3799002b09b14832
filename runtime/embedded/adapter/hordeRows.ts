/** The Hordes of the simulated nodes, as each node has them: read from the tables that everybody there may read. */
import { failure } from '../../errors.ts';
import type { HordeChild, HordeEntry, HordeMember, HordeView, NodeName, ProcessRef, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { ChildRow, EntryRow, Life, SpannedRows } from '../../spanning/agreement.ts';
import { agreedChild, agreedEntry, keysOf } from '../../spanning/agreement.ts';
import { phash2 } from '../../term/phash2.ts';
import { termKey } from '../../term/term.ts';
import type { Value } from '../../term/values.ts';
import { a, Pid } from '../../term/values.ts';
import { withoutId } from '../horde/distribution.ts';
import type { Member } from '../horde/options.ts';
import { memberKey } from '../horde/options.ts';
import { registriesOn } from '../horde/registryTables.ts';
import { hordeSupervisorsOn } from '../horde/supervisorState.ts';
import type { KernelNode } from '../kernel/node.ts';
import { asValue, elementsOf, sameValue } from '../kernel/values.ts';
import { fieldsOf } from '../otp/checkSpec.ts';
import { readDynamicSpec } from '../otp/dynamicState.ts';
import type { Context } from './context.ts';
import { refOf, termOf } from './context.ts';

type HordeKind = HordeView['kind'];

function memberOf({ elements: [name, node] }: Member): HordeMember {
  return { node: node.name, name: name.name };
}

/** The members of Hordes that run on a node. */
export function hordeViews(node: KernelNode): readonly HordeView[] {
  const registries = [...registriesOn(node).values()].flatMap((tables): readonly HordeView[] => {
    if (node.find(tables.pid) === undefined) return [];
    const own = memberKeyOn(tables.name, node);
    const held = [...tables.keys.entries()].filter(([, { member }]) => memberKey(member) === own);
    const members = [...tables.members.values()].map((member) => ({ ...memberOf(member), status: null }));
    const { name, pid, keys } = tables;
    const size = keys.size;
    return [
      {
        kind: 'registry',
        name,
        node: node.name,
        pid: refOf(pid),
        members: sorted(members),
        size,
        ownSize: held.length,
        supervisor: null,
      },
    ];
  });
  const supervisors = [...hordeSupervisorsOn(node).values()].flatMap((state): readonly HordeView[] => {
    if (node.find(state.pid) === undefined) return [];
    const members = state.known.map(({ name, status }) => ({ ...memberOf(name), status }));
    return [
      {
        kind: 'supervisor',
        name: state.name.name,
        node: node.name,
        pid: refOf(state.pid),
        members: sorted(members),
        size: state.processes.size,
        ownSize: state.ownCount(),
        supervisor: {
          strategy: state.strategy,
          redistribution: state.redistribution,
          hasQuorum: state.hasQuorum,
          shuttingDown: state.shuttingDown,
          proxyHops: state.proxyTtl === Infinity ? null : state.proxyTtl,
        },
      },
    ];
  });
  return [...registries, ...supervisors];
}

function memberKeyOn(name: string, node: KernelNode): string {
  return `${name} ${node.name}`;
}
function sorted<M extends HordeMember>(members: readonly M[]): readonly M[] {
  return members.toSorted((one, other) => (one.node < other.node ? -1 : 1));
}

/** By node, the keys of a registry; nodes that have no such registry are not in it. */
export function entryRows(nodes: readonly KernelNode[], name: string): SpannedRows<EntryRow> {
  return spanned(nodes, (node) => {
    const tables = registriesOn(node).get(name);
    if (tables === undefined || node.find(tables.pid) === undefined) return null;
    return [...tables.keys.entries()].map(([key, { member, pid }]) => ({
      ...keyOf(key),
      held: { member: memberOf(member), pid: refOf(pid), life: lifeOn(node, pid) },
    }));
  });
}

/** By node, the children of a supervisor. */
export function hordeChildRows(nodes: readonly KernelNode[], name: string): SpannedRows<ChildRow> {
  return spanned(nodes, (node) => {
    const state = hordeSupervisorsOn(node).get(name);
    if (state === undefined || node.find(state.pid) === undefined) return null;
    return [...state.processes.entries()].flatMap(([id, { member, spec, pid }]): readonly ChildRow[] => {
      const read = readDynamicSpec(spec);
      if (!read.ok) return [];
      const { start, type, restart } = read.is;
      return [
        {
          ...keyOf(id),
          held: { member: memberOf(member), pid: refOf(pid), life: lifeOn(node, pid) },
          start: { module: start.module, function: start.function, arity: start.args?.length ?? 0 },
          type,
          restart,
          specHash: specHash(spec),
        },
      ];
    });
  });
}

function spanned<R extends { readonly id: string }>(
  nodes: readonly KernelNode[],
  rowsOf: (node: KernelNode) => readonly R[] | null,
): SpannedRows<R> {
  return new Map(
    nodes.flatMap((node): readonly (readonly [NodeName, ReadonlyMap<string, R>])[] => {
      const rows = rowsOf(node);
      return rows === null ? [] : [[node.name, new Map(rows.map((row) => [row.id, row]))]];
    }),
  );
}
function keyOf(value: Value): Pick<EntryRow, 'id' | 'term'> {
  const term = termOf(value);
  return { id: termKey(term), term };
}
/** A node knows of its own processes only. */
function lifeOn(node: KernelNode, pid: Pid): boolean | null {
  return pid.node === node.name ? node.find(pid) !== undefined : null;
}

/** Whether a process lives, where its node can be asked. */
function lifeIn(context: Context): Life {
  return (ref: ProcessRef) => {
    const node = context.node(ref.node);
    return node.ok ? node.value.find(new Pid(ref.node, ref.creation, ref.id, ref.serial)) !== undefined : null;
  };
}

export function hordeEntries(context: Context, rows: SpannedRows<EntryRow>): readonly HordeEntry[] {
  const life = lifeIn(context);
  return keysOf(rows).flatMap((id) => agreedEntry(rows, id, life) ?? []);
}
export function hordeChildren(context: Context, rows: SpannedRows<ChildRow>): readonly HordeChild[] {
  const life = lifeIn(context);
  return keysOf(rows).flatMap((id) => agreedChild(rows, id, life) ?? []);
}

/** The rows, or that no node has such a Horde. */
export function present<R>(rows: SpannedRows<R>, kind: HordeKind, name: string): Result<SpannedRows<R>> {
  if (rows.size > 0) return ok(rows);
  return failure(
    'not_found',
    'registry.not_found',
    `There is no ${kind === 'registry' ? 'Horde.Registry' : 'Horde.DynamicSupervisor'} ${name} on these nodes.`,
    'Give the name that it was started with; an Elixir module as Elixir.Shop.Registry.',
  );
}

/** Processes that a Horde's member holds a link to and has no entry of, each with what it runs. */
export function orphansOn(node: KernelNode, kind: HordeKind, name: string): readonly (readonly [ProcessRef, string])[] {
  const holder =
    kind === 'registry' ? registriesOn(node).get(name)?.pid : node.names.get(`${name}.ProcessesSupervisor`)?.pid;
  const process = holder === undefined ? undefined : node.find(holder);
  if (process === undefined) return [];
  const ids = hordeSupervisorsOn(node).get(name)?.ids;
  const tables = registriesOn(node).get(name);
  const isKnown = (pid: Pid): boolean =>
    kind === 'registry'
      ? (tables?.keysOf(pid).length ?? 0) > 0
      : ids?.has(`${pid.node} ${pid.creation} ${pid.id} ${pid.serial}`) === true;
  return [...(process.links ?? [])].flatMap((pid): readonly (readonly [ProcessRef, string])[] => {
    const linked = pid.node === node.name && pid !== process.parent ? node.find(pid) : undefined;
    if (linked === undefined || isKnown(pid)) return [];
    const { module, function: called, arity } = linked.initialCall;
    return [[refOf(pid), `${module}:${called}/${arity}`]];
  });
}

/** A specification as `child_spec/1` of a module that uses GenServer makes it: without what is the default, as strategies hash it. */
export function withoutDefaults(spec: Value): Value {
  const fields = new Map(fieldsOf(spec) ?? []);
  const defaults: { readonly [key: string]: Value } = {
    restart: a('permanent'),
    type: a('worker'),
    shutdown: fields.get('type') === a('supervisor') ? a('infinity') : 5000,
    modules: [asValue(elementsOf(fields.get('start'))?.[0])],
  };
  // Horde knows nothing of significance, and makes up the id.
  for (const key of ['significant', 'id']) fields.delete(key);
  for (const [key, value] of Object.entries(defaults)) if (sameValue(fields.get(key), value)) fields.delete(key);
  return { ...Object.fromEntries(fields), id: undefined };
}

/** Of a specification without its id, as `erlang:phash2/2` has it: children with the same one were asked for alike. */
export function specHash(spec: Value): number {
  return phash2(termOf(withoutId(spec)), 2 ** 32);
}
