/** Lists that are kept so that they can be paged through: for a while, and only so many rows in all. */
import { randomUUID } from 'node:crypto';
import type { KeptList, ScanOwner, Scans } from '../operations/lists.ts';

type Kept = { readonly owner: string; readonly list: KeptList; usedAt: number };

export type ScanLimits = { readonly rows: number; readonly lifetimeMs: number };
export const defaultScanLimits: ScanLimits = { rows: 400_000, lifetimeMs: 120_000 };

export class ScanStore implements Scans {
  readonly #limits: ScanLimits;
  readonly #nowMs: () => number;
  /** Least recently read first. */
  readonly #kept = new Map<string, Kept>();
  #rows = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(limits: ScanLimits = defaultScanLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** How many rows are kept now. */
  get rows(): number {
    return this.#rows;
  }

  keep(of: ScanOwner, list: KeptList): string {
    const id = randomUUID();
    this.#kept.set(id, { owner: ownerKey(of), list, usedAt: this.#nowMs() });
    this.#rows += list.rows.length;
    this.#trim();
    this.#trimLater();
    return id;
  }

  read(of: ScanOwner, id: string): KeptList | null {
    this.#trim();
    const kept = this.#kept.get(id);
    if (kept === undefined || kept.owner !== ownerKey(of)) return null;
    kept.usedAt = this.#nowMs();
    this.#kept.delete(id);
    this.#kept.set(id, kept);
    return kept.list;
  }

  /** Forgets the lists of a connection that is closed. */
  forget(connection: string): void {
    const theirs = connectionKey(connection);
    for (const [id, { owner, list }] of this.#kept) if (owner.startsWith(theirs)) this.#drop(id, list);
  }

  /** So that a long list is let go of though nobody lists anything any more. */
  #trimLater(): void {
    if (this.#timer !== null || this.#kept.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#trim();
      this.#trimLater();
    }, this.#limits.lifetimeMs);
    this.#timer.unref();
  }

  #trim(): void {
    const now = this.#nowMs();
    for (const [id, { list, usedAt }] of this.#kept) {
      const isOld = now - usedAt >= this.#limits.lifetimeMs;
      if (!isOld && this.#rows <= this.#limits.rows) return;
      this.#drop(id, list);
    }
  }

  #drop(id: string, list: KeptList): void {
    this.#kept.delete(id);
    this.#rows -= list.rows.length;
  }
}

function connectionKey(connection: string | null): string {
  return `${JSON.stringify(connection)} `;
}

function ownerKey({ principal, connection, operation }: ScanOwner): string {
  return connectionKey(connection) + JSON.stringify([principal, operation]);
}
