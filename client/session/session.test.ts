import { describe, expect, it } from 'vitest';
import { Credentials } from './credentials.ts';
import { PendingWrites } from './pendingWrites.ts';
import {
  connectionKey,
  mostRecent,
  parseConnectOnStart,
  parseSavedConnections,
  withRecent,
} from './savedConnections.ts';
import type { SavedConnection } from './savedConnections.ts';

const shop: SavedConnection = { kind: 'beam', node: 'shop@host', cookie: { from: 'secret' } };

describe('saved connections', () => {
  it('are one for one system, whatever its cookie', () => {
    expect(connectionKey({ ...shop, cookie: { from: 'default' } })).toBe(connectionKey(shop));
    expect(connectionKey({ ...shop, epmd: { port: 4370 } })).not.toBe(connectionKey(shop));
    expect(connectionKey({ ...shop, address: { host: 'h', port: 1 } })).not.toBe(connectionKey(shop));
    expect(connectionKey({ ...shop, erlEpmdPort: 1 })).not.toBe(connectionKey(shop));
    expect(connectionKey({ ...shop, ssh: { target: 'gate' } })).not.toBe(connectionKey(shop));
    expect(connectionKey({ ...shop, tls: {} })).toBe(connectionKey(shop));
    const local = { kind: 'local-cluster', project: '/shop' } as const;
    expect(connectionKey({ ...local, nodes: 5 })).toBe(connectionKey(local));
    expect(connectionKey({ kind: 'local-cluster' })).not.toBe(connectionKey(local));
    expect(connectionKey({ kind: 'simulated', seed: 1 })).not.toBe(connectionKey({ kind: 'simulated' }));
  });

  it('are kept with the latest in front, once, and not for ever', () => {
    const many = Array.from({ length: 12 }, (_, at): SavedConnection => ({ ...shop, node: `n${at}@h` }));
    const list = many.reduce<readonly SavedConnection[]>(withRecent, []);
    expect(list).toHaveLength(mostRecent);
    expect(withRecent(list, { ...shop, node: 'n11@h' })[0]).toMatchObject({ node: 'n11@h' });
    expect(withRecent(list, { ...shop, node: 'n11@h' })).toHaveLength(mostRecent);
  });

  it('are read from whatever an earlier version or another hand has left', () => {
    expect(parseSavedConnections([shop, { kind: 'simulated' }])).toEqual([shop, { kind: 'simulated' }]);
    for (const odd of [
      null,
      {},
      'x',
      [null, 1, { kind: 'beam' }, { kind: 'beam', node: 1, cookie: {} }, { kind: 'x' }],
    ]) {
      expect(parseSavedConnections(odd)).toEqual([]);
    }
  });
});

describe('arsenal.connect.onStart', () => {
  it.each([
    ['simulated', { kind: 'simulated' }],
    ['none', null],
    [
      { kind: 'simulated', nodes: 5, seed: 7 },
      { kind: 'simulated', nodes: 5, seed: 7 },
    ],
    [
      { kind: 'beam', node: 'a@h' },
      { kind: 'beam', node: 'a@h', cookie: { from: 'default' } },
    ],
    [
      { kind: 'beam', node: 'a@h', cookieFile: '/c', epmdPort: 4370, address: { host: '::1', port: 9 } },
      {
        kind: 'beam',
        node: 'a@h',
        cookie: { from: 'file', path: '/c' },
        epmd: { port: 4370 },
        address: { host: '::1', port: 9 },
      },
    ],
    [
      {
        kind: 'beam',
        node: 'a@h',
        tls: { caFile: '/ca', verify: 'none', keyFile: 3 },
        ssh: 'ops@gate',
        erlEpmdPort: 9,
      },
      {
        kind: 'beam',
        node: 'a@h',
        cookie: { from: 'default' },
        tls: { caFile: '/ca', verify: 'none' },
        ssh: { target: 'ops@gate' },
        erlEpmdPort: 9,
      },
    ],
    [
      { kind: 'beam', node: 'a@h', tls: { verify: false }, ssh: '' },
      { kind: 'beam', node: 'a@h', cookie: { from: 'default' }, tls: {} },
    ],
    [{ kind: 'beam', node: '' }, null],
    [
      { kind: 'beam', node: 'a@h', cookie: 'never in a setting' },
      { kind: 'beam', node: 'a@h', cookie: { from: 'default' } },
    ],
    [
      { kind: 'local-cluster', nodes: 2, env: { PORT: '400{n}', DEBUG: true } },
      { kind: 'local-cluster', project: '/workspace/shop', nodes: 2, env: { PORT: '400{n}' } },
    ],
    [
      { kind: 'local-cluster', project: '/other' },
      { kind: 'local-cluster', project: '/other' },
    ],
    [{ kind: 'ssh' }, null],
    [42, null],
    [null, null],
  ])('%j means %j', (value, saved) => {
    expect(parseConnectOnStart(value, '/workspace/shop')).toEqual(saved);
  });
});

describe('cookies', () => {
  it('are kept in the secret storage by system, and go nowhere else', async () => {
    const secrets = new Map<string, string>();
    const storage = {
      get: (key: string) => Promise.resolve(secrets.get(key)),
      store: (key: string, value: string) => Promise.resolve(void secrets.set(key, value)),
      delete: (key: string) => Promise.resolve(void secrets.delete(key)),
      keys: () => Promise.resolve([...secrets.keys()]),
      onDidChange: () => ({ dispose: () => undefined }),
    };
    const credentials = new Credentials(storage);
    expect(await credentials.connectSpec(shop)).toBeNull();
    await credentials.keep(shop, 'monster');
    expect(await credentials.connectSpec(shop)).toEqual({
      kind: 'beam',
      node: 'shop@host',
      cookie: { from: 'text', value: 'monster' },
    });
    expect(JSON.stringify(shop)).not.toContain('monster');
    await credentials.forget(shop);
    expect(secrets.size).toBe(0);
    const ofFile = { ...shop, cookie: { from: 'file', path: '/c' } } as const;
    expect(await credentials.connectSpec(ofFile)).toEqual(ofFile);
    expect(await credentials.connectSpec(ofFile, 'none')).toEqual({ ...ofFile, agent: 'none' });
    expect(await credentials.connectSpec({ kind: 'simulated', seed: 3 })).toEqual({ kind: 'simulated', seed: 3 });
  });
});

describe('pending writes', () => {
  const memento = (initial: unknown) => {
    let stored = initial;
    return {
      keys: () => ['arsenal.pendingWrites'],
      get: () => stored as undefined,
      update: (_key: string, value: unknown) => Promise.resolve(void (stored = structuredClone(value))),
      stored: () => stored,
    };
  };
  const write = { requestId: 'r', operation: 'kill_process', summary: 'Kill', sentAt: 1 };

  it('outlive the window, and are settled once', async () => {
    const state = memento(undefined);
    await new PendingWrites(state).add(write);
    const next = new PendingWrites(state);
    expect(next.all).toEqual([write]);
    await next.settle('r');
    await next.settle('r');
    expect(new PendingWrites(state).all).toEqual([]);
  });

  it('are read from whatever was stored, and bounded', () => {
    expect(new PendingWrites(memento([null, 3, { requestId: 1 }, write])).all).toEqual([write]);
    expect(new PendingWrites(memento('odd')).all).toEqual([]);
    const many = Array.from({ length: 500 }, (_, at) => ({ ...write, requestId: String(at) }));
    expect(new PendingWrites(memento(many)).all).toHaveLength(100);
  });
});
