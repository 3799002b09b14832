/** The command line in a test: run as from a shell, on a backend of the test's own. */
import { ok } from '../../runtime/model.ts';
import { parseJson } from '../gateway/json.ts';
import { testBackend } from '../gateway/testBackend.ts';
import type { TestBackend } from '../gateway/testBackend.ts';
import type { ConnectSpec } from '../protocol/connection.ts';
import type { CliIo } from './io.ts';
import { runCommandLine } from './program.ts';
import type { CliBackendOptions } from './workspace.ts';

type Run = {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The one JSON document on stdout. */
  readonly json: unknown;
  readonly backend: TestBackend;
  readonly made: readonly CliBackendOptions[];
  readonly connected: readonly ConnectSpec[];
  readonly closed: () => number;
};

/** What a command touches, with what it wrote. */
export function surroundings(
  backend: TestBackend,
  env: { readonly [name: string]: string } = {},
  stop = new AbortController(),
) {
  let out = '';
  let err = '';
  let closed = 0;
  const made: CliBackendOptions[] = [];
  const connected: ConnectSpec[] = [];
  const connect = backend.connect.bind(backend);
  backend.connect = (spec, options) => {
    connected.push(spec);
    return connect(spec, options);
  };
  backend.close = () => {
    closed += 1;
    return Promise.resolve();
  };
  const io: CliIo = {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env,
    distDir: '/dist',
    stop: stop.signal,
    version: '1.2.3',
    createBackend: (options) => {
      made.push(options);
      return Promise.resolve(ok(backend));
    },
  };
  return { io, stop, made, connected, out: () => out, err: () => err, closed: () => closed };
}

/** Runs one command line on a backend of a test. */
export async function cli(
  args: readonly string[],
  backend = testBackend(),
  env: { readonly [name: string]: string } = {},
  more: Partial<CliIo> = {},
): Promise<Run> {
  const around = surroundings(backend, env);
  const code = await runCommandLine({ ...around.io, ...more }, args);
  const { made, connected, closed } = around;
  return {
    code,
    out: around.out(),
    err: around.err(),
    get json() {
      return parseJson(around.out());
    },
    backend,
    made,
    connected,
    closed,
  };
}
