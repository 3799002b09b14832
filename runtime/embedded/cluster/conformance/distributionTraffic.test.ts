/** Cases of OTP 25's distribution_SUITE about what travels: small and large, to names, there and back, beside much else. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, Tuple, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep, timedOut } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, atoms, elementsOf, isList, tagged } from '../../kernel/values.ts';
import { nodeOf, shown, spawn, testModule } from '../../testKit.ts';
import { Lab, n0, n1 } from './peerKit.ts';

const suite = testModule('suite', {
  // Sends back what it is sent, and ends with it.
  *'bounce/1'(self, to): Flow<Value> {
    const message = yield* receive();
    if (to instanceof Pid && message !== timedOut) self.send(to, message);
    return self.exit(message === timedOut ? undefined : message);
  },
  *'echo/0'(self): Flow<Value> {
    for (;;) {
      const asked = elementsOf(yield* receive());
      const [to, what] = asked ?? [];
      if (to instanceof Pid) self.send(to, tup(a('echo'), asValue(what)));
    }
  },
  *'forever/0'(): Flow<Value> {
    yield* sleep(1e9);
    return null;
  },
});
const lab = (): Lab => new Lab([n0, n1], { modules: [suite] });

function* there(self: Self, name: string, args: readonly Value[], link = false): Flow<Pid> {
  const pid = yield* self.spawnAt(n1, 'suite', name, args, { link });
  if (!(pid instanceof Pid)) throw new Error('It was not spawned.');
  return pid;
}
/** What comes back of a term that went to another node. */
function* roundTrip(self: Self, echo: Pid, term: Value): Flow<Value> {
  self.send(echo, tup(self.pid, term));
  const answer = yield* receive({ match: (message) => tagged(message, a('echo'), 2) !== null, afterMs: 10_000 });
  return asValue(tagged(answer, a('echo'), 2)?.[1]);
}

describe('a message to a name of the own node, as if that were another', () => {
  // @otp distribution_SUITE:local_send_small distribution_SUITE:local_send_big
  it.each([
    ['small', tup(a('some_stupid'), 'arbitrary', a('Data'))],
    ['large', Array.from({ length: 400 }, (_, at) => [at, 'Tests sending small and big messages'])],
  ] as const)('goes nowhere when nobody has the name, and is no error: %s', (_size, data) => {
    lab().run(n0, function* (self): Flow<void> {
      for (let times = 0; times < 4096; times += 1) self.send(tup(a('arbitrary_name'), a(n0)), data);
      expect(yield* receive({ afterMs: 100 })).toBe(timedOut);
    });
  });

  // @otp distribution_SUITE:local_send_legal
  it('reaches who has it, each of many', () => {
    const times = 16_384;
    lab().run(n0, function* (self): Flow<void> {
      const data = tup(['some', 'not', 'so'], ['random', 'data']);
      const counter = self.spawnBody(
        {
          is: 'flow',
          *run(own): Flow<void> {
            let [count, size] = [0, 0];
            for (;;) {
              const message = yield* receive();
              const done = tagged(message, a('done'), 2);
              if (done?.[1] instanceof Pid) {
                own.send(done[1], tup(count, size));
                return;
              }
              count += 1;
              size += elementsOf(message)?.length ?? 0;
            }
          },
        },
        { module: 'suite', function: 'receiver2', arity: 2 },
      );
      self.register(a('registered_process'), counter);
      const to = tup(a('registered_process'), a(n0));
      for (let sent = 0; sent < times; sent += 1) self.send(to, data);
      self.send(to, tup(a('done'), self.pid));
      expect(shown(asValue(yield* receive({ afterMs: 10_000 })))).toBe(`{${times},${2 * times}}`);
    });
  });
});

