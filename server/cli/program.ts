/** The command line: commands and options (interfaces "Command line"), each handed to the file that does it. */
import { Argument, Command, CommanderError, Option } from 'commander';
import { addClusterCommand } from './cluster.ts';
import { describe, operations } from './catalogue.ts';
import type { CatalogueOptions } from './catalogue.ts';
import { addCompletionCommands } from './completion/completion.ts';
import { commandIn, isOperationWord, pathOf } from './commandWords.ts';
import { addGenerateCommand } from './generate.ts';
import { exitCode } from './io.ts';
import type { CliIo } from './io.ts';
import { addHistoryOptions } from './historyOptions.ts';
import { inked, pageWidth } from './layout.ts';
import { lsp } from './lsp.ts';
import { addOpenApiCommand } from './openApi.ts';
import { printUsage, screenOf } from './report.ts';
import { run } from './run.ts';
import type { RunOptions } from './run.ts';
import { addRuntimeOptions, wholeNumber } from './runtimeOptions.ts';
import { addScenarioCommand } from './scenario.ts';
import { serve } from './serve.ts';
import type { ServeOptions } from './serve.ts';
import { didYouMean } from '../protocol/suggest.ts';
import { watch, watchTopics } from './watch.ts';
import type { WatchOptions } from './watch.ts';

const mostMinutesMs = 600_000;

/** Named in the public surface, and not there yet. */
const laterCommands: readonly string[] = ['keys', 'audit', 'mcp'];

type WithHelp = { readonly help?: boolean };

