/** Everything that happened in a cluster, as lines of text: equal for equal runs. */
import { createHash } from 'node:crypto';
import { printTerm } from '../../term/print.ts';
import type { Pid, Value } from '../../term/values.ts';
import { idOf, termOf } from '../adapter/context.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { KernelEvent } from '../kernel/events.ts';

/** Lines beyond this are counted and hashed, not kept. */
const mostLines = 100_000;

export class EventLog {
  readonly #hash = createHash('sha256');
  readonly #lines: string[] = [];
  readonly #listening: { dispose(): void };
  #count = 0;

  constructor(cluster: Cluster) {
    this.#listening = cluster.listen((event) => this.add(`${cluster.nowMs} ${eventText(event)}`));
  }

  /** `MILLISECONDS WHAT …`, oldest first; the first 100,000. */
  get lines(): readonly string[] {
    return this.#lines;
  }
  get count(): number {
    return this.#count;
  }
  /** SHA-256 of all lines, in hexadecimal. */
  get sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  add(line: string): void {
    this.#count += 1;
    this.#hash.update(`${line}\n`);
    if (this.#lines.length < mostLines) this.#lines.push(line);
  }

  stop(): void {
    this.#listening.dispose();
  }
}

function eventText({ is, ...parts }: KernelEvent): string {
  return [is, ...Object.entries(parts).map(([key, part]) => `${key}=${partText(part)}`)].join(' ');
}

function partText(part: Value): string {
  if (typeof part === 'string') return part;
  return isPid(part) ? idOf(part) : printTerm(termOf(part), { syntax: 'erlang', maxLength: 2000 });
}

function isPid(part: Value): part is Pid {
  return typeof part === 'object' && part !== null && 'serial' in part && 'creation' in part;
}
