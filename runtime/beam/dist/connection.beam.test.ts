import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LiveNode } from '../../../test/harness/erlang.ts';
import { freePort, startElixir, startErlang, stopAll } from '../../../test/harness/erlang.ts';
import { termOf } from '../../term/cursor.ts';
import { DictionaryColumn, NumberColumn, PidColumn, readRows } from '../../term/rows.ts';
import type { PidTerm, Term } from '../../term/term.ts';
import { atom, charlist, integer, isAtom, list, termKey, text, tuple } from '../../term/term.ts';
import type { Connection } from './connection.ts';
import { epmdNames } from './epmd.ts';
import type { DistError, DistResult } from './errors.ts';
import { flag, offered } from './flags.ts';
import type { ConnectTarget, HiddenNodeOptions } from './node.ts';
import { HiddenNode } from './node.ts';

const cookie = 'crumbs';
const never = new AbortController().signal;
const options = { timeoutMs: 5000, signal: never };
let erlang: LiveNode;
const opened: HiddenNode[] = [];

beforeAll(async () => {
  erlang = await startErlang({ name: 'target', cookie });
});

afterAll(() => {
  for (const node of opened) node.close();
  stopAll();
});

let names = 0;

function hidden(more: Partial<HiddenNodeOptions> = {}): HiddenNode {
  const node = new HiddenNode({ name: `js${++names}@localhost`, cookie, nameIsLeased: true, ...more });
  opened.push(node);
  return node;
}

function at(live: LiveNode): ConnectTarget {
  return { node: live.node, epmdPort: live.epmdPort };
}

function valueOf<T>(result: DistResult<T>): T {
  if (result.ok) return result.value;
  throw new Error(JSON.stringify(result.error).slice(0, 1000));
}

function errorOf<T>(result: DistResult<T>): DistError {
  if (!result.ok) return result.error;
  throw new Error('It succeeded.');
}

async function connected(live = erlang, more: Partial<HiddenNodeOptions> = {}): Promise<Connection> {
  return valueOf(await hidden(more).connect(at(live), options));
}