describe('what goes to another node', () => {
  // @otp distribution_SUITE:nil_roundtrip
  it('comes back as it was, the smallest of all terms too', () => {
    lab().run(n0, function* (self): Flow<void> {
      self.trapExit(true);
      const pid = yield* there(self, 'bounce', [self.pid], true);
      self.send(pid, []);
      expect(yield* receive({ afterMs: 10_000 })).toEqual([]);
      expect(yield* receive({ afterMs: 10_000 })).toEqual(tup(atoms.exit, pid, []));
    });
  });

  // @otp distribution_SUITE:atom_roundtrip distribution_SUITE:unicode_atom_roundtrip
  it.each([
    ['Latin-1', (at: number) => String.fromCodePoint(at % 256)],
    ['any plane', (at: number) => String.fromCodePoint([0x3b1, 0x4e2d, 0x1f600, 0x10ffff, 0xe9][at % 5] ?? 0)],
  ] as const)('keeps atoms of every length, in characters of %s', (_script, character) => {
    lab().run(n0, function* (self): Flow<void> {
      const echo = yield* there(self, 'echo', []);
      const all = Array.from({ length: 256 }, (_, length) =>
        a(Array.from({ length }, (_none, at) => character(at + length)).join('')),
      );
      const back = yield* roundTrip(self, echo, all);
      expect(isList(back) && back.every((atom, at) => atom === all[at])).toBe(true);
      // Alone and as parts of others: what is kept of atoms on the way is not mixed up.
      for (const atom of all.slice(0, 40)) {
        expect(yield* roundTrip(self, echo, tup(atom, [atom, { x: atom }]))).toEqual(tup(atom, [atom, { x: atom }]));
      }
    });
  });

  // @otp distribution_SUITE:lost_exit
  it('brings every EXIT and DOWN, also over a link that is busy', () => {
    const parted = lab();
    const slow = { is: 'drop', from: n0, to: n1, lossRatio: 0, bytesPerSecond: 20_000 } as const;
    const got: string[] = [];
    parted.run(n0, function* (self): Flow<void> {
      const remote = yield* there(self, 'forever', []);
      const ends = self.spawnBody(
        {
          is: 'flow',
          *run(own): Flow<void> {
            own.link(remote);
            yield* receive();
            own.exit(a('controlled_suicide'));
          },
        },
        { module: 'suite', function: 'ends', arity: 0 },
      );
      spawn(nodeOf(parted.cluster, n1), function* (own): Flow<void> {
        const watch = own.monitor(ends);
        const message = yield* receive();
        const down = tagged(message, atoms.down, 5);
        got.push(down?.[1] === watch ? shown(down[4]) : 'something else');
      });
      yield* sleep(100);
      parted.cluster.network.break(slow);
      const flood = new Tuple([a('flood'), 'x'.repeat(1000)]);
      for (let times = 0; times < 100; times += 1) self.send(tup(a('nobody'), a(n1)), flood);
      const watch = self.monitor(remote);
      self.send(ends, a('die'));
      const down = yield* receive({
        match: (message) => tagged(message, atoms.down, 5)?.[1] === watch,
        afterMs: 60_000,
      });
      expect(shown(tagged(down, atoms.down, 5)?.[4])).toBe('controlled_suicide');
    });
    parted.settle(60_000);
    expect(got).toEqual(['controlled_suicide']);
  });

  // @otp distribution_SUITE:dist_parallel_send
  it('keeps the order of each of many that send to one at once', () => {
    const [senders, each] = [64, 200];
    const many = lab();
    const seen = new Map<number, number>();
    let misplaced = 0;
    const receiver = spawn(nodeOf(many.cluster, n1), function* (): Flow<void> {
      for (let left = senders * each; left > 0; left -= 1) {
        const [, who, number] = elementsOf(yield* receive()) ?? [];
        if (typeof who !== 'number' || number !== (seen.get(who) ?? 0)) misplaced += 1;
        else seen.set(who, number + 1);
      }
    });
    for (let who = 0; who < senders; who += 1) {
      spawn(nodeOf(many.cluster, n0), function* (self): Flow<void> {
        for (let number = 0; number < each; number += 1) {
          self.send(receiver.pid, tup(a('message'), who, number));
          if (number % 20 === 0) yield* sleep(0);
        }
      });
    }
    many.settle(60_000);
    expect([seen.size, misplaced, receiver.alive]).toEqual([senders, 0, false]);
  });
});

describe('nodes that never connect by themselves', () => {
  // @otp distribution_SUITE:dist_auto_connect_never
  it('are not reached by a ping, and are when they are told to connect', () => {
    const lonely = new Lab([n0, n1], { mesh: 'none', connectAll: false, autoConnect: 'never' });
    expect(lonely.on(n1, 'net_adm', 'ping', [a(n0)])).toBe(a('pang'));
    expect(lonely.on(n0, 'erlang', 'nodes')).toEqual([]);
    lonely.connect(n1, n0);
    expect(lonely.on(n0, 'erlang', 'nodes')).toEqual([a(n1)]);
    expect(lonely.on(n1, 'net_adm', 'ping', [a(n0)])).toBe(a('pong'));
  });
});
