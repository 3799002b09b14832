/** The port's `names.*` on the simulated cluster: registered names, names of `global`, and scopes of `pg`, as each node has them. */
import { cancelled, failure, nodeNotFound, processNotFound, unsupported } from '../../errors.ts';
import { nameValue } from '../../listFields.ts';
import type {
  GroupRow,
  NameRef,
  NameRegistry,
  NameRow,
  NameView,
  NodeCoverage,
  NodeName,
  ProcessRef,
  ProcessTarget,
  RegistryInfo,
  Result,
} from '../../model.ts';
import { ok, parseProcessId, processId } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import { countRows } from '../../processQuery.ts';
import type { GlobalRow, GroupMembers, SpannedRows } from '../../spanning/agreement.ts';
import { agreedGroup, agreedName, isSameProcess, keysOf } from '../../spanning/agreement.ts';
import type { Term } from '../../term/term.ts';
import { atom, termKey, tuple } from '../../term/term.ts';
import type { Value } from '../../term/values.ts';
import { Pid, toValue } from '../../term/values.ts';
import { globalTables } from '../cluster/globalTables.ts';
import { pgScopes } from '../cluster/pg.ts';
import type { KernelNode } from '../kernel/node.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { refOf, termOf } from './context.ts';
import { entryRows, hordeViews } from './hordeRows.ts';
import { globalHolder, moveName } from './nameMoves.ts';

const rowsPerFrame = 1000;

export function nameMethods(context: Context): MethodTable {
  return {
    'names.resolve': (params, options) => resolve(context, params, options),
    'names.list': (params, options) => listNames(context, params, options),
    'names.registries': async ({ nodes }) => {
      const { up, coverage } = context.nodes(nodes);
      return Promise.resolve(ok({ nodes: coverage, registries: up.flatMap(registriesOn) }));
    },
    'names.compare': ({ nodes }, { signal }) => {
      const { up, coverage } = context.nodes(nodes);
      const rows = globalViews(up);
      return inFrames<NameView>(rows, { coverage, total: rows.length }, signal);
    },
    'names.groups': ({ nodes, scope }, { signal }) => {
      const { up, coverage } = context.nodes(nodes);
      const running = up.filter((node) => pgScopes(node).has(scope));
      if (running.length === 0) return noScope(scope);
      const rows = groupRows(running, scope);
      return inFrames<GroupRow>(rows, { coverage, total: rows.length }, signal);
    },
    'names.move': (params, options) => moveName(context, params, options),
  };
}

async function* inFrames<R>(
  rows: readonly R[],
  { coverage: nodes, total }: { readonly coverage: NodeCoverage[]; readonly total: number },
  signal: AbortSignal,
): AsyncGenerator<StreamItem<readonly R[], { readonly nodes: NodeCoverage[]; readonly total: number }>> {
  await Promise.resolve();
  for (let from = 0; from < rows.length; from += rowsPerFrame) {
    yield { is: 'frame', frame: rows.slice(from, from + rowsPerFrame) };
    if (signal.aborted) {
      yield { is: 'end', result: cancelled('none') };
      return;
    }
  }
  yield { is: 'end', result: ok({ nodes, total }) };
}

async function* noScope(scope: string): AsyncGenerator<StreamItem<readonly GroupRow[], StreamEnd<'names.groups'>>> {
  yield {
    is: 'end',
    result: failure(
      'not_found',
      'registry.not_found',
      `No node runs the scope ${scope} of pg.`,
      'See list_registries for what runs, or start the scope.',
    ),
  };
}

// ------------------------------------------------------------------------------------------------------------- reading

/** The names registered on a node. */
export function nameRows(node: KernelNode): readonly NameRow[] {
  return [...node.names].map(([name, { pid }]) => ({ name: { in: 'local', node: node.name, name }, pid: refOf(pid) }));
}

/** The names of `global` that any of the nodes has; one that they disagree about as the first of them has it. */
export function globalNameRows(nodes: readonly KernelNode[]): readonly NameRow[] {
  const rows = new Map<string, NameRow>();
  for (const held of globalRows(nodes).values()) {
    for (const { id, term, pid } of held.values()) {
      if (!rows.has(id)) rows.set(id, { name: { in: 'global', name: term }, pid });
    }
  }
  return [...rows.values()];
}

