import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import { inProcess, shown, testCluster } from '../testKit.ts';
import table from './exitSignalTable.json' with { type: 'json' };
import type { Flow } from './flow.ts';
import { receive, sleep, timedOut } from './flow.ts';
import type { Self } from './self.ts';
import { atoms, tagged } from './values.ts';

const reasons = new Map<string, Value>([
  ...['normal', 'shutdown', 'boom', 'kill', 'killed'].map((name): [string, Value] => [name, a(name)]),
  ['{shutdown,x}', tup(atoms.shutdown, a('x'))],
]);

/** The probe that made the table on OTP 25: a process that is signalled in one of five ways, and says what it got. */
function* probe(self: Self, how: string, trap: boolean, reason: Value): Flow<string> {
  const me = self.pid;
  const target = spawnChild(self, function* (child) {
    child.trapExit(trap);
    yield* signalled(child, how, reason);
    child.send(me, a('ready'));
    const exit = yield* receive({ match: (message) => tagged(message, atoms.exit, 3) !== null, afterMs: 30 });
    const elements = exit === timedOut ? null : tagged(exit, atoms.exit, 3);
    child.send(me, elements === null ? a('none') : tup(a('got'), elements[2]));
    yield* receive({ match: (message) => message === a('stop'), afterMs: 30 });
    child.exit(a('still_alive'));
  });
  const watch = self.monitor(target);
  if (how === 'exit2_other') {
    yield* receive({ match: (message) => message === a('ready') });
    self.sendExit(target, reason);
  }
  const got: string[] = [];
  for (;;) {
    const message = yield* receive();
    const down = message === timedOut ? null : tagged(message, atoms.down, 5);
    if (down !== null && down[1] === watch) {
      return down[4] === a('still_alive') ? `{alive,[${got.join(',')}]}` : `{dies,${shown(down[4])}}`;
    }
    const told = message === timedOut ? null : tagged(message, a('got'), 2);
    if (told !== null) got.push(`{msg,${shown(told[1])}}`);
  }
}

function* signalled(child: Self, how: string, reason: Value): Flow<void> {
  switch (how) {
    case 'exit2_self':
      child.sendExit(child.pid, reason);
      return;
    case 'link_from_exit1':
      spawnChild(child, (peer) => settled(peer.exit(reason)), { link: true });
      return;
    case 'link_from_exit2': {
      const peer = spawnChild(child, () => sleep(1000), { link: true });
      child.sendExit(peer, reason);
      return;
    }
    case 'link_killed_peer': {
      const peer = spawnChild(
        child,
        function* (own) {
          own.trapExit(true);
          const exit = yield* receive();
          const elements = exit === timedOut ? null : tagged(exit, atoms.exit, 3);
          own.exit(tup(a('trapped'), elements?.[2]));
        },
        { link: true },
      );
      yield* sleep(2);
      child.sendExit(peer, reason);
    }
  }
}

function* settled(value: never): Flow<void> {
  yield* sleep(0);
  return value;
}

function spawnChild(self: Self, run: (child: Self) => Flow<void>, options: { readonly link?: boolean } = {}) {
  return self.spawnBody({ is: 'flow', run }, { module: 'probe', function: 'run', arity: 0 }, options);
}

describe('exit signals, as on OTP 25', () => {
  it('has all 60 cases', () => {
    expect(table).toHaveLength(60);
  });

  it.each(table)('$how, trap_exit $trap, reason $reason: $outcome', ({ how, trap, reason, outcome }) => {
    const cluster = testCluster();
    const seen = inProcess(cluster, (self) => probe(self, how, trap, reasons.get(reason)));
    expect(seen).toBe(outcome);
  });
});
