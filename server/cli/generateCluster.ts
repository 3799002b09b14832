/** `arsenal generate cluster [NAME]`: a cluster file that runs as it stands. */
import path from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { scaffoldClusterFile } from '../language/clusterScaffold.ts';
import { clusterExamples } from '../protocol/lsp.ts';
import type { ClusterExample } from '../protocol/lsp.ts';
import type { CliIo, ExitCode } from './io.ts';
import { exitCode } from './io.ts';
import { printError, printJson } from './report.ts';
import { writeScaffold } from './writeScaffold.ts';

type Options = {
  readonly example: ClusterExample;
  readonly language: 'ts' | 'json';
  readonly folder: string;
  readonly json?: true;
};

export function addGenerateCluster(generate: Command, io: CliIo, ended: (code: ExitCode) => void): void {
  generate
    .command('cluster')
    .description('a simulated cluster of your own: NAME.cluster.ts, and its types')
    .argument('[name]', 'default: arsenal, which the editor runs by itself')
    .addOption(new Option('--example <example>', 'what it begins with').choices(clusterExamples).default('empty'))
    .addOption(
      new Option('--language <language>', 'json: nodes, network and faults around the demo')
        .choices(['ts', 'json'])
        .default('ts'),
    )
    .option('--folder <dir>', 'where', '.')
    .option('--json')
    .action((name: string | undefined, options: Options) => ended(generateCluster(io, name, options)));
}

function generateCluster(io: CliIo, name: string | undefined, options: Options): ExitCode {
  const { example, language, json = false } = options;
  const folder = path.resolve(options.folder);
  const made = scaffoldClusterFile(
    { workspaceFolder: folder, example, language, ...(name !== undefined && { name }) },
    { typesFolder: path.join(io.distDir, 'types'), examplesFolder: path.join(io.distDir, 'examples') },
  );
  if (!made.ok) return printError(io, made.error, json);
  const written = writeScaffold(made.value, folder);
  if (!written.ok) return printError(io, written.error, json);
  const { notes } = made.value;
  if (json) {
    printJson(io, { folder, files: [...written.value], notes: [...notes] });
    return exitCode.done;
  }
  const [file = ''] = written.value;
  io.stdout.write(
    [
      ...written.value.map((each) => `wrote ${each}`),
      ...notes,
      '',
      `Run it: open ${options.folder === '.' ? 'this folder' : options.folder} in the editor and choose Arsenal: Run Cluster File, or`,
      `  arsenal run cluster_topology --cluster-file ${path.join(options.folder, file)}`,
      `  arsenal serve --cluster-file ${path.join(options.folder, file)}`,
      '',
    ].join('\n'),
  );
  return exitCode.done;
}
