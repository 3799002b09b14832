import { describe, expect, it } from 'vitest';
import { fieldsOf } from './fields.ts';
import { LastValues } from './lastValues.ts';

/** A memento in memory. */
function memento(stored?: unknown) {
  let kept = stored;
  return {
    keys: () => ['arsenal.lastValues'],
    get: <T>(_key: string, otherwise?: T) => (kept ?? otherwise) as T,
    update: (_key: string, value: unknown) => {
      kept = structuredClone(value);
      return Promise.resolve();
    },
    kept: () => JSON.stringify(kept),
  };
}

const fields = fieldsOf({
  type: 'object',
  properties: {
    limit: { type: 'integer' },
    token: { type: 'string', format: 'password' },
    text: { type: 'string' },
  },
});

describe('LastValues', () => {
  it('remembers what was given, but for what is secret or long', async () => {
    const store = memento();
    const last = new LastValues(store);
    await last.remember('a', fields, { limit: 5, token: 'hunter2', text: 'x'.repeat(3_000), other: 1 });
    expect(last.of('a', fields)).toEqual({ limit: 5 });
    expect(last.of('b', fields)).toEqual({});
    expect(store.kept()).not.toContain('hunter2');
    // Nor is one given that an earlier version kept, or somebody wrote there.
    expect(new LastValues(memento({ a: { token: 'hunter2', limit: 6 } })).of('a', fields)).toEqual({ limit: 6 });
  });

  it('keeps the operations that were called last, and survives what is no memory', async () => {
    const store = memento();
    const last = new LastValues(store);
    for (let each = 0; each < 60; each += 1) await last.remember(`op${each}`, fields, { limit: each });
    expect(last.of('op9', fields)).toEqual({});
    expect(last.of('op10', fields)).toEqual({ limit: 10 });
    expect(last.of('op59', fields)).toEqual({ limit: 59 });
    for (const bad of [7, 'x', null, [], { a: 7 }]) expect(new LastValues(memento(bad)).of('a', fields)).toEqual({});
  });
});
