/** What Arsenal's own operations that look declare beside what they do, and why: docs/pipeline.md. */
import type { AnyOperation, RetryPolicy } from '../core/operation.ts';
import { isWrite } from '../core/operation.ts';

/** What is looked up over all nodes is looked up once for all who ask meanwhile, and never given again: it shows what is. */
export const onceForAll = { ttlMs: 0 } as const;

/** A link that was lost while it was asked over is mostly back when it is asked for again. */
export const overALostLink: RetryPolicy = {
  times: 1,
  firstDelayMs: 200,
  codes: ['node.unavailable', 'connection.lost'],
};

/** The operation, asked once more over a lost link where that is safe: it only looks, and says that asking twice is the same as once. */
export function askedOnceMore(operation: AnyOperation): AnyOperation {
  const { retry, idempotent, severity, needs } = operation;
  const isSafe = !isWrite(operation) && idempotent && severity === 'read' && needs.length > 0;
  return isSafe && retry === undefined ? Object.freeze({ ...operation, retry: overALostLink }) : operation;
}
