/** Why a node could not be started, with what it printed. */
import { failure } from '../../errors.ts';
import type { Failure, NodeName } from '../../model.ts';
import type { LogFile } from './logFile.ts';
import { readLog } from './logFile.ts';

/** Lines of a node's log that an error carries. */
const toldLines = 30;

type Starting = { readonly node: NodeName; readonly log: LogFile };

/** The node's process ended before its applications ran. */
export function notStarted({ node, log }: Starting, how: string): Failure {
  return failure(
    'execution',
    'local.node_failed',
    `Node ${node} ended while it started: ${how}.`,
    `See what it printed: ${log.file}`,
    { node, details: { printed: readLog(log.file, { last: toldLines }).lines.join('\n') } },
  );
}

/** The node's applications did not run within `ms`. */
export function notInTime({ node, log }: Starting, ms: number): Failure {
  return failure(
    'timeout',
    'local.node_timeout',
    `Node ${node} did not start within ${ms / 1_000} s.`,
    `See what it waits for: ${log.file}`,
    { node, details: { printed: readLog(log.file, { last: toldLines }).lines.join('\n') } },
  );
}
