/** `arsenal cluster`: a local cluster that runs apart from any window, until it is stopped. */
import { setTimeout as delay } from 'node:timers/promises';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Json, Result } from '../../runtime/model.ts';
import type { LocalClusterInfo } from '../backend/openersLocal.ts';
import { LocalClusterControl } from '../backend/openersLocal.ts';
import type { LocalLog } from '../protocol/connection.ts';
import { visibleText } from '../protocol/visibleText.ts';
import { stateHome } from './home.ts';
import { exitCode } from './io.ts';
import type { CliIo, ExitCode, Screen } from './io.ts';
import type { LocalOptions } from './localOptions.ts';
import { addLocalOptions, addProjectOption, localSpec, projectOf } from './localOptions.ts';
import { backendFiles, cliCaller } from './localSystem.ts';
import { printError, printJson, screenOf, table } from './report.ts';
import { wholeNumber } from './runtimeOptions.ts';

type ClusterOptions = LocalOptions & { readonly home?: string; readonly json?: boolean };
type StartOptions = ClusterOptions & { readonly nodes?: number };
type LogOptions = ClusterOptions & { readonly lines: number; readonly follow?: boolean };
type PartitionOptions = ClusterOptions & { readonly mode: 'cut' | 'blackhole' };

const mostNodes = 32;
const mostLines = 10_000;
const usualLines = 50;
/** Between two looks at a log that is followed. */
const followPauseMs = 200;

/** Adds the command and its parts; each tells its exit code to `done`. */
export function addClusterCommand(program: Command, io: CliIo, done: (code: ExitCode) => void): void {
  const cluster = program.command('cluster').description('a cluster of BEAM nodes on this machine');
  const usual = (command: Command): Command =>
    command
      .optionsGroup('Options:')
      .option('--home <dir>', 'where its state is kept')
      .option('--json', 'answer as JSON');

  usual(addLocalOptions(cluster.command('start').description('start it; it stays until it is stopped')))
    .addOption(new Option('--nodes <n>', 'default: 3').argParser(wholeNumber(1, mostNodes)))
    .action(async (options: StartOptions) => {
      done(await start(io, options));
    });
  usual(addProjectOption(cluster.command('status').description('its nodes and faults'))).action(
    async (options: ClusterOptions) => {
      done(await status(io, options));
    },
  );
  usual(addProjectOption(cluster.command('stop').description('end every node of it'))).action(
    async (options: ClusterOptions) => {
      done(await stop(io, options));
    },
  );
  usual(addProjectOption(cluster.command('logs').description('what a node printed, or without one the build')))
    .argument('[node]', 'its name, the part before @, or its number')
    .addOption(new Option('--lines <n>', 'the last so many').argParser(wholeNumber(1, mostLines)).default(usualLines))
    .option('--follow', 'go on until Ctrl-C')
    .action(async (node: string | undefined, options: LogOptions) => {
      done(await logs(io, node ?? null, options));
    });
  usual(addProjectOption(cluster.command('partition').description('part the nodes, until they are healed')))
    .argument('<island...>', 'nodes joined by commas: 1,2 3')
    .addOption(
      new Option('--mode <mode>', 'cut links, or let nothing through').choices(['cut', 'blackhole']).default('cut'),
    )
    .action(async (islands: string[], options: PartitionOptions) => {
      done(await partition(io, islands, options));
    });
  usual(addProjectOption(cluster.command('heal').description('undo one fault, or all')))
    .argument('[fault]', 'its id, as status shows it')
    .action(async (fault: string | undefined, options: ClusterOptions) => {
      done(await heal(io, fault ?? null, options));
    });
}

function controlOf(io: CliIo, options: ClusterOptions): LocalClusterControl {
  return new LocalClusterControl(backendFiles(io, stateHome(options.home, io.env)), projectOf(options), io.stop);
}

async function start(io: CliIo, options: StartOptions): Promise<ExitCode> {
  const started = await controlOf(io, options).start(localSpec(options));
  return answer(io, options, started, (info) => infoText(info, screenOf(io)));
}

