/** Where the gateway answers: what stands before every route, and the routes it keeps for itself. */
import type { CatalogueEntry } from './operation.ts';

/** What stands before every route where it is reached. An operation may write its route with it or without. */
export const apiBase = '/api/v1';

/** What the gateway answers itself, whatever the catalogue has: another operation that had one of these would never be asked. */
export const gatewayRoutes: readonly NonNullable<CatalogueEntry['route']>[] = [
  { method: 'GET', path: '/operations' },
  { method: 'GET', path: '/operations/:category' },
  { method: 'GET', path: '/operations/:name/describe' },
  { method: 'POST', path: '/operations/:name/execute' },
  { method: 'GET', path: '/executions/:requestId' },
  { method: 'POST', path: '/batch' },
];

/** A route's path below {@link apiBase}: `/api/v1/carts` and `/carts` are one. */
export function withoutBase(path: string): string {
  return path.startsWith(`${apiBase}/`) ? path.slice(apiBase.length) : path;
}
