/** The program `arsenal`. */
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import type { WriteStream } from 'node:tty';
import { exitCode } from './io.ts';
import type { CliIo, Screen } from './io.ts';
import { runCommandLine } from './program.ts';
import { createCliBackend } from './workspace.ts';

/** What still keeps the process alive this long after its command has ended does not get to. */
const lingerMs = 2_000;

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // A second time means now.
    if (stop.signal.aborted) process.exit(exitCode.failed);
    stop.abort();
  });
}
// Whoever read our output has gone (`arsenal operations | head -1`): there is nobody left to write to.
process.stdout.on('error', () => {
  process.exit(exitCode.done);
});

// The script's real place: npm starts it through a link.
const program = fs.realpathSync(process.argv[1] ?? '.');
const io: CliIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  screen: screenOf(process.stdout, process.env),
  errorScreen: screenOf(process.stderr, process.env),
  readStdin: () => text(process.stdin),
  env: process.env,
  distDir: path.dirname(program),
  stop: stop.signal,
  version: versionBeside(path.dirname(program)),
  createBackend: (options) =>
    createCliBackend(options, path.dirname(program), (line) => void process.stderr.write(`${line}\n`)),
};

const args = process.argv.slice(2);
runCommandLine(io, args).then(
  (code) => {
    process.exitCode = code;
    // Whoever presses a key does not wait for what was begun and is not needed.
    if (args[0] === '__complete') process.stdout.write('', () => process.exit());
    else setTimeout(() => process.exit(), lingerMs).unref();
  },
  (error: unknown) => {
    process.stderr.write(`arsenal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.stderr.write('  This is a fault of Arsenal. Please report it.\n');
    process.exit(exitCode.failed);
  },
);

/**
 * What a stream is written to. Colours as https://no-color.org and https://force-color.org have it; `dumb` terminals have none.
 */
function screenOf(stream: WriteStream, env: NodeJS.ProcessEnv): Screen {
  const said = (name: string): boolean => (env[name] ?? '') !== '';
  const isForced = said('FORCE_COLOR') && env['FORCE_COLOR'] !== '0';
  const colors = isForced || (stream.isTTY && !said('NO_COLOR') && env['TERM'] !== 'dumb');
  // A terminal that does not say how wide it is says 0.
  return { columns: stream.isTTY && stream.columns > 0 ? stream.columns : null, colors };
}

/** The package's version: its package.json stands one folder above the bundles. */
function versionBeside(distDir: string): string {
  try {
    const read: unknown = JSON.parse(fs.readFileSync(path.join(distDir, '..', 'package.json'), 'utf8'));
    if (typeof read === 'object' && read !== null && 'version' in read && typeof read.version === 'string') {
      return read.version;
    }
  } catch {
    // The bundles stand alone.
  }
  return 'unknown';
}
