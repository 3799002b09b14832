import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { arsenalError } from '../../errors.ts';
import { fail } from '../../model.ts';
import type { Address } from '../dist/tcp.ts';
import type { LinkState } from './links.ts';
import { Rejoin } from './rejoin.ts';

/** A hundred times as fast as usual, but for what is asked of a real socket. */
const pace = { lookMs: 10, patientLookMs: 60_000, patientAfterMs: 60_000, firstPauseMs: 40, longestPauseMs: 160 };

let epmd: Server;
let address: Address;
/** What EPMD knows; null: it says nothing. */
let known: { [name: string]: number } | null;
let asked: number;
let dialled: string[];
let told: Set<string>;
let states: Map<string, LinkState>;
let closing: AbortController;

beforeEach(async () => {
  known = {};
  asked = 0;
  dialled = [];
  told = new Set();
  states = new Map();
  closing = new AbortController();
  epmd = createServer((socket) => {
    asked += 1;
    socket.on('error', () => undefined);
    if (known === null) return;
    const lines = Object.entries(known).map(([name, port]) => `name ${name} at port ${port}\n`);
    socket.end(Buffer.concat([Buffer.alloc(4), Buffer.from(lines.join(''))]));
  });
  const port = await new Promise<number>((resolve) => {
    epmd.listen(0, '127.0.0.1', () => {
      const at = epmd.address();
      resolve(typeof at === 'object' && at !== null ? at.port : 0);
    });
  });
  address = { host: '127.0.0.1', port };
});
afterEach(() => {
  closing.abort();
  epmd.close();
});

const error = arsenalError('unavailable', 'connect.timeout', 'It is silent.', 'Wait.');

function lose(node: string, { isRefused = false, since = Date.now() } = {}): void {
  const retryAfter = isRefused ? null : 0;
  states.set(node, { is: 'down', since, why: 'down', error, creation: 1, retryAfter });
}

/** Attempts fail, unless the node is in `living`. */
function rejoin(living: ReadonlySet<string> = new Set(), epmdOf: () => Address | null = () => address): Rejoin {
  const links = {
    names: () => [...states.keys()],
    stateOf: (node: string) => states.get(node) ?? null,
    ended: (node: string) => void told.add(node),
    open: (node: string) => {
      dialled.push(node);
      if (living.has(node)) states.delete(node);
      return Promise.resolve(fail(error));
    },
  };
  return new Rejoin(
    links,
    { epmdOf },
    { dial: undefined, attemptMs: 1_000, signal: closing.signal, pace },
    () => undefined,
  );
}

async function looks(count: number): Promise<void> {
  const until = asked + count;
  while (asked < until) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('coming back to a lost node', () => {
  it('asks one EPMD once for all its nodes, and dials none that it does not know', async () => {
    lose('a@h');
    lose('b@h');
    lose('c@h');
    void rejoin().begin();
    await looks(10);
    expect(dialled).toEqual([]);
  });

  it('dials a node at the first look at which EPMD knows it, once, and then looks no more', async () => {
    const living = new Set<string>();
    lose('a@h');
    const one = rejoin(living);
    const ended = one.begin();
    await looks(3);
    living.add('a@h');
    known = { a: 4001, other: 4002 };
    await looks(1);
    await ended;
    expect(dialled).toEqual(['a@h']);
    expect(one.nextLook).toBeNull();
    const before = asked;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(asked).toBe(before);
  });

  it('dials one that EPMD has known all along at growing intervals', async () => {
    known = { a: 4001 };
    lose('a@h');
    void rejoin().begin();
    await looks(60);
    // At once, and then after 40, 80, 160, 160 … ms, while there was a look about every 10 ms.
    expect(dialled.length).toBeGreaterThan(1);
    expect(dialled.length).toBeLessThan(60 / 4);
  });

  it('leaves one that refused us alone until it has begun another life', async () => {
    known = { a: 4001 };
    lose('a@h', { isRefused: true });
    void rejoin().begin();
    await looks(20);
    expect(dialled).toEqual([]);
    known = { a: 4002 };
    await looks(10);
    expect(dialled).toEqual(['a@h']);
    known = {};
    await looks(3);
    known = { a: 4002 };
    await looks(10);
    expect(dialled).toEqual(['a@h', 'a@h']);
  });

  it('says of one that EPMD knows no more that it has ended, whatever its last word was', async () => {
    known = { b: 4002 };
    lose('a@h', { isRefused: true });
    lose('b@h', { isRefused: true });
    void rejoin().begin();
    await looks(3);
    expect([...told]).toEqual(['a@h']);
  });

  it('asks a silent EPMD ever less, and the node where it was meanwhile', async () => {
    known = null;
    lose('a@h');
    void rejoin().begin();
    // Each question takes the second that it is given.
    await new Promise((resolve) => setTimeout(resolve, 2_300));
    expect(asked).toBeLessThanOrEqual(3);
    expect(dialled.length).toBeGreaterThan(0);
  }, 10_000);

  it('dials one without EPMD itself', async () => {
    lose('a@h');
    void rejoin(new Set(), () => null).begin();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(dialled.length).toBeGreaterThan(0);
    expect(asked).toBe(0);
  });

  it('looks often again for a node that is lost while others have been away for long', async () => {
    lose('old@h', { since: Date.now() - 2 * pace.patientAfterMs });
    const one = rejoin();
    void one.begin();
    await looks(1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(one.nextLook).toBeGreaterThan(Date.now() + 10_000);
    lose('new@h');
    void one.begin();
    await looks(5);
  });

  it('ends with the connection', async () => {
    lose('a@h');
    const ended = rejoin().begin();
    await looks(2);
    closing.abort();
    await ended;
    const before = asked;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(asked).toBeLessThanOrEqual(before + 1);
  });
});
