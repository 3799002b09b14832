/** The last calls, newest first: what was done here, by whom, with what end. Parameters and results are not kept. */
import type { FinishedCall } from '../core/calls.ts';

export type HistoryEntry = Omit<FinishedCall, 'entry' | 'error' | 'steps'> & {
  readonly operation: string | null;
  readonly outcome: 'ok' | 'failed';
  readonly code: string | null;
};

const mostEntries = 1_000;

export class History {
  readonly #entries: HistoryEntry[] = [];

  readonly observe = ({ entry, error, steps: _steps, ...call }: FinishedCall): void => {
    const outcome = error === null ? 'ok' : 'failed';
    this.#entries.push({ ...call, operation: entry?.name ?? null, outcome, code: error?.code ?? null });
    if (this.#entries.length > mostEntries) this.#entries.shift();
  };

  /** The last `limit` calls, of one operation when it is named. */
  last(limit: number, operation?: string): readonly HistoryEntry[] {
    const asked = this.#entries.filter((entry) => operation === undefined || entry.operation === operation);
    return asked.slice(-limit).toReversed();
  }
}
