import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import type { Origin, RegistryChange } from './registry.ts';
import { Registry } from './registry.ts';
import { changing, errorOf, looking, valueOf } from './testKit.ts';

const builtin: Origin = { from: 'builtin' };
const some = Type.Optional(Type.String({ maxLength: 9 }));
const params = Type.Object({ cart: some, id: some, all: some });
const mine = { from: 'workspace', file: 'arsenal/operations/a.ts' } as const;

describe('Registry', () => {
  // @row RG-01
  // @row RG-03, IV-02, T001.d2, T001.d3
  it('registers an operation and finds it by name and alias, with what the alias presets and requires', () => {
    const registry = new Registry();
    const aliases = [
      { name: 'peek', preset: { limit: 1 } },
      { name: 'stare', preset: {}, requires: ['limit'] },
    ];
    const entry = valueOf(registry.register(looking({ aliases }), builtin));
    expect(entry).toMatchObject({ name: 'look_around', role: 'viewer', origin: builtin, route: null, errors: [] });
    expect(registry.find('look_around')).toMatchObject({ entry, preset: {}, requires: [] });
    expect(registry.find('peek')).toMatchObject({ entry, preset: { limit: 1 }, requires: [] });
    expect(registry.find('stare')).toMatchObject({ requires: ['limit'] });
    expect(registry.find('nothing')).toBeNull();
  });

  // @row RG-04
  it('lists by category and name', () => {
    const registry = new Registry();
    for (const [category, name] of [
      ['b', 'z'],
      ['a', 'y'],
      ['a', 'x'],
      ['b', 'c'],
    ] as const) {
      registry.register(looking({ category, name }), builtin);
    }
    expect(registry.list().map(({ name }) => name)).toEqual(['x', 'y', 'c', 'z']);
    expect(registry.list('a').map(({ name }) => name)).toEqual(['x', 'y']);
  });

  // @row RG-05
  it('searches names, aliases, titles and descriptions by words, names first', () => {
    const registry = new Registry();
    registry.register(looking({ name: 'aa_list', description: 'Of a process' }), builtin);
    registry.register(looking({ name: 'list_processes' }), builtin);
    registry.register(looking({ name: 'other', aliases: [{ name: 'process_list', preset: {} }] }), builtin);
    registry.register(looking({ name: 'neither' }), builtin);
    expect(registry.search('LIST process').map(({ name }) => name)).toEqual(['list_processes', 'aa_list', 'other']);
    expect(registry.search(' ')).toHaveLength(4);
  });

  it('gives no route away twice, and none of Arsenal’s own', () => {
    const registry = new Registry();
    const route = (path: string, method: 'GET' | 'POST' = 'GET') => ({ route: { method, path }, params });
    registry.register(looking({ name: 'ours', ...route('/carts/:cart') }), builtin);
    valueOf(registry.register(looking({ name: 'ours_too', ...route('/carts/largest') }), builtin));
    for (const path of ['/carts/:id', '/carts/top', '/:all/largest']) {
      expect(errorOf(registry.register(looking({ name: 'theirs', ...route(path) }), mine))).toMatchObject({
        code: 'operation.route_taken',
        message: expect.stringMatching(/ours/),
      });
    }
    for (const free of [route('/carts/:id', 'POST'), route('/carts'), route('/carts/:id/items'), route('/own/:id')]) {
      valueOf(registry.register(looking({ name: 'theirs', ...free }), mine));
    }
    const other = { from: 'node', node: 'a@h' } as const;
    expect(errorOf(registry.register(looking({ name: 'another', ...route('/own/x') }), other)).code).toBe(
      'operation.route_taken',
    );
  });

  it('gives away none of the routes that the gateway answers itself, however they are written', () => {
    for (const path of ['/operations', '/operations/:id', '/api/v1/operations/x', '/executions/x']) {
      const theirs = looking({ params, route: { method: 'GET', path } });
      expect(errorOf(new Registry().register(theirs, mine)).message).toMatch(/which Arsenal answers itself/);
      valueOf(new Registry().register(theirs, builtin));
    }
  });

  // @row RG-02
  it('unregisters what the same origin registered, and nothing of Arsenal’s own', () => {
    const registry = new Registry();
    registry.register(looking({ name: 'ours' }), builtin);
    registry.register(looking({ name: 'theirs', aliases: [{ name: 'alias', preset: {} }] }), mine);
    const node = { from: 'node', node: 'a@h' } as const;
    expect(registry.unregister('ours', mine)).toBe(false);
    expect(registry.unregister('theirs', { from: 'workspace', file: 'b.ts' })).toBe(false);
    expect(registry.unregister('theirs', node)).toBe(false);
    expect(registry.unregister('none', mine)).toBe(false);
    expect(registry.unregister('theirs', mine)).toBe(true);
    expect([registry.find('theirs'), registry.find('alias')]).toEqual([null, null]);
    registry.register(looking({ name: 'remote' }), node);
    expect(registry.unregister('remote', node)).toBe(true);
  });

  it('lets nothing shadow another’s name or alias', () => {
    const registry = new Registry();
    registry.register(looking({ aliases: [{ name: 'peek', preset: {} }] }), builtin);
    const taken = [
      registry.register(looking(), mine),
      registry.register(looking(), builtin),
      registry.register(looking({ name: 'peek' }), mine),
      registry.register(looking({ name: 'new_one', aliases: [{ name: 'look_around', preset: {} }] }), mine),
    ];
    expect(taken.map((result) => errorOf(result).code)).toEqual(Array(4).fill('operation.name_taken'));
    expect(registry.list()).toHaveLength(1);
  });

  // @row R8.5
  it('replaces a user’s operation by a later version from the same file, its aliases with it', () => {
    const registry = new Registry();
    const changes: RegistryChange[] = [];
    const listening = registry.onChange((change) => void changes.push(change));
    registry.register(looking({ aliases: [{ name: 'old', preset: {} }] }), mine);
    registry.register(looking({ title: 'Later' }), mine);
    expect(registry.find('look_around')?.entry.title).toBe('Later');
    expect(registry.find('old')).toBeNull();
    registry.unregister('look_around', mine);
    listening.dispose();
    registry.register(changing(), mine);
    expect(changes.map(({ is, entry }) => [is, entry.title])).toEqual([
      ['registered', 'Look Around'],
      ['registered', 'Later'],
      ['removed', 'Later'],
    ]);
  });

  it('puts all roles in force, and tells all who listen, though one of them throws', () => {
    const registry = new Registry();
    registry.register(looking(), mine);
    registry.register(changing(), mine);
    const heard: string[] = [];
    registry.onChange(() => {
      throw new Error('bug');
    });
    registry.onChange(({ entry }) => heard.push(`${entry.name} ${entry.role}`));
    const configure = () => registry.configureRoles({ look_around: 'admin', touch_node: 'admin' });
    expect(configure).toThrow(AggregateError);
    expect(heard).toEqual(['look_around admin', 'touch_node admin']);
    expect(registry.list().map(({ role }) => role)).toEqual(['admin', 'admin']);
  });

  it('keeps the version that is there when a later one is broken', () => {
    const registry = new Registry();
    registry.register(looking(), mine);
    expect(errorOf(registry.register(looking({ title: '' }), mine)).code).toBe('operation.invalid');
    expect(registry.find('look_around')?.entry.title).toBe('Look Around');
  });

  it('takes roles from a table where there is one', () => {
    const registry = new Registry({ look_around: 'admin' });
    expect(valueOf(registry.register(looking(), builtin)).role).toBe('admin');
    expect(valueOf(registry.register(changing(), builtin)).role).toBe('operator');
  });
});
