/** Module `sys` as loaded code, for what is asked of other processes: its functions by name and arity. */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { LocalFun } from '../kernel/localFun.ts';
import type { Code, CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { partsOf } from '../kernel/values.ts';
import { failedCall } from './gen.ts';
import { functionClause, serverOf, timeoutOf } from './genServerModule.ts';
import type { Server } from './names.ts';
import { changeCode, debug, getState, getStatus, noDebug, replaceState, resume, suspend, terminate } from './sys.ts';

type Asking = (self: Self, server: Server, args: readonly Value[], limitMs?: number | null) => Flow<Value>;

/** A function of a server and `arity - 1` arguments, and the same with a time limit for the last one. */
function asking(name: string, arity: number, run: Asking): CodeModule['functions'] {
  const guarded = function* (self: Self, args: readonly Value[], hasLimit: boolean): Flow<Value> {
    const own = args.slice(1, arity);
    let server: Server;
    let limitMs: number | null | undefined;
    try {
      server = serverOf(args[0]);
      limitMs = hasLimit ? timeoutOf(args[arity]) : undefined;
    } catch (thrown) {
      if (!(thrown instanceof ErrorException)) throw thrown;
      // OTP names the whole request where the function's name should stand.
      const shown = name === 'replace_state' ? tup(a('replace_state'), ...own) : a(name);
      const given = name === 'replace_state' ? [args[0], ...args.slice(arity)] : args;
      return self.exit(tup(failedCall(thrown), tup(a('sys'), shown, given)));
    }
    return yield* limitMs === undefined ? run(self, server, own) : run(self, server, own, limitMs);
  };
  const plain: Code = (self, ...args) => guarded(self, args, false);
  const limited: Code = (self, ...args) => guarded(self, args, true);
  return { [`${name}/${arity}`]: plain, [`${name}/${arity + 1}`]: limited };
}

const debugging = (name: 'log' | 'trace' | 'statistics' | 'log_to_file' | 'remove'): CodeModule['functions'] =>
  asking(name, 2, (self, server, [flag], limitMs) => debug(self, server, name, flag, limitMs));

export const sysFunctions: CodeModule['functions'] = {
  ...asking('suspend', 1, (self, server, _args, limitMs) => suspend(self, server, limitMs)),
  ...asking('resume', 1, (self, server, _args, limitMs) => resume(self, server, limitMs)),
  ...asking('get_state', 1, (self, server, _args, limitMs) => getState(self, server, limitMs)),
  ...asking('get_status', 1, (self, server, _args, limitMs) => getStatus(self, server, limitMs)),
  ...asking('replace_state', 2, (self, server, [change], limitMs) =>
    replaceState(self, server, change instanceof LocalFun ? change : functionClause(), limitMs),
  ),
  ...asking('terminate', 2, (self, server, [reason], limitMs) => terminate(self, server, reason, limitMs)),
  ...asking('change_code', 4, (self, server, [module, oldVersion, extra], limitMs) =>
    module instanceof Atom ? changeCode(self, server, { module, oldVersion, extra }, limitMs) : functionClause(),
  ),
  ...asking('no_debug', 1, (self, server, _args, limitMs) => noDebug(self, server, limitMs)),
  ...debugging('log'),
  ...debugging('trace'),
  ...debugging('statistics'),
  ...debugging('log_to_file'),
  ...asking('install', 2, (self, server, [what], limitMs) => {
    const { length } = partsOf(what);
    return length === 2 || length === 3 ? debug(self, server, 'install', what, limitMs) : functionClause();
  }),
  ...debugging('remove'),
};
