/** Parameters of an operation's own route, from the path, the query and the body of a request. */
import { arsenalError } from '../../runtime/errors.ts';
import type { ArsenalError } from '../../runtime/model.ts';
import type { CatalogueEntry, JsonSchema } from '../protocol/operation.ts';
import { apiBase } from '../protocol/routes.ts';
import { resourceType } from './catalogueRoutes.ts';
import { readAttributes } from './jsonApi.ts';
import type { JsonObject, ParamsPlace } from './jsonApi.ts';
import { paramsFromText, propertySchema } from './textParams.ts';

type OwnParams =
  | { readonly ok: true; readonly params: JsonObject; readonly place: ParamsPlace }
  | { readonly ok: false; readonly error: ArsenalError; readonly place: ParamsPlace };

/** The families of JSON:API, and what of an operation's parameters each is. */
const family = /^(page|filter|fields)((?:\[[^[\]]+\])+)$/;

/**
 * Those in the path, then the body's attributes (POST, PATCH) or the query's. JSON:API's families are mapped: `page[size]` is `limit`,
 * `page[after]` is `after`; `filter[memory][gt]` is `filter.memory.gt`, `filter[status]` the value that it is equal to, and what is no
 * field of the list is the parameter of that name (`filter[node]`); `fields[TYPE]` is `fields`, TYPE being that of the route's resources.
 */
export function ownParams(
  entry: CatalogueEntry,
  path: ReadonlyMap<string, string>,
  query: URLSearchParams,
  body: unknown,
): OwnParams {
  const pairs = [...query].map(([written, text]) => ({ written, text, name: parameterName(entry, written, text) }));
  const place: ParamsPlace = { in: 'query', written: new Map(pairs.map(({ name, written }) => [name, written])) };
  const texts = paramsFromText(entry.params, [...path, ...pairs.map(({ name, text }) => [name, text] as const)]);
  if (!texts.ok) {
    const name = pairs.find((pair) => pair.name === texts.name)?.written ?? texts.name;
    return { ok: false, place: { in: 'query' }, error: unreadable(entry, name, texts.why) };
  }
  if (body === undefined || body === null) return { ok: true, params: texts.params, place };
  const read = readAttributes(body, null);
  if (!read.ok) {
    return {
      ok: false,
      place: { in: 'body', base: '' },
      error: badBody(read.pointer, '{"data":{"type":"…","attributes":{}}}'),
    };
  }
  return { ok: true, params: { ...read.attributes, ...texts.params }, place: { in: 'body', base: '/data/attributes' } };
}

function unreadable(entry: CatalogueEntry, name: string, why: 'unknown' | 'repeated'): ArsenalError {
  return arsenalError(
    'validation',
    'params.unknown',
    why === 'unknown' ? `There is no parameter ${name}.` : `The parameter ${name} stands there twice.`,
    `See GET ${apiBase}/operations/${entry.name}/describe.`,
    { pointer: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}` },
  );
}

/** A body that is no such document. */
export function badBody(pointer: string, form: string): ArsenalError {
  return arsenalError('validation', 'gateway.bad_document', 'The body is not such a document.', `Send ${form}.`, {
    pointer,
  });
}

/** Which parameter a name in the query means; the name itself when it is none of a family's. */
function parameterName(entry: CatalogueEntry, written: string, text: string): string {
  const [, which = '', inside = ''] = family.exec(written) ?? [];
  const [first = '', ...rest] = inside.slice(1, -1).split('][');
  switch (which) {
    case 'page':
      return rest.length > 0 ? written : first === 'size' ? 'limit' : first === 'after' ? 'after' : written;
    case 'fields':
      return rest.length === 0 && first === resourceType(entry.route?.path ?? '') ? 'fields' : written;
    case 'filter':
      return filterName(entry.params, [first, ...rest], text) ?? written;
    default:
      return written;
  }
}

function filterName(params: JsonSchema, keys: readonly [string, ...string[]], text: string): string | null {
  const filter = propertySchema(params, 'filter');
  const field = filter === null ? null : propertySchema(filter, keys[0]);
  if (field === null) return keys.length === 1 && keys[0] !== 'filter' ? keys[0] : null;
  // A condition of which nothing else is said is that of being equal.
  const isPlain = keys.length === 1 && propertySchema(field, 'eq') !== null && !text.startsWith('{');
  return ['filter', ...keys, ...(isPlain ? ['eq'] : [])].join('.');
}
