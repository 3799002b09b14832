/** Code that the nodes of a cluster have loaded: modules of functions that run in processes. */
import type { Value } from '../../term/values.ts';
import type { Flow } from './flow.ts';
import type { Self } from './self.ts';

/** A function of a module: called in a process, with its arguments; a generator when it may wait. */
export type Code = (self: Self, ...args: readonly Value[]) => Value | Flow<Value>;

export type CodeModule = {
  /** The atom's text: `supervisor`, `Elixir.Shop.Catalog`. */
  readonly name: string;
  /** By name and arity: `start_link/1`. */
  readonly functions: { readonly [nameAndArity: string]: Code };
  /** The behaviours it declares (`gen_server`, `supervisor`). */
  readonly behaviours?: readonly string[];
};

/** A module, function and arity. */
export type Mfa = { readonly module: string; readonly function: string; readonly arity: number };

const plainAtom = /^[a-z][\p{L}\p{N}_@]*$/u;
const reserved = new Set(
  (
    'after and andalso band begin bnot bor bsl bsr bxor case catch cond div else end fun if let maybe not of or orelse ' +
    'receive rem try when xor'
  ).split(' '),
);

/** The text of an atom as Erlang writes it: quoted where it must be. */
export function atomText(name: string): string {
  return plainAtom.test(name) && !reserved.has(name) ? name : `'${name.replaceAll(/['\\]/g, '\\$&')}'`;
}

/** `module:function/arity`, in Erlang spelling. */
export function mfaText(mfa: Mfa): string {
  return `${atomText(mfa.module)}:${atomText(mfa.function)}/${mfa.arity}`;
}

/** The modules that are loaded, by name. */
export class CodeServer {
  readonly #modules = new Map<string, CodeModule>();

  constructor(modules: readonly CodeModule[]) {
    for (const module of modules) this.#modules.set(module.name, module);
  }

  /** Loads a module in place of the one with its name: the next call by name finds its functions. */
  load(module: CodeModule): void {
    this.#modules.set(module.name, module);
  }

  /** The function; null when the module, or the function with this arity, does not exist (`undef`). */
  find(module: string, name: string, arity: number): Code | null {
    const functions = this.#modules.get(module)?.functions;
    const key = `${name}/${arity}`;
    return functions !== undefined && Object.hasOwn(functions, key) ? (functions[key] ?? null) : null;
  }
  module(name: string): CodeModule | null {
    return this.#modules.get(name) ?? null;
  }
  names(): readonly string[] {
    return [...this.#modules.keys()].sort();
  }
}
