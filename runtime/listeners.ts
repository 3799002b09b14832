/**
 * Who waits for one thing to happen. A list of links rather than a Set: those that come and go all the time would make a Set's table anew
 * each time, and a table that has outlived its use holds the one after it.
 */

/** Stands for what was held by what is out of a list: the engine may have put that where nothing is looked at for long. */
export const nothing = (): void => undefined;

/** Calls each, whatever those before it throw; throws that when all have been called, several as one AggregateError. */
export function callEach(listeners: Iterable<() => void>): void {
  const thrown: unknown[] = [];
  for (const listener of listeners) {
    try {
      listener();
    } catch (each) {
      thrown.push(each);
    }
  }
  const [first] = thrown;
  if (thrown.length === 1 && first instanceof Error) throw first;
  if (thrown.length > 0) throw new AggregateError(thrown, 'Listeners threw.');
}

/** A class, not a literal: V8 makes literals of a place whose first ones lived long in its old space, with all they hold. */
class Link {
  listener: () => void;
  before: Link | null;
  after: Link | null = null;
  isIn = true;

  constructor(listener: () => void, before: Link | null) {
    this.listener = listener;
    this.before = before;
  }
}

export class Listeners {
  #first: Link | null = null;
  #last: Link | null = null;

  get isEmpty(): boolean {
    return this.#first === null;
  }

  /** Answers how to stop waiting. The same function may wait twice. */
  add(listener: () => void): () => void {
    const link = new Link(listener, this.#last);
    if (this.#last === null) this.#first = link;
    else this.#last.after = link;
    this.#last = link;
    return () => this.#remove(link);
  }

  /** It has happened: calls all that wait, in the order in which they came, and forgets them. What they throw: {@link callEach}. */
  tell(): void {
    callEach(this.#taken());
  }

  /** Each is out before it is called: it may add to those that wait, and take others out. */
  *#taken(): Generator<() => void> {
    for (let link = this.#first; link !== null; link = this.#first) {
      const { listener } = link;
      this.#remove(link);
      yield listener;
    }
  }

  #remove(link: Link): void {
    if (!link.isIn) return;
    link.isIn = false;
    const { before, after } = link;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    link.before = null;
    link.after = null;
    link.listener = nothing;
  }
}

/** Who is told of something each time it happens, until he says that he does not want to be. */
export class Subscribers<T> {
  readonly #listeners = new Set<(what: T) => void>();

  /** The same function may be told twice. */
  add(listener: (what: T) => void): { dispose(): void } {
    const own = (what: T) => listener(what);
    this.#listeners.add(own);
    return { dispose: () => void this.#listeners.delete(own) };
  }

  get isEmpty(): boolean {
    return this.#listeners.size === 0;
  }

  /** Tells all that are there now. What they throw: {@link callEach}. */
  tell(what: T): void {
    if (!this.isEmpty) callEach([...this.#listeners].map((listener) => () => listener(what)));
  }
}
