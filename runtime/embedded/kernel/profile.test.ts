/** Where a process uses its reductions: each is accounted for once, wherever it waits, in bounded memory. */
import { describe, expect, it } from 'vitest';
import { a } from '../../term/values.ts';
import { noreply } from '../otp/serverModule.ts';
import { startServer } from '../otp/genServer.ts';
import { inProcess, nodeOf, testCluster, testModule } from '../testKit.ts';
import type { Flow } from './flow.ts';
import { sleep } from './flow.ts';
import type { KernelNode } from './node.ts';
import type { Process } from './process.ts';
import { ReductionProfile } from './profile.ts';
import { asValue, elementsOf } from './values.ts';

const deep = testModule('deep', {
  *'down/1'(self, n): Flow<null> {
    self.whereis(a('nobody'));
    if (Number(n) > 0) yield* self.apply('deep', 'down', [Number(n) - 1]);
    self.whereis(a('nobody'));
    return null;
  },
  ...Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`f${String(n)}/0`, () => null])),
  *'wide/0'(self): Flow<null> {
    for (let n = 0; n < 3_000; n += 1) yield* self.apply('deep', `f${String(n)}`, []);
    return null;
  },
});

function started(node: KernelNode, name: string, args: readonly number[]): Process {
  const initialCall = { module: 'deep', function: name, arity: args.length };
  return node.spawn({ body: node.bodyOf(initialCall, args), initialCall, parent: null });
}

const total = (profile: ReductionProfile): number =>
  profile.functions().reduce((sum, { reductions }) => sum + reductions, 0);

describe('a profile of reductions', () => {
  it('counts a recursion as deep as it looks, and all that lies below for the deepest it knows', () => {
    const cluster = testCluster(['one@sim'], { modules: [deep] });
    const process = started(nodeOf(cluster), 'down', [500]);
    const profile = new ReductionProfile(process, Infinity);
    cluster.runUntil(50);
    expect(profile.functions()).toEqual([
      { function: 'deep:down/1', module: 'deep', calls: 501, reductions: process.reductions },
    ]);
    const depths = profile.takeStacks().map(({ functions }) => functions.length);
    expect(Math.max(...depths)).toBe(65);
    expect(profile.takeStacks()).toEqual([]);
  });

  it('tells 2,000 places apart; what is used in others counts for their caller', () => {
    const cluster = testCluster(['one@sim'], { modules: [deep] });
    const process = started(nodeOf(cluster), 'wide', []);
    const profile = new ReductionProfile(process, Infinity);
    cluster.runUntil(50);
    expect(process.alive).toBe(false);
    expect(profile.functions()).toHaveLength(2_000);
    expect(total(profile)).toBe(process.reductions);
  });

  it('keeps callbacks apart from the loop that waits with a time-out, and knows that it began within one', () => {
    const cluster = testCluster();
    const node = nodeOf(cluster);
    const pid = inProcess(cluster, function* (self) {
      const outcome = yield* startServer(
        self,
        {
          module: 'ticker',
          init: () => ({ is: 'ok', state: 0, then: { is: 'timeout', ms: 10 } }),
          *handleInfo(own, _message, n) {
            yield* sleep(3);
            for (let times = 0; times < 20; times += 1) own.whereis(a('nobody'));
            return noreply(n + 1, { is: 'timeout', ms: 10 });
          },
          show: (n) => n,
        },
        0,
      );
      return asValue(elementsOf(outcome)?.[1]);
    });
    const process = [...node.processes.values()].find((one) => one.pid === pid);
    if (process === undefined) throw new Error('The server has not started.');
    while (process.currentFunction !== 'timer:sleep/1') cluster.runUntil(cluster.nowMs + 1);
    const before = process.reductions;
    const profile = new ReductionProfile(process, Infinity);
    cluster.runUntil(cluster.nowMs + 200);
    const stacks = profile.takeStacks();
    const [callback, loop, unknown] = ['ticker:handle_info/2', 'gen_server:loop/7', '…'].map((name) =>
      stacks.find(({ functions }) => functions.at(-1) === name),
    );
    expect(stacks[0]).toBe(callback);
    expect(callback?.functions.at(-2)).toBe('gen_server:loop/7');
    // What was left of the callback that it was in: 20 calls and being resumed.
    expect(unknown?.reductions).toBeGreaterThanOrEqual(21);
    expect(unknown?.reductions).toBeLessThan(25);
    expect(loop?.reductions).toBeGreaterThan(0);
    const calls = profile.functions().find(({ function: name }) => name === 'ticker:handle_info/2')?.calls ?? 0;
    expect(calls).toBeGreaterThan(10);
    expect(stacks.reduce((sum, { reductions }) => sum + reductions, 0)).toBe(process.reductions - before);
    profile.stop();
    expect(process.profile).toBeNull();
    cluster.runUntil(cluster.nowMs + 50);
    expect(profile.takeStacks()).toEqual([]);
  });
});
