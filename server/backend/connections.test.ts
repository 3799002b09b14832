import { expect, it } from 'vitest';
import { ok } from '../../runtime/model.ts';
import { valueOf } from '../core/testKit.ts';
import { Connections } from './connections.ts';
import { editor, fakeShop } from './testKit.ts';

it('closes what is behind a connection, and tells all who listen, though one of them throws', async () => {
  const runtime = fakeShop();
  const connections = new Connections(() => Promise.resolve(ok(runtime)), { allowWrites: false });
  const { id } = valueOf(await connections.connect({ kind: 'simulated' }, editor, new AbortController().signal));
  const heard: string[] = [];
  connections.onChange(() => {
    throw new Error('bug');
  });
  connections.onChange(({ state }) => heard.push(state.is));
  await expect(connections.disconnect(id)).rejects.toThrow('bug');
  expect(heard).toEqual(['closed']);
  expect(runtime.state.is).toBe('closed');
});
