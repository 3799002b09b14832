import type { Static } from 'typebox';
import { Type } from 'typebox';
import type { Json, NodeCoverage, Result } from '../../../runtime/model.ts';
import { ok, parseProcessId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { mapLimited } from '../limited.ts';
import type { Gathered, ListAnswer, ListRow, Scans } from '../lists.ts';
import { failedNode, listPage, listParams, listResult, mostRows, readSort, selectRows } from '../lists.ts';
import { nodeFilterParam, nullable, placementOfProcess } from '../parameters.ts';
import type { ProcessFieldName } from '../processRows.ts';
import { isProcessField, keysIn, predicateOf, processFieldNames, processFields, rowsOf } from '../processRows.ts';
import { drain } from '../streams.ts';

const needs = ['processes.scan', 'processes.info'] as const;
/** Nodes asked for costly fields at once. */
const nodesAtOnce = 8;
const params = Type.Object({
  node: nodeFilterParam,
  ...listParams(Object.fromEntries(processFieldNames.map((name) => [name, processFields[name].kind]))),
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
});

/**
 * Processes of every node. What is cheap to know is asked of all; what costs the target (memory, current function) only of those on the
 * page, unless it is sorted or filtered by.
 */
export function listProcesses(scans: Scans) {
  return defineOperation({
    name: 'list_processes',
    title: 'List Processes',
    description: 'Processes of one node or of the whole cluster, filtered, sorted and paged, each with its node.',
    category: 'process',
    severity: 'read',
    idempotent: true,
    needs,
    params,
    result: listResult(row),
    route: { method: 'GET', path: '/processes' },
    aliases: [{ name: 'process_list', preset: {}, requires: ['node'] }],
    examples: [
      { title: 'The largest mailboxes of the cluster', params: { sort: '-messageQueueLen', limit: 10 } },
      { title: 'Of one node', params: { node: 'demo1@sim', filter: { registeredName: { contains: 'Shop' } } } },
    ],
    errors: [{ code: 'list.cursor_expired', remedy: 'List again from the beginning.' }],
    async execute(context, given) {
      const wanted = given.fields?.filter(isProcessField) ?? processFieldNames;
      const page = await listPage(context, 'list_processes', given, scans, ['pid', 'node', 'display'], () =>
        scan(context, given, wanted),
      );
      return page.ok ? ok(await withCostly(context, page.value, wanted)) : page;
    },
  });
}

type ScanContext = Context<(typeof needs)[number]>;

/** The whole list: filtered at each node, sorted here. */
async function scan(
  context: ScanContext,
  { node, filter, sort, stream }: Static<typeof params>,
  wanted: readonly ProcessFieldName[],
): Promise<Result<Gathered>> {
  const forced = keysIn(filter, sort);
  const cheap = wanted.filter((name) => !processFields[name].costly);
  const fields = processFieldNames.filter((name) => cheap.includes(name) || forced.includes(processFields[name].key));
  const where = predicateOf(filter);
  const top = sort === undefined ? undefined : topOf(sort);
  const rows: ListRow[] = [];
  const end = await drain(
    context.port.processes.scan(
      {
        nodes: node === undefined ? 'all' : [node],
        keys: fields.map((name) => processFields[name].key),
        pageRows: 1000,
        // Asking to sort or filter by a costly field is asking for its cost.
        allowCostly: forced.some((key) =>
          processFieldNames.some((name) => processFields[name].key === key && processFields[name].costly),
        ),
        ...(where !== undefined && { where }),
        ...(top !== undefined && { top }),
      },
      context.options(),
    ),
    async (page) => {
      const found = rowsOf(page, fields);
      for (const one of found.slice(0, mostRows - rows.length)) rows.push(one);
      if (stream) await context.emit({ is: 'rows', rows: found });
    },
  );
  if (!end.ok) return end;
  const answered = failedNode(node, end.value.nodes);
  if (!answered.ok) return answered;
  return ok({
    rows: selectRows(rows, { ...(sort !== undefined && { sort }) }),
    nodes: end.value.nodes,
    total: Math.max(end.value.total, rows.length),
    isSelected: true,
  });
}

/** Each node sends its own first rows in the order asked for, so that a list too long to keep is cut at the right end. */
function topOf(sort: string) {
  const { field, direction } = readSort(sort);
  return isProcessField(field) ? { n: mostRows, by: processFields[field].key, direction } : undefined;
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
