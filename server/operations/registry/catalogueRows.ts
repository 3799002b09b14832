/** The catalogue as a list. */
import { Type } from 'typebox';
import type { MiddlewareFacts } from '../../core/middleware.ts';
import type { CatalogueEntry } from '../../protocol/operation.ts';

/** What operations about operations look at. */
export interface CatalogueReader {
  list(category?: string): readonly CatalogueEntry[];
  search(query: string): readonly CatalogueEntry[];
  describe(nameOrAlias: string): CatalogueEntry | null;
  /** What calls of it pass, in the order in which it begins; where there is a pipeline to ask. */
  middlewares?(nameOrAlias: string): readonly MiddlewareFacts[];
}

export const catalogueFields = {
  name: 'text',
  title: 'text',
  category: 'text',
  severity: 'text',
  role: 'text',
  origin: 'text',
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
    origin: Type.String(),
  }),
);

/** One line of the catalogue. */
export function catalogueRow(entry: CatalogueEntry) {
  const { name, title, description, category, severity, role, idempotent, aliases, origin } = entry;
  return {
    name,
    title,
    description,
    category,
    severity,
    role,
    idempotent,
    aliases: aliases.map((alias) => alias.name),
    origin: origin.from,
  };
}
