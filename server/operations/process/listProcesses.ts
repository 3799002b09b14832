import type { Static } from 'typebox';
import { Type } from 'typebox';
import type { Coverage, Json, NodeCoverage, Predicate, ProcessField, Result, RowPage } from '../../../runtime/model.ts';
import { ok, parseProcessId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { known } from '../knownErrors.ts';
import { mapLimited } from '../limited.ts';
import type { Gathered, ListAnswer, ListRow, Scans } from '../lists.ts';
import { failedNode, firstRows, listPage, listParams, listResult, mostRows, readSort } from '../lists.ts';
import { nodeFilterParam, nullable, placementOfProcess } from '../parameters.ts';
import type { ProcessFieldName } from '../processRows.ts';
import {
  everyProcessField,
  fieldsIn,
  isProcessField,
  predicateOf,
  processFieldNames,
  processFields,
  rowsOf,
} from '../processRows.ts';
import { resolveNeeds } from '../resolve.ts';
import { drain } from '../streams.ts';
import type { Scope } from './processScope.ts';
import { scopeOf, scopeParams } from './processScope.ts';
import { ProcessTable } from './processTable.ts';

const needs = [...resolveNeeds, 'processes.scan', 'processes.info'] as const;
const mayUse = ['system.applications'] as const;
/** Nodes asked for costly fields at once. */
const nodesAtOnce = 8;
/** No more rows than these are read to be put in order. */
const mostRead = 1_000_000;
const params = Type.Object({
  node: nodeFilterParam,
  ...scopeParams,
  ...listParams(Object.fromEntries(everyProcessField.map((name) => [name, processFields[name].kind]))),
  stream: Type.Boolean({
    default: false,
    description: 'Send every row as progress while they come; the answer has the first page.',
  }),
});
const text = nullable(Type.String());
const number = nullable(Type.Number());
const row = Type.Object({
  ...placementOfProcess,
  registeredName: Type.Optional(text),
  initialCall: Type.Optional(text),
  currentFunction: Type.Optional(text),
  status: Type.Optional(text),
  memory: Type.Optional(number),
  reductions: Type.Optional(number),
  messageQueueLen: Type.Optional(number),
  label: Type.Optional(text),
  totalHeapSize: Type.Optional(number),
  binaryBytes: Type.Optional(number),
  priority: Type.Optional(text),
  trapExit: Type.Optional(nullable(Type.Boolean())),
  parent: Type.Optional(text),
  groupLeader: Type.Optional(text),
});

/**
 * Processes of every node. What is cheap to know is asked of all; what costs the target (memory, current function) only of those on the
 * page, unless it is sorted or filtered by.
 */
export function listProcesses(scans: Scans) {
  return defineOperation({
    name: 'list_processes',
    title: 'List Processes',
    description:
      'Processes of one node or of the whole cluster, of an application or below a supervisor, filtered, sorted and paged, each with its node. A page beyond the first thousand rows shows the others as they are by then.',
    category: 'process',
    severity: 'read',
    idempotent: true,
    needs,
    mayUse,
    params,
    result: listResult(row),
    route: { method: 'GET', path: '/processes' },
    aliases: [{ name: 'process_list', preset: {}, requires: ['node'] }],
    examples: [
      { title: 'The largest mailboxes of the cluster', params: { sort: '-messageQueueLen', limit: 10 } },
      { title: 'Of one node', params: { node: 'demo1@sim', filter: { registeredName: { contains: 'Shop' } } } },
      {
        title: 'The largest of an application, with what they hold',
        params: { application: 'shop', sort: '-memory', limit: 5, fields: ['registeredName', 'memory', 'binaryBytes'] },
      },
      {
        title: 'Those below a supervisor that wait for something, or are called so',
        params: {
          supervisor: 'Shop.Supervisor',
          node: 'demo1@sim',
          filter: { any: [{ messageQueueLen: { gt: 0 } }, { initialCall: { like: 'Elixir.Shop.*' } }] },
        },
      },
    ],
    errors: [
      { code: 'list.cursor_expired', remedy: 'List again from the beginning.' },
      { code: 'application.not_running', remedy: 'See list_applications for those that run.' },
      known.processNotFound,
      known.nameAmbiguous,
    ],
    async execute(context, given) {
      const wanted = given.fields?.filter(isProcessField) ?? processFieldNames;
      const page = await listPage(context, 'list_processes', given, scans, ['pid', 'node', 'display'], () =>
        gather(context, given, wanted),
      );
      return page.ok ? ok(await withCostly(context, page.value, wanted)) : page;
    },
  });
}

type ScanContext = Context<(typeof needs)[number] | (typeof mayUse)[number]>;
type Given = Static<typeof params>;
type Asked = { readonly scope: Scope; readonly given: Given; readonly fields: readonly ProcessFieldName[] };
/** `total` as the nodes count; `rows` as many as came, all of which are in `pages` when it `isKept`. */
type Read = {
  readonly pages: readonly RowPage[];
  readonly nodes: Coverage;
  readonly total: number;
  readonly rows: number;
  readonly isKept: boolean;
};

async function gather(
  context: ScanContext,
  given: Given,
  wanted: readonly ProcessFieldName[],
): Promise<Result<Gathered>> {
  const scope = await scopeOf(context, given);
  if (!scope.ok) return scope;
  const forced = fieldsIn(given.filter, given.sort);
  const fields = everyProcessField.filter(
    (name) => forced.includes(name) || (wanted.includes(name) && !processFields[name].costly),
  );
  const asked = { scope: scope.value, given, fields };
  const few = fewOf(given);
  const read = await scan(context, asked, few);
  if (!read.ok) return read;
  const table = ProcessTable.of(read.value.pages, fields, given.sort);
  if (few === null || read.value.total <= table.length) return gathered(table, read.value);
  // Beyond the first, a row that some node has not sent could come before one that another has.
  const first = table.head(firstRows);
  return ok({
    selected: first,
    nodes: read.value.nodes,
    total: read.value.total,
    whole: (options) => gatherRest({ ...context, options }, asked, first),
  });
}

/** The rows that were shown, as they were, then the others. */
async function gatherRest(context: ScanContext, asked: Asked, shown: ProcessTable): Promise<Result<Gathered>> {
  const read = await scan(context, asked, null);
  if (!read.ok) return read;
  const others = ProcessTable.of(read.value.pages, asked.fields, asked.given.sort, shown);
  return gathered(shown.followedBy(others), read.value);
}

/** The whole list: there are as many as came, unless more came than were kept. What a node counted may have ended before it was sent. */
function gathered(table: ProcessTable, { nodes, rows, isKept }: Read): Result<Gathered> {
  return ok({ selected: table.head(mostRows), nodes, total: isKept ? table.length : rows, whole: null });
}

type Few = { readonly first: number } | { readonly top: NonNullable<ScanParams['top']> };
type ScanParams = Parameters<ScanContext['port']['processes']['scan']>[0];

/** What has each node send its first rows only; null where all are wanted, or their order is not known there: texts, and null last. */
function fewOf({ sort, stream }: Given): Few | null {
  if (stream) return null;
  if (sort === undefined) return { first: firstRows };
  const { field, direction } = readSort(sort);
  if (!isProcessField(field) || processFields[field].kind !== 'number') return null;
  return { top: { n: firstRows, by: processFields[field].key, direction } };
}

/** Filtered at each node. */
async function scan(context: ScanContext, { scope, given, fields }: Asked, few: Few | null): Promise<Result<Read>> {
  const { node, filter, sort, stream } = given;
  const where = allOf([...scope.where, ...[predicateOf(filter)].filter((each) => each !== undefined)]);
  const pages: RowPage[] = [];
  let rows = 0;
  let kept = 0;
  const end = await drain(
    context.port.processes.scan(
      {
        nodes: scope.nodes,
        keys: fields.map((name): ProcessField => processFields[name].key),
        pageRows: 1000,
        // Asking to sort or filter by what is costly, or for what is below a supervisor, is asking for its cost.
        allowCostly: scope.where.length > 0 || fieldsIn(filter, sort).some((name) => processFields[name].costly),
        ...(where !== null && { where }),
        ...few,
      },
      context.options(),
    ),
    async (page) => {
      if (rows < mostRead) {
        pages.push(page);
        kept += page.ids.length;
      }
      rows += page.ids.length;
      if (stream) await context.emit({ is: 'rows', rows: rowsOf(page, fields) });
    },
  );
  if (!end.ok) return end;
  const answered = failedNode(node, end.value.nodes);
  if (!answered.ok) return answered;
  const nodes = [...end.value.nodes, ...scope.missing];
  const placeOf = new Map(nodes.map((covered, at) => [covered.node, at]));
  const inOrder = pages.toSorted((one, other) => (placeOf.get(one.of.node) ?? 0) - (placeOf.get(other.of.node) ?? 0));
  return ok({ pages: inOrder, nodes, total: Math.max(end.value.total, rows), rows, isKept: kept === rows });
}

function allOf(all: readonly Predicate[]): Predicate | null {
  const [first, ...others] = all;
  if (first === undefined) return null;
  return others.length === 0 ? first : { all };
}

/**
 * Adds what was too costly to ask of all processes, for those on the page only. Of a process that has ended meanwhile, or whose node no
 * longer answers, it is null; then the node's coverage says so.
 */
async function withCostly(
  context: ScanContext,
  page: ListAnswer<ListRow>,
  wanted: readonly ProcessFieldName[],
): Promise<ListAnswer<ListRow>> {
  const missing = wanted.filter((name) => page.items.some((item) => !(name in item)));
  const pids = page.items
    .map(({ pid }) => (typeof pid === 'string' ? parseProcessId(pid) : null))
    .filter((pid) => pid !== null);
  const nodes = missing.length === 0 ? [] : [...new Set(pids.map(({ node }) => node))];
  const asked = await mapLimited(nodes, nodesAtOnce, async (node) => {
    const here = pids.filter((pid) => pid.node === node);
    const keys = missing.map((name) => processFields[name].key);
    return { node, info: await context.port.processes.info({ pids: here, keys }, context.options()) };
  });
  const rows = asked.flatMap(({ info }) =>
    info.ok ? info.value.pages.flatMap((found) => rowsOf(found, missing)) : [],
  );
  const found = new Map(rows.map((row) => [row['pid'], row]));
  const items = page.items.map((item) => {
    const costly = found.get(item['pid']) ?? {};
    const fields = wanted.map((name): [string, Json] => [name, item[name] ?? costly[name] ?? null]);
    const { pid = null, node = null, display = null } = item;
    return { pid, node, display, ...Object.fromEntries(fields) };
  });
  const covered = page.nodes.map((before): NodeCoverage => {
    const failed = asked.find(({ node, info }) => node === before.node && !info.ok)?.info;
    return failed?.ok === false && before.status === 'ok'
      ? { node: before.node, status: 'partial', error: failed.error }
      : before;
  });
  return { ...page, items, nodes: covered };
}
