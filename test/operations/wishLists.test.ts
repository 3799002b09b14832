/** The demo's wish lists: servers that can be moved, with what is on them. */
import { expect, it } from 'vitest';
import { at } from '../../server/backend/testKit.ts';
import { assertOperationFailure, withTestCluster } from '../../server/testing.ts';

const ada = { pid: 'Shop.WishList.Demo1.Ada', node: 'demo1@sim' };
const items = { ...ada, how: 'call', message: { $term: ':items' } };
const wish = { ...ada, how: 'cast', message: { $term: '{:wish, "a kite"}' } };

it('take wishes, keep them over a restart with the state, and refuse a state that is none of theirs', async () => {
  await withTestCluster({ nodes: ['demo1@sim', 'demo2@sim'], cluster: 'demo', seed: 3 }, async (cluster) => {
    await cluster.result('send_message', wish);
    await cluster.result('send_message', { ...wish, message: { $term: ':oddity' } });
    const before = at(await cluster.result('send_message', items), 'reply');
    expect(JSON.stringify(before)).toContain('a kite');
    await cluster.result('restart_process', { ...ada, keepState: true });
    expect(at(await cluster.result('send_message', items), 'reply')).toEqual(before);
    const unknown = await cluster.result('send_message', { ...items, message: { $term: ':oddity' } });
    expect(JSON.stringify(unknown)).toContain('unknown_request');
    assertOperationFailure(await cluster.run('send_message', { ...items, pid: 'Shop.WishList.Demo1.Nobody' }), {
      class: 'not_found',
    });
  });
});
