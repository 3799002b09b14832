/** Makes ports from tables of methods: the whole one of a runtime, and the part of it that an operation gets. */
import type { AnyItem, AnyMethod, AnyResult } from './callGuard.ts';
import { guardStream, guardUnary } from './callGuard.ts';
import { unsupported } from './errors.ts';
import type { NodeName } from './model.ts';
import type { CallOptions, Capabilities, Capability, MethodName, MethodTable, Port, SafeMethod } from './port.ts';
import { isMethodName, methodNames, portMethods } from './port.ts';

/** Why something is not possible, and what the reader can do about it. */
export type Refusal = { readonly why: string; readonly remedy: string };
/** Why methods are missing: for one by its name, else `otherwise`. */
export type Refusals = { readonly otherwise: Refusal; readonly methods?: { readonly [K in MethodName]?: Refusal } };

const missing: Refusal = {
  why: 'this runtime does not have it.',
  remedy: 'Use a connection whose capabilities include it.',
};

/**
 * The port of a runtime. Each method of `table` is guarded: it answers within the time given, heeds cancellation, and what it throws
 * is a `system` error value (see callGuard.ts). A method that is not in the table, or that `capability` denies now, answers
 * `unsupported` with the capability's why and remedy; a stream says it in its `end`.
 */
export function buildPort(table: MethodTable, capability: (name: MethodName) => Capability): Port {
  return assemblePort(methodNames(), (name) => {
    const found: unknown = table[name];
    const method = typeof found === 'function' ? found : null;
    return (params, options) => {
      const now = capability(name);
      if (now.can && method !== null) {
        const answer: unknown = Reflect.apply(method, table, [params, options]);
        return answer;
      }
      const { why, remedy } = now.can ? missing : now;
      return answerOf(name, unsupported(name, why, remedy));
    };
  });
}

/** `result` as `method` answers it at once: itself, or a stream that has only an end. */
export function answerOf(method: MethodName, result: AnyResult): unknown {
  return portMethods[method].kind === 'unary' ? result : onlyEnd(result);
}

async function* onlyEnd(result: AnyResult): AsyncGenerator<AnyItem> {
  await Promise.resolve();
  yield { is: 'end', result };
}

/**
 * A guarded port of the methods `names`, each made by `make`. Neither the port nor its groups have a prototype, and both are frozen:
 * what is not named is not reachable.
 */
export function assemblePort<K extends MethodName>(names: readonly K[], make: (name: K) => AnyMethod): Port<K>;
// A loop over names cannot be given the type of each method; the table's own types say what each name's method takes and answers.
export function assemblePort(names: readonly MethodName[], make: (name: MethodName) => AnyMethod): object {
  return grouped(names, (name) => {
    const method = make(name);
    return portMethods[name].kind === 'unary'
      ? (params: unknown, options: CallOptions) => guardUnary(name, method, params, options)
      : (params: unknown, options: CallOptions) => guardStream(name, method, params, options);
  });
}

/**
 * The part of `port` that `needs` name, by type and at run time: `Object.keys` shows the groups and methods named and no others, and
 * there is no prototype to climb. Names that are no methods open nothing.
 */
export function restrictPort<K extends MethodName>(port: Port<K>, needs: readonly K[]): Port<K>;
export function restrictPort(port: object, needs: readonly string[]): object {
  return grouped(needs.filter(isMethodName), (name) => methodOf(port, name));
}

/** The method `name` of a port, its types forgotten; null when the port does not open it. */
export function methodOf(port: object, name: MethodName): AnyMethod | null {
  const [group = '', leaf = ''] = name.split('.');
  const methods: unknown = Object.hasOwn(port, group) ? Reflect.get(port, group) : undefined;
  if (typeof methods !== 'object' || methods === null || !Object.hasOwn(methods, leaf)) return null;
  const method: unknown = Reflect.get(methods, leaf);
  if (typeof method !== 'function') return null;
  return (params, options) => {
    const answer: unknown = Reflect.apply(method, methods, [params, options]);
    return answer;
  };
}

function grouped(names: readonly MethodName[], make: (name: MethodName) => unknown): object {
  const groups = new Map<string, [string, unknown][]>();
  for (const name of names) {
    const [group = '', leaf = ''] = name.split('.');
    const method = make(name);
    if (method !== null) groups.set(group, [...(groups.get(group) ?? []), [leaf, method]]);
  }
  return bare([...groups].map(([group, methods]) => [group, bare(methods)]));
}

/** A frozen object with these keys and no prototype. */
function bare(entries: readonly (readonly [string, unknown])[]): object {
  return Object.freeze({ __proto__: null, ...Object.fromEntries(entries) });
}

/** Those of `needs` that cannot change anything: what planning may use. */
export function safeNeeds<K extends MethodName>(needs: readonly K[]): readonly SafeMethod<K>[] {
  return needs.filter(isSafe);
}

function isSafe<K extends MethodName>(name: K): name is K & SafeMethod<K> {
  const { effect } = portMethods[name];
  return effect === 'read' || effect === 'diagnose';
}

/**
 * The capability table of a runtime that implements `supported`. `version` must grow with every change; `nodes` says what single
 * nodes cannot do (or can, where the runtime as a whole cannot).
 */
export function buildCapabilities(
  version: number,
  supported: MethodTable,
  why: Refusals,
  nodes: { readonly [node: NodeName]: { readonly [K in MethodName]?: Capability } } = {},
): Capabilities {
  return {
    version,
    nodes,
    runtime: mapMethods((name) =>
      supported[name] === undefined ? { can: false, ...(why.methods?.[name] ?? why.otherwise) } : { can: true },
    ),
  };
}

/** One value for every method of the port. */
export function mapMethods<T>(value: (name: MethodName) => T): { readonly [K in MethodName]: T };
export function mapMethods(value: (name: MethodName) => unknown): object {
  return Object.fromEntries(methodNames().map((name) => [name, value(name)]));
}
