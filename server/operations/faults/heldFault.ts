/** What faults on links and nodes share: they are held, and taken back by heal_cluster or when nobody comes back. */
import { Type } from 'typebox';
import type { Holding, HoldingOwner, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import type { ProbedEffect } from '../../core/operation.ts';

export const lingerParam = Type.Integer({
  minimum: 0,
  maximum: 86_400_000,
  default: 600_000,
  description: 'How long it lasts after who asked is gone.',
});

export const heldResult = {
  holding: Type.String({ description: 'What heal_cluster takes back.' }),
  lingerMs: Type.Integer(),
};

/** The holding of a fault, as results tell it. */
export function heldRow({ id, lingerMs }: Holding) {
  return { holding: id, lingerMs };
}

/** Takes back what was done, if it was. */
export async function releaseFault(
  context: Context<'holdings.release'>,
  done: Result<{ readonly holding: string }>,
): Promise<Result<null>> {
  if (!done.ok) return ok(null);
  const released = await context.port.holdings.release({ id: done.value.holding }, context.options());
  return released.ok ? ok(null) : released;
}

/** Whether there is a fault now that this call made. */
export async function probeFault(context: Context<'holdings.list'>, owner: HoldingOwner): Promise<ProbedEffect> {
  const listed = await context.port.holdings.list({}, context.options());
  if (!listed.ok) return 'unknown';
  const isThere = listed.value.holdings.some(
    (held) => held.kind === 'fault' && held.owner.requestId === owner.requestId,
  );
  return isThere ? 'applied' : 'none';
}
