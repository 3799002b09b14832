/** What is shown of tables, and why rows of one are not: one cause has one code on every runtime. */
import { failure } from './errors.ts';
import type { Failure, NodeName } from './model.ts';

/** A reader of tables wants to see what is in them, not to move them. */
export const mostTableRows = 50;
/** Rows are not read where they take more on average; one that takes more is told by its size only. */
export const mostRowBytes = 65_536;

export function tableNotFound(node: NodeName): Failure {
  return failure(
    'not_found',
    'table.not_found',
    'There is no such table.',
    'See list_ets_tables for those there are.',
    {
      node,
    },
  );
}

export function tablePrivate(node: NodeName): Failure {
  return failure(
    'authorization',
    'table.private',
    'The table is private: only its owner reads it.',
    'Ask the process that owns it.',
    { node },
  );
}

export function tableRowsTooLarge(node: NodeName, averageBytes: number): Failure {
  return failure(
    'execution',
    'table.large_rows',
    `The rows of the table take ${String(averageBytes)} bytes on average: reading them would cost the node that much each.`,
    'Read the row that is wanted with a function of your own.',
    { node, details: { averageBytes } },
  );
}
