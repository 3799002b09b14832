/** A process with a million messages that it never takes: everything that looks at it answers, and it can be ended. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runtimeOver } from '../../runtime/embedded/adapter/adapterKit.ts';
import { refOf } from '../../runtime/embedded/adapter/context.ts';
import { sleep } from '../../runtime/embedded/kernel/flow.ts';
import type { Process } from '../../runtime/embedded/kernel/process.ts';
import { nodeOf, spawn, testCluster } from '../../runtime/embedded/testKit.ts';
import { processId } from '../../runtime/model.ts';
import { a, tup } from '../../runtime/term/values.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';

const million = 1_000_000;

let house: House;
let deaf: Process;
beforeEach(async () => {
  const cluster = testCluster(['a@sim']);
  deaf = spawn(nodeOf(cluster, 'a@sim'), function* () {
    for (;;) yield* sleep(1_000_000);
  });
  cluster.runUntil(cluster.nowMs + 10);
  for (let sent = 0; sent < million; sent += 1) nodeOf(cluster, 'a@sim').deliver(deaf, tup(a('order'), sent));
  house = await houseOn(runtimeOver(cluster));
}, 60_000);
afterEach(() => house.close());

it('is found, counted and weighed, its contents are refused with their number, and it is ended', async () => {
  const pid = processId(refOf(deaf.pid));
  const longest = await house.result('list_processes', { sort: '-messageQueueLen', limit: 1 });
  expect(at(longest, 'items', 0)).toMatchObject({ pid, messageQueueLen: million });
  const info = await house.result('get_process_info', { pid, fields: ['messageQueueLen', 'memory'] });
  expect(info).toMatchObject({ messageQueueLen: million });
  // Three words each at least, were they on a BEAM.
  expect(at(info, 'memory')).toBeGreaterThan(million * 24);
  expect(await house.result('analyze_message_queue', { pid })).toMatchObject({ length: million });
  const found = await house.result('detect_bottlenecks', { forMs: 100 });
  expect(JSON.stringify(found)).toContain(pid);
  expect(await house.result('kill_process', { pid })).toMatchObject({ pid });
  expect(errorOf(await house.run('get_process_info', { pid }))).toMatchObject({ class: 'not_found' });
}, 60_000);
