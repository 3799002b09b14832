/** What was asked of a cluster from outside, each at its instant: what a replay does again, and what shrinking leaves out. */
import type { Json } from '../../runtime/model.ts';

/** The parameters of an operation, or of a method of the port. */
export type Params = { readonly [key: string]: Json };

export type Call =
  /** An operation through the pipeline. */
  | { readonly is: 'operation'; readonly name: string; readonly params: Params; readonly timeoutMs: number }
  /** A method of the port, as a connection to a deterministic cluster records it. */
  | { readonly is: 'port'; readonly name: string; readonly params: Params; readonly timeoutMs: number };

/** `atMs` is the cluster's own time; `outcome` is `ok` or the code of the error. */
export type RecordedCall = Call & { readonly atMs: number; readonly outcome: string };

const faultOperations = [
  'crash_node',
  'restart_node',
  'add_node',
  'remove_node',
  'hang_node',
  'partition_cluster',
  'heal_cluster',
  'delay_link',
  'drop_link',
];

/** Whether it breaks or mends the network or a node; the first to be left out when a failing run is made simpler. */
export function isFault({ name }: Pick<Call, 'name'>): boolean {
  return faultOperations.includes(name) || name.startsWith('faults.');
}
