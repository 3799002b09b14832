/** `arsenal openapi`: the description of the REST interface, as a gateway serves it. */
import type { Command } from 'commander';
import { openApiDocument } from '../gateway/openApi.ts';
import { exitCode } from './io.ts';
import type { CliIo, ExitCode } from './io.ts';
import { openBackend } from './localSystem.ts';
import { printError } from './report.ts';

type Options = { readonly workspace?: string | false; readonly home?: string };

export function addOpenApiCommand(program: Command, io: CliIo, ended: (code: ExitCode) => void): void {
  program
    .command('openapi')
    .description('the REST interface as an OpenAPI 3.1 document')
    .option('--workspace <dir>', 'whose arsenal/operations are in it, too; default: this folder')
    .option('--no-workspace', 'only Arsenal’s own operations')
    .option('--home <dir>', 'whose policy.json says the roles')
    .action(async (options: Options) => ended(await openApi(io, options)));
}

async function openApi(io: CliIo, options: Options): Promise<ExitCode> {
  const backend = await openBackend(io, options, 'own');
  if (!backend.ok) return printError(io, backend.error, true);
  try {
    const document = openApiDocument(backend.value.catalogue(), { version: io.version, url: null });
    io.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return exitCode.done;
  } finally {
    await backend.value.close();
  }
}
