/** Turns that do not end by themselves, what is traced, and what is copied. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, ImproperList, Pid, Tuple, tup } from '../../term/values.ts';
import { call } from '../otp/gen.ts';
import { reply, startServer } from '../otp/genServer.ts';
import { inProcess, nodeOf, shown, spawn, testCluster } from '../testKit.ts';
import { deepestTerm } from './copy.ts';
import type { KernelEvent } from './events.ts';
import { ExitException } from './exceptions.ts';
import { receive } from './flow.ts';
import type { Handler } from './process.ts';
import { TraceRing, traceFlag } from './trace.ts';

const initialCall = { module: 'test', function: 'run', arity: 0 };

describe('a turn that does not end', () => {
  it('ends only its own process when it keeps calling the kernel, and says what that was at', () => {
    let overdue = false;
    const cluster = testCluster(['one@sim'], { roundMs: Infinity });
    cluster.wall = { nowMs: 0, holdsAtMs: Infinity, isOverdue: () => overdue };
    const node = nodeOf(cluster);
    const events: KernelEvent[] = [];
    cluster.listen((event) => void events.push(event));
    const handler: Handler = {
      handle: (self, message) => {
        overdue = true;
        while (message === a('loop')) {
          try {
            self.makeRef();
          } catch {
            // Code that catches everything only meets the next one.
            self.makeRef();
          }
        }
      },
      state: () => null,
    };
    const looping = node.spawn({ body: { is: 'handler', handler }, initialCall, parent: null });
    const witness = inProcess(cluster, function* (self) {
      const ref = self.monitor(looping.pid);
      self.send(looping.pid, a('loop'));
      const down = yield* receive({ marker: ref });
      return shown(down);
    });
    expect(witness).toBe('{DOWN,ref,process,pid,killed}');
    const report = events.find((event) => event.is === 'report' && event.kind === 'overrun');
    expect(report).toMatchObject({ pid: looping.pid, report: { message: a('loop'), current_function: 'test:run/0' } });
  });

  it('ends at some number of reductions where no clock says so', () => {
    const cluster = testCluster();
    const process = spawn(nodeOf(cluster), function* (self) {
      while (self.whereis(a('nobody')) === null);
      yield* receive();
    });
    cluster.runUntil(30);
    expect(process.alive).toBe(false);
  });

  it('can be abandoned from outside: its process ends as killed, and the others run on', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    class Stopped extends Error {}
    const stop = new Stopped('from outside');
    let abandoned: ReturnType<typeof cluster.abandonTurn> = null;
    // Code that is stopped by `vm` unwinds past every catch; here the same is asked for in the middle of a handler.
    const stuck = node.spawn({
      body: {
        is: 'handler',
        handler: {
          handle: () => {
            abandoned = cluster.abandonTurn();
            throw stop;
          },
          state: () => null,
        },
      },
      initialCall,
      parent: null,
    });
    const seen = inProcess(cluster, function* (self) {
      const ref = self.monitor(stuck.pid);
      self.send(stuck.pid, a('hello'));
      return shown(yield* receive({ marker: ref }));
    });
    expect(seen).toBe('{DOWN,ref,process,pid,killed}');
    expect(abandoned).toEqual({ process: stuck, message: a('hello') });
    expect(node.scheduler.running).toBe(null);
    expect(cluster.abandonTurn()).toBe(null);
  });
});

it('a handler ends its process by answering an exit, at its start or at a message', () => {
  const cluster = testCluster();
  const node = nodeOf(cluster);
  const ends = new ExitException(a('enough'));
  const atStart: Handler = { start: () => ends, handle: () => undefined, state: () => null };
  const atMessage: Handler = {
    handle: (_self, message) => (message === a('stop') ? ends : undefined),
    state: () => null,
  };
  const seen = inProcess(cluster, function* (self) {
    const told: string[] = [];
    for (const handler of [atStart, atMessage]) {
      const { pid } = node.spawn({ body: { is: 'handler', handler }, initialCall, parent: null });
      const ref = self.monitor(pid);
      self.send(pid, a('go on'));
      self.send(pid, a('stop'));
      told.push(shown(yield* receive({ marker: ref })));
    }
    return told;
  });
  expect(seen).toEqual(['{DOWN,ref,process,pid,enough}', '{DOWN,ref,process,pid,enough}']);
});

describe('what is sent', () => {
  it('belongs to the receiver: neither side can change what the other holds', () => {
    const cluster = testCluster();
    inProcess(cluster, function* (self) {
      const list: Value[] = [1, { key: new Map<Value, Value>([[1, [2]]]) }];
      const bytes = new Uint8Array([1, 2, 3]);
      const sent = tup(list, bytes, new ImproperList([list], a('tail')));
      self.send(self.pid, sent);
      list.push(2);
      bytes[0] = 9;
      const got = yield* receive();
      expect(got).toEqual(tup([1, { key: new Map([[1, [2]]]) }], new Uint8Array([1, 2, 3]), expect.anything()));
      const copy = got instanceof Tuple ? got.elements[2] : null;
      expect(copy).toEqual(new ImproperList([[1, { key: new Map([[1, [2]]]) }]], a('tail')));
    });
  });

  it('keeps pids, references, atoms and funs what they are', () => {
    const cluster = testCluster();
    inProcess(cluster, function* (self) {
      const ref = self.makeRef();
      self.send(self.pid, tup(self.pid, ref, a('atom')));
      const got = yield* receive();
      const elements = got instanceof Tuple ? got.elements : [];
      expect([elements[0] === self.pid, elements[1] === ref, elements[2] === a('atom')]).toEqual([true, true, true]);
    });
  });

  it('is badarg when it contains itself, or is nested too deep', () => {
    const cluster = testCluster();
    inProcess(cluster, function* (self) {
      const cyclic: Value[] = [1];
      cyclic.push(cyclic, cyclic);
      expect(() => self.send(self.pid, cyclic)).toThrow(expect.objectContaining({ reason: a('badarg') }));
      let deep: Value = [];
      for (let level = 0; level < deepestTerm; level += 1) deep = [deep];
      expect(() => self.send(self.pid, deep)).toThrow(expect.objectContaining({ reason: a('badarg') }));
      self.send(self.pid, a('fine'));
      expect(yield* receive()).toBe(a('fine'));
    });
  });
});

describe('the trace of a node', () => {
  it('notes what processes with the flags send, get, call, spawn and end with', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    const ring = new TraceRing(1000);
    node.tracer = ring;
    const client = spawn(node, function* (self) {
      yield* receive();
      const outcome = yield* startServer(
        self,
        {
          module: 'counter',
          init: () => ({ is: 'ok', state: 0 }),
          handleCall: (_s, _r, _f, n) => reply(n, n + 1),
          show: (n) => n,
        },
        0,
      );
      const server = outcome instanceof Tuple ? outcome.elements[1] : null;
      if (server instanceof Pid) yield* call(self, server, a('next'));
    });
    client.traceFlags = traceFlag.send | traceFlag.receive | traceFlag.call | traceFlag.procs | traceFlag.setOnSpawn;
    node.deliver(client, a('go'));
    cluster.runUntil(40);
    const events = ring.drain();
    const server = events.find(({ is }) => is === 'spawn')?.subject;
    const who = (pid: Value): string => (pid === client.pid ? 'client' : pid === server ? 'server' : '?');
    expect(events.map(({ is, pid, mfa }) => `${who(pid)} ${is}${is === 'call' ? ` ${mfa?.function}` : ''}`)).toEqual([
      'client receive',
      'client spawn',
      'server spawned',
      'client link',
      'server getting_linked',
      'server send',
      'client receive',
      'client send',
      'server receive',
      'server call handle_call',
      'server send',
      'client receive',
      'client exit',
      'server getting_unlinked',
    ]);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_event, at) => at));
    expect(ring.dropped).toBe(0);
  });

  it('keeps the sending and the receipt of a message in one row, and tells them as two events', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    const ring = new TraceRing(2);
    node.tracer = ring;
    const receiver = spawn(node, function* () {
      for (;;) yield* receive();
    });
    const sender = spawn(node, function* (self) {
      yield* receive();
      for (const message of [1, 2, 3]) self.send(receiver.pid, message);
    });
    sender.traceFlags = traceFlag.send;
    receiver.traceFlags = traceFlag.receive;
    node.deliver(sender, a('go'));
    cluster.run(() => false);
    const told = ring.drain(1).concat(ring.drain());
    expect(told.map(({ is, sequence, pid, subject, value }) => [sequence, is, pid, subject, value])).toEqual([
      [0, 'send', sender.pid, receiver.pid, 1],
      [1, 'receive', receiver.pid, null, 1],
      [2, 'send', sender.pid, receiver.pid, 2],
      [3, 'receive', receiver.pid, null, 2],
    ]);
    expect(ring.dropped).toBe(2);
    node.deliver(receiver, 3);
    expect(ring.drain().map(({ is, sequence, value }) => [sequence, is, value])).toEqual([[4, 'receive', 3]]);
  });

  it('drops what is new when it is full, and counts it', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    const ring = new TraceRing(4);
    node.tracer = ring;
    const process = spawn(node, function* () {
      for (;;) yield* receive();
    });
    process.traceFlags = traceFlag.receive;
    for (let n = 0; n < 10; n += 1) node.deliver(process, n);
    expect(ring.dropped).toBe(6);
    expect(ring.drain().map(({ value }) => value)).toEqual([0, 1, 2, 3]);
    expect(ring.length).toBe(0);
  });
});
