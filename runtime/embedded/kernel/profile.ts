/**
 * Where a process uses its reductions: a hook beside the trace ring, exact rather than sampled, and of bounded size however long it
 * is on. It knows the callbacks that behaviours say they call and the functions of loaded modules that are called by name
 * (`Self.called`, `Self.apply`); what a process uses in any other code counts for the function it was in.
 */
import type { Mfa } from './module.ts';
import { mfaText } from './module.ts';
import type { Process } from './process.ts';

/** More places than this, or deeper ones, are not told apart: what is used there counts for the caller. */
const mostPlaces = 2_000;
const deepest = 64;

/** A function, called from where `within` is. */
type Place = {
  readonly name: string;
  readonly module: string;
  readonly within: Place | null;
  readonly depth: number;
  readonly places: Map<string, Place>;
  /** A behaviour said that it is called: when it is then called by name, that is the same call. */
  announced: boolean;
  calls: number;
  reductions: number;
};

/** Reductions used in one place: the functions outermost first. */
type ProfiledStack = { readonly functions: readonly string[]; readonly reductions: number };
/** `calls` is 0 where the process was in it from the beginning, as in the loop of its behaviour. */
type ProfiledFunction = {
  readonly function: string;
  readonly module: string;
  readonly calls: number;
  /** Without those of the functions that it calls. */
  readonly reductions: number;
};

/** The profile of one process, from its making until {@link ReductionProfile.stop}. A process has one at a time. */
export class ReductionProfile {
  readonly #process: Process;
  readonly #callsPerSecond: number;
  readonly #root: Place;
  #at: Place;
  /** The reductions of the process that are accounted for. */
  #counted: number;
  #places = 1;
  #secondBegan: number;
  #inSecond = 0;
  #ended: 'costs' | 'stopped' | null = null;

  /** Begins. It ends by itself when there are more than `callsPerSecond` calls in a second of the cluster. */
  constructor(process: Process, callsPerSecond: number) {
    this.#process = process;
    this.#callsPerSecond = callsPerSecond;
    this.#root = placeOf(mfaText(process.initialCall), process.initialCall.module, null);
    this.#counted = process.reductions;
    this.#secondBegan = process.node.world.nowMs;
    const isWithinCallback = process.handler !== null && process.fiber !== null && !isBetweenMessages(process);
    this.#at = isWithinCallback ? this.#placeIn(this.#root, '…', '') : this.#base();
    process.profile = this;
  }

  /** Why it is over; null while it goes on. */
  get ended(): 'costs' | 'stopped' | null {
    return this.#ended;
  }

  /** For the kernel: a behaviour calls a callback, or the process its first function. */
  announce(mfa: Mfa): void {
    this.#charge(this.#process.reductions);
    const name = mfaText(mfa);
    this.#at = name === this.#root.name ? this.#root : this.#placeIn(this.#base(), name, mfa.module);
    this.#at.announced = this.#at !== this.#root && this.#at.name === name;
    this.#call();
  }

  /** For the kernel: a function is called by name. Answers what {@link leave} is to be given when it is done. */
  enter(mfa: Mfa): object {
    this.#charge(this.#process.reductions);
    const caller = this.#at;
    const name = mfaText(mfa);
    if (caller.announced && caller.name === name) {
      caller.announced = false;
      return caller;
    }
    this.#at = this.#placeIn(caller, name, mfa.module);
    this.#call();
    return caller;
  }
  leave(caller: object): void {
    this.#charge(this.#process.reductions);
    let place: Place | null = this.#at;
    while (place !== null && place !== caller) place = place.within;
    if (place !== null) this.#at = place;
  }

  /** For the kernel: the process looks for its next message, as of this many reductions. */
  idle(reductions: number): void {
    this.#charge(reductions);
    this.#at = this.#base();
  }

  /** What was used since the last time this was asked, most first. */
  takeStacks(): readonly ProfiledStack[] {
    this.#charge(this.#process.reductions);
    const stacks: ProfiledStack[] = [];
    for (const place of everyPlace(this.#root)) {
      if (place.reductions > 0) stacks.push({ functions: pathOf(place), reductions: place.reductions });
      place.reductions = 0;
    }
    return stacks.toSorted((one, other) => other.reductions - one.reductions);
  }

  /** Each function with all that it used, most first. */
  functions(): readonly ProfiledFunction[] {
    this.#charge(this.#process.reductions);
    const sums = new Map<string, ProfiledFunction>();
    for (const { name, module, calls, reductions } of everyPlace(this.#root)) {
      if (calls === 0 && reductions === 0) continue;
      const known = sums.get(name);
      sums.set(name, {
        function: name,
        module,
        calls: calls + (known?.calls ?? 0),
        reductions: reductions + (known?.reductions ?? 0),
      });
    }
    return [...sums.values()].toSorted((one, other) => other.reductions - one.reductions);
  }

  /** Takes the hook away; what was found stays. */
  stop(): void {
    this.#end('stopped');
  }

  #end(why: 'costs' | 'stopped'): void {
    if (this.#ended !== null) return;
    this.#charge(this.#process.reductions);
    this.#ended = why;
    if (this.#process.profile === this) this.#process.profile = null;
  }

  #charge(reductions: number): void {
    if (this.#ended !== null) return;
    this.#at.reductions += reductions - this.#counted;
    this.#counted = reductions;
  }

  /** Where it is while it is in no callback: in its first function, and there in the loop of its behaviour. */
  #base(): Place {
    const { idleAt } = this.#process;
    if (idleAt === null || idleAt === this.#root.name) return this.#root;
    return this.#placeIn(this.#root, idleAt, idleAt.slice(0, idleAt.indexOf(':')));
  }

  #placeIn(within: Place, name: string, module: string): Place {
    const known = within.places.get(name);
    if (known !== undefined) return known;
    if (this.#places >= mostPlaces || within.depth >= deepest) return within;
    const place = placeOf(name, module, within);
    this.#places += 1;
    within.places.set(name, place);
    return place;
  }

  #call(): void {
    this.#at.calls += 1;
    const { nowMs } = this.#process.node.world;
    if (nowMs - this.#secondBegan >= 1000) {
      this.#secondBegan = nowMs;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    if (this.#inSecond > this.#callsPerSecond) this.#end('costs');
  }
}

/** Whether it waits where it is idle, in code of its behaviour that can wait for less than a message. */
function isBetweenMessages({ wait, idleAt }: Process): boolean {
  return wait !== null && 'at' in wait && wait.at !== null && wait.at === idleAt;
}

function placeOf(name: string, module: string, within: Place | null): Place {
  const depth = within === null ? 0 : within.depth + 1;
  return { name, module, within, depth, places: new Map(), announced: false, calls: 0, reductions: 0 };
}

function* everyPlace(place: Place): Generator<Place> {
  yield place;
  for (const inner of place.places.values()) yield* everyPlace(inner);
}

function pathOf(place: Place): readonly string[] {
  const path: string[] = [];
  for (let at: Place | null = place; at !== null; at = at.within) path.push(at.name);
  return path.reverse();
}
