/** What becomes of the items of a batch, told as it comes; so much of their results as one answer can hold. */
import type { Json, Result } from '../../../runtime/model.ts';
import { resultLimits } from '../../core/plainData.ts';
import type { BatchSteps, ItemRow } from '../../operations/registry/executeBatch.ts';
import type { OperationAnswer, OperationProgress } from '../../protocol/operation.ts';

/** A part of what an answer may hold, since the rows around the results need some too. */
const share = 0.7;

export class ItemRows {
  readonly #rows: ItemRow[];
  readonly #emit: (progress: OperationProgress) => Promise<void>;
  #ended = 0;
  #values = 0;
  #characters = 0;

  constructor(items: BatchSteps['items'], emit: (progress: OperationProgress) => Promise<void>) {
    this.#emit = emit;
    this.#rows = items.map(({ id, requestId, operation }, index) => ({
      index,
      id,
      requestId,
      operation,
      status: 'not_run',
    }));
  }

  /** An item is over. Resolves when whoever follows the batch has room. */
  async end(
    index: number,
    answer: Result<OperationAnswer>,
    durationMs: number,
    more: Pick<ItemRow, 'undo'>,
  ): Promise<void> {
    const said = answer.ok
      ? { status: 'done' as const, ...this.#kept(saidIn(answer.value)) }
      : { status: 'failed' as const, error: answer.error };
    this.#change(index, { ...said, ...more, durationMs });
    this.#ended += 1;
    await this.#tell(index);
    const all = this.#rows.length;
    await this.#emit({
      is: 'progress',
      message: `${this.#ended} of ${all}`,
      fraction: this.#ended / all,
    });
  }

  /** What an item did was undone, or could not be. A failed item of which nothing is left stays failed. */
  async undone(index: number, result: Result<null>): Promise<void> {
    const row = this.#rows[index];
    if (row === undefined) return;
    const { error } = row;
    if (row.status === 'failed' && error !== undefined) {
      if (result.ok) this.#change(index, { error: { ...error, effect: 'none' } });
    } else if (result.ok) this.#change(index, { status: 'undone' });
    else this.#change(index, { status: 'not_undone', error: result.error });
    await this.#tell(index);
  }

  areAllDone(): boolean {
    return this.#rows.every(({ status }) => status === 'done');
  }

  all(): readonly ItemRow[] {
    return this.#rows;
  }

  #change(index: number, change: Partial<ItemRow>): void {
    const row = this.#rows[index];
    if (row !== undefined) this.#rows[index] = { ...row, ...change };
  }

  async #tell(index: number): Promise<void> {
    const row = this.#rows[index];
    if (row !== undefined) await this.#emit({ is: 'rows', rows: [row] });
  }

  #kept(result: Json): Pick<ItemRow, 'result' | 'resultCharacters'> {
    const characters = JSON.stringify(result).length;
    const values = valuesIn(result);
    const fits =
      this.#values + values <= resultLimits.values * share &&
      this.#characters + characters <= resultLimits.characters * share;
    if (!fits) return { resultCharacters: characters };
    this.#values += values;
    this.#characters += characters;
    return { result };
  }
}

function saidIn(answer: OperationAnswer): Json {
  switch (answer.mode) {
    case 'run':
      return answer.result;
    case 'dry_run':
      return { plan: answer.plan };
    case 'validate':
      return { valid: true };
  }
}

function valuesIn(value: Json): number {
  if (typeof value !== 'object' || value === null) return 1;
  const parts: readonly Json[] = Array.isArray(value) ? value : Object.values(value);
  return parts.reduce<number>((sum, part) => sum + valuesIn(part), 1);
}
