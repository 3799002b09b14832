/** Names in messages for people, and why one does not move: one cause has one code on every runtime. */
import { failure, unsupported } from './errors.ts';
import type { Failure, NameRef, NodeName } from './model.ts';
import { printTerm } from './term/print.ts';
import type { Term } from './term/term.ts';

function briefly(term: Term): string {
  return printTerm(term, { syntax: 'erlang', maxLength: 200, maxDepth: 4 });
}

/** As Erlang writes a name to be sent to. */
export function nameText(name: NameRef): string {
  switch (name.in) {
    case 'local':
      return name.name;
    case 'global':
      return `{global, ${briefly(name.name)}}`;
    case 'via':
      return `{via, ${name.module}, ${briefly(name.name)}}`;
  }
}

/** Of registries only Horde's can be asked to take a name for somebody else. */
export function nameOfHolderOnly(name: Extract<NameRef, { in: 'via' }>): Failure {
  return unsupported(
    `Moving ${nameText(name)}`,
    `${name.module} gives and takes names of its caller only, or what it does is not known.`,
    'Have the processes themselves unregister and register, or move a local, global or Horde.Registry name.',
  );
}

export function nameTaken(name: NameRef, node: NodeName): Failure {
  return failure(
    'conflict',
    'name.taken',
    `${nameText(name)} stands for another process on ${node} already.`,
    'Unregister that process first, or leave the name where it is.',
    { node },
  );
}

/** The old process has the name as before; `why` as a clause. */
export function nameNotMoved(
  name: NameRef,
  why = 'the new process has a name already, has ended, or some node did not let go of the name in time',
): Failure {
  return failure(
    'conflict',
    'name.not_moved',
    `${nameText(name)} was not moved: ${why}.`,
    'The old process has it as before. Look at the new process, and try again.',
  );
}

/** Nobody has the name any more. */
export function nameLost(name: NameRef, node: NodeName): Failure {
  return failure(
    'execution',
    'name.not_moved',
    `${nameText(name)} could be given neither to the new process nor back to the old one.`,
    'Register it anew.',
    { node, effect: 'partial' },
  );
}
