/**
 * Who waits for one thing to happen. A list of links rather than a Set: those that come and go all the time would make a Set's table anew
 * each time, and a table that has outlived its use holds the one after it.
 */
type Link = { before: Link | null; after: Link | null; readonly listener: () => void; isIn: boolean };

export class Listeners {
  #first: Link | null = null;
  #last: Link | null = null;

  /** Answers how to stop waiting. The same function may wait twice. */
  add(listener: () => void): () => void {
    const link: Link = { before: this.#last, after: null, listener, isIn: true };
    if (this.#last === null) this.#first = link;
    else this.#last.after = link;
    this.#last = link;
    return () => this.#remove(link);
  }

  /** It has happened: calls all that wait, in the order in which they came, and forgets them. */
  tell(): void {
    for (let link = this.#first; link !== null; link = this.#first) {
      this.#remove(link);
      link.listener();
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
  }
}
