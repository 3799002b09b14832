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
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(limits: ScanLimits = defaultScanLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** How many rows are kept now. */
  get rows(): number {
    return [...this.#kept.values()].reduce((sum, { list }) => sum + list.rows.length, 0);
  }

  keep(of: ScanOwner, list: KeptList): string {
    const id = randomUUID();
    this.#kept.set(id, { owner: ownerKey(of), list, usedAt: this.#nowMs() });
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
    for (const [id, { owner }] of this.#kept) if (owner.startsWith(connectionKey(connection))) this.#kept.delete(id);
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
    let { rows } = this;
    for (const [id, { list, usedAt }] of this.#kept) {
      const isOld = this.#nowMs() - usedAt >= this.#limits.lifetimeMs;
      if (!isOld && rows <= this.#limits.rows) return;
      this.#kept.delete(id);
      rows -= list.rows.length;
    }
  }
}

function connectionKey(connection: string | null): string {
  return `${JSON.stringify(connection)} `;
}

function ownerKey({ principal, connection, operation }: ScanOwner): string {
  return connectionKey(connection) + JSON.stringify([principal, operation]);
}
