/** What agents and tasks are given to do: a fun, or a module, a function and its arguments. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Tuple, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { applyFun, LocalFun } from '../kernel/localFun.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, isList } from '../kernel/values.ts';

/** A fun, or `{Module, Function, Args}`. */
export type Work = LocalFun | Tuple<readonly [Atom, Atom, readonly Value[]]>;

/** `{Module, Function, Args}` */
export function mfa(module: string, name: string, args: readonly Value[]): Work {
  return tup(a(module), a(name), args);
}

/** The work that a term stands for; `badarg` for none. */
export function workOf(value: Value): Work {
  if (value instanceof LocalFun) return value;
  const [module, name, args, ...more] = value instanceof Tuple ? value.elements : [];
  if (!(module instanceof Atom) || !(name instanceof Atom) || !isList(args) || more.length > 0) {
    throw new ErrorException(atoms.badarg);
  }
  return tup(module, name, args.map(asValue));
}

/** Does it, with these arguments before its own. */
export function doWork(self: Self, work: Work, before: readonly Value[]): Flow<Value> {
  if (work instanceof LocalFun) return applyFun(self, work, before);
  const [module, name, args] = work.elements;
  return self.apply(module.name, name.name, [...before, ...args]);
}

/** The module, function and number of arguments that it is, to be shown: of a fun where it was made. */
export function mfaOfWork(work: Work): Value {
  if (!(work instanceof LocalFun)) {
    const [module, name, args] = work.elements;
    return tup(module, name, args.length);
  }
  const { module, label, arity } = work.term;
  return tup(a(module), a(label.slice(module.length + 1, label.lastIndexOf('/'))), arity);
}
