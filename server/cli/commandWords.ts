/** What the words of a command line name: commands, and operations. */
import type { Command } from 'commander';

/** The command of that name below another; undefined where there is none. */
export function commandIn(command: Command, name: string): Command | undefined {
  return command.commands.find((each) => each.name() === name);
}

/** The words that name commands, from the first on. */
export function pathOf(program: Command, words: readonly string[]): readonly string[] {
  const path: string[] = [];
  let at = program;
  for (const word of words) {
    const next = commandIn(at, word);
    if (next === undefined) break;
    path.push(word);
    at = next;
  }
  return path;
}

/** An operation has a name of several words, and no command has: `arsenal kill_process …` runs it. */
export function isOperationWord(word: string): boolean {
  return /^[a-z][a-z0-9]*(_[a-z0-9]+)+$/.test(word);
}
