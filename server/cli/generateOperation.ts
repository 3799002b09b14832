/** `arsenal generate operation NAME`: a module that is an operation, and its test. */
import path from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { findEntry } from '../gateway/catalogueRoutes.ts';
import { scaffoldFiles } from '../language/scaffold.ts';
import { operationLanguages } from '../protocol/lsp.ts';
import type { OperationLanguage } from '../protocol/lsp.ts';
import type { CliIo, ExitCode } from './io.ts';
import { exitCode } from './io.ts';
import { openBackend } from './localSystem.ts';
import { printError, printJson } from './report.ts';
import { writeScaffold } from './writeScaffold.ts';

type Options = { readonly language: OperationLanguage; readonly folder: string; readonly json?: true };

export function addGenerateOperation(generate: Command, io: CliIo, ended: (code: ExitCode) => void): void {
  generate
    .command('operation')
    .description('an operation of your own: its module, its test, and the next steps')
    .argument('<name>', 'lower-case words joined by underscores, such as count_idle_carts')
    .addOption(
      new Option('--language <language>', 'ts runs in Arsenal; elixir and erlang on the nodes that have the module')
        .choices(operationLanguages)
        .default('ts'),
    )
    .option('--folder <dir>', 'where', '.')
    .option('--json')
    .action(async (name: string, options: Options) => ended(await generateOperation(io, name, options)));
}

async function generateOperation(io: CliIo, name: string, options: Options): Promise<ExitCode> {
  const { language, json = false } = options;
  const folder = path.resolve(options.folder);
  const backend = await openBackend(io, {});
  if (!backend.ok) return printError(io, backend.error, json);
  const catalogue = backend.value.catalogue();
  await backend.value.close();
  const made = scaffoldFiles(
    { name, workspaceFolder: folder, language },
    {
      typesFolder: path.join(io.distDir, 'types'),
      isTaken: (wanted) => findEntry(catalogue, wanted) !== undefined,
    },
  );
  if (!made.ok) return printError(io, made.error, json);
  const written = writeScaffold(made.value, folder);
  if (!written.ok) return printError(io, written.error, json);
  const { notes } = made.value;
  if (json) printJson(io, { folder, files: [...written.value], notes: [...notes] });
  else {
    const steps = notes.map((note, at) => `  ${String(at + 1)}. ${note}`);
    io.stdout.write([...written.value.map((each) => `wrote ${each}`), '', 'Next:', ...steps, ''].join('\n'));
  }
  return exitCode.done;
}
