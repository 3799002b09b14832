import { describe, expect, it } from 'vitest';
import { a } from '../../term/values.ts';
import { inProcess, shown, testCluster } from '../testKit.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, sleep } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms } from '../kernel/values.ts';
import { childSpec } from './childSpec.ts';
import { stopChild, stopTogether } from './shutdown.ts';

type Run = (self: Self) => Flow<void>;
const waits: Run = () => sleep(1_000_000);
const endsAs = (reason: string): Run =>
  function* (self) {
    self.trapExit(true);
    yield* receive();
    self.exit(a(reason));
  };

function child(self: Self, run: Run) {
  return self.spawnBody({ is: 'flow', run }, { module: 'test', function: 'child', arity: 0 }, { link: true });
}
const spec = (options: Parameters<typeof childSpec>[2] = {}) => childSpec(a('x'), ['test', 'child', []], options);

describe('stopping one child', () => {
  it.each([
    ['as it should', 'shutdown', 'permanent', 'fine'],
    ['normally, though permanent', 'normal', 'permanent', 'normal'],
    ['normally, transient', 'normal', 'transient', 'fine'],
    ['with another reason', 'boom', 'permanent', 'boom'],
  ] as const)('that ends %s', (_how, reason, restart, outcome) => {
    const seen = inProcess(testCluster(), function* (self) {
      self.trapExit(true);
      const pid = child(self, endsAs(reason));
      yield* sleep(1);
      const stopped = yield* stopChild(self, pid, spec({ restart }));
      return stopped === null ? 'fine' : shown(stopped.error);
    });
    expect(seen).toBe(outcome);
  });

  it('that has ended already says with what, and leaves no message behind', () => {
    const seen = inProcess(testCluster(), function* (self) {
      self.trapExit(true);
      const outcomes: string[] = [];
      for (const reason of ['boom', 'shutdown']) {
        const pid = child(self, waits);
        self.sendExit(pid, a(reason));
        const stopped = yield* stopChild(self, pid, spec());
        outcomes.push(stopped === null ? 'fine' : shown(stopped.error));
      }
      return [...outcomes, self.messageQueueLength];
    });
    expect(seen).toEqual(['boom', 'fine', 0]);
  });

  it('by force says so when it ended otherwise', () => {
    const seen = inProcess(testCluster(), function* (self) {
      self.trapExit(true);
      const brutal = spec({ shutdown: 'brutal_kill' });
      const killed = yield* stopChild(self, child(self, waits), brutal);
      const stubborn = child(self, function* (own) {
        own.trapExit(true);
        yield* waits(own);
      });
      yield* sleep(1);
      const late = yield* stopChild(self, stubborn, spec({ shutdown: 5 }));
      return [killed, late === null ? 'fine' : shown(late.error)];
    });
    expect(seen).toEqual([null, 'killed']);
  });
});

describe('stopping children together', () => {
  it('tells of each that did not go as it should, also those that had ended', () => {
    const seen = inProcess(testCluster(), function* (self) {
      self.trapExit(true);
      const early = child(self, waits);
      const calm = child(self, waits);
      self.sendExit(early, a('boom'));
      self.sendExit(calm, atoms.shutdown);
      const odd = child(self, endsAs('odd'));
      const good = child(self, endsAs('shutdown'));
      yield* sleep(1);
      const failed = yield* stopTogether(self, [early, calm, odd, good], spec());
      return failed.map(({ reason }) => shown(reason));
    });
    expect(seen).toEqual(['boom', 'odd']);
  });
});
