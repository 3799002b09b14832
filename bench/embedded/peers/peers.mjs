/**
 * The works of ../works.ts done with the well-kept actor libraries of npm, each in its own idiom, in a process of its own:
 * `node peers.mjs LIBRARY WORK COUNT` prints how often a second of the process' CPU does it.
 */
import { Deferred, Effect, Queue } from 'effect';
import { dispatch, query, spawn, start, stop } from 'nact';
import { createActor, fromTransition } from 'xstate';

/** How many are sent before the library may work them off; all of them let it do so by itself. */
const batch = 1000;
const breathe = () => new Promise((resolve) => setImmediate(resolve));

const nact = {
  async ping_pong(count) {
    const system = start();
    await new Promise((done) => {
      const pair = [];
      const player = (at) => (_state, left) => {
        if (left > 0) dispatch(pair[at], left - 1);
        else done();
      };
      pair[0] = spawn(system, player(1));
      pair[1] = spawn(system, player(0));
      dispatch(pair[0], 2 * count);
    });
    stop(system);
  },
  async call(count) {
    const system = start();
    const server = spawn(system, (state = 0, { from }) => {
      dispatch(from, state);
      return state + 1;
    });
    for (let at = 0; at < count; at += 1) await query(server, (from) => ({ from }), 5000);
    stop(system);
  },
  async flood(count) {
    const system = start();
    let received = 0;
    const sink = spawn(system, () => {
      received += 1;
    });
    for (let at = 1; at <= count; at += 1) {
      dispatch(sink, at);
      if (at % batch === 0) while (received < at) await breathe();
    }
    stop(system);
  },
};

const xstate = {
  async ping_pong(count) {
    let last = -1;
    const pair = [];
    // An event for an actor that is taking one waits in its mailbox, so that the two do not nest.
    const player = (at) =>
      fromTransition((state, { left }) => {
        last = left;
        if (left > 0) pair[at].send({ type: 'ball', left: left - 1 });
        return state;
      }, null);
    pair[0] = createActor(player(1)).start();
    pair[1] = createActor(player(0)).start();
    pair[0].send({ type: 'ball', left: 2 * count });
    if (last !== 0) throw new Error('The game has not ended.');
  },
  async flood(count) {
    let received = 0;
    const sink = createActor(
      fromTransition((state) => {
        received += 1;
        return state;
      }, null),
    ).start();
    for (let at = 0; at < count; at += 1) sink.send({ type: 'item' });
    if (received !== count) throw new Error('Not all came.');
  },
};
const effect = {
  ping_pong: (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const [one, other] = [yield* Queue.unbounded(), yield* Queue.unbounded()];
        const player = (from, to) =>
          Effect.gen(function* () {
            for (;;) {
              const left = yield* Queue.take(from);
              if (left < 0) return;
              yield* Queue.offer(to, left - 1);
              if (left === 0) return;
            }
          });
        const first = yield* Effect.fork(player(one, other));
        yield* Effect.fork(player(other, one));
        yield* Queue.offer(one, 2 * count);
        yield* first.await;
      }),
    ),
  call: (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const requests = yield* Queue.unbounded();
        const server = yield* Effect.fork(
          Effect.gen(function* () {
            for (let state = 0; ; state += 1) yield* Deferred.succeed(yield* Queue.take(requests), state);
          }),
        );
        for (let at = 0; at < count; at += 1) {
          const answer = yield* Deferred.make();
          yield* Queue.offer(requests, answer);
          // Without a time limit, which would cost it most of the time: in its favour.
          yield* Deferred.await(answer);
        }
        yield* server.interruptAsFork(server.id());
      }),
    ),
  flood: (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const queue = yield* Queue.unbounded();
        const sink = yield* Effect.fork(
          Effect.gen(function* () {
            for (let received = 0; received < count; received += 1) yield* Queue.take(queue);
          }),
        );
        for (let at = 0; at < count; at += 1) yield* Queue.offer(queue, at);
        yield* sink.await;
      }),
    ),
  spawn_exit_generator: (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let at = 0; at < count; at += 1) {
          const fiber = yield* Effect.fork(Effect.void);
          yield* fiber.await;
        }
      }),
    ),
};

function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const [, , library, work, countText] = process.argv;
const run = { nact, xstate, effect }[library]?.[work];
const count = Number(countText);
if (run === undefined) throw new Error(`${library} has no ${work} here`);
for (let round = 0; round < 2; round += 1) await run(count);
const rates = [];
for (let round = 0; round < 5; round += 1) {
  const before = cpuMs();
  await run(count);
  rates.push((count / (cpuMs() - before)) * 1000);
}
console.log(JSON.stringify({ perSecond: rates.sort((one, other) => one - other)[2] }));
process.exit(0);