async function status(io: CliIo, options: ClusterOptions): Promise<ExitCode> {
  return answer(io, options, await controlOf(io, options).status(), (info) => infoText(info, screenOf(io)));
}

async function stop(io: CliIo, options: ClusterOptions): Promise<ExitCode> {
  return answer(io, options, await controlOf(io, options).stop(), () => 'Stopped.\n');
}

async function logs(io: CliIo, node: string | null, options: LogOptions): Promise<ExitCode> {
  const control = controlOf(io, options);
  const first = await control.log(node, { last: options.lines });
  if (!first.ok || options.follow !== true) return answer(io, options, first, logText);
  io.stdout.write(logText(first.value));
  let { end } = first.value;
  while (!isStopped(io)) {
    await delay(followPauseMs, undefined, { signal: io.stop }).catch(() => undefined);
    const more = await control.log(node, { offset: end });
    if (!more.ok) return isStopped(io) ? exitCode.done : printError(io, more.error, options.json === true);
    io.stdout.write(logText(more.value));
    ({ end } = more.value);
  }
  return exitCode.done;
}

async function partition(io: CliIo, words: readonly string[], options: PartitionOptions): Promise<ExitCode> {
  const islands = words.map((word) => word.split(',').filter((name) => name !== ''));
  const held = await controlOf(io, options).partition(islands, options.mode, cliCaller().principal);
  return answer(io, options, held, ({ id, islands: named, preventsOverlap }) =>
    [
      `Parted: ${named.map((island) => island.join(', ')).join(' | ')}`,
      preventsOverlap
        ? 'OTP closes more links should islands overlap (prevent_overlapping_partitions).'
        : 'Links are cut as named; OTP closes no others.',
      `Heal it: arsenal cluster heal ${id}`,
      '',
    ].join('\n'),
  );
}

async function heal(io: CliIo, fault: string | null, options: ClusterOptions): Promise<ExitCode> {
  return answer(io, options, await controlOf(io, options).heal(fault), ({ released }) =>
    released === 1 ? 'Healed one fault.\n' : `Healed ${released} faults.\n`,
  );
}

function answer<T extends Json>(
  io: CliIo,
  options: ClusterOptions,
  result: Result<T>,
  words: (value: T) => string,
): ExitCode {
  const json = options.json === true;
  if (!result.ok) {
    const isNotThere = result.error.class === 'unavailable';
    return printError(io, result.error, json, isNotThere ? exitCode.cannotConnect : exitCode.failed);
  }
  if (json) printJson(io, result.value);
  else io.stdout.write(words(result.value));
  return exitCode.done;
}

function infoText(info: LocalClusterInfo, screen: Screen): string {
  const { project, launcher, otpRelease, netTicktimeSeconds, preventsOverlap, isKept, windows } = info;
  const rows = info.nodes.map(({ node, state, osPid, logFile }) => [node, state, String(osPid ?? ''), logFile]);
  return [
    `Local cluster of ${visibleText(project ?? 'plain Erlang nodes', 500)} (${launcher}, OTP ${otpRelease})`,
    `net_ticktime ${netTicktimeSeconds} s; prevent_overlapping_partitions ${preventsOverlap}`,
    isKept ? 'Stays until it is stopped: arsenal cluster stop.' : `Ends 5 s after the last of ${windows} windows.`,
    '',
    table(['node', 'state', 'os pid', 'log'], rows, screen).trimEnd(),
    ...(info.faults.length === 0
      ? []
      : [
          '',
          table(
            ['fault', 'id'],
            info.faults.map(({ id, what }) => [what, id]),
            screen,
          ).trimEnd(),
        ]),
    '',
  ].join('\n');
}

/** What a node prints may hold anything: nothing of it steers the terminal. */
function logText({ lines }: LocalLog): string {
  return lines.map((line) => `${visibleText(line, 4_000)}\n`).join('');
}

function isStopped(io: CliIo): boolean {
  return io.stop.aborted;
}
