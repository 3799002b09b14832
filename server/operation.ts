/** The public API for a user's own operations: `import { defineOperation, Type } from 'arsenal-otp/operation'`. */
export { Type } from './core/types.ts';
export type { Static } from 'typebox';
export { defineOperation } from './core/operation.ts';
export type { Context } from './core/context.ts';
export type { Plan, Problem } from './core/operation.ts';
export { fail, ok } from '../runtime/model.ts';
export type { Result } from '../runtime/model.ts';
