/** Asks a call to stop, beside its caller's own signal. It costs a call nothing that nobody stops. */
export class Stop {
  #isAsked = false;
  #listener: (() => void) | null = null;

  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Asks it, once and for all. */
  ask(): void {
    this.#isAsked = true;
    const listener = this.#listener;
    this.#listener = null;
    listener?.();
  }

  /** Calls `listener`, and no other any more, once when it is asked, which it has not been yet. It is the one call's that is to stop. */
  onAsked(listener: (() => void) | null): void {
    this.#listener = listener;
  }
}
