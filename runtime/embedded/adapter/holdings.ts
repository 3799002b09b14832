/** What we keep on the simulated cluster beyond a call: suspended processes. Everything ends with the cluster itself. */
import { nodeUnavailable, unsupported } from '../../errors.ts';
import type { Holding, ProcessRef, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params } from '../../port.ts';
import { a } from '../../term/values.ts';
import type { Process } from '../kernel/process.ts';
import { call, genAtoms } from '../otp/gen.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { isProtected, protectedProcess, refOf } from './context.ts';

type Held = { readonly holding: Holding; readonly process: Process; readonly token: object };

/** The suspensions there are. `onChange` is called after one came or went. */
export class Holdings {
  readonly #context: Context;
  readonly #held = new Map<string, Held>();
  readonly #listeners = new Set<() => void>();
  #last = 0;

  constructor(context: Context) {
    this.#context = context;
    context.cluster.listen((event) => {
      if (event.is === 'exited') this.#forget(({ process }) => process.pid === event.pid);
      if (event.is === 'node_down') this.#forget(({ holding }) => holding.at.node === event.node);
    });
  }

  get all(): readonly Holding[] {
    return [...this.#held.values()].map(({ holding }) => holding);
  }
  onChange(listener: () => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  add(
    target: ProcessRef,
    process: Process,
    kind: 'suspension' | 'sys_suspension',
    params: Params<'processes.suspend'>,
  ): Holding {
    this.#last += 1;
    const { owner, lingerMs } = params;
    const at = { node: target.node, creation: target.creation };
    const holding: Holding = { id: `held-${this.#last}`, kind, at, target, owner, lingerMs };
    this.#held.set(holding.id, { holding, process, token: holding });
    this.#tell();
    return holding;
  }
  get(id: string): Held | undefined {
    return this.#held.get(id);
  }
  remove(id: string): void {
    if (this.#held.delete(id)) this.#tell();
  }
  get context(): Context {
    return this.#context;
  }

  #forget(which: (held: Held) => boolean): void {
    for (const held of [...this.#held.values()]) if (which(held)) this.remove(held.holding.id);
  }
  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

export function holdingMethods(context: Context, holdings: Holdings): MethodTable {
  return {
    'processes.suspend': (params, options) => suspend(context, holdings, params, options),
    'holdings.list': async ({ client }) => {
      const shown = holdings.all.filter(({ owner }) => client === undefined || owner.client === client);
      return Promise.resolve(ok({ nodes: context.nodes('all').coverage, holdings: shown }));
    },
    'holdings.release': ({ id }, options) => release(context, holdings, id, options),
  };
}

const stop = { suspend: a('suspend'), resume: a('resume') } as const;

async function suspend(
  context: Context,
  holdings: Holdings,
  params: Params<'processes.suspend'>,
  options: CallOptions,
): Promise<Result<Holding>> {
  const found = context.process(params.pid);
  if (!found.ok) return found;
  const { node, process } = found.value;
  if (isProtected(process)) return protectedProcess(params.pid, process);
  const target = refOf(process.pid);
  if (params.how === 'process') {
    const holding = holdings.add(target, process, 'suspension', params);
    node.suspend(process, holding);
    return ok(holding);
  }
  if (process.handler === null) {
    return unsupported(
      'Suspending it through sys',
      'this process is no gen_server or supervisor, and would not answer.',
      'Suspend the process itself.',
    );
  }
  const asked = await command(context, node, options.signal, function* (self) {
    yield* call(self, process.pid, stop.suspend, null, genAtoms.system);
    return ok(null);
  });
  return asked.ok ? ok(holdings.add(target, process, 'sys_suspension', params)) : asked;
}

async function release(
  context: Context,
  holdings: Holdings,
  id: string,
  options: CallOptions,
): Promise<Result<Answer<'holdings.release'>>> {
  const held = holdings.get(id);
  if (held === undefined) return ok({ wasHeld: false });
  const { holding, process } = held;
  const node = context.cluster.node(holding.at.node);
  if (node === null) return nodeUnavailable(holding.at.node);
  if (holding.kind === 'suspension') {
    node.resume(process, holding);
  } else {
    const asked = await command(context, node, options.signal, function* (self) {
      yield* call(self, process.pid, stop.resume, null, genAtoms.system);
      return ok(null);
    });
    if (!asked.ok) return asked;
  }
  holdings.remove(id);
  return ok({ wasHeld: true });
}
