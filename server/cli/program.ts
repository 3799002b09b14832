/** The command line: commands and options (interfaces "Command line"), each handed to the file that does it. */
import { Command, CommanderError, Option } from 'commander';
import { addClusterCommand } from './cluster.ts';
import { describe, operations } from './catalogue.ts';
import { addGenerateCommand } from './generate.ts';
import type { CatalogueOptions } from './catalogue.ts';
import { exitCode } from './io.ts';
import type { CliIo } from './io.ts';
import { addHistoryOptions } from './historyOptions.ts';
import { lsp } from './lsp.ts';
import { run } from './run.ts';
import type { RunOptions } from './run.ts';
import { addRuntimeOptions, wholeNumber } from './runtimeOptions.ts';
import { addScenarioCommand } from './scenario.ts';
import { serve } from './serve.ts';
import type { ServeOptions } from './serve.ts';
import { watch, watchTopics } from './watch.ts';
import type { WatchOptions } from './watch.ts';

const mostMinutesMs = 600_000;

/** Runs one command line (without program and script) and answers its exit code. Never rejects for what a user can do. */
export async function runCommandLine(io: CliIo, args: readonly string[]): Promise<number> {
  let code: number = exitCode.done;
  const program = new Command('arsenal')
    .description('The running Erlang/OTP system on the command line.')
    .version(io.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });

  addHistoryOptions(
    addRuntimeOptions(program.command('serve').description('serve operations and watches over HTTP on this machine')),
  )
    .addOption(new Option('--port <n>', 'default: any free one').argParser(wholeNumber(0, 65_535)))
    .option('--host <address>', 'default: 127.0.0.1; another lets other machines in')
    .option('--json', 'the first line says where it listens and with which key')
    .action(async (options: ServeOptions) => {
      code = await serve(io, options);
    });

  addRuntimeOptions(program.command('run').description('run one operation'))
    .argument('<operation>')
    .argument('[key=value...]', 'its parameters')
    .option('--params <json>', 'its parameters as JSON, or @FILE that holds it')
    .option('--validate-only', 'only check the parameters')
    .option('--dry-run', 'say what would be done, and do nothing')
    .addOption(new Option('--timeout <ms>', 'time it may take').argParser(wholeNumber(1, mostMinutesMs)))
    .option('--request-id <id>', 'run it once under this id, however often it is sent')
    .option('--url <url>', 'of a running gateway')
    .option('--key <key>', 'of the gateway; better: ARSENAL_KEY or --key-file')
    .option('--key-file <file>', 'that holds the key')
    .option('--json', 'answer as JSON:API')
    .action(async (operation: string, words: string[], options: RunOptions) => {
      code = await run(io, operation, words, options);
    });

  addRuntimeOptions(
    program.command('operations').description('list the operations; with --connect those of the nodes, too'),
  )
    .option('--category <name>', 'only of this category')
    .option('--json', 'answer as JSON:API')
    .action(async (options: CatalogueOptions) => {
      code = await operations(io, options);
    });

  addRuntimeOptions(program.command('describe').description('describe an operation'))
    .argument('<operation>')
    .option('--json', 'answer as JSON:API')
    .action(async (operation: string, options: CatalogueOptions) => {
      code = await describe(io, operation, options);
    });

  addRuntimeOptions(program.command('watch').description('show a topic as it changes'))
    .argument('<topic>', watchTopics.join(', '))
    .option('--json', 'one frame a line')
    .action(async (topic: string, options: WatchOptions) => {
      code = await watch(io, topic, options);
    });

  addClusterCommand(program, io, (ended) => {
    code = ended;
  });

  addScenarioCommand(program, io, (ended) => {
    code = ended;
  });

  addGenerateCommand(program, io, (ended) => {
    code = ended;
  });

  program
    .command('lsp')
    .description('the language server')
    .requiredOption('--stdio', 'on standard input and output')
    .action(async () => {
      code = await lsp(io);
    });

  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version that were asked for end well; anything else is a wrong command line.
    return error.exitCode === 0 ? exitCode.done : exitCode.usage;
  }
  return code;
}
