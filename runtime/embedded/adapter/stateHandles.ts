/** States kept to be handed on: a holding with an id, which a new child can be given. They end with their node, and stay when the process ends. */
import { stateNotHeld } from '../../handoverErrors.ts';
import type { Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, Params } from '../../port.ts';
import type { Value } from '../../term/values.ts';
import type { Context } from './context.ts';
import { refOf } from './context.ts';
import type { Holdings } from './holdings.ts';
import { heldState, obstaclesOf } from './serverState.ts';

export class StateHandles {
  readonly #context: Context;
  readonly #holdings: Holdings;
  readonly #states = new Map<string, Value>();

  constructor(context: Context, holdings: Holdings) {
    this.#context = context;
    this.#holdings = holdings;
    // A node that went down, or a linger time that is over, takes its states along.
    holdings.onChange(() => {
      const held = new Set(holdings.all.map(({ id }) => id));
      for (const id of [...this.#states.keys()]) if (!held.has(id)) this.#states.delete(id);
    });
  }

  /** See `processes.stateHandle`. */
  hold({ pid, maxBytes, owner, lingerMs }: Params<'processes.stateHandle'>): Result<Answer<'processes.stateHandle'>> {
    const found = this.#context.process(pid);
    if (!found.ok) return found;
    const { node, process } = found.value;
    const held = heldState(process, maxBytes, 'Keeping the state');
    if (!held.ok) return held;
    const { state, digest, bytes } = held.value;
    const target = refOf(process.pid);
    const { id: handle } = this.#holdings.add(
      { kind: 'state', at: { node: target.node, creation: target.creation }, target, owner, lingerMs },
      {
        undo: async () => Promise.resolve(ok(null)),
        endsWith: (event) => event.is === 'node_down' && event.node === node.name,
      },
    );
    this.#states.set(handle, state);
    const stays = obstaclesOf(process, state);
    return ok({ digest, bytes, portable: stays.length === 0 ? 'yes' : { not: stays }, handle });
  }

  /** The state with this handle. */
  of(handle: string): Result<{ readonly is: Value }> {
    return this.#states.has(handle) ? ok({ is: this.#states.get(handle) }) : stateNotHeld();
  }
}
