/** The methods `names.*`: what a person wrote becomes one process, or an error; no atom is made on the way. */
import { failure, processNotFound } from '../../errors.ts';
import type { NameField } from '../../listFields.ts';
import { nameFields, nameValue } from '../../listFields.ts';
import type { NameRef, NameRegistry, NameRow, NodeName, ProcessRef, Result, RowSelect } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import { nameText } from '../../nameErrors.ts';
import type { Answer, CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import { countRows } from '../../processQuery.ts';
import type { Term } from '../../term/term.ts';
import { atom, charlist, isAtom, list, tuple } from '../../term/term.ts';
import { agreedName } from '../../spanning/agreement.ts';
import { answered } from './callError.ts';
import type { Chosen, ListKind } from './chosenRows.ts';
import { chosenRows, listPlace } from './chosenRows.ts';
import { askEach, CoverageBook, questionOptions } from './coverage.ts';
import { lifeOf } from './life.ts';
import type { Listed, RawRow } from './nameRows.ts';
import { absentBecause, listedNames, listedTerm, rawRows, readNames, rowKey, rowsOn } from './nameRows.ts';
import { moveName } from './nameMoves.ts';
import { agreedGroupOf, readGlobal, readGroup, registries } from './nameSpans.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { pidOf, processOf } from './read.ts';
import { atomOnNode, safeTerm } from './safeTerm.ts';
import type { Session } from './session.ts';
import { asTheyAre, noLives, readSpanned, together } from './spanning.ts';

const rowsPerFrame = 1_000;

type Resolved = Answer<'names.resolve'>;

async function resolve(
  session: Session,
  { target, seenFrom }: Params<'names.resolve'>,
  options: CallOptions,
): Promise<Result<Resolved>> {
  if ('pid' in target) return living(session, target.pid, options);
  if ('printed' in target) {
    const on = target.printedOn ?? (seenFrom === 'any' ? null : seenFrom);
    return resolvePrinted(session, target.printed, on, options);
  }
  const { name } = target;
  if (name.in === 'local') {
    const at = await session.reach(name.node, options);
    return at.ok ? resolveOn(at.value, name, options) : at;
  }
  const anyNode = session.links.up(session.entry)[0]?.node ?? session.entry;
  const from = target.seenFrom ?? (seenFrom === 'any' ? anyNode : seenFrom);
  const at = await session.reach(from, options);
  if (!at.ok) return at;
  const found = await resolveOn(at.value, name, options);
  if (!found.ok || seenFrom !== 'any' || target.seenFrom !== undefined) return found;
  return ok({ ...found.value, disagree: await otherOpinions(session, found.value, name, options) });
}

/** A registry that spans nodes may be split: every other node is asked what it sees. */
async function otherOpinions(
  session: Session,
  found: Resolved,
  name: NameRef,
  options: CallOptions,
): Promise<Resolved['disagree']> {
  const opinions = await askEach(session, 'all', options, (at) => lookUp(at, name, options));
  return opinions.answers
    .map(([node, pid]) => ({ node, pid }))
    .filter(({ node }) => node !== found.seenFrom)
    .filter(
      ({ pid }) =>
        pid === null ||
        pidText(pid) !== pidText(found.pid) ||
        pid.node !== found.pid.node ||
        pid.creation !== found.pid.creation,
    );
}

async function resolveOn(at: NodeTarget, name: NameRef, options: CallOptions): Promise<Result<Resolved>> {
  const pid = await lookUp(at, name, options);
  if (!pid.ok) return pid;
  if (pid.value !== null) return ok({ pid: pid.value, seenFrom: at.node, disagree: [] });
  return failure(
    'not_found',
    'name.not_found',
    `No process is registered as ${nameText(name)} on ${at.node}.`,
    'See list_registered_processes for the names there are.',
    { node: at.node },
  );
}

/** The process that a name stands for on a node, null when for none (or for a port). Only tables are read, no process is asked. */
async function lookUp(at: NodeTarget, name: NameRef, options: CallOptions): Promise<Result<ProcessRef | null>> {
  switch (name.in) {
    case 'local': {
      const known = await atomOnNode(at, name.name, options);
      if (!known.ok) return known;
      return known.value === null ? ok(null) : whereis(at, 'erlang', 'whereis', known.value, options);
    }
    case 'global': {
      const known = await safeTerm(at, name.name, '/target/name/name', options);
      if (known.ok) return whereis(at, 'global', 'whereis_name', known.value, options);
      return known.error.code === 'term.unknown_atom' ? ok(null) : known;
    }
    case 'via': {
      const module = await atomOnNode(at, name.module, options);
      if (!module.ok) return module;
      const known = await safeTerm(at, name.name, '/target/name/name', options);
      if (!known.ok) return known.error.code === 'term.unknown_atom' ? ok(null) : known;
      return module.value === null ? ok(null) : whereis(at, module.value.v, 'whereis_name', known.value, options);
    }
  }
}

async function whereis(
  at: NodeTarget,
  module: string,
  name: string,
  registered: Term,
  options: CallOptions,
): Promise<Result<ProcessRef | null>> {
  const said = answered(await at.call(module, name, [registered], options), at.node, `The registry ${module}`);
  return said.ok ? ok(processOf(said.value)) : said;
}

/** `erlang:list_to_pid/1` on the node that printed it: only there has a first number other than 0 a meaning. */
async function resolvePrinted(
  session: Session,
  printed: string,
  on: NodeName | null,
  options: CallOptions,
): Promise<Result<Resolved>> {
  const numbers = /^(?:#PID)?<?(\d{1,10})\.(\d{1,10})\.(\d{1,10})>?$/.exec(printed.trim());
  const [, first = '', second = '', third = ''] = numbers ?? [];
  if (numbers === null) {
    return failure(
      'validation',
      'process.bad_pid',
      'This is not how OTP prints a process.',
      'Write <0.123.0>, #PID<0.123.0>, 0.123.0, a registered name, or the id from a result.',
    );
  }
  if (first !== '0' && on === null) {
    return failure(
      'validation',
      'process.printed_where',
      `<${first}.${second}.${third}> means a process only on the node that printed it.`,
      'Say on which node it was printed.',
    );
  }
  const at = await session.reach(on ?? session.entry, options);
  if (!at.ok) return at;
  const shown = `<${first}.${second}.${third}>`;
  const said = await at.value.call('erlang', 'list_to_pid', [charlist(shown)], options);
  // badarg: a first number that this node gave to nobody, or numbers out of range.
  if (!said.ok && said.error.kind === 'exception') return processNotFound(shown, at.value.node);
  const term = answered(said, at.value.node, 'The process');
  if (!term.ok) return term;
  const pid = processOf(term.value);
  return pid === null ? processNotFound(shown, at.value.node) : living(session, pid, options);
}

async function living(session: Session, pid: ProcessRef, options: CallOptions): Promise<Result<Resolved>> {
  const at = await lifeOf(session, pid, options);
  if (!at.ok) return at;
  const said = await at.value.call('erlang', 'is_process_alive', [pidOf(pid)], options);
  const alive = answered(said, pid.node, 'The process');
  if (!alive.ok) return alive;
  return isAtom(alive.value, 'true')
    ? ok({ pid, seenFrom: pid.node, disagree: [] })
    : processNotFound(pidText(pid), pid.node);
}

type ListItem = StreamItem<Frame<'names.list'>, StreamEnd<'names.list'>>;
type NameSelect = RowSelect<NameField>;

/** Names of a node's own are chosen there. Those that span nodes are one list: read from one of the nodes that agree, chosen here. */
async function* listNames(
  session: Session,
  { nodes, registry, ...select }: Params<'names.list'>,
  options: CallOptions,
): AsyncGenerator<ListItem> {
  const book = new CoverageBook();
  const spanned: NodeName[] = [];
  let total = 0;
  const who = await session.whoToAsk(nodes, options);
  for (const node of who.ask) {
    const within = questionOptions(options, who);
    const at = await session.reach(node, within);
    const found = at.ok ? await ownNames(session, at.value, { registry, select }, within) : at;
    if (!found.ok) book.failed(node, found.error);
    else if (found.value === 'spanning') spanned.push(node);
    else {
      book.reached(node);
      total += found.value.matched;
      yield* inFrames(found.value.rows);
    }
  }
  const together = countRows(
    await spanningNames(session, { nodes: spanned, registry, book }, questionOptions(options, who)),
    select,
    nameValue,
  );
  yield* inFrames(together.chosen);
  for (const { node, error } of who.missing) book.failed(node, error);
  const asked = [...who.ask, ...who.missing.map(({ node }) => node)];
  yield { is: 'end', result: ok({ nodes: book.inOrder(asked), total: total + together.matched }) };
}

/** The names that any of the nodes has in a registry that they share. */
async function spanningNames(
  session: Session,
  {
    nodes,
    registry,
    book,
  }: { readonly nodes: readonly NodeName[]; readonly registry: NameRegistry; readonly book: CoverageBook },
  options: CallOptions,
): Promise<readonly NameRow[]> {
  const listed = listedNames(registry);
  const [one, another] = nodes;
  if (one === undefined) return [];
  if (another === undefined) {
    // Nobody to agree with: nothing is compared.
    const at = await session.reach(one, options);
    const rows = at.ok ? await rowsOn(at.value, listed, options) : at;
    if (rows.ok) book.reached(one);
    else book.failed(one, rows.error);
    return rows.ok ? readNames(one, listed, rows.value) : [];
  }
  const read = (raw: RawRow): SpanningName | null => {
    const [name] = readNames(session.entry, listed, [raw]);
    return name === undefined ? null : { id: rowKey(name), name };
  };
  const found = await readSpanned(session, { nodes, listed, read, vouched: asTheyAre }, options);
  const covered = found.ok
    ? found.value.nodes
    : nodes.map((node) => ({ node, status: 'missing', error: found.error }) as const);
  for (const each of covered) {
    if (each.status === 'ok') book.reached(each.node);
    else book.failed(each.node, each.error, each.status);
  }
  const names = new Map<string, NameRow>();
  // Nodes that agree have one table together.
  const tables = found.ok ? new Set(found.value.rows.values()) : [];
  for (const rows of tables) for (const { id, name } of rows.values()) names.set(id, name);
  return [...names.values()];
}

function* inFrames(rows: readonly NameRow[]): Generator<ListItem> {
  for (let from = 0; from < rows.length; from += rowsPerFrame) {
    yield { is: 'frame', frame: rows.slice(from, from + rowsPerFrame) };
  }
}

type SpanningName = { readonly id: string; readonly name: NameRow };

/** The names of a node's own; `spanning`: other nodes may have them too. */
async function ownNames(
  session: Session,
  at: NodeTarget,
  { registry, select }: { readonly registry: NameRegistry; readonly select: NameSelect },
  options: CallOptions,
): Promise<Result<Chosen<NameRow> | 'spanning'>> {
  const listed = listedNames(registry);
  if (listed.rows === 'global') return ok('spanning');
  const what = await listedTerm(at, listed, options);
  if (!what.ok) return what;
  const chosen = await chosenRows(listPlace(session, at), nameList(at.node, listed, what.value), select, options);
  if (!chosen.ok) return chosen;
  if (!('absent' in chosen.value)) return ok(chosen.value);
  return isAtom(chosen.value.absent, 'spanning') ? ok('spanning') : absentBecause(at.node, listed, chosen.value.absent);
}

function nameList(node: NodeName, listed: Listed, what: Term): ListKind<NameRow, NameField> {
  return {
    what: tuple(atom('names'), what),
    items: [],
    formOf: (field) => ({ item: field, as: nameFields[field] }),
    read: (sent) => readNames(node, listed, rawRows(list([sent]))),
    valueOf: nameValue,
    answered: (said) => answered(said, node, 'The list'),
  };
}

export function nameMethods(session: Session): MethodTable {
  return {
    'names.resolve': (params, options) => resolve(session, params, options),
    'names.list': (params, options) => listNames(session, params, options),
    'names.registries': (params, options) => registries(session, params, options),
    'names.compare': ({ nodes }, options) => {
      const listed = { rows: 'global' } as const;
      return together(
        session,
        { nodes, listed, read: readGlobal, vouched: asTheyAre, agree: agreedName, lives: noLives },
        options,
      );
    },
    'names.groups': ({ nodes, scope }, options) => {
      const listed = { rows: 'groups', name: scope } as const;
      const agree = agreedGroupOf(scope);
      return together(session, { nodes, listed, read: readGroup, vouched: asTheyAre, agree, lives: noLives }, options);
    },
    'names.move': (params, options) => moveName(session, params, options),
  };
}
