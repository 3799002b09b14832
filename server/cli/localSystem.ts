/** A backend of the command's own, and one connection through it. */
import os from 'node:os';
import path from 'node:path';
import type { ConnectionId, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Backend, BackendCallOptions, Caller } from '../backend/backend.ts';
import type { OpenerFiles } from '../backend/openers.ts';
import type { ConnectionInfo } from '../protocol/connection.ts';
import type { HistoryOptions } from './historyOptions.ts';
import { historyLimits } from './historyOptions.ts';
import { stateHome } from './home.ts';
import { exitCode } from './io.ts';
import type { CliIo, ExitCode } from './io.ts';
import { printError, printUsage, printWarning } from './report.ts';
import { connectSpec } from './runtimeOptions.ts';
import type { RuntimeOptions } from './runtimeOptions.ts';

/** The local user: whoever can start the program can do all that its connection allows. */
export function cliCaller(): Caller {
  let name = 'unknown';
  try {
    name = os.userInfo().username;
  } catch {
    // A user id without a name, as in some containers.
  }
  return { principal: `user:${name}`, via: 'cli', role: 'admin' };
}

/** How a command calls its backend. What it calls is a part of the trace that `TRACEPARENT` names, as with `otel-cli`. */
export function cliCallOptions(io: CliIo): BackendCallOptions {
  const traceparent = io.env['TRACEPARENT'];
  return { caller: cliCaller(), signal: io.stop, ...(traceparent !== undefined && { traceparent }) };
}

/** The programs beside ours, and where state is kept. */
export function backendFiles(io: CliIo, home: string): OpenerFiles {
  return {
    home,
    simulatedWorkerFile: path.join(io.distDir, 'simulatedWorker.js'),
    sandboxChildFile: path.join(io.distDir, 'sandboxChild.js'),
  };
}

/** The folder whose operations are the user's own; null when none are wanted. */
export function workspaceOf({ workspace }: RuntimeOptions): string | null {
  return workspace === false ? null : path.resolve(typeof workspace === 'string' ? workspace : '.');
}

/** A backend whose state is where the options say; with `own` operations it has those of the user's folder, too. */
export function openBackend(
  io: CliIo,
  options: RuntimeOptions & HistoryOptions,
  operations: 'builtin' | 'own' = 'builtin',
): Promise<Result<Backend>> {
  return io.createBackend({
    ...backendFiles(io, stateHome(options.home, io.env)),
    allowWrites: options.allowWrites === true,
    history: historyLimits(options),
    workspace: operations === 'own' ? workspaceOf(options) : null,
    ...(options.policy !== undefined && { policyFile: path.resolve(options.policy) }),
    ...(options.trustOperation !== undefined && { policy: { trustedOperations: [...options.trustOperation] } }),
  });
}

export type Opened<T> = { readonly is: 'open'; readonly value: T } | { readonly is: 'exit'; readonly code: ExitCode };

/** Connects a backend as the options say. When that fails, says so and answers the exit code: 2 for usage, else 3. */
export async function connectBackend(
  io: CliIo,
  backend: Backend,
  options: RuntimeOptions,
  json: boolean,
): Promise<Opened<ConnectionInfo>> {
  const connecting = connectSpec(options);
  if (!connecting.ok) return { is: 'exit', code: printError(io, connecting.error, json, exitCode.cannotConnect) };
  if (connecting.value.is === 'usage') {
    return { is: 'exit', code: printUsage(io, connecting.value.message, connecting.value.remedy, json) };
  }
  const connection = await backend.connect(connecting.value.spec, cliCallOptions(io));
  if (!connection.ok) {
    return { is: 'exit', code: printError(io, connection.error, json, exitCode.cannotConnect) };
  }
  const { state } = connection.value;
  for (const warning of state.is === 'ready' ? (state.warnings ?? []) : []) printWarning(io, warning);
  return { is: 'open', value: connection.value };
}

/** Runs `work` with a backend connected as the options say, and closes it afterwards. */
export async function withSystem(
  io: CliIo,
  options: RuntimeOptions & HistoryOptions,
  json: boolean,
  work: (backend: Backend, connection: ConnectionInfo) => Promise<ExitCode>,
): Promise<ExitCode> {
  const backend = await openBackend(io, options, 'own');
  if (!backend.ok) return printError(io, backend.error, json);
  try {
    const opened = await connectBackend(io, backend.value, options, json);
    return opened.is === 'exit' ? opened.code : await work(backend.value, opened.value);
  } finally {
    await backend.value.close();
  }
}

/** Names of the nodes a connection shows now. */
export async function nodeNames(
  backend: Backend,
  connection: ConnectionId,
  options: BackendCallOptions,
): Promise<Result<readonly string[]>> {
  const watch = await backend.openWatch(
    { of: 'runtime', connection, query: { minIntervalMs: 1_000, of: { rows: 'nodes' } } },
    options,
  );
  if (!watch.ok) return watch;
  const { source, release } = watch.value;
  try {
    return await new Promise<Result<readonly string[]>>((resolve) => {
      const look = (): void => {
        if (source.state !== null) resolve(ok([...source.state.rows.keys()].sort()));
        else if (source.ended !== null) resolve(ok([]));
      };
      const listening = source.watch(look);
      options.signal.addEventListener(
        'abort',
        () => {
          listening.dispose();
          resolve(ok([]));
        },
        { once: true },
      );
      look();
    });
  } finally {
    release();
  }
}