async function spawnSleeper(connection: Connection): Promise<PidTerm> {
  const pid = valueOf(
    await connection.call('erlang', 'spawn', [atom('timer'), atom('sleep'), list([integer(60_000)])], options),
  );
  if (pid.t !== 'pid') throw new Error('No pid.');
  return pid;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Gives what a listener was called with, as a promise. */
function once<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const everyFraming: readonly (readonly [string, bigint])[] = [
  ['atom cache and fragments', offered],
  ['fragments alone', offered & ~flag.distHeaderAtomCache],
  ['atom cache alone', offered & ~flag.fragments],
  ['pass-through', offered & ~flag.distHeaderAtomCache & ~flag.fragments],
  ['without spawn, over rex', offered & ~flag.spawn],
  ['exit reasons in the control message', offered & ~flag.exitPayload],
];

describe.each(everyFraming)('calls with %s', (_name, flags) => {
  it('answer values of any size, exceptions as what they are, and what a server answers', async () => {
    const connection = await connected(erlang, { flags });
    expect(await connection.call('erlang', 'node', [], options)).toEqual({ ok: true, value: atom('target@localhost') });

    const numbers = Array.from({ length: 20_000 }, (_, index) => integer(index));
    const names = Array.from({ length: 3000 }, (_, index) => atom(`name_${index % 700}`));
    const megabyte = text('x'.repeat(1_000_000));
    const big = tuple(list(numbers), list(names), megabyte);
    const calls = [big, atom('small'), big].map((term) => connection.call('erlang', 'hd', [list([term])], options));
    const answers = await Promise.all(calls);
    expect(answers.map((answer) => termKey(valueOf(answer)) === termKey(big))).toEqual([true, false, true]);

    const raised = errorOf(await connection.call('erlang', 'hd', [integer(1)], options));
    expect(raised).toMatchObject({ kind: 'exception', class: 'error' });
    expect(errorOf(await connection.call('no_such_module', 'f', [], options))).toMatchObject({ kind: 'exception' });

    const children = valueOf(await connection.genCall('kernel_sup', atom('which_children'), options));
    expect(children.t).toBe('list');
    expect(errorOf(await connection.genCall('no_such_server', atom('x'), options))).toMatchObject({
      kind: 'down',
      reason: atom('noproc'),
    });
    expect(connection.state).toBe('up');
  });

  it('monitors fire once with the reason, for pids and names', async () => {
    const connection = await connected(erlang, { flags });
    const sleeper = await spawnSleeper(connection);
    const down = once<Term>();
    connection.monitor(sleeper, down.resolve);
    const heard: Term[] = [];
    const given = connection.monitor(sleeper, (reason) => heard.push(reason));
    given.demonitor();
    connection.exit(sleeper, tuple(atom('over'), integer(1)));
    expect(await down.promise).toEqual(tuple(atom('over'), integer(1)));
    const unknown = once<Term>();
    connection.monitor('no_such_server', unknown.resolve);
    expect(await unknown.promise).toEqual(atom('noproc'));
    expect(heard).toEqual([]);
  });
});

describe('calls', () => {
  it('tell throw, exit, error and a kill from outside apart', async () => {
    const connection = await connected();
    const raise = async (kind: string): Promise<DistError> =>
      errorOf(await connection.call('erlang', kind, [tuple(atom('why'), integer(1))], options));
    const reason = tuple(atom('why'), integer(1));
    expect(await raise('throw')).toMatchObject({ kind: 'exception', class: 'throw', reason });
    expect(await raise('exit')).toMatchObject({ kind: 'exception', class: 'exit', reason, stack: null });
    expect(await raise('error')).toMatchObject({ kind: 'exception', class: 'error', reason, stack: { t: 'list' } });
    const source = 'exit(self(), kill), receive after 5000 -> ok end.';
    const tokens = valueOf(await connection.call('erl_scan', 'string', [charlist(source)], options));
    const parsed = valueOf(
      await connection.call(
        'erl_parse',
        'parse_exprs',
        [tokens.t === 'tuple' ? (tokens.e[1] ?? tokens) : tokens],
        options,
      ),
    );
    const expressions = parsed.t === 'tuple' ? (parsed.e[1] ?? parsed) : parsed;
    expect(errorOf(await connection.call('erl_eval', 'exprs', [expressions, list([])], options))).toMatchObject({
      kind: 'exception',
      class: 'exit',
      reason: tuple(atom('signal'), atom('killed')),
    });
  });

  it('that run out of time or are given up end on the node too', async () => {
    const connection = await connected();
    const alive = async (): Promise<string> =>
      erlang.eval(
        `[P || P <- processes(), {current_function, {timer, sleep, 1}} =:= process_info(P, current_function)].`,
      );
    const before = await alive();
    const late = connection.call('timer', 'sleep', [integer(30_000)], { timeoutMs: 200, signal: never });
    const aborter = new AbortController();
    const given = connection.call('timer', 'sleep', [integer(30_000)], { timeoutMs: 30_000, signal: aborter.signal });
    await delay(100);
    expect(await alive()).not.toBe(before);
    aborter.abort();
    expect(errorOf(await given)).toMatchObject({ kind: 'cancelled' });
    expect(errorOf(await late)).toMatchObject({ kind: 'timeout' });
    await delay(50);
    expect(await alive()).toBe(before);
    // Given up before the node has named the process.
    const early = new AbortController();
    const call = connection.call('timer', 'sleep', [integer(30_000)], { timeoutMs: 30_000, signal: early.signal });
    await Promise.resolve();
    early.abort();
    expect(errorOf(await call)).toMatchObject({ kind: 'cancelled' });
    await delay(50);
    expect(await alive()).toBe(before);
  });

  it('refuse what cannot be encoded and go on', async () => {
    const connection = await connected();
    const elided: Term = { t: 'elided', was: 'list', size: 1 };
    expect(errorOf(await connection.call('erlang', 'hd', [list([elided])], options))).toMatchObject({
      kind: 'encode',
      error: { code: 'elided' },
    });
    expect(connection.send('nobody', elided)).toMatchObject({ kind: 'encode' });
    expect(valueOf(await connection.call('erlang', 'node', [], options))).toEqual(atom('target@localhost'));
  });

  it('have the target’s own group leader, so that what they start lives on with it', async () => {
    const connection = await connected();
    const leader = valueOf(await connection.call('erlang', 'group_leader', [], options));
    expect(leader).toEqual(valueOf(await connection.call('erlang', 'whereis', [atom('user')], options)));
  });

  it('bring their output here when asked to, in order and in Unicode', async () => {
    const connection = await connected();
    let output = '';
    const ours = { ...options, groupLeader: 'ours' as const, onOutput: (piece: string) => (output += piece) };
    const print = (format: string, args: readonly Term[]): Promise<DistResult<Term>> =>
      connection.call('io', 'format', [charlist(format), list(args)], ours);
    expect(await print('~p ~ts~n', [tuple(atom('a'), integer(1)), text('žluťoučký 日本')])).toEqual({
      ok: true,
      value: atom('ok'),
    });
    expect(await connection.call('io', 'put_chars', [text('plain é\n')], ours)).toEqual({
      ok: true,
      value: atom('ok'),
    });
    expect(await connection.call('io', 'get_line', [charlist('> ')], ours)).toEqual({ ok: true, value: atom('eof') });
    expect(await connection.call('io', 'columns', [], ours)).toMatchObject({ ok: true, value: { t: 'tuple' } });
    expect(output).toBe('{a,1} žluťoučký 日本\nplain é\n');
  });
});

describe('processes of ours', () => {
  it('receive messages, are monitored and linked to, and their end is told', async () => {
    const connection = await connected();
    const received: Term[] = [];
    const first = once<Term>();
    const ours = connection.spawnPid((message) => {
      received.push(message);
      first.resolve(message);
    });
    const watcher = `
      Ours = Given, Parent = self(),
      spawn(fun() -> process_flag(trap_exit, true), link(Ours), erlang:monitor(process, Ours), Ours ! {hello, self()},
        Loop = fun Again(Heard) -> receive Message -> Again([Message | Heard]) after 700 -> Parent ! {heard, Heard} end end, Loop([]) end),
      receive {heard, Heard} -> Heard after 5000 -> nothing end.`;
    const tokens = valueOf(await connection.call('erl_scan', 'string', [charlist(watcher)], options));
    const forms = valueOf(await connection.call('erl_parse', 'parse_exprs', [secondOf(tokens)], options));
    const running = connection.call(
      'erl_eval',
      'exprs',
      [secondOf(forms), list([tuple(atom('Given'), ours.pid)])],
      options,
    );
    expect(await first.promise).toMatchObject({ t: 'tuple', e: [atom('hello'), { t: 'pid' }] });
    ours.release();
    const heard = valueOf(await running);
    expect(heard).toMatchObject({ t: 'tuple' });
    const messages = secondOf(heard);
    expect(messages).toMatchObject({ t: 'list', e: { length: 2 } });
    const kinds =
      messages.t === 'list' ? messages.e.map((message) => (message.t === 'tuple' ? message.e[0] : message)) : [];
    expect(kinds).toContainEqual(atom('EXIT'));
    expect(kinds).toContainEqual(atom('DOWN'));
    expect(received).toHaveLength(1);
  });

  it('hear of exits as messages, and unknown ones are noproc', async () => {
    const connection = await connected();
    const exit = once<Term>();
    const ours = connection.spawnPid(exit.resolve);
    valueOf(await connection.call('erlang', 'exit', [ours.pid, atom('please')], options));
    expect(await exit.promise).toMatchObject({ t: 'tuple', e: [atom('EXIT'), { t: 'pid' }, atom('please')] });
    ours.release();
    const gone = await evaluate(
      connection,
      "Ref = erlang:monitor(process, Given), receive {'DOWN', Ref, process, _, Reason} -> Reason after 3000 -> silence end.",
      ours.pid,
    );
    expect(gone).toEqual(atom('noproc'));
    const linked = await evaluate(
      connection,
      "process_flag(trap_exit, true), link(Given), receive {'EXIT', _, Reason} -> Reason after 3000 -> silence end.",
      ours.pid,
    );
    expect(linked).toEqual(atom('noproc'));
  });

  it('take pages of rows undecoded, and exit signals beside them', async () => {
    const connection = await connected();
    const pids = new PidColumn();
    const memory = new NumberColumn();
    const status = new DictionaryColumn(termKey);
    const page = once<number>();
    const exit = once<Term>();
    const ours = connection.spawnRawPid({
      message: (message, from) => {
        expect(from?.node).toBe('target@localhost');
        const rows = readRows(message, [pids, memory, status]);
        page.resolve(rows.ok ? rows.value : -1);
      },
      exit: (_from, reason) => {
        exit.resolve(reason);
      },
    });
    const send = `
      Given ! [begin [{memory, M}, {status, S}] = process_info(P, [memory, status]), {P, M, S} end || P <- lists:sort(processes()), P =/= self()],
      exit(Given, enough).`;
    await evaluate(connection, send, ours.pid);
    const count = await page.promise;
    expect(count).toBeGreaterThan(20);
    expect(pids.of).toEqual({ node: 'target@localhost', creation: connection.creation });
    expect([pids.ids[0], pids.ids.length, memory.values.length]).toEqual([0, count, count]);
    expect(memory.others).toBe(0);
    expect(memory.values.every((bytes) => bytes > 300)).toBe(true);
    expect(status.values).toContain(termKey(atom('waiting')));
    expect(await exit.promise).toEqual(atom('enough'));
    ours.release();
  });

  it('a call answers undecoded too, with bytes that stay', async () => {
    const connection = await connected();
    const first = valueOf(await connection.callRaw('lists', 'seq', [integer(1), integer(1000)], options));
    await Promise.all(
      Array.from({ length: 50 }, () => connection.call('lists', 'duplicate', [integer(500), atom('x')], options)),
    );
    expect(termOf(first)).toEqual({ ok: true, value: list(Array.from({ length: 1000 }, (_, at) => integer(at + 1))) });
    expect(errorOf(await connection.callRaw('erlang', 'hd', [integer(1)], options))).toMatchObject({
      kind: 'exception',
    });
  });

  it('a listener that throws ends nothing', async () => {
    const log: string[] = [];
    const connection = await connected(erlang, { log: (event) => log.push(event.kind) });
    const ours = connection.spawnPid(() => {
      throw new Error('a fault of the listener');
    });
    valueOf(await connection.call('erlang', 'send', [ours.pid, atom('x')], options));
    expect(valueOf(await connection.call('erlang', 'node', [], options))).toEqual(atom('target@localhost'));
    expect(log).toContain('listener_threw');
  });
});

function secondOf(term: Term): Term {
  const second = term.t === 'tuple' ? term.e[1] : undefined;
  if (second === undefined) throw new Error('No second element.');
  return second;
}

async function evaluate(connection: Connection, source: string, given: Term): Promise<Term> {
  const tokens = valueOf(await connection.call('erl_scan', 'string', [charlist(source)], options));
  const forms = valueOf(await connection.call('erl_parse', 'parse_exprs', [secondOf(tokens)], options));
  const bindings = list([tuple(atom('Given'), given)]);
  return secondOf(valueOf(await connection.call('erl_eval', 'exprs', [secondOf(forms), bindings], options)));
}

describe('what we owe the node', () => {
  // @row IV-27
  it('is hidden, and net_adm:ping from the node leaves us connected', async () => {
    const connection = await connected(erlang, { name: 'pinged@localhost' });
    // The node lists us a moment after it has taken our answer to its challenge.
    await expect.poll(() => erlang.eval("lists:member('pinged@localhost', nodes(hidden)).")).toBe('true');
    expect(await erlang.eval("lists:member('pinged@localhost', nodes()).")).toBe('false');
    expect(await erlang.eval("net_adm:ping('pinged@localhost').")).toBe('pong');
    expect(connection.state).toBe('up');
  });

  it('a spawn request is refused, an unknown name is noproc', async () => {
    await connected(erlang, { name: 'refuser@localhost' });
    const spawned = await erlang.eval(
      "Ref = spawn_request('refuser@localhost', erlang, node, [], [monitor]), receive {spawn_reply, Ref, How, Why} -> {How, Why} after 3000 -> silence end.",
    );
    expect(spawned).toBe('{error,notsup}');
    const named = await erlang.eval(
      "Ref = erlang:monitor(process, {nobody, 'refuser@localhost'}), receive {'DOWN', Ref, process, _, Why} -> Why after 3000 -> silence end.",
    );
    expect(named).toBe('noproc');
  });

  it('answers ticks: the node keeps us at net_ticktime 4, and tells us when its own end comes', async () => {
    const quick = await startErlang({ name: 'quick', cookie, args: ['-kernel', 'net_ticktime', '4'] });
    const connection = await connected(quick);
    await delay(9000);
    expect(connection.state).toBe('up');
    expect(connection.counters.ticksIn).toBeGreaterThanOrEqual(5);
    expect(connection.counters.ticksOut).toBeGreaterThanOrEqual(connection.counters.ticksIn);
    expect(valueOf(await connection.call('erlang', 'node', [], options))).toEqual(atom('quick@localhost'));

    const down = once<DistError>();
    connection.onDown(down.resolve);
    const monitored = once<Term>();
    connection.monitor('init', monitored.resolve);
    const calling = connection.call('timer', 'sleep', [integer(20_000)], { timeoutMs: 20_000, signal: never });
    const started = performance.now();
    await quick.stop();
    expect(await down.promise).toMatchObject({ kind: 'noconnection', why: 'closed' });
    // Long before the ticks of its four seconds would tell.
    expect(performance.now() - started).toBeLessThan(4000);
    expect(errorOf(await calling)).toMatchObject({ kind: 'noconnection' });
    expect(await monitored.promise).toEqual(atom('noconnection'));
    expect(connection.state).toBe('down');
    expect(errorOf(await connection.call('erlang', 'node', [], options))).toMatchObject({ kind: 'noconnection' });
    expect(connection.send('init', atom('x'))).toMatchObject({ kind: 'noconnection' });
    const late = once<Term>();
    connection.monitor('init', late.resolve);
    expect(await late.promise).toEqual(atom('noconnection'));
    const told = once<DistError>();
    connection.onDown(told.resolve);
    expect(await told.promise).toMatchObject({ kind: 'noconnection' });
  });

  it('a node that hangs is found out by its silence, and one that is only idle is not', async () => {
    const hung = await startErlang({ name: 'hung', cookie });
    const connection = await connected(hung, { limits: { tickMs: 150 } });
    await delay(1500);
    expect(connection.state).toBe('up');
    const down = once<DistError>();
    connection.onDown(down.resolve);
    process.kill(hung.osPid, 'SIGSTOP');
    try {
      expect(await down.promise).toMatchObject({ kind: 'noconnection', why: 'silent' });
    } finally {
      process.kill(hung.osPid, 'SIGCONT');
    }
  });

  it('a full queue refuses messages instead of growing, and empties again', async () => {
    const slow = await startErlang({ name: 'slow', cookie });
    const mostQueuedBytes = 4 * 1024 * 1024;
    const connection = await connected(slow, {
      limits: { mostQueuedBytes, mostMessageBytes: 1024 * 1024 * 1024, tickMs: 60_000 },
    });
    process.kill(slow.osPid, 'SIGSTOP');
    const kilobytes = text('x'.repeat(64 * 1024));
    let refused: DistError | null = null;
    for (let sent = 0; sent < 500 && refused === null; sent++) {
      refused = connection.send('nobody', kilobytes);
      if (sent % 20 === 0) await delay(1);
    }
    process.kill(slow.osPid, 'SIGCONT');
    expect(refused).toMatchObject({ kind: 'busy' });
    expect(refused?.kind === 'busy' ? refused.queuedBytes : 0).toBeLessThan(mostQueuedBytes * 2);
    for (let tries = 0; tries < 100 && connection.send('nobody', kilobytes) !== null; tries++) await delay(20);
    expect(valueOf(await connection.call('erlang', 'node', [], options))).toEqual(atom('slow@localhost'));
  });
});

describe('what can go wrong on the way, each told apart', () => {
  it('wrong cookie', async () => {
    const error = errorOf(await hidden({ cookie: 'other' }).connect(at(erlang), options));
    expect(error).toMatchObject({ kind: 'bad_cookie', node: 'target@localhost' });
  });

  it('no EPMD', async () => {
    const port = await freePort();
    const error = errorOf(await hidden().connect({ node: erlang.node, epmdPort: port }, options));
    expect(error).toMatchObject({ kind: 'epmd_unreachable', why: 'refused', port });
  });

  it('unknown name', async () => {
    const error = errorOf(await hidden().connect({ node: 'nobody@localhost', epmdPort: erlang.epmdPort }, options));
    expect(error).toMatchObject({ kind: 'no_such_node', node: 'nobody' });
  });

  it('unknown host', async () => {
    const error = errorOf(await hidden().connect({ node: 'nobody@no-such-host.invalid', epmdPort: 1 }, options));
    expect(error).toMatchObject({ kind: 'host_unresolved', host: 'no-such-host.invalid' });
  });

  it('short names against long names, and another node at a given port', async () => {
    const long = await startErlang({ name: 'longer', cookie, long: true });
    expect(long.node).toBe('longer@127.0.0.1');
    const error = errorOf(await hidden().connect({ node: 'longer@localhost', epmdPort: long.epmdPort }, options));
    expect(error).toMatchObject({ kind: 'name_type', expected: 'longer@localhost', actual: 'longer@127.0.0.1' });
    expect(valueOf(await hidden().connect(at(long), options)).node).toBe('longer@127.0.0.1');
    const known = valueOf(await epmdNames({ host: '127.0.0.1', port: long.epmdPort }, options));
    const port = known.find(({ name }) => name === 'longer')?.port;
    const other = await hidden().connect({ node: erlang.node, host: '127.0.0.1', port: port ?? 0 }, options);
    expect(errorOf(other)).toMatchObject({ kind: 'wrong_node', actual: 'longer@127.0.0.1' });
    await long.stop();
  });

  it('a name that is no node name', async () => {
    expect(errorOf(await hidden().connect({ node: 'nohost' }, options))).toMatchObject({
      kind: 'protocol',
      what: 'name',
    });
  });

  it('not allowed', async () => {
    const strict = await startErlang({ name: 'strict', cookie });
    await strict.eval('net_kernel:allow([friend@localhost]).');
    expect(errorOf(await hidden().connect(at(strict), options))).toMatchObject({ kind: 'not_allowed' });
    expect((await hidden({ name: 'friend@localhost' }).connect(at(strict), options)).ok).toBe(true);
    await strict.stop();
  });

  it('a name in use is left alone unless it is leased to us; then the older connection gives way', async () => {
    const first = await connected(erlang, { name: 'twin@localhost' });
    const polite = await hidden({ name: 'twin@localhost', nameIsLeased: false }).connect(at(erlang), options);
    expect(errorOf(polite)).toMatchObject({ kind: 'name_in_use', name: 'twin@localhost' });
    expect(valueOf(await first.call('erlang', 'node', [], options))).toEqual(atom('target@localhost'));
    const down = once<DistError>();
    first.onDown(down.resolve);
    const second = await connected(erlang, { name: 'twin@localhost' });
    expect(await down.promise).toMatchObject({ kind: 'noconnection' });
    expect(valueOf(await second.call('erlang', 'node', [], options))).toEqual(atom('target@localhost'));
  });

  it('two attempts at once make one connection; given up, there is none', async () => {
    const node = hidden();
    const [one, two] = await Promise.all([node.connect(at(erlang), options), node.connect(at(erlang), options)]);
    expect(valueOf(one)).toBe(valueOf(two));
    const aborter = new AbortController();
    const attempt = hidden().connect(at(erlang), { timeoutMs: 5000, signal: aborter.signal });
    aborter.abort();
    expect(errorOf(await attempt)).toMatchObject({ kind: 'cancelled' });
    node.close();
    expect(valueOf(one).state).toBe('down');
    expect(errorOf(await node.connect(at(erlang), options))).toMatchObject({ kind: 'cancelled' });
  });

  it('a message larger than we take ends the link, not us', async () => {
    const connection = await connected(erlang, { limits: { mostMessageBytes: 100_000 } });
    const down = once<DistError>();
    connection.onDown(down.resolve);
    const call = connection.call('binary', 'copy', [text('x'), integer(10_000_000)], options);
    expect(await down.promise).toMatchObject({ kind: 'protocol', what: 'garbage' });
    expect(errorOf(await call)).toMatchObject({ kind: 'noconnection' });
  });
});

describe('an Elixir node', () => {
  it('is called as any other, its structs are maps, and its output comes here', async () => {
    const elixir = await startElixir({ name: 'elixir', cookie });
    expect(await elixir.eval('Node.self()')).toBe(':elixir@localhost');
    const connection = await connected(elixir);
    const uri = valueOf(await connection.call('Elixir.URI', 'parse', [text('http://localhost:80/x')], options));
    expect(
      uri.t === 'map' && uri.e.some(([key, value]) => isAtom(key, '__struct__') && isAtom(value, 'Elixir.URI')),
    ).toBe(true);
    let output = '';
    const ours = { ...options, groupLeader: 'ours' as const, onOutput: (piece: string) => (output += piece) };
    valueOf(await connection.call('Elixir.IO', 'inspect', [tuple(atom('ok'), text('é'))], ours));
    expect(output).toBe('{:ok, "é"}\n');
    await elixir.stop();
  });
});
