/** Funs: code as a value, which processes of the simulated cluster can send each other and call. */
import type { Value } from '../../term/values.ts';
import { Fun, a, tup } from '../../term/values.ts';
import { ErrorException } from './exceptions.ts';
import type { Flow } from './flow.ts';
import { settle } from './flow.ts';
import type { Self } from './self.ts';

/** What a fun does: called in a process with its arguments; a generator when it may wait. */
export type FunBody = (self: Self, ...args: readonly Value[]) => Value | Flow<Value>;

/** A fun that was made here and can be called. One that travelled between nodes as a term is a plain {@link Fun}. */
export class LocalFun extends Fun {
  readonly body: FunBody;

  constructor(module: string, name: string, arity: number, body: FunBody) {
    super({
      t: 'fun',
      module,
      arity,
      label: `${module}:${name}/${arity}`,
      scope: 'simulated',
      token: `${module}:${name}`,
    });
    this.body = body;
  }
}

/** A fun named after where it stands (`-name/0-fun-0-` on the BEAM), of the given arity. */
export function fun(module: string, name: string, arity: number, body: FunBody): LocalFun {
  return new LocalFun(module, name, arity, body);
}

/** Calls a fun in this process: `{badfun, Value}` for what is none, `{badarity, {Fun, Args}}` for other numbers of arguments. */
export function* applyFun(self: Self, called: Value, args: readonly Value[]): Flow<Value> {
  if (!(called instanceof LocalFun)) throw new ErrorException(tup(a('badfun'), called));
  if (called.term.arity !== args.length) throw new ErrorException(tup(a('badarity'), tup(called, args)));
  return yield* settle(called.body(self, ...args));
}
