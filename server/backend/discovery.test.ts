import { afterEach, expect, it } from 'vitest';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import { errorOf } from '../core/testKit.ts';
import { Discovery } from './discovery.ts';

const runtime = createFakeRuntime();
let discovery: Discovery;
afterEach(async () => {
  discovery.close();
  await runtime.close();
});

it('asks a connection that was looked at before it was there, once it is', async () => {
  let isThere = false;
  discovery = new Discovery({
    nodeOperations: { take: () => [], keepNodes: () => undefined, forget: () => undefined },
    runtime: () => (isThere ? ok(runtime) : failure('unavailable', 'connection.lost', 'It is not there yet.', 'Wait.')),
    watched: () => [],
    connections: () => ['c1'],
  });
  discovery.lookAtAll();
  expect(errorOf(await discovery.look('c1')).code).toBe('connection.lost');
  isThere = true;
  expect(await discovery.look('c1')).toEqual(ok(null));
  expect(await discovery.lookAnew('c1')).toEqual(ok(null));
});
