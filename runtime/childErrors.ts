/** What a supervisor refuses about a child, as errors: one cause has one code on every runtime. */
import { failure } from './errors.ts';
import type { Failure, Json, NodeName } from './model.ts';

/** The supervisor has no child of that id or process. */
export function childNotFound(node: NodeName): Failure {
  return failure(
    'not_found',
    'child.not_found',
    'The supervisor has no such child.',
    'See which_children for those it has.',
    { node },
  );
}

const refusals: { readonly [reason: string]: readonly [code: string, message: string, remedy: string] } = {
  running: ['child.running', 'The child is running.', 'Terminate it first.'],
  restarting: ['child.restarting', 'The child is being restarted.', 'Wait until its restart has succeeded or failed.'],
  already_present: ['child.exists', 'There is a child with this id, which is not running.', 'Restart or delete it.'],
  already_started: [
    'child.exists',
    'There is a child with this id, or its name is taken.',
    'Choose another id or name.',
  ],
  max_children: [
    'supervisor.max_children',
    'The supervisor has as many children as it allows.',
    'Terminate one, or raise max_children in its code.',
  ],
  simple_one_for_one: [
    'supervisor.simple_one_for_one',
    'This supervisor knows its children by their processes only.',
    'Give the pid; its children can be terminated, not restarted or deleted.',
  ],
};

/**
 * The failure for the reason in `{error, Reason}` of a supervisor (stdlib, supervisor): `name` is the reason where it is an atom, or
 * the first element of it where it is a tuple; `reason` is the whole for people. `child.start_failed` for what the start of the
 * child itself gave.
 */
export function childRefused(name: string | null, reason: Json, node: NodeName): Failure {
  if (name === 'not_found') return childNotFound(node);
  const known = name !== null && Object.hasOwn(refusals, name) ? refusals[name] : undefined;
  if (known !== undefined) return failure('conflict', ...known, { node });
  return failure(
    'execution',
    'child.start_failed',
    'The child could not be started.',
    'See details.reason; correct the child specification or what the child needs.',
    { node, details: { reason } },
  );
}
