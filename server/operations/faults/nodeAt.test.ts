import { describe, expect, it } from 'vitest';
import { callOptions } from '../../../runtime/callOptions.ts';
import { fakeShop } from '../../backend/testKit.ts';
import { makeContext } from '../../core/context.ts';
import { errorOf, valueOf } from '../../core/testKit.ts';
import { crashNode } from './crashNode.ts';
import { restartNode } from './restartNode.ts';

describe('a node that has restarted since it was planned for', () => {
  it('is not crashed and not restarted: what was agreed to was the end of another life', async () => {
    const runtime = fakeShop();
    const context = makeContext({
      connection: { id: 'sim', kind: 'simulated' },
      port: runtime.port,
      caller: { principal: 'me', via: 'cli', role: 'admin' },
      owner: { principal: 'me', client: 'test', operation: 'crash_node', requestId: 'r' },
      requestId: 'r',
      budget: callOptions(5_000),
      onProgress: undefined,
    });
    const crash = valueOf(await crashNode.plan(context, { node: 'shop2@h' }));
    const restart = valueOf(await restartNode.plan(context, { node: 'shop2@h' }));
    runtime.crashNode('shop2@h');
    runtime.startNode('shop2@h');
    const refused = { code: 'node.restarted', class: 'conflict', effect: 'none' };
    expect(errorOf(await crashNode.apply(context, crash))).toMatchObject(refused);
    expect(errorOf(await restartNode.apply(context, restart))).toMatchObject(refused);
    const { nodes } = valueOf(await runtime.port.cluster.nodes({}, callOptions(5_000)));
    expect(nodes.find(({ node }) => node === 'shop2@h')?.reach.via).not.toBe('none');
  });
});
