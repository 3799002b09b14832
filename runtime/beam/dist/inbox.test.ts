import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RawTerm } from '../../term/cursor.ts';
import { termOf } from '../../term/cursor.ts';
import type { PidTerm, Term } from '../../term/term.ts';
import { atom, text } from '../../term/term.ts';
import type { InboxItem, InboxLimits } from './inbox.ts';
import { Inbox } from './inbox.ts';
import type { RawReceiver } from './processes.ts';

/** Against a link that only counts; a live one stands in flow.beam.test.ts. */

const pid: PidTerm = { t: 'pid', node: 'js@localhost', creation: 4, id: 7, serial: 0 };

class CountingLink {
  receiver: RawReceiver | null = null;
  holds = 0;
  released = 0;
  down: (() => void) | null = null;

  readonly spawn = (receiver: RawReceiver): { readonly pid: PidTerm; readonly release: () => void } => {
    this.receiver = receiver;
    return { pid, release: () => this.released++ };
  };
  readonly hold = (): (() => void) => {
    this.holds++;
    return () => this.holds--;
  };
  readonly onDown = (listener: () => void): { readonly dispose: () => void } => {
    this.down = listener;
    return { dispose: () => (this.down = null) };
  };

  /** A binary of so many bytes, in a buffer that is used again. */
  send(bytes: number): void {
    const frame = Buffer.concat([Buffer.of(0, 0, 109), Buffer.alloc(4), Buffer.alloc(bytes, 'x')]);
    frame.writeUInt32BE(bytes, 3);
    this.receiver?.message({ bytes: frame, at: 2, refs: [], scope: 'test' }, null);
    frame.fill(0);
  }
}

function opened(limits: InboxLimits): { readonly link: CountingLink; readonly inbox: Inbox } {
  const link = new CountingLink();
  return { link, inbox: new Inbox(link, limits) };
}

function termIn(item: InboxItem): Term | string {
  const message: RawTerm | null = item.is === 'message' ? item.message : null;
  const term = message === null ? null : termOf(message);
  return term?.ok === true ? term.value : item.is;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('an inbox', () => {
  it('keeps what it gets until it is read, in order, in bytes of its own', async () => {
    const { link, inbox } = opened({});
    for (const bytes of [3, 1, 2]) link.send(bytes);
    const read = [await inbox.next(), await inbox.next(), await inbox.next()].map(termIn);
    expect(read).toEqual([text('xxx'), text('x'), text('xx')]);
    const waiting = inbox.next();
    link.send(4);
    expect(termIn(await waiting)).toEqual(text('xxxx'));
    expect([inbox.queuedBytes, link.holds]).toEqual([0, 0]);
  });

  it('holds the link while more waits than it may keep, until half of that is read', async () => {
    const { link, inbox } = opened({ mostBytes: 1_000 });
    for (let count = 0; count < 10; count++) link.send(95);
    expect(link.holds).toBe(0);
    link.send(95);
    expect(link.holds).toBe(1);
    for (let count = 0; count < 5; count++) await inbox.next();
    expect(link.holds).toBe(1);
    await inbox.next();
    expect(link.holds).toBe(0);
    vi.advanceTimersByTime(60_000);
    for (let count = 0; count < 5; count++) expect(termIn(await inbox.next())).toMatchObject({ t: 'text' });
  });

  it('is given up when nobody reads while it holds the link; each item that is read gives it time', async () => {
    const { link, inbox } = opened({ mostBytes: 1_000, mostHeldMs: 100 });
    for (let count = 0; count < 30; count++) link.send(95);
    for (let count = 0; count < 5; count++) {
      vi.advanceTimersByTime(90);
      expect(termIn(await inbox.next())).toMatchObject({ t: 'text' });
    }
    vi.advanceTimersByTime(101);
    expect(await inbox.next()).toEqual({ is: 'ended', why: 'overrun' });
    expect([link.holds, link.released, inbox.queuedBytes]).toEqual([0, 1, 0]);
    link.send(10);
    expect(await inbox.next()).toEqual({ is: 'ended', why: 'overrun' });
  });

  it('gives what came before the link was lost, then says so', async () => {
    const { link, inbox } = opened({});
    link.send(1);
    link.receiver?.exit(pid, atom('why'));
    link.down?.();
    expect(termIn(await inbox.next())).toEqual(text('x'));
    expect(await inbox.next()).toEqual({ is: 'exit', from: pid, reason: atom('why') });
    expect(await inbox.next()).toEqual({ is: 'ended', why: 'noconnection' });
    inbox.close();
    expect(await inbox.next()).toEqual({ is: 'ended', why: 'noconnection' });
  });

  it('that is closed lets the link go and drops what it has', async () => {
    const { link, inbox } = opened({ mostBytes: 10 });
    link.send(95);
    expect(link.holds).toBe(1);
    inbox.close();
    expect([link.holds, link.released, link.down]).toEqual([0, 1, null]);
    expect(await inbox.next()).toEqual({ is: 'ended', why: 'closed' });
  });
});
