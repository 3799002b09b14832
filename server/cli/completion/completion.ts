/** `arsenal completion SHELL`: the script that makes a shell complete commands; and what the script asks, `arsenal __complete`. */
import { setTimeout as delay } from 'node:timers/promises';
import { Argument } from 'commander';
import type { Command } from 'commander';
import type { Backend } from '../../backend/backend.ts';
import { visibleText } from '../../protocol/visibleText.ts';
import { exitCode } from '../io.ts';
import type { CliIo, ExitCode } from '../io.ts';
import { openBackend } from '../localSystem.ts';
import { completionOf } from './candidates.ts';
import type { Candidate, CompletableOperation, Completion, Sources } from './candidates.ts';
import { forBash, splitLine } from './line.ts';
import type { Line } from './line.ts';
import { gatewayNamed, LiveNames } from './live.ts';
import { completionScripts, shells } from './scripts.ts';
import type { Shell } from './scripts.ts';

/** Whoever presses a key does not wait longer for what lies elsewhere. */
const liveBoundMs = 300;
const longestAbout = 80;

/** Adds both; `boundMs`: how long is waited for a gateway, and for the folder's own operations. */
export function addCompletionCommands(program: Command, io: CliIo, done: (code: ExitCode) => void): void {
  program
    .command('completion')
    .description('the script with which a shell completes commands, operations and parameters')
    .addArgument(new Argument('<shell>', 'which one').choices(shells))
    .addHelpText(
      'after',
      `
For this shell alone:
  bash        eval "$(arsenal completion bash)"
  zsh         source <(arsenal completion zsh)
  fish        arsenal completion fish | source
  PowerShell  arsenal completion powershell | Out-String | Invoke-Expression
How it is kept for every shell stands at the top of each script.
With ARSENAL_URL and ARSENAL_KEY of a running gateway (or --url) it completes names of nodes and processes, too.
`,
    )
    .action((shell: Shell) => {
      io.stdout.write(completionScripts[shell]);
      done(exitCode.done);
    });
  program
    .command('__complete', { hidden: true })
    .argument('<shell>')
    .argument('[words...]')
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (shell: string, words: string[]) => {
      const line: Line = isBash(shell)
        ? splitLine(words[1] ?? '')
        : { words: ['arsenal', ...words], quote: '', quotedFrom: 0 };
      const completion = await completionOf(program, line.words.slice(1), sourcesOf(io, line.words));
      io.stdout.write(
        answerText(completion, shell, (value, how) => {
          if (!isBash(shell)) return value;
          // Without a way to say so of each, it adds no blanks itself; behind a quote, which it closes, none can be put.
          const end = shell === 'bash3' && how === 'words' && line.quote === '' ? ' ' : '';
          return forBash(value, line, words[0] ?? '') + end;
        }),
      );
      done(exitCode.done);
    });
}

/** `bash3` is one that has no `compopt`. */
function isBash(shell: string): boolean {
  return shell === 'bash' || shell === 'bash3';
}

function answerText(
  completion: Completion,
  shell: string,
  written: (value: string, how: 'open' | 'words') => string,
): string {
  if (completion.is !== 'words') return `${completion.is}\n`;
  const { words } = completion;
  const how = words.some(({ isOpen }) => isOpen) ? 'open' : 'words';
  const line = ({ value, about }: Candidate): string => {
    const text = visibleText(about.replace(/\s+/g, ' '), longestAbout);
    return isBash(shell) || text === '' ? written(value, how) : `${written(value, how)}\t${text}`;
  };
  // What holds a line break cannot be written on one line.
  return [how, ...words.filter(({ value }) => !/[\r\n\t]/.test(value)).map(line), ''].join('\n');
}

/** What comes from elsewhere, asked for once and not waited for long. */
function sourcesOf(io: CliIo, words: readonly string[]): Sources {
  const signal = AbortSignal.any([io.stop, AbortSignal.timeout(io.liveBoundMs ?? liveBoundMs)]);
  const live = gatewayNamed(io, words).then((address) => (address === null ? null : new LiveNames(address, signal)));
  let catalogue: Promise<readonly CompletableOperation[]> | null = null;
  const read = async (): Promise<readonly CompletableOperation[]> =>
    (await (await live)?.operations()) ?? (await catalogueHere(io));
  return {
    catalogue: () => (catalogue ??= read()),
    live: async (kind) => (await (await live)?.names(kind)) ?? [],
  };
}

/** The catalogue with the folder's own operations, if they are read in time, else without. */
async function catalogueHere(io: CliIo): Promise<readonly CompletableOperation[]> {
  const own = openBackend(io, {}, 'own');
  const late = delay(io.liveBoundMs ?? liveBoundMs, null, { ref: false, signal: io.stop }).catch(() => null);
  const backend = (await Promise.race([own, late])) ?? (await openBackend(io, {}));
  if (!backend.ok) return [];
  const entries = backend.value.catalogue();
  void closeAll(own, backend.value);
  return entries;
}

async function closeAll(own: ReturnType<typeof openBackend>, used: Backend): Promise<void> {
  await used.close();
  const opened = await own;
  if (opened.ok && opened.value !== used) await opened.value.close();
}
