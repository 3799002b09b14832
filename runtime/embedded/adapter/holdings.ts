/** What is kept on the simulated cluster beyond a call: suspended processes, faults. Everything ends with the cluster itself. */
import { nodeUnavailable, unsupported } from '../../errors.ts';
import type { Holding, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, MethodTable, Params } from '../../port.ts';
import type { KernelEvent } from '../kernel/events.ts';
import { resume as resumeBySys, suspend as suspendBySys } from '../otp/sys.ts';
import { command } from './commands.ts';
import type { Context, Found } from './context.ts';
import { isProtected, protectedProcess, refOf } from './context.ts';

/** What is held, how it is undone, and what ends it without that. */
type Held = {
  readonly holding: Holding;
  readonly undo: (options: CallOptions) => Promise<Result<null>>;
  readonly endsWith: (event: KernelEvent) => boolean;
};

/** All that is held. */
export class Holdings {
  readonly #held = new Map<string, Held>();
  readonly #listeners = new Set<() => void>();
  #last = 0;

  constructor(context: Context) {
    context.cluster.listen((event) => {
      for (const { holding, endsWith } of [...this.#held.values()]) if (endsWith(event)) this.#remove(holding.id);
    });
  }

  get all(): readonly Holding[] {
    return [...this.#held.values()].map(({ holding }) => holding);
  }
  onChange(listener: () => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  add(what: Omit<Holding, 'id'>, held: Omit<Held, 'holding'>): Holding {
    this.#last += 1;
    const holding: Holding = { id: `held-${this.#last}`, ...what };
    this.#held.set(holding.id, { holding, ...held });
    this.#tell();
    return holding;
  }

  /** Undoes one; it stays held when that fails. */
  async release(id: string, options: CallOptions): Promise<Result<{ readonly wasHeld: boolean }>> {
    const held = this.#held.get(id);
    if (held === undefined) return ok({ wasHeld: false });
    const undone = await held.undo(options);
    if (!undone.ok) return undone;
    this.#remove(id);
    return ok({ wasHeld: true });
  }

  /** One has ended by itself: there is nothing to undo. */
  forget(id: string): void {
    this.#remove(id);
  }

  #remove(id: string): void {
    if (this.#held.delete(id)) this.#tell();
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
    'holdings.release': ({ id }, options) => holdings.release(id, options),
  };
}

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
  const { owner, lingerMs, how } = params;
  const kind = how === 'process' ? 'suspension' : 'sys_suspension';
  const what = { kind, at: { node: target.node, creation: target.creation }, target, owner, lingerMs } as const;
  const endsWith = (event: KernelEvent): boolean =>
    (event.is === 'exited' && event.pid === process.pid) || (event.is === 'node_down' && event.node === node.name);
  if (how === 'process') {
    const token = {};
    node.suspend(process, token);
    const undo = async (): Promise<Result<null>> => {
      node.resume(process, token);
      return Promise.resolve(ok(null));
    };
    return ok(holdings.add(what, { undo, endsWith }));
  }
  if (process.handler === null) {
    return unsupported(
      'Suspending it through sys',
      'this process is no gen_server or supervisor, and would not answer.',
      'Suspend the process itself.',
    );
  }
  const asked = await tellSystem(context, found.value, 'suspend', options);
  if (!asked.ok) return asked;
  const undo = (releasing: CallOptions): Promise<Result<null>> => tellSystem(context, found.value, 'resume', releasing);
  return ok(holdings.add(what, { undo, endsWith }));
}

async function tellSystem(
  context: Context,
  { node, process }: Found,
  what: 'suspend' | 'resume',
  { signal }: CallOptions,
): Promise<Result<null>> {
  if (!node.alive) return nodeUnavailable(node.name);
  return command(context, node, signal, function* (self) {
    yield* what === 'suspend' ? suspendBySys(self, process.pid, null) : resumeBySys(self, process.pid, null);
    return ok(null);
  });
}
