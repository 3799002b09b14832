/**
 * The choices a drawn schedule makes, as a list: which runnable process runs next, each time there were several. The list can be
 * replayed, and made simpler by taking choices back.
 */
import type { Prng } from '../kernel/prng.ts';

/** At the `at`-th draw (from 0) the `chosen`-th runnable process ran, not the first. */
export type Deviation = readonly [at: number, chosen: number];
/** Where the schedule's choices come from. A list says where they are not the first. */
export type ScheduleSource =
  { readonly by: 'seed' } | { readonly by: 'list'; readonly deviations: readonly Deviation[] };

export class ScheduleChoices {
  readonly #given: ReadonlyMap<number, number> | null;
  readonly #deviations: Deviation[] = [];
  #draws = 0;

  constructor(source: ScheduleSource) {
    this.#given = source.by === 'list' ? new Map(source.deviations) : null;
  }

  /** What was chosen so far. */
  get deviations(): readonly Deviation[] {
    return this.#deviations;
  }
  get draws(): number {
    return this.#draws;
  }

  /** `prng`, whose stream `schedule` draws what this says, and is written down. The other streams stay as they are. */
  over(prng: Prng): Prng {
    return { ...prng, split: (name) => (name === 'schedule' ? this.#schedule(prng.split(name)) : prng.split(name)) };
  }

  #schedule(prng: Prng): Prng {
    return {
      ...prng,
      below: (below) => {
        const at = this.#draws;
        this.#draws += 1;
        // After something was left out there may be fewer to choose from than when the list was written.
        const chosen = this.#given === null ? prng.below(below) : (this.#given.get(at) ?? 0) % below;
        if (chosen !== 0) this.#deviations.push([at, chosen]);
        return chosen;
      },
    };
  }
}
