/**
 * The conversation (conversation.ts) with the Erlang that is on the path. With ARSENAL_RECORD=1 what the node said is kept as
 * recorded/otpRELEASE.json, for those who do not have that release.
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { afterAll, expect, it } from 'vitest';
import { epmdPort } from '../../runtime/beam/dist/epmd.ts';
import { HiddenNode } from '../../runtime/beam/dist/node.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { converse } from './conversation.ts';
import { startPlayer, startRecorder } from './recording.ts';

const cookie = 'crumbs';
const us = 'recorder@localhost';
const wait = { timeoutMs: 10_000, signal: new AbortController().signal };
afterAll(() => {
  stopAll();
});

it('a node of this release answers as we expect, and so does its recording', async () => {
  const live = await startErlang({ name: 'spoken', cookie });
  const address = { host: '127.0.0.1', port: live.epmdPort };
  const found = await epmdPort('spoken', address, wait);
  if (!found.ok) throw new Error(found.error.message);
  const recorder = await startRecorder(found.value.port, us);
  const heard = await heldOver(recorder.port, live.node);
  const recording = { ...heard, node: live.node, us, cookie, ...recorder.stop() };
  await live.stop();
  expect(recording.steps.length).toBeGreaterThan(30);
  if (process.env['ARSENAL_RECORD'] === '1') {
    const file = new URL(`recorded/otp${heard.release}.json`, import.meta.url);
    writeFileSync(file, `${JSON.stringify(recording, null, 2)}\n`);
  }

  const player = await startPlayer(recording);
  try {
    expect(await heldOver(player.port, live.node)).toEqual(heard);
    expect([player.problems(), player.played()]).toEqual([[], recording.steps.length]);
  } finally {
    player.stop();
  }
});

async function heldOver(port: number, node: string): Promise<Awaited<ReturnType<typeof converse>>> {
  const ours = new HiddenNode({ name: us, cookie, nameIsLeased: true });
  try {
    const connected = await ours.connect({ node, host: '127.0.0.1', port }, wait);
    if (!connected.ok) throw new Error(connected.error.message);
    return await converse(connected.value);
  } finally {
    ours.close();
  }
}