function globalRows(nodes: readonly KernelNode[]): SpannedRows<GlobalRow> {
  return new Map(
    nodes.map((node): readonly [NodeName, ReadonlyMap<string, GlobalRow>] => {
      const names = [...(globalTables(node)?.names.entries() ?? [])];
      return [node.name, byId(names.map(([name, { pid }]) => ({ ...keyOf(name), pid: refOf(pid) })))];
    }),
  );
}

function globalViews(nodes: readonly KernelNode[]): readonly NameView[] {
  const rows = globalRows(nodes);
  return keysOf(rows).flatMap((id) => agreedName(rows, id) ?? []);
}

/** The groups of a scope, as the nodes that run it see them together. */
export function groupRows(nodes: readonly KernelNode[], scope: string): readonly GroupRow[] {
  const rows: SpannedRows<GroupMembers> = new Map(
    nodes.flatMap((node): readonly (readonly [NodeName, ReadonlyMap<string, GroupMembers>])[] => {
      const running = pgScopes(node).get(scope);
      if (running === undefined) return [];
      const groups = [...running.groups.entries()];
      return [[node.name, byId(groups.map(([group, { all }]) => ({ ...keyOf(group), members: all.map(refOf) })))]];
    }),
  );
  return keysOf(rows).flatMap((id) => agreedGroup(scope, rows, id) ?? []);
}

function keyOf(value: Value): { readonly id: string; readonly term: Term } {
  const term = termOf(value);
  return { id: termKey(term), term };
}
function byId<R extends { readonly id: string }>(rows: readonly R[]): ReadonlyMap<string, R> {
  return new Map(rows.map((row) => [row.id, row]));
}

function registriesOn(node: KernelNode): readonly RegistryInfo[] {
  const scopes = [...pgScopes(node)].flatMap(([name, { groups }]): readonly RegistryInfo[] => {
    const server = node.names.get(name);
    if (server === undefined) return [];
    return [{ kind: 'pg', name, node: node.name, pid: refOf(server.pid), keys: null, size: groups.size }];
  });
  const hordes = hordeViews(node).flatMap(({ kind, name, pid, size }): readonly RegistryInfo[] =>
    kind === 'registry' ? [{ kind: 'horde_registry', name, node: node.name, pid, keys: null, size }] : [],
  );
  return [...scopes, ...hordes];
}

/** The names of a Horde.Registry, each once for each process that some node has for it; null where no node runs it. */
export function hordeNameRows(nodes: readonly KernelNode[], registry: string): readonly NameRow[] | null {
  const rows = entryRows(nodes, registry);
  if (rows.size === 0) return null;
  const names = new Map<string, NameRow>();
  for (const held of rows.values()) {
    for (const { id, term, held: holder } of held.values()) {
      const name = { in: 'via', module: 'Elixir.Horde.Registry', name: tuple(atom(registry), term) } as const;
      names.set(`${id} ${processId(holder.pid)}`, { name, pid: holder.pid });
    }
  }
  return [...names.values()];
}

async function* listNames(
  context: Context,
  { nodes, registry, ...select }: Params<'names.list'>,
  { signal }: CallOptions,
): AsyncGenerator<StreamItem<readonly NameRow[], StreamEnd<'names.list'>>> {
  const { up, coverage } = context.nodes(nodes);
  const apart = registry === 'local' ? up.map(nameRows) : [namesTogether(up, registry)];
  const known = apart.filter((rows) => rows !== null);
  if (known.length < apart.length && typeof registry === 'object') {
    yield { is: 'end', result: noRegistry(registry.via) };
    return;
  }
  const found = known.map((rows) => countRows(rows, select, nameValue));
  const total = found.reduce((sum, { matched }) => sum + matched, 0);
  yield* inFrames(
    found.flatMap(({ chosen }) => chosen),
    { coverage, total },
    signal,
  );
}

/** The names of a registry that spans the nodes; null where no node runs it. */
function namesTogether(
  nodes: readonly KernelNode[],
  registry: Exclude<NameRegistry, 'local'>,
): readonly NameRow[] | null {
  return registry === 'global' ? globalNameRows(nodes) : hordeNameRows(nodes, registry.via);
}

