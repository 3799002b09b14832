/** Streams faster than their reader, and messages larger than what is sent at once, with a live node. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LiveNode } from '../../../test/harness/erlang.ts';
import { startErlang, stopAll } from '../../../test/harness/erlang.ts';
import { readRaw } from '../../term/cursor.ts';
import type { PidTerm, Term } from '../../term/term.ts';
import { atom, charlist, integer, list, termKey, text, tuple } from '../../term/term.ts';
import type { Connection } from './connection.ts';
import type { DistResult } from './errors.ts';
import { flag, offered } from './flags.ts';
import type { InboxItem } from './inbox.ts';
import type { HiddenNodeOptions } from './node.ts';
import { HiddenNode } from './node.ts';

const cookie = 'crumbs';
const options = { timeoutMs: 30_000, signal: new AbortController().signal };
const opened: HiddenNode[] = [];
let erlang: LiveNode;
let names = 0;

beforeAll(async () => {
  erlang = await startErlang({ name: 'flow', cookie });
});
afterAll(() => {
  for (const node of opened) node.close();
  stopAll();
});

function valueOf<T>(result: DistResult<T>): T {
  if (result.ok) return result.value;
  throw new Error(JSON.stringify(result.error).slice(0, 1000));
}

async function connected(live: LiveNode, more: Partial<HiddenNodeOptions> = {}): Promise<Connection> {
  const node = new HiddenNode({ name: `flow${++names}@localhost`, cookie, nameIsLeased: true, ...more });
  opened.push(node);
  return valueOf(await node.connect({ node: live.node, epmdPort: live.epmdPort }, options));
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function secondOf(term: Term): Term {
  const second = term.t === 'tuple' ? term.e[1] : undefined;
  if (second === undefined) throw new Error('No second element.');
  return second;
}

/** Evaluates Erlang expressions on the node, with `Given` bound. */
async function evaluate(connection: Connection, source: string, given: Term): Promise<Term> {
  const tokens = valueOf(await connection.call('erl_scan', 'string', [charlist(source)], options));
  const forms = valueOf(await connection.call('erl_parse', 'parse_exprs', [secondOf(tokens)], options));
  const bindings = list([tuple(atom('Given'), given)]);
  return secondOf(valueOf(await connection.call('erl_eval', 'exprs', [secondOf(forms), bindings], options)));
}

/** Has a process of the node's send `count` messages `{N, Binary}` of `bytes` each, as fast as it can; answers it. */
async function flood(connection: Connection, to: PidTerm, count: number, bytes: number): Promise<PidTerm> {
  const source = `Bin = binary:copy(<<"x">>, ${bytes}), spawn(fun() -> [Given ! {N, Bin} || N <- lists:seq(1, ${count})] end).`;
  const sender = await evaluate(connection, source, to);
  if (sender.t !== 'pid') throw new Error('No pid.');
  return sender;
}

