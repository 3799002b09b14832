/** How a request of ours is served: checked, made cancellable, answered with a value or with a failure that carries its error. */
import os from 'node:os';
import { LSPErrorCodes, ResponseError } from 'vscode-languageserver/node';
import type { CancellationToken, Connection, RequestType } from 'vscode-languageserver/node';
import { arsenalError } from '../../runtime/errors.ts';
import { fail } from '../../runtime/model.ts';
import type { ArsenalError, Result } from '../../runtime/model.ts';
import type { Caller } from '../backend/backend.ts';
import { arsenalFailureCode } from '../protocol/lsp.ts';
import type { FailureData } from '../protocol/lsp.ts';

/** Who the editor's requests come from: the user who runs the editor. */
export function editorCaller(): Caller {
  return { principal: userName(), via: 'editor', role: 'admin' };
}

function userName(): string {
  try {
    return os.userInfo().username;
  } catch {
    // A container may run under a number that no user has.
    return 'editor';
  }
}

/** The failure of a request: code `arsenalFailureCode`, or LSP's own for a cancelled one; `data.arsenal` is the error. */
export function responseError(error: ArsenalError): ResponseError<FailureData> {
  const code = error.class === 'cancelled' ? LSPErrorCodes.RequestCancelled : arsenalFailureCode;
  return new ResponseError(code, error.message, { arsenal: error });
}

/** A signal that aborts when the client cancels the request. */
export function abortOnCancel(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  else token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}

/**
 * Serves `type` with `serve`, whose failures become response errors. Should `serve` throw, which is a bug of ours, the client gets
 * a `system` error and the log the stack; the server lives on.
 */
export function serveRequest<P, R>(
  connection: Connection,
  type: RequestType<P, R, FailureData>,
  serve: (params: unknown, signal: AbortSignal) => Promise<Result<R>> | Result<R>,
): void {
  // What comes is not known to be what the type says, and the library's own types cannot follow a generic answer.
  const untyped: RequestType<unknown, unknown, FailureData> = type;
  connection.onRequest(untyped, async (params, token) => {
    const result = await guarded(connection, type.method, () => serve(params, abortOnCancel(token)));
    return result.ok ? result.value : responseError(result.error);
  });
}

async function guarded<R>(
  connection: Connection,
  method: string,
  serve: () => Promise<Result<R>> | Result<R>,
): Promise<Result<R>> {
  try {
    return await serve();
  } catch (thrown) {
    connection.console.error(
      `${method}: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
    );
    return fail(
      arsenalError('system', 'server.threw', 'The language server met a bug of its own.', 'Report it with the log.', {
        effect: 'unknown',
      }),
    );
  }
}
