/** A {@link Runtime} for tests whose methods answer what the test says, and which remembers what it was asked. */
import { unsupported } from '../errors.ts';
import type { ArsenalError, ConnectionId, Json, Result, RowSelect } from '../model.ts';
import { fail, ok } from '../model.ts';
import type { CallOptions, ConnectionState, MethodName, MethodTable, Runtime, StreamItem } from '../port.ts';
import { methodNames } from '../port.ts';
import { answerOf, assemblePort, buildCapabilities } from '../portFacade.ts';
import { countRows } from '../processQuery.ts';

export interface ScriptedRuntime extends Runtime {
  /** Puts these methods in the place of all there were, and forgets what was asked. */
  script(methods: MethodTable): void;
  /** The parameters of each call of a method since the last script, in order. */
  asked(method: MethodName): readonly unknown[];
}

const missing = { why: 'the test scripted no such method.', remedy: 'Script it.' };

/** A runtime, ready at once, with these methods and no others. */
export function scriptedRuntime(methods: MethodTable = {}, id: ConnectionId = 'scripted'): ScriptedRuntime {
  return new Scripted(methods, id);
}

class Scripted implements ScriptedRuntime {
  readonly id: ConnectionId;
  readonly kind = 'simulated';
  readonly port: Runtime['port'];
  state: ConnectionState = { is: 'ready', epoch: 'scripted-1' };
  capabilities: Runtime['capabilities'];
  #methods: MethodTable;
  #asked: { readonly method: MethodName; readonly params: unknown }[] = [];

  constructor(methods: MethodTable, id: ConnectionId) {
    this.id = id;
    this.#methods = methods;
    this.capabilities = buildCapabilities(1, methods, { otherwise: missing });
    this.port = assemblePort(methodNames(), (name) => (params, options) => this.#call(name, params, options));
  }

  script(methods: MethodTable): void {
    this.#methods = methods;
    this.#asked = [];
    this.capabilities = buildCapabilities(this.capabilities.version + 1, methods, { otherwise: missing });
  }

  asked(wanted: MethodName): readonly unknown[] {
    return this.#asked.filter(({ method }) => method === wanted).map(({ params }) => params);
  }

  /** It never changes by itself. */
  onChange(): { dispose(): void } {
    return { dispose: () => undefined };
  }

  close(): Promise<void> {
    this.state = { is: 'closed' };
    return Promise.resolve();
  }

  #call(name: MethodName, params: unknown, options: CallOptions): unknown {
    this.#asked.push({ method: name, params });
    const method: unknown = this.#methods[name];
    if (typeof method !== 'function') return answerOf(name, unsupported(name, missing.why, missing.remedy));
    const answer: unknown = Reflect.apply(method, this.#methods, [params, options]);
    return answer;
  }
}

/** A method that answers this, whatever it is asked. */
export function answering<T>(value: T): () => Promise<Result<T>> {
  return () => Promise.resolve(ok(value));
}

/** A method that fails with this. */
export function failing(error: ArsenalError): () => Promise<Result<never>> {
  return () => Promise.resolve(fail(error));
}

/** A stream method that brings these frames, and ends with `end`. */
export function streaming<F, R>(frames: readonly F[], end: R): () => AsyncIterable<StreamItem<F, R>> {
  return () => streamOf(frames, ok(end));
}

/** A stream method that brings those of these rows that are selected. */
export function choosing<Row, Field extends string>(
  rows: readonly Row[],
  valueOf: (row: Row, field: Field) => Json,
): (select: RowSelect<Field>) => AsyncIterable<StreamItem<readonly Row[], { readonly total: number }>> {
  return (select) => {
    const { chosen, matched } = countRows(rows, select, valueOf);
    return streamOf([chosen], ok({ total: matched }));
  };
}

/** A stream method that brings these frames, and then fails. */
export function streamFailing<F = never>(
  error: ArsenalError,
  frames: readonly F[] = [],
): () => AsyncIterable<StreamItem<F, never>> {
  return () => streamOf(frames, fail(error));
}

/** A stream of these frames with that end. */
export async function* streamOf<F, R>(frames: readonly F[], end: Result<R>): AsyncGenerator<StreamItem<F, R>> {
  await Promise.resolve();
  for (const frame of frames) yield { is: 'frame', frame };
  yield { is: 'end', result: end };
}
