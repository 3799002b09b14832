/** What the nodes of a local cluster may be called, and how many there may be. */
import path from 'node:path';
import { failure } from '../../errors.ts';
import type { Failure, NodeName } from '../../model.ts';
import { mostLocalNodes } from '../localSpec.ts';

const host = '127.0.0.1';
const nameRule = /^[a-z][A-Za-z0-9_-]{0,63}$/;

/** Whether a node here can have this name before its `@`. */
export function isNodeName(name: string): boolean {
  return nameRule.test(name);
}

/** The whole name of a node here. */
export function fullName(name: string): NodeName {
  return `${name}@${host}`;
}

/** The part before `@` of a name that a node here can have; null for others. */
export function shortName(node: NodeName): string | null {
  const [name = '', at] = node.split('@');
  return at === undefined || at === host ? name : null;
}

/** What nodes of a project are called, before their number: as its folder, as far as an atom's plain spelling allows. */
export function baseNameOf(project: string | null): string {
  if (project === null) return 'node';
  const name = path
    .basename(project)
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/g, '_')
    .replace(/^[^a-z]+/, '');
  return name === '' ? 'node' : name.slice(0, 32);
}

export function badName(name: string): Failure {
  return failure(
    'validation',
    'local.bad_name',
    `${name} cannot be the name of a node here.`,
    `Begin with a small letter, then letters, digits, _ and -; the host is ${host}.`,
    { pointer: '/node' },
  );
}

export function tooManyNodes(): Failure {
  return failure(
    'validation',
    'local.too_many_nodes',
    `A local cluster has 1 to ${mostLocalNodes} nodes.`,
    'Ask for fewer, or remove one first.',
    { pointer: '/nodes' },
  );
}
