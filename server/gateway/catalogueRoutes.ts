/**
 * Each operation's own route (`GET /api/v1/processes/:pid`), taken from the catalogue at the moment of the request, so that an
 * operation registered a second ago is reached and one that is gone is not.
 */
import type { CatalogueEntry } from '../protocol/operation.ts';
import { apiBase, withoutBase } from '../protocol/routes.ts';

export type RouteMatch =
  | { readonly is: 'route'; readonly entry: CatalogueEntry; readonly path: ReadonlyMap<string, string> }
  /** The path is known under other methods. */
  | { readonly is: 'other_method'; readonly allow: readonly string[] }
  | { readonly is: 'none' };

/** The operation of a catalogue that a name, or an alias, means. */
export function findEntry(catalogue: readonly CatalogueEntry[], name: string): CatalogueEntry | undefined {
  return catalogue.find((entry) => entry.name === name || entry.aliases.some((alias) => alias.name === name));
}

/** A route's whole path. */
export function fullPath(routePath: string): string {
  return apiBase + withoutBase(routePath);
}

/** Segments of a route below {@link apiBase}. */
function segmentsOf(routePath: string): readonly string[] {
  return withoutBase(routePath)
    .split('/')
    .filter((segment) => segment !== '');
}

/**
 * Which operation a method and a path below {@link apiBase} mean. A literal segment outranks a parameter: `/processes/tree` is
 * not a process called `tree`, unless only that takes the method. `path` holds the parameters, decoded.
 */
export function matchRoute(catalogue: readonly CatalogueEntry[], method: string, pathBelowBase: string): RouteMatch {
  const segments = pathBelowBase.split('/').filter((segment) => segment !== '');
  const decoded = segments.map(decode);
  const found = catalogue
    .flatMap((entry) => {
      if (entry.route === null) return [];
      const parameters = matchSegments(segmentsOf(entry.route.path), decoded);
      return parameters === null ? [] : [{ entry, route: entry.route, parameters }];
    })
    .sort((one, other) => one.parameters.size - other.parameters.size);
  const match = found.find((each) => each.route.method === method);
  if (match !== undefined) return { is: 'route', entry: match.entry, path: match.parameters };
  const allow = [...new Set(found.map((each) => each.route.method))].sort();
  return allow.length === 0 ? { is: 'none' } : { is: 'other_method', allow };
}

function matchSegments(pattern: readonly string[], segments: readonly (string | null)[]): Map<string, string> | null {
  if (pattern.length !== segments.length) return null;
  const parameters = new Map<string, string>();
  for (const [at, expected] of pattern.entries()) {
    const given = segments[at];
    if (given === null || given === undefined) return null;
    if (expected.startsWith(':')) parameters.set(expected.slice(1), given);
    else if (expected !== given) return null;
  }
  return parameters;
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

/** The type of the resources at a route: its last literal segment (`/supervisors/:id/children` → `children`). */
export function resourceType(routePath: string): string {
  return segmentsOf(routePath).findLast((segment) => !segment.startsWith(':')) ?? 'results';
}

/** `POST` on a path that `GET` lists makes a new thing there: 201 (JSON:API "Creating Resources"). */
export function creates(catalogue: readonly CatalogueEntry[], entry: CatalogueEntry): boolean {
  return (
    entry.route?.method === 'POST' &&
    catalogue.some((each) => each.route?.method === 'GET' && each.route.path === entry.route?.path)
  );
}
