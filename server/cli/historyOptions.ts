/** The options that say how much is kept of the calls that are over. */
import { Option } from 'commander';
import type { Command } from 'commander';
import type { HistoryLimits } from '../protocol/operation.ts';
import { defaultHistoryLimits, historyBounds } from '../protocol/operation.ts';
import { wholeNumber } from './runtimeOptions.ts';

export type HistoryOptions = {
  readonly historyEntries?: number;
  readonly historyDays?: number;
  readonly resultMinutes?: number;
  readonly statsDays?: number;
};

const bounds = (name: keyof HistoryLimits) => wholeNumber(...historyBounds[name]);

/** Adds them to a command. */
export function addHistoryOptions(command: Command): Command {
  const { entries, days, resultMinutes, statsDays } = defaultHistoryLimits;
  return command
    .optionsGroup('What is kept of calls:')
    .addOption(
      new Option('--history-entries <n>', `calls that are kept; default: ${entries}`).argParser(bounds('entries')),
    )
    .addOption(new Option('--history-days <n>', `how long a call is kept; default: ${days}`).argParser(bounds('days')))
    .addOption(
      new Option('--result-minutes <n>', `how long its result is kept; default: ${resultMinutes}`).argParser(
        bounds('resultMinutes'),
      ),
    )
    .addOption(
      new Option('--stats-days <n>', `how long figures are kept; default: ${statsDays}`).argParser(bounds('statsDays')),
    );
}

/** What the options mean. */
export function historyLimits(options: HistoryOptions): HistoryLimits {
  return {
    entries: options.historyEntries ?? defaultHistoryLimits.entries,
    days: options.historyDays ?? defaultHistoryLimits.days,
    resultMinutes: options.resultMinutes ?? defaultHistoryLimits.resultMinutes,
    statsDays: options.statsDays ?? defaultHistoryLimits.statsDays,
  };
}