function numberOf(item: InboxItem): number {
  if (item.is !== 'message') throw new Error(`No message: ${item.is}`);
  const read = readRaw(item.message, (cursor) => {
    cursor.tupleOf(2);
    return cursor.number();
  });
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

describe('a node that sends faster than is read', () => {
  const mostBytes = 1024 * 1024;

  it('is stopped: the queue stays bounded, nothing is lost, and all others go on afterwards', async () => {
    const connection = await connected(erlang);
    const inbox = connection.openInbox({ mostBytes, mostHeldMs: 20_000 });
    const before = process.memoryUsage().rss;
    const count = 3_000;
    const sender = await flood(connection, inbox.pid, count, 64 * 1024);
    let mostQueued = 0;
    let mostMemory = 0;
    const look = (): void => {
      mostQueued = Math.max(mostQueued, inbox.queuedBytes);
      mostMemory = Math.max(mostMemory, process.memoryUsage().rss);
    };
    // Nobody reads for a while; then somebody does, slowly.
    for (let moment = 0; moment < 20; moment++) {
      await delay(20);
      look();
    }
    expect(
      await erlang.eval(`element(2, process_info(list_to_pid("<0.${sender.id}.${sender.serial}>"), status)).`),
    ).toBe('suspended');
    for (let number = 1; number <= count; number++) {
      expect(numberOf(await inbox.next())).toBe(number);
      look();
      if (number % 100 === 0) await delay(1);
    }
    // One message and what was read of the socket at once may come on top.
    expect(mostQueued).toBeGreaterThan(mostBytes);
    expect(mostQueued).toBeLessThan(mostBytes + 256 * 1024);
    // Of 192 MiB that were sent.
    expect(mostMemory - before).toBeLessThan(96 * 1024 * 1024);
    expect(valueOf(await connection.call('erlang', 'node', [], options))).toEqual(atom(erlang.node));
    inbox.close();
    expect(await inbox.next()).toEqual({ is: 'ended', why: 'closed' });
  });

  it('and is not read at all loses that stream, not the link', async () => {
    const connection = await connected(erlang);
    const inbox = connection.openInbox({ mostBytes, mostHeldMs: 300 });
    await flood(connection, inbox.pid, 500, 64 * 1024);
    const other = connection.call('erlang', 'node', [], options);
    expect(valueOf(await other)).toEqual(atom(erlang.node));
    for (let tries = 0; tries < 100 && inbox.queuedBytes > 0; tries++) await delay(20);
    expect(await inbox.next()).toEqual({ is: 'ended', why: 'overrun' });
    expect(connection.state).toBe('up');
  });

  it('hears from us while we do not read, and is not taken for silent', async () => {
    const quick = await startErlang({ name: 'flowquick', cookie, args: ['-kernel', 'net_ticktime', '4'] });
    const connection = await connected(quick, { limits: { tickMs: 500 } });
    const inbox = connection.openInbox({ mostBytes, mostHeldMs: 20_000 });
    const count = 300;
    await flood(connection, inbox.pid, count, 64 * 1024);
    await delay(7_000);
    expect([connection.state, inbox.queuedBytes > mostBytes]).toEqual(['up', true]);
    for (let number = 1; number <= count; number++) expect(numberOf(await inbox.next())).toBe(number);
    expect(await quick.eval(`lists:member('flow${names}@localhost', nodes(hidden)).`)).toBe('true');
    await quick.stop();
    expect(await inbox.next()).toEqual({ is: 'ended', why: 'noconnection' });
  });

  it('tells an inbox of exit signals, and that it is closed', async () => {
    const connection = await connected(erlang);
    const inbox = connection.openInbox();
    valueOf(await connection.call('erlang', 'exit', [inbox.pid, atom('enough')], options));
    expect(await inbox.next()).toMatchObject({ is: 'exit', reason: atom('enough') });
    const waiting = inbox.next();
    inbox.close();
    expect(await waiting).toEqual({ is: 'ended', why: 'closed' });
  });
});

const framings: readonly (readonly [string, bigint])[] = [
  ['in fragments', offered],
  ['whole, where fragments are not agreed to', offered & ~flag.fragments],
  ['whole, passed through', offered & ~flag.fragments & ~flag.distHeaderAtomCache],
];

describe('large messages', () => {
  it.each(framings)('arrive as they were, sent %s', async (_name, flags) => {
    const connection = await connected(erlang, { flags });
    const numbers = list(Array.from({ length: 100_000 }, (_, at) => integer(at * 7)));
    const term = tuple(numbers, text('ž'.repeat(2_000_000)), list([atom('x'), tuple()]));
    const answers = await Promise.all([
      connection.call('lists', 'last', [list([term])], options),
      connection.call('lists', 'last', [list([tuple(integer(1), term)])], options),
      connection.call('erlang', 'node', [], options),
    ]);
    const [one, other, small] = answers.map((answer) => termKey(valueOf(answer)));
    // Not with toBe: it would print megabytes.
    expect([one === termKey(term), other === termKey(tuple(integer(1), term))]).toEqual([true, true]);
    expect(small).toBe(termKey(atom(erlang.node)));
    // To a process: in order behind one another.
    const source = `Collect = spawn(fun() -> Sizes = [receive {_, B} -> byte_size(B) end || _ <- lists:seq(1, 4)], receive {tell, To} -> To ! {sizes, Sizes} end end), Collect.`;
    const collector = await evaluate(connection, source, atom('none'));
    if (collector.t !== 'pid') throw new Error('No pid.');
    for (const size of [500_000, 10, 200_000, 20]) {
      expect(connection.send(collector, tuple(atom('part'), text('x'.repeat(size))))).toBeNull();
    }
    const told = evaluate(
      connection,
      'Given ! {tell, self()}, receive {sizes, Sizes} -> Sizes after 5000 -> late end.',
      collector,
    );
    expect(await told).toEqual(list([500_000, 10, 200_000, 20].map(integer)));
  });

  it('do not hold up small calls', async () => {
    const connection = await connected(erlang);
    const finished: string[] = [];
    const large = text('x'.repeat(60_000_000));
    const sending = connection.call('erlang', 'byte_size', [large], options).then((answer) => {
      finished.push('large');
      return answer;
    });
    for (let number = 0; number < 5; number++) {
      valueOf(await connection.call('erlang', 'node', [], options));
      finished.push('small');
    }
    expect(valueOf(await sending)).toEqual(integer(60_000_000));
    expect(finished.indexOf('large')).toBe(5);
  });

  it('that are refused because too much waits can be sent when it has left', async () => {
    const slow = await startErlang({ name: 'flowslow', cookie });
    const connection = await connected(slow, { limits: { mostQueuedBytes: 8 * 1024 * 1024, tickMs: 60_000 } });
    process.kill(slow.osPid, 'SIGSTOP');
    const megabyte = text('x'.repeat(1024 * 1024));
    let sent = 0;
    while (sent < 500 && connection.send('nobody', megabyte) === null) {
      sent++;
      await delay(1);
    }
    expect(connection.send('nobody', megabyte)).toMatchObject({ kind: 'busy' });
    expect(await connection.drained({ timeoutMs: 50, signal: options.signal })).toMatchObject({ kind: 'timeout' });
    const aborter = new AbortController();
    const given = connection.drained({ timeoutMs: 10_000, signal: aborter.signal });
    aborter.abort();
    expect(await given).toMatchObject({ kind: 'cancelled' });
    process.kill(slow.osPid, 'SIGCONT');
    expect(await connection.drained(options)).toBeNull();
    expect(connection.send('nobody', megabyte)).toBeNull();
    expect(valueOf(await connection.call('erlang', 'node', [], options))).toEqual(atom(slow.node));
    await slow.stop();
    for (let tries = 0; tries < 100 && connection.state === 'up'; tries++) await delay(10);
    expect(await connection.drained(options)).toMatchObject({ kind: 'noconnection' });
  });
});
