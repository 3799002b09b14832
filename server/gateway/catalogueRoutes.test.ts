import { describe, expect, it } from 'vitest';
import type { CatalogueEntry } from '../protocol/operation.ts';
import { findEntry, matchRoute, resourceType } from './catalogueRoutes.ts';

function entry(name: string, method: 'GET' | 'POST' | 'DELETE', path: string): CatalogueEntry {
  return {
    name,
    aliases: [{ name: `${name}_alias`, preset: {} }],
    title: name,
    description: name,
    category: 'process',
    version: 1,
    severity: 'read',
    idempotent: true,
    role: 'viewer',
    needs: [],
    params: { type: 'object', properties: {} },
    result: {},
    route: { method, path },
    examples: [],
    errors: [],
    origin: { from: 'builtin' },
  };
}
const catalogue = [
  entry('list_processes', 'GET', '/api/v1/processes'),
  entry('start_process', 'POST', '/api/v1/processes'),
  entry('get_process_info', 'GET', '/processes/:pid'),
  entry('process_tree', 'GET', '/processes/tree'),
  entry('kill_process', 'DELETE', '/processes/:pid'),
];

describe('routes of operations', () => {
  it('finds the operation of a method and a path, with decoded parameters', () => {
    const match = matchRoute(catalogue, 'DELETE', '/processes/a%40h~0.1.0~1');
    expect(match.is === 'route' && [match.entry.name, match.path.get('pid')]).toEqual(['kill_process', 'a@h~0.1.0~1']);
  });

  it('prefers a literal segment to a parameter', () => {
    const match = matchRoute(catalogue, 'GET', '/processes/tree');
    expect(match.is === 'route' && match.entry.name).toBe('process_tree');
  });

  it('takes a parameter where only that takes the method', () => {
    const match = matchRoute(catalogue, 'DELETE', '/processes/tree');
    expect(match.is === 'route' && [match.entry.name, match.path.get('pid')]).toEqual(['kill_process', 'tree']);
  });

  it('tells another method from another path', () => {
    expect(matchRoute(catalogue, 'DELETE', '/processes')).toEqual({ is: 'other_method', allow: ['GET', 'POST'] });
    expect(matchRoute(catalogue, 'GET', '/elsewhere')).toEqual({ is: 'none' });
    expect(matchRoute(catalogue, 'GET', '/processes/%zz')).toEqual({ is: 'none' });
    expect(matchRoute(catalogue, 'GET', '/processes/a/b')).toEqual({ is: 'none' });
  });

  it('finds an operation by its alias', () => {
    expect(findEntry(catalogue, 'kill_process_alias')?.name).toBe('kill_process');
    expect(findEntry(catalogue, 'nothing')).toBeUndefined();
  });

  it('names resources by the last literal segment', () => {
    expect(resourceType('/api/v1/supervisors/:id/children')).toBe('children');
    expect(resourceType('/processes/:pid')).toBe('processes');
  });
});
