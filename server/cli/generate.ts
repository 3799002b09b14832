/** `arsenal generate …`: files for users to begin with. */
import type { Command } from 'commander';
import { addGenerateCluster } from './generateCluster.ts';
import { addGenerateOperation } from './generateOperation.ts';
import type { CliIo, ExitCode } from './io.ts';

export function addGenerateCommand(program: Command, io: CliIo, ended: (code: ExitCode) => void): void {
  const generate = program.command('generate').description('write files to begin with');
  addGenerateCluster(generate, io, ended);
  addGenerateOperation(generate, io, ended);
}