function noRegistry(registry: string): ReturnType<typeof unsupported> {
  return unsupported(
    `Listing the names of ${registry}`,
    'the simulated cluster lists registered and global names, and those of a Horde.Registry that runs.',
    'List the registered or the global names.',
  );
}

// ----------------------------------------------------------------------------------------------------------- resolving

async function resolve(
  context: Context,
  { target, seenFrom }: Params<'names.resolve'>,
  options: CallOptions,
): Promise<Result<Answer<'names.resolve'>>> {
  if (!('name' in target)) return resolvePid(context, target);
  const { name } = target;
  if (name.in === 'local') {
    const node = context.node(name.node);
    if (!node.ok) return node;
    const process = node.value.names.get(name.name);
    if (process === undefined) return processNotFound(name.name, name.node);
    return resolved(refOf(process.pid));
  }
  const anyNode = context.nodes('all').up[0]?.name ?? '';
  const from = context.node(target.seenFrom ?? (seenFrom === 'any' ? anyNode : seenFrom));
  if (!from.ok) return from;
  const found = await lookUp(context, from.value, name, options);
  if (!found.ok) return found;
  const pid = found.value;
  if (pid === null) {
    return failure(
      'not_found',
      'name.not_found',
      `No process has this name, as ${from.value.name} sees it.`,
      'See the list of names for those there are.',
      { node: from.value.name },
    );
  }
  if (name.in !== 'global' || seenFrom !== 'any' || target.seenFrom !== undefined) {
    return ok({ pid, seenFrom: from.value.name, disagree: [] });
  }
  const others = context.nodes('all').up.filter((node) => node !== from.value);
  const disagree = others
    .map((node) => ({ node: node.name, pid: globalHolder(node, name) }))
    .filter((view) => view.pid === null || !isSameProcess(view.pid, pid));
  return ok({ pid, seenFrom: from.value.name, disagree });
}

async function lookUp(
  context: Context,
  node: KernelNode,
  name: Exclude<NameRef, { in: 'local' }>,
  { signal }: CallOptions,
): Promise<Result<ProcessRef | null>> {
  if (name.in === 'global') return ok(globalHolder(node, name));
  if (context.cluster.code.find(name.module, 'whereis_name', 1) === null) return ok(null);
  return command(context, node, signal, function* (self) {
    const pid = yield* self.apply(name.module, 'whereis_name', [toValue(name.name)]);
    return ok(pid instanceof Pid ? refOf(pid) : null);
  });
}

function resolvePid(
  context: Context,
  target: Exclude<ProcessTarget, { readonly name: NameRef }>,
): Result<Answer<'names.resolve'>> {
  const ref = 'pid' in target ? ok(target.pid) : readPrinted(context, target);
  if (!ref.ok) return ref;
  const found = context.process(ref.value);
  return found.ok ? resolved(refOf(found.value.process.pid)) : found;
}

function resolved(pid: ProcessRef): Result<Answer<'names.resolve'>> {
  return ok({ pid, seenFrom: pid.node, disagree: [] });
}

const printedPattern = /^(?:#PID)?<?(\d{1,10})\.(\d{1,10})\.(\d{1,10})>?$/;

function readPrinted(
  context: Context,
  { printed, printedOn }: { readonly printed: string; readonly printedOn?: NodeName },
): Result<ProcessRef> {
  const whole = parseProcessId(printed);
  if (whole !== null) return ok(whole);
  const [, first, id, serial] = printedPattern.exec(printed) ?? [];
  const node = printedOn ?? context.cluster.names[0] ?? '';
  const creation = context.cluster.creationOf(node);
  if (first === undefined) {
    return failure(
      'validation',
      'process.bad_pid',
      'This is no pid.',
      'Write <0.123.0>, #PID<0.123.0>, or the id of a row.',
    );
  }
  if (creation === null) return nodeNotFound(node);
  if (first !== '0') {
    return failure(
      'validation',
      'process.foreign_pid',
      'A pid whose first number is not 0 means another node, which only the node that printed it can tell.',
      'Give the pid as its own node prints it, with that node.',
    );
  }
  return ok({ node, creation, id: Number(id), serial: Number(serial) });
}
