/** What an operation answers, as JSON:API resources of its own route. */
import type { Json } from '../../runtime/model.ts';
import { dataDocument, isJsonObject, resource } from './jsonApi.ts';
import type { Document, JsonObject, Resource } from './jsonApi.ts';

/** What tells one thing from another, best first; the first that a result has is its resource's id. */
const identities = ['id', 'trace', 'pid', 'supervisor', 'name', 'node'] as const;

function idOf(value: Json): string | null {
  if (!isJsonObject(value)) return null;
  for (const key of identities) {
    const found = value[key];
    if (typeof found === 'string' && found !== '') return found;
    if (typeof found === 'number') return String(found);
  }
  return null;
}

/**
 * A result as a document. A list (`{items, total, next, nodes}`) becomes resources, with what stood beside them in `meta` and the
 * next page as `links.next`; anything else is one resource. `fallbackId` is the id of a result that has none of its own.
 */
export function resultDocument(
  type: string,
  result: Json,
  fallbackId: string,
  nextLink: (after: string) => string,
): Document {
  if (!isJsonObject(result) || !Array.isArray(result['items'])) {
    return dataDocument(resource(type, idOf(result) ?? fallbackId, result));
  }
  const { items, ...beside } = result;
  const rows: readonly Json[] = Array.isArray(items) ? items : [];
  const taken = new Set<string>();
  const data = rows.map((row, at): Resource => {
    const own = idOf(row);
    // A process may have several names, a name several registries: within a document an id stands for one resource only.
    const id = own !== null && !taken.has(own) ? own : `${own ?? fallbackId}.${String(at)}`;
    taken.add(id);
    return resource(type, id, row);
  });
  const next = result['next'];
  const meta: JsonObject = beside;
  return dataDocument(data, {
    meta,
    ...(typeof next === 'string' && { links: { next: nextLink(next) } }),
  });
}
