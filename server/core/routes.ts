/** Routes of operations: which have their form, and which can mean the same request. */
import type { CatalogueEntry } from '../protocol/operation.ts';
import { withoutBase } from '../protocol/routes.ts';

export type Route = NonNullable<CatalogueEntry['route']>;

/** Below it are the routes that operations of older forms and of nodes ask for: none of Arsenal's own is, so that none is shadowed. */
export const ownRoutes = '/custom';

const form = /^(\/([a-z0-9_-]+|:[a-zA-Z][a-zA-Z0-9_]*))+$/;
const longestPath = 500;

/** Whether it is a path such as `/nodes/:node`. */
export function isRoutePath(path: string): boolean {
  return path.length <= longestPath && form.test(path);
}

/** The names of the parameters that stand in a path. */
export function pathParams(path: string): readonly string[] {
  return path.split('/').flatMap((segment) => (segment.startsWith(':') ? [segment.slice(1)] : []));
}

/** Whether there is a request that both could answer. */
export function meet(one: Route, other: Route): boolean {
  const [own, others] = [withoutBase(one.path).split('/'), withoutBase(other.path).split('/')];
  return (
    one.method === other.method &&
    own.length === others.length &&
    own.every(
      (segment, at) => segment === others[at] || segment.startsWith(':') || others[at]?.startsWith(':') === true,
    )
  );
}
