/**
 * Writes whose answer has not come yet, kept over a crash of the server and over a reload of the window, so that afterwards the user
 * is told what became of each.
 */
import type * as vscode from 'vscode';
import { isRecord } from '../decode.ts';

export type PendingWrite = {
  readonly requestId: string;
  readonly operation: string;
  /** What to call it before the user: the plan's summary, or the operation's title. */
  readonly summary: string;
  readonly sentAt: number;
};

const key = 'arsenal.pendingWrites';
/** Older ones are of no interest any more; it also bounds the list. */
const mostKept = 100;

export class PendingWrites {
  private readonly memento: vscode.Memento;
  /** In this window's life; the memento lags behind. */
  private readonly current = new Map<string, PendingWrite>();

  constructor(memento: vscode.Memento) {
    this.memento = memento;
    const stored: unknown = memento.get(key);
    if (!Array.isArray(stored)) return;
    for (const entry of stored.slice(-mostKept)) if (isPendingWrite(entry)) this.current.set(entry.requestId, entry);
  }

  get all(): readonly PendingWrite[] {
    return [...this.current.values()];
  }

  async add(write: PendingWrite): Promise<void> {
    this.current.set(write.requestId, write);
    await this.save();
  }

  async settle(requestId: string): Promise<void> {
    if (this.current.delete(requestId)) await this.save();
  }

  private async save(): Promise<void> {
    await this.memento.update(key, this.all.slice(-mostKept));
  }
}

function isPendingWrite(value: unknown): value is PendingWrite {
  return (
    isRecord(value) &&
    typeof value['requestId'] === 'string' &&
    typeof value['operation'] === 'string' &&
    typeof value['summary'] === 'string' &&
    typeof value['sentAt'] === 'number'
  );
}
