/** The catalogue as a list. */
import { Type } from 'typebox';
import type { ArsenalError, ConnectionId } from '../../../runtime/model.ts';
import type { Caller, Context } from '../../core/context.ts';
import type { MiddlewareFacts } from '../../core/middleware.ts';
import type { CatalogueEntry } from '../../protocol/operation.ts';
import type { ListRow } from '../lists.ts';
import { nullable } from '../parameters.ts';

/** What operations about operations look at. */
export interface CatalogueReader {
  list(category?: string): readonly CatalogueEntry[];
  search(query: string): readonly CatalogueEntry[];
  describe(nameOrAlias: string): CatalogueEntry | null;
  /** What calls of it pass, in the order in which it begins; where there is a pipeline to ask. */
  middlewares?(nameOrAlias: string): readonly MiddlewareFacts[];
  /** What keeps this caller from running it on this connection; where there are connections to ask. */
  hindrances?(entry: CatalogueEntry, caller: Caller, connection: ConnectionId | null): readonly ArsenalError[];
}

export type Hindrance = Pick<ArsenalError, 'code' | 'message' | 'remedy'>;

/** What keeps who asks from running an operation where the question was asked; nothing where that is not known. */
export function hindrancesOf(
  catalogue: CatalogueReader,
  entry: CatalogueEntry,
  { caller, connection }: Pick<Context<never>, 'caller' | 'connection'>,
): readonly Hindrance[] {
  const found = catalogue.hindrances?.(entry, caller, connection?.id ?? null) ?? [];
  return found.map(({ code, message, remedy }) => ({ code, message, remedy }));
}

export const catalogueFields = {
  name: 'text',
  title: 'text',
  category: 'text',
  severity: 'text',
  role: 'text',
  idempotent: 'boolean',
  version: 'number',
  route: 'text',
  origin: 'text',
  from: 'text',
  canRun: 'boolean',
} as const;

export const catalogueRowResult = Type.Partial(
  Type.Object({
    name: Type.String(),
    title: Type.String(),
    description: Type.String(),
    category: Type.String(),
    severity: Type.String(),
    role: Type.String(),
    idempotent: Type.Boolean(),
    aliases: Type.Array(Type.String()),
    version: Type.Integer(),
    route: nullable(Type.String({ description: 'METHOD /path, below /api/v1.' })),
    origin: Type.String({ description: 'builtin, workspace or node.' }),
    from: nullable(Type.String({ description: 'The file or the node it comes from.' })),
    canRun: Type.Boolean({
      description:
        'Whether who asks can run it on this connection (without one: by their role); describe_operation says why not.',
    }),
  }),
);

/** One line of the catalogue, for who asks for it. */
export function catalogueRow(
  catalogue: CatalogueReader,
  entry: CatalogueEntry,
  context: Pick<Context<never>, 'caller' | 'connection'>,
): ListRow {
  const { name, title, description, category, severity, role, idempotent, aliases, version, route, origin } = entry;
  return {
    name,
    title,
    description,
    category,
    severity,
    role,
    idempotent,
    aliases: aliases.map((alias) => alias.name),
    version,
    route: route === null ? null : `${route.method} ${route.path}`,
    origin: origin.from,
    from: origin.from === 'workspace' ? origin.file : origin.from === 'node' ? origin.node : null,
    canRun: hindrancesOf(catalogue, entry, context).length === 0,
  };
}
