/** Stopping a process that obeys `sys`: `proc_lib:stop/3` and, by any name, `gen:stop/3`. */
import type { Atom, Pid, Value } from '../../term/values.ts';
import { Tuple } from '../../term/values.ts';
import { ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, sameValue, tagged, partsOf } from '../kernel/values.ts';
import { locate } from './gen.ts';
import type { Server } from './names.ts';
import { terminate } from './sys.ts';

/**
 * `gen_server:stop/3` and the like. Answers `ok` when the process has ended with `reason`; exits with `noproc`, `timeout`, the reason
 * why it could not be asked, or the other reason that it ended with.
 */
export function* stop(
  self: Self,
  server: Server,
  reason: Value = atoms.normal,
  timeoutMs: number | null = null,
): Flow<Value> {
  const target = yield* locate(self, server);
  if (target === null) return self.exit(atoms.noproc);
  return yield* stopProcess(self, target, reason, timeoutMs);
}

function* stopProcess(
  self: Self,
  target: Pid | Tuple<readonly [Atom, Atom]>,
  reason: Value,
  timeoutMs: number | null,
): Flow<Value> {
  const watch = self.monitor(target);
  const until = timeoutMs === null ? null : self.nowMs + timeoutMs;
  try {
    yield* terminate(self, target, reason, timeoutMs);
  } catch (thrown) {
    self.demonitor(watch, { flush: true });
    if (!(thrown instanceof ExitException)) throw thrown;
    const [why] = partsOf(thrown.reason);
    return self.exit(why === atoms.noproc || why === atoms.timeout ? asValue(why) : thrown.reason);
  }
  const down = yield* receive({
    match: (candidate) => tagged(candidate, atoms.down, 5)?.[1] === watch,
    afterMs: until === null ? null : Math.max(0, until - self.nowMs),
    at: 'proc_lib:stop/3',
  });
  if (down === timedOut) {
    self.demonitor(watch, { flush: true });
    return self.exit(atoms.timeout);
  }
  const ended = asValue(down instanceof Tuple ? down.elements[4] : undefined);
  return sameValue(ended, reason) ? atoms.ok : self.exit(ended);
}