/** Runs one command line (without program and script) and answers its exit code. Never rejects for what a user can do. */
export async function runCommandLine(io: CliIo, args: readonly string[]): Promise<number> {
  let code: number = exitCode.done;
  const program = commandsOf(io, (ended) => {
    code = ended;
  });
  const unknown = unknownCommand(program, args);
  if (unknown !== null) return printUsage(io, unknown.message, unknown.remedy, args.includes('--json'));
  try {
    await program.parseAsync([...withoutRun(program, args)], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version that were asked for end well; anything else is a wrong command line.
    if (error.exitCode === 0) return exitCode.done;
    // Help for want of a command is written already.
    if (error.code === 'commander.help') return exitCode.usage;
    const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    const remedy = `See \`${['arsenal', ...pathOf(program, args), '--help'].join(' ')}\`.`;
    return printUsage(
      io,
      `${message.charAt(0).toUpperCase()}${message.slice(1)}.`.replace(/([?.])\.$/, '$1'),
      remedy,
      args.includes('--json'),
    );
  }
  return code;
}

/** Every command there is, each of which tells its exit code to `done`. */
export function commandsOf(io: CliIo, done: (code: number) => void): Command {
  const screen = screenOf(io);
  const program = new Command('arsenal')
    .description('The running Erlang/OTP system on the command line.')
    .version(io.version)
    .exitOverride()
    .helpCommand(false)
    .enablePositionalOptions()
    .configureHelp({ styleTitle: (text) => inked(screen, 'bold', text), subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // What is wrong is said where it is caught, in the form that was asked for.
      outputError: () => undefined,
      getOutHelpWidth: () => pageWidth(screen),
      getErrHelpWidth: () => pageWidth(screen),
      getOutHasColors: () => screen.colors,
      getErrHasColors: () => screen.colors,
    })
    .addHelpText(
      'after',
      [
        '',
        'The name of an operation alone runs it:',
        '  arsenal list_processes sort=-memory limit=5',
        '  arsenal kill_process --help',
        '',
      ].join('\n'),
    );
  addOperationCommands(program, io, done);
  program.commandsGroup('Systems:');
  addHistoryOptions(
    addRuntimeOptions(program.command('serve').description('serve operations and watches over HTTP on this machine')),
  )
    .optionsGroup('Where it listens:')
    .addOption(new Option('--port <n>', 'default: any free one').argParser(wholeNumber(0, 65_535)))
    .option('--host <address>', 'default: 127.0.0.1; another lets other machines in')
    .option('--json', 'the first line says where it listens and with which key')
    .action(async (options: ServeOptions) => done(await serve(io, options)));
  addClusterCommand(program, io, done);
  addScenarioCommand(program, io, done);
  program.commandsGroup('Files and tools:');
  addGenerateCommand(program, io, done);
  addOpenApiCommand(program, io, done);
  addCompletionCommands(program, io, done);
  program
    .command('lsp')
    .description('the language server')
    .requiredOption('--stdio', 'on standard input and output')
    .action(async () => done(await lsp(io)));
  addHelpCommand(program, io, done);
  return program;
}

function addOperationCommands(program: Command, io: CliIo, done: (code: number) => void): void {
  program.commandsGroup('Operations:');
  const runCommand = addRuntimeOptions(
    program
      .command('run')
      .description('run one operation; with --help, the page of that operation')
      .helpOption(false)
      .argument('[operation]', 'its name or an alias')
      .argument('[key=value...]', 'its parameters; filter.status=… reaches into an object, a,b is a list')
      .optionsGroup('The call:')
      .option('--params <json>', 'its parameters as JSON, @FILE that holds it, or - for standard input')
      .option('--validate-only', 'only check the parameters')
      .option('--dry-run', 'say what would be done, and do nothing')
      .option(
        '--no-follow',
        'of what goes on (a trace, a monitor, a profile …) print the id, and do not wait for its result',
      )
      .addOption(new Option('--timeout <ms>', 'time it may take').argParser(wholeNumber(1, mostMinutesMs)))
      .option('--request-id <id>', 'run it once under this id, however often it is sent')
      .option('--json', 'answer as JSON:API')
      .option('-h, --help', 'what the operation does: parameters, examples, errors')
      .optionsGroup('A running gateway:')
      .option('--url <url>', 'run it there; default: ARSENAL_URL, where no system is named')
      .option('--key <key>', 'its key; better: ARSENAL_KEY or --key-file')
      .option('--key-file <file>', 'that holds the key'),
  ).action(async (operation: string | undefined, words: string[], options: RunOptions & WithHelp) => {
    const { help = false, ...rest } = options;
    if (help) {
      if (operation === undefined) runCommand.outputHelp();
      else done(await describe(io, operation, rest));
    } else if (operation === undefined) {
      const remedy = 'Name it: arsenal run list_processes. See `arsenal operations` for those there are.';
      done(printUsage(io, 'No operation is named.', remedy, options.json === true));
    } else done(await run(io, operation, words, rest));
  });

  addRuntimeOptions(
    program
      .command('operations')
      .description('list the operations; with --connect those of the nodes, too')
      .argument('[word...]', 'only those that hold all of these words')
      .option('--category <name>', 'only of this category')
      .option('--json', 'answer as JSON:API'),
  ).action(async (words: string[], options: CatalogueOptions) => done(await operations(io, words, options)));

  addRuntimeOptions(
    program
      .command('describe')
      .description('describe an operation')
      .argument('<operation>', 'its name or an alias')
      .option('--json', 'answer as JSON:API'),
  ).action(async (operation: string, options: CatalogueOptions) => done(await describe(io, operation, options)));

  addRuntimeOptions(
    program
      .command('watch')
      .description('show a topic as it changes')
      .addArgument(new Argument('<topic>', 'what is shown').choices(watchTopics))
      .option('--json', 'one frame a line'),
  ).action(async (topic: string, options: WatchOptions) => done(await watch(io, topic, options)));
}

/** `arsenal help [COMMAND or OPERATION]` */
function addHelpCommand(program: Command, io: CliIo, done: (code: number) => void): void {
  program
    .command('help')
    .description('help for a command or an operation')
    .argument('[words...]', 'a command or an operation')
    .action(async (words: string[]) => {
      const path = pathOf(program, words);
      const command = path.reduce<Command>((at, name) => commandIn(at, name) ?? at, program);
      const [first] = words;
      if (path.length === words.length || first === undefined) command.outputHelp();
      else if (path.length > 0) {
        const name = words[path.length] ?? '';
        const message = `${['arsenal', ...path].join(' ')} has no command ${name}.`;
        done(printUsage(io, message, `See \`arsenal help ${path.join(' ')}\`.`, false));
      } else done(await describe(io, first, {}));
    });
}

function withoutRun(program: Command, args: readonly string[]): readonly string[] {
  const [first = ''] = args;
  return isOperationWord(first) && commandIn(program, first) === undefined ? ['run', ...args] : args;
}

function unknownCommand(
  program: Command,
  args: readonly string[],
): { readonly message: string; readonly remedy: string } | null {
  const [first] = args;
  if (first === undefined || first.startsWith('-') || isOperationWord(first)) return null;
  if (commandIn(program, first) !== undefined) return null;
  if (laterCommands.includes(first)) {
    return {
      message: `arsenal ${first} is planned, and not in this version.`,
      remedy: 'See `arsenal help` for the commands there are.',
    };
  }
  const names = program.commands.map((each) => each.name()).filter((name) => !name.startsWith('_'));
  return {
    message: `There is no command ${JSON.stringify(first)}.${didYouMean(first, names)}`,
    remedy: 'See `arsenal help` for the commands there are, and `arsenal operations` for what `arsenal run` runs.',
  };
}
