/** Errors of the core that several of its parts share. */
import { failure } from '../../runtime/errors.ts';
import type { Effect, Failure } from '../../runtime/model.ts';
import type { Capability } from '../../runtime/port.ts';
import type { OperationCall } from '../protocol/operation.ts';

/** What was thrown, in words; anything can be. */
export function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What the port says of every method when there is no connection. */
export function withoutConnection(): Capability {
  return { can: false, why: 'there is no connection.', remedy: 'Connect to a system first.' };
}

/** A bug: ours, or of an operation of the user's own. */
export function bug(code: string, message: string, effect: Effect, operation: string): Failure {
  return failure(
    'system',
    code,
    message,
    'This is a bug: please report it with the log. Look at the target before you run it again.',
    {
      effect,
      details: { operation },
    },
  );
}

/** What is said when the pipeline itself, or a service of its, broke: a bug of ours. */
export function pipelineThrew(
  { call, executed }: { readonly call: OperationCall; readonly executed: boolean },
  thrown: unknown,
): Failure {
  const said = `The call could not be brought to its end: ${wordsOf(thrown).slice(0, 500)}`;
  return bug('pipeline.threw', said, executed ? 'unknown' : 'none', call.operation);
}

/** No operation of that name, nor alias. */
export function operationNotFound(name: string): Failure {
  return failure(
    'not_found',
    'operation.not_found',
    `There is no operation ${name.slice(0, 100)}.`,
    'See list_operations for those there are, or search_operations.',
  );
}
