import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { ok } from '../../runtime/model.ts';
import type { ProcessRef } from '../../runtime/model.ts';
import type { AnyOperation } from './operation.ts';
import { defineOperation, isWrite } from './operation.ts';

const common = {
  title: 'Sample',
  description: 'A sample.',
  category: 'sample',
  idempotent: true,
  params: Type.Object({ limit: Type.Integer({ default: 3 }) }),
  result: Type.Object({ seen: Type.Integer() }),
  examples: [],
};
const pid: ProcessRef = { node: 'a@b', creation: 1, id: 1, serial: 0 };

describe('defineOperation', () => {
  const looks = defineOperation({
    ...common,
    name: 'looks',
    severity: 'read',
    needs: ['processes.info'],
    async execute(context, params) {
      const info = await context.port.processes.info({ pids: [pid], keys: ['status'] }, context.options());
      // @ts-expect-error the operation did not ask for processes.exit, so there is no such method
      expect(context.port.processes.exit).toBeUndefined();
      return info.ok ? ok({ seen: info.value.pages.length + params.limit }) : info;
    },
  });
  const changes = defineOperation({
    ...common,
    name: 'changes',
    severity: 'destroy',
    needs: ['processes.info', 'processes.exit'],
    plan(context, params) {
      // @ts-expect-error a plan gets the safe half of needs only: planning cannot change anything
      expect(context.port.processes.exit).toBeUndefined();
      return Promise.resolve(
        ok({ summary: '', touches: [], severity: 'destroy', undo: 'no', steps: { pid, limit: params.limit } }),
      );
    },
    async apply(context, plan) {
      const ended = await context.port.processes.exit(
        { pid: plan.steps.pid, reason: { term: { t: 'atom', v: 'kill' } }, confirmMs: plan.steps.limit },
        context.options(),
      );
      return ended.ok ? ok({ seen: 1 }) : ended;
    },
  });

  // @row T001.d1
  it('keeps an operation that looks apart from one that plans and applies', () => {
    const all: readonly AnyOperation[] = [looks, changes];
    expect(all.map(isWrite)).toEqual([false, true]);
  });

  it('answers the definition, frozen, so that nobody changes a registered operation', () => {
    expect(looks.name).toBe('looks');
    expect(Object.isFrozen(looks)).toBe(true);
  });

  it('refuses by type what cannot be sound', () => {
    const execute = () => Promise.resolve(ok({ seen: 1 }));
    const plan = () =>
      Promise.resolve(ok({ summary: '', touches: [], severity: 'change', undo: 'no', steps: null } as const));
    // @ts-expect-error an operation that looks may not even ask for a method that changes something
    defineOperation({ ...common, name: 'a', severity: 'read', needs: ['processes.exit'], execute });
    // @ts-expect-error its severity is at least that of its needs: a process's state is private data
    defineOperation({ ...common, name: 'a', severity: 'read', needs: ['processes.state'], execute });
    // @ts-expect-error an exit signal destroys, so the operation cannot call itself a change
    defineOperation({ ...common, name: 'a', severity: 'change', needs: ['processes.exit'], plan, apply: execute });
    // @ts-expect-error an operation that changes something plans first
    defineOperation({ ...common, name: 'a', severity: 'change', needs: ['processes.start'], execute });
    // @ts-expect-error the result is of the result schema
    defineOperation({
      ...common,
      name: 'a',
      severity: 'read',
      needs: [],
      execute: () => Promise.resolve(ok({ no: 1 })),
    });
    expect(defineOperation({ ...common, name: 'a', severity: 'change', needs: [], plan, apply: execute }).name).toBe(
      'a',
    );
  });
});
