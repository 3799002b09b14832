/** What faults on links and nodes share: they are held, and taken back by heal_cluster or when nobody comes back. */
import { Type } from 'typebox';
import type { Holding } from '../../../runtime/model.ts';

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
