/** `arsenal serve`: a gateway on one connected system, until the user ends it. */
import process from 'node:process';
import { startGateway } from '../gateway/gateway.ts';
import { visibleText } from '../protocol/visibleText.ts';
import type { HistoryOptions } from './historyOptions.ts';
import { exitCode } from './io.ts';
import type { CliIo, ExitCode } from './io.ts';
import { cliCallOptions, nodeNames, withSystem } from './localSystem.ts';
import { printError, printJson } from './report.ts';
import type { RuntimeOptions } from './runtimeOptions.ts';

export type ServeOptions = RuntimeOptions &
  HistoryOptions & {
    readonly port?: number;
    readonly host?: string;
    readonly json?: boolean;
  };

/** Runs until `io.stop` aborts. With `json` its first line says that it accepts requests, where, and with which key. */
export function serve(io: CliIo, options: ServeOptions): Promise<ExitCode> {
  const json = options.json === true;
  return withSystem(io, options, json, async (backend, connection) => {
    // Whoever reads that it accepts requests finds what the nodes have.
    await backend.discover(connection.id, cliCallOptions(io));
    const gateway = await startGateway({
      backend,
      defaultConnection: () => connection.id,
      version: io.version,
      log: (line) => io.stderr.write(`${visibleText(line, 500)}\n`),
      ...(options.host !== undefined && { host: options.host }),
      ...(options.port !== undefined && { port: options.port }),
    });
    if (!gateway.ok) return printError(io, gateway.error, json);
    const nodes = await nodeNames(backend, connection.id, cliCallOptions(io));
    const names = nodes.ok ? nodes.value : [];
    const { url, key } = gateway.value;
    if (json) {
      printJson(io, { event: 'ready', url, key, pid: process.pid, runtime: connection.kind, nodes: [...names] });
    } else {
      const access = connection.access === 'full' ? 'writable' : 'read-only; --allow-writes lets it be changed';
      io.stdout.write(
        [
          `Serving ${visibleText(connection.label)} (${connection.kind}, ${access})`,
          `  URL    ${url}`,
          `  Key    ${key}`,
          `  Nodes  ${names.map((name) => visibleText(name)).join(', ') || 'none yet'}`,
          `  Use it from another terminal: export ARSENAL_URL=${url} ARSENAL_KEY=${key}`,
          'End it with Ctrl-C.',
          '',
        ].join('\n'),
      );
    }
    await stopped(io.stop);
    await gateway.value.close();
    return exitCode.done;
  });
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
