/** What looking into a Horde's registry and into its supervisor have in common. */
import type { Static, TSchema } from 'typebox';
import { Type } from 'typebox';
import type { Coverage, HordeView, Json, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { StreamItem } from '../../../runtime/port.ts';
import type { Context } from '../../core/context.ts';
import type { ListParams, ListRow, Scans } from '../lists.ts';
import { listPage, listParams, listResult, mostRows } from '../lists.ts';
import type { FieldKind } from '../rowFilter.ts';
import { collect } from '../streams.ts';
import { findingKinds, findingResult, findingRow, memberResult, memberRow } from './hordeRows.ts';

/** A Horde takes some hundred milliseconds to agree: what is wrong is what still is after that. */
const settleMs = 400;

const findingsParam = Type.Boolean({
  default: true,
  description: 'On the first page, look for what is wrong too, which takes half a second.',
});

const findingParam = Type.Optional(
  Type.Enum([...findingKinds], { description: 'Only what is wrong in this way, and the rows that it is about.' }),
);

/** The parameters beside the name: paging, and whether to look for what is wrong. */
export function inspectParams(fields: { readonly [field: string]: FieldKind }) {
  return { findings: findingsParam, finding: findingParam, ...listParams(fields) };
}

/** A page of rows, the members, and what is wrong. */
export function inspectResult(row: TSchema) {
  return Type.Object({
    ...listResult(row).properties,
    members: Type.Array(memberResult),
    findings: Type.Array(findingResult),
  });
}

type Rows<Row> = AsyncIterable<StreamItem<readonly Row[], { readonly nodes: Coverage; readonly total: number }>>;
type Inspected<Row> = {
  readonly operation: string;
  readonly kind: HordeView['kind'];
  /** Null: those there are, with their members and no rows. */
  readonly name: string | null;
  readonly key: string;
  readonly read: (name: string) => Rows<Row>;
  readonly rowOf: (row: Row) => ListRow;
};

/** Looks into the Hordes of one kind, or into the one of that name. */
export async function inspectHorde<Row>(
  context: Context<'horde.clusters' | 'horde.findings'>,
  params: ListParams & { readonly findings: boolean; readonly finding?: Static<typeof findingParam> },
  scans: Scans,
  { operation, kind, name, key, read, rowOf }: Inspected<Row>,
) {
  const clusters = await collect(context.port.horde.clusters({ nodes: 'all' }, context.options()), mostRows);
  if (!clusters.ok) return clusters;
  const isFirst = params.after === undefined;
  const isLooked = isFirst && (params.findings || params.finding !== undefined);
  const wrong = isLooked ? await findingsOf(context, kind, name) : ok([]);
  if (!wrong.ok) return wrong;
  const findings = wrong.value.filter((one) => params.finding === undefined || one.kind === params.finding);
  const about = params.finding === undefined ? null : new Set(findings.map(({ of }) => of));
  const page = await listPage(context, operation, params, scans, [key], async () => {
    if (name === null) return ok({ rows: [], nodes: clusters.value.end.nodes });
    const found = await collect(read(name), mostRows);
    if (!found.ok) return found;
    const { end } = found.value;
    const rows = found.value.rows.map(rowOf).filter((row) => about === null || about.has(textIn(row[key])));
    const isCut = about === null && end.total > found.value.rows.length;
    return ok({ rows, nodes: end.nodes, ...(isCut && { total: end.total }) });
  });
  if (!page.ok) return page;
  const members = clusters.value.rows.filter((view) => view.kind === kind && (name === null || view.name === name));
  return ok({ ...page.value, members: members.map(memberRow), findings: [...findings] });
}

async function findingsOf(
  context: Context<'horde.findings'>,
  kind: HordeView['kind'],
  name: string | null,
): Promise<Result<readonly ReturnType<typeof findingRow>[]>> {
  const found = await context.port.horde.findings({ nodes: 'all', name, settleMs }, context.options());
  return found.ok ? ok(found.value.findings.filter(({ horde }) => horde.kind === kind).map(findingRow)) : found;
}

function textIn(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
