/** Lines as bytes, written one behind the other: as text they would be copied about by every garbage collection until they are. */
const firstBytes = 16_384;
/** Of UTF-8, at most. */
const bytesPerCharacter = 3;

export class LineBuffer {
  #bytes = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(line: string): void {
    const most = this.#length + line.length * bytesPerCharacter;
    if (most > this.#bytes.length) this.#grow(most);
    this.#length += this.#bytes.write(line, this.#length);
  }

  /** What there is, and it is empty again. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    // What was large once is not kept for what is small.
    if (this.#bytes.length > firstBytes * 16) this.#bytes = Buffer.alloc(0);
    return taken;
  }

  #grow(least: number): void {
    const larger = Buffer.allocUnsafe(Math.max(least, this.#bytes.length * 2, firstBytes));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
