/** Sandboxes as callers see them. */
import { Type } from 'typebox';
import type { SandboxInfo } from '../../../runtime/model.ts';
import { nullable } from '../parameters.ts';

export const sandboxIdParam = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: '^[\\w.:@~-]+$',
  description: 'The id of the sandbox.',
  'x-arsenal': { pick: 'sandbox' },
});

export const sandboxResult = {
  id: Type.String(),
  name: Type.String(),
  state: Type.String(),
  source: Type.String(),
  osPid: nullable(Type.Integer()),
  startedAt: Type.Number({ description: 'Milliseconds since 1970.' }),
  memoryBytes: nullable(Type.Number({ description: 'Measured.' })),
  isolation: Type.Unsafe<SandboxInfo['isolation']>({
    type: 'object',
    description: 'What is really kept apart, as probed.',
  }),
  limits: Type.Object({ memoryBytes: Type.Number(), cpuMs: Type.Number() }),
  ended: nullable(Type.String({ description: 'Why it ended.' })),
};
export const sandboxFields = {
  name: 'text',
  state: 'text',
  source: 'text',
  osPid: 'number',
  startedAt: 'number',
  memoryBytes: 'number',
} as const;
