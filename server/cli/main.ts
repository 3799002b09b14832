/** The program `arsenal`. */
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { exitCode } from './io.ts';
import type { CliIo } from './io.ts';
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
  env: process.env,
  distDir: path.dirname(program),
  stop: stop.signal,
  version: versionBeside(path.dirname(program)),
  createBackend: (options) =>
    createCliBackend(options, path.dirname(program), (line) => void process.stderr.write(`${line}\n`)),
};

runCommandLine(io, process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
    setTimeout(() => process.exit(), lingerMs).unref();
  },
  (error: unknown) => {
    process.stderr.write(`arsenal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.stderr.write('  This is a fault of Arsenal. Please report it.\n');
    process.exit(exitCode.failed);
  },
);

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
