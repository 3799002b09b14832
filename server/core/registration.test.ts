import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { ok } from '../../runtime/model.ts';
import type { AnyOperation } from './operation.ts';
import { checkOperation } from './registration.ts';
import { changing, errorOf, looking, valueOf } from './testKit.ts';

function broken(operation: AnyOperation): unknown {
  return errorOf(checkOperation(operation)).details?.['problems'];
}
/** What untyped code might give. */
function untyped(change: { readonly [key: string]: unknown }): AnyOperation {
  return Object.assign(looking(), change);
}

describe('checkOperation', () => {
  it('compiles a sound operation, closed, with the parameters every operation takes', () => {
    const { publicParams, common, params } = valueOf(checkOperation(changing()));
    expect(common).toEqual(['timeoutMs', 'dryRun']);
    expect(publicParams).toMatchObject({ type: 'object', additionalProperties: false, required: ['node'] });
    expect(params.check({ node: 'a', timeoutMs: 5, dryRun: true })).toHaveProperty('value');
    expect(params.check({ node: 'a', other: 1 })).toHaveProperty('problems');
  });

  // @row CB-07
  it('does not require of callers what has a default', () => {
    expect(valueOf(checkOperation(looking())).publicParams['required']).toEqual([]);
  });

  it('leaves an operation its own parameter of a common name', () => {
    const params = Type.Object({ timeoutMs: Type.String({ maxLength: 3 }) });
    const checked = valueOf(checkOperation(looking({ params })));
    expect(checked.common).toEqual([]);
    expect(checked.params.check({ timeoutMs: 'x' })).toHaveProperty('value');
  });

  // @row R8.4
  it('says every rule that is broken, at once', () => {
    const operation = looking({
      name: 'Bad Name',
      category: '',
      title: ' ',
      description: '',
      aliases: [{ name: '1', preset: { none: 1 }, requires: ['neither', 'limit'] }],
      route: { method: 'GET', path: 'no/slash' },
      params: Type.Object({ text: Type.String(), limit: Type.Optional(Type.Integer()) }),
      examples: [{ title: 'Wrong', params: { text: 5 } }],
    });
    expect(broken(operation)).toEqual([
      'name: must be snake_case, at most 64 characters',
      'category: must be snake_case, at most 64 characters',
      'title: must be text',
      'description: must be text',
      'aliases: must be snake_case, at most 64 characters',
      'route: must be a path such as /nodes/:node',
      'params/properties/text: must state maxLength',
      'alias 1: none is no parameter',
      'alias 1: neither is no parameter',
      'example "Wrong"/text must be string.',
    ]);
  });

  it('wants what stands in the path of a route to be parameters, each once', () => {
    const route = { method: 'GET', path: '/nodes/:node/:limit/:limit' } as const;
    const params = Type.Object({ limit: Type.Optional(Type.Integer()) });
    expect(broken(looking({ route, params }))).toEqual([
      'route: node is no parameter',
      'route: limit stands in it twice',
    ]);
  });

  it('wants versions, retries and times of answers that are whole and within reason', () => {
    expect(broken(untyped({ version: 0, retry: { times: 6 }, cache: { ttlMs: 1.5 } }))).toEqual([
      'version: must be a whole number, at least 1',
      'retry: must be 1 to 5 times',
      'cache: ttlMs must be a whole number of milliseconds, at most 3600000',
    ]);
    for (const cache of [null, 5, {}, { ttlMs: 3_600_001 }]) expect(broken(untyped({ cache }))).toHaveLength(1);
    expect(broken(Object.assign(changing(), { cache: { ttlMs: 5 } }))).toEqual([
      'cache: what changes something cannot be answered from memory',
    ]);
    expect(checkOperation(looking({ version: 3, retry: { times: 5 }, cache: { ttlMs: 5 } })).ok).toBe(true);
  });

  it('accepts a route, aliases and examples that are right', () => {
    const operation = looking({
      route: { method: 'GET', path: '/nodes/:limit/look-around' },
      aliases: [{ name: 'peek', preset: { limit: 1 } }],
      examples: [{ title: 'Right', params: { limit: 2 } }],
    });
    expect(checkOperation(operation).ok).toBe(true);
  });

  it('refuses schemas that are none', () => {
    const nonsense = Type.Unsafe({ type: 'nonsense', maxLength: 1 });
    const both = broken(untyped({ params: nonsense, result: nonsense }));
    expect(both).toEqual([expect.stringMatching(/^params: /), expect.stringMatching(/^result: /)]);
    expect(broken(untyped({ result: nonsense }))).toHaveLength(1);
    expect(broken(untyped({ params: nonsense }))).toHaveLength(1);
    expect(broken(untyped({ params: Type.Null() }))).toContain('params: must be an object schema');
  });

  it('can leave schemas and examples to the first call', () => {
    const nonsense = Type.Unsafe({ type: 'nonsense', maxLength: 1 });
    const operation = untyped({
      params: Type.Object({ x: Type.Optional(nonsense) }),
      examples: [{ title: 'W', params: { limit: 'x' } }],
    });
    const problem = 'params/properties/x: must state x-maxBytes';
    expect(errorOf(checkOperation(operation, 'later')).details?.['problems']).toEqual([problem]);
    const later = valueOf(checkOperation(looking({ examples: [{ title: 'W', params: { limit: 'x' } }] }), 'later'));
    expect(later.params.check({ limit: 'x' })).toHaveProperty('problems');
    expect(later.params.check({ limit: 2 })).toEqual({ value: { limit: 2 } });
  });

  it('lets no operation call itself less than its needs, from untyped code either', () => {
    expect(broken(looking({ needs: ['processes.state'] }))).toEqual(['severity: is less than that of its needs']);
    expect(broken(changing({ needs: ['processes.exit'] }))).toEqual(['severity: is less than that of its needs']);
    expect(checkOperation(looking({ needs: ['processes.state'], severity: 'diagnose' })).ok).toBe(true);
    expect(broken(untyped({ severity: 'harmless' }))).toContain('severity: must be read, diagnose, change or destroy');
    expect(broken(untyped({ needs: ['processes.explode'] }))).toEqual([
      'needs: processes.explode is no method of the port',
    ]);
  });

  it('wants execute of what looks, and plan and apply of what changes', () => {
    const execute = () => Promise.resolve(ok({}));
    expect(broken(untyped({ execute: 'x' }))).toEqual(['must have execute, or plan and apply']);
    expect(broken(untyped({ plan: execute }))).toEqual(['must have execute, or plan and apply']);
    expect(broken(untyped({ severity: 'change' }))).toEqual(['must have plan and apply, since it changes something']);
    expect(broken(Object.assign(changing(), { apply: null }))).toHaveLength(1);
  });

  it('survives definitions that cannot be read', () => {
    const throwing = Object.defineProperty(looking(), 'params', {
      get() {
        throw new Error('no');
      },
    });
    expect(broken(throwing)).toEqual(['cannot be read: no']);
    expect(broken(untyped({ name: 7, title: undefined }))).toHaveLength(2);
  });
});
