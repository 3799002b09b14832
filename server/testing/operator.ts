/** The pipeline over one runtime in this thread, with services that keep nothing on disk and never wait for the wall. */
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { AuditTrail } from '../core/calls.ts';
import type { Caller } from '../core/context.ts';
import type { AnyOperation } from '../core/operation.ts';
import { Pipeline } from '../core/pipeline.ts';
import { Registry } from '../core/registry.ts';
import { longestTimeoutMs } from '../core/limits.ts';
import { builtinOperations } from '../operations/catalogue.ts';
import { ScanStore } from '../services/scans.ts';
import { TaskStore } from '../services/tasks/tasks.ts';
import { callerOf, Kept, shared } from './kept.ts';

/** A test has nobody to answer to afterwards: what it did is in its own recording. */
const noAudit: AuditTrail = { intent: () => Promise.resolve(ok(null)), outcome: () => Promise.resolve() };

/** Arsenal's own operations: made once, since a scenario makes hundreds of clusters. */
let builtins: Registry | null = null;

/** A catalogue of Arsenal's operations and these. Throws where one of them breaks the rules of operations. */
function registryOf(operations: readonly AnyOperation[]): Registry {
  if (operations.length === 0 && builtins !== null) return builtins;
  const registry = new Registry();
  const register = (operation: AnyOperation, origin: Parameters<Registry['register']>[1]): void => {
    const registered = registry.register(operation, origin);
    if (!registered.ok) throw new Error(registered.error.message);
  };
  const catalogue = {
    list: (category?: string) => registry.list(category),
    search: (query: string) => registry.search(query),
    describe: (name: string) => registry.find(name)?.entry ?? null,
  };
  const house = { catalogue, scans: new ScanStore(), tasks: new TaskStore(), ...shared };
  for (const operation of builtinOperations(house)) {
    register(operation, { from: 'builtin' });
  }
  for (const operation of operations) register(operation, { from: 'workspace', file: 'test' });
  if (operations.length === 0) builtins = registry;
  return registry;
}

export class Operator {
  readonly registry: Registry;
  readonly #runtime: Runtime;
  readonly #kept: Kept;
  readonly #caller: Caller;
  #calls = 0;

  /** Arsenal's operations and these, on `runtime`. Throws where one of them breaks the rules of operations. */
  constructor(runtime: Runtime, operations: readonly AnyOperation[]) {
    this.#runtime = runtime;
    this.registry = registryOf(operations);
    const facts = { id: runtime.id, kind: runtime.kind };
    this.#kept = new Kept(this.registry, runtime, () => pipeline);
    this.#caller = callerOf(this.#kept);
    const pipeline = new Pipeline({
      find: (name) => this.registry.find(name),
      connection: () => ok({ facts, label: 'test', runtime, access: () => 'full' }),
      admit: () => ok(null),
      audit: noAudit,
      claims: {
        claim: () => Promise.resolve({ is: 'ours', settle: () => undefined, correct: () => undefined }),
      },
      observers: [],
      undoable: this.#kept.undoable,
    });
  }

  /** Runs an operation and answers its result, or its plan for a dry run; its time limit is not the wall's but `signal`. */
  async run(operation: string, params: Json, signal: AbortSignal): Promise<Result<Json>> {
    this.#calls += 1;
    const id = `call-${this.#calls}`;
    const answer = await this.#kept.run(
      { requestId: id, connection: this.#runtime.id, operation, params, mode: 'run' },
      { caller: this.#caller, signal, timeoutMs: longestTimeoutMs, correlationId: id },
    );
    if (!answer.ok) return answer;
    switch (answer.value.mode) {
      case 'run':
        return ok(answer.value.result);
      case 'dry_run':
        return ok(answer.value.plan);
      case 'validate':
        return ok({ valid: true });
    }
  }
}
