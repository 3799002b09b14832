/**
 * The pids and references of our own node. Numbers are kept small enough for every release that reads them: 15 bits of pid number,
 * 13 of serial, 18 of a reference's first word.
 */
import type { PidTerm, RefTerm } from '../../term/term.ts';

const pidNumbers = 2 ** 15;
const pidSerials = 2 ** 13;
const firstWord = 2 ** 18;
const secondWord = 2 ** 32;

export class Identities {
  readonly node: string;
  readonly creation: number;
  readonly #live = new Set<number>();
  #nextPid = 1;
  #nextRef = 1;

  constructor(node: string, creation: number) {
    this.node = node;
    this.creation = creation;
  }

  /** A pid that no live one of ours equals; give it back with {@link Identities.release}. */
  newPid(): PidTerm {
    while (this.#live.has(this.#nextPid)) this.#advance();
    const number = this.#nextPid;
    this.#live.add(number);
    this.#advance();
    const id = number % pidNumbers;
    const serial = Math.floor(number / pidNumbers);
    return { t: 'pid', node: this.node, creation: this.creation, id, serial };
  }

  #advance(): void {
    this.#nextPid = (this.#nextPid + 1) % (pidNumbers * pidSerials);
  }

  release(pid: PidTerm): void {
    this.#live.delete(pid.serial * pidNumbers + pid.id);
  }

  /** A reference never given out before: the numbers last for 2^50 of them. */
  newRef(): RefTerm {
    const number = this.#nextRef++;
    const ids = [number % firstWord, Math.floor(number / firstWord) % secondWord, 0];
    return { t: 'ref', node: this.node, creation: this.creation, ids };
  }

  /** A key for one of our pids, or null for a pid of another node or another life of ours. */
  pidKey(pid: PidTerm): number | null {
    return this.#isOurs(pid) ? pid.serial * pidNumbers + pid.id : null;
  }

  /** A key for one of our references, or null for another. */
  refKey(ref: RefTerm): number | null {
    const [first, second, third] = ref.ids;
    if (!this.#isOurs(ref) || first === undefined || second === undefined || third !== 0) return null;
    return second * firstWord + first;
  }

  /** Whether two pids are the same one. */
  isSame(one: PidTerm, other: PidTerm): boolean {
    return (
      one.id === other.id && one.serial === other.serial && one.creation === other.creation && one.node === other.node
    );
  }

  #isOurs(of: { readonly node: string; readonly creation: number }): boolean {
    return of.node === this.node && of.creation === this.creation;
  }
}
