import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorOf, valueOf } from '../core/testKit.ts';
import { logFilesIn } from '../services/audit/logFiles.ts';
import { verifyAudit } from '../services/audit/verify.ts';
import { crashedBatch } from './batchCrashItems.ts';
import type { House } from './testKit.ts';
import { at, bundled, fakeShop, houseOn, listAt, temporaryHome } from './testKit.ts';

const spec = { kind: 'beam', node: 'shop1@h', cookie: { from: 'default' } } as const;

describe('a server that is killed in the middle of a batch', () => {
  let folder: string;
  let child: string;
  beforeAll(async () => {
    folder = temporaryHome();
    child = await bundled(fileURLToPath(new URL('./batchCrashChild.ts', import.meta.url)), folder);
  }, 60_000);
  afterAll(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** Runs the child until its third item hangs, then kills it as a power cut would; answers a house on what it left. */
  async function crash(requestId: string, mode: 'independent' | 'atomic'): Promise<House> {
    const home = path.join(folder, requestId);
    const running = fork(child, [home, requestId, mode], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    await once(running, 'message');
    const exited = once(running, 'exit');
    running.kill('SIGKILL');
    await exited;
    return houseOn(fakeShop({ kind: 'beam' }), { home, spec, allowWrites: true });
  }

  async function statusesOf(house: House, requestId: string): Promise<readonly string[]> {
    const outcome = valueOf(await house.backend.outcome(requestId, house.options));
    if (outcome.state !== 'interrupted') throw new Error(outcome.state);
    return (outcome.items ?? []).map(({ id, status, effect }) => `${id} ${status} ${effect}`);
  }

  // @row R10.4
  it('says of each item of an independent one what is known', async () => {
    const house = await crash('each', 'independent');
    const wanted = ['look done none', 'first done applied', 'stuck interrupted none', 'never unknown none'];
    expect(await statusesOf(house, 'each')).toEqual(wanted);
    expect(valueOf(await house.backend.outcome('each', house.options))).toMatchObject({
      state: 'interrupted',
      operation: 'execute_batch',
      effect: 'unknown',
      plan: { severity: 'destroy' },
    });
    // Found once, it stays so; and the same batch is not run a second time.
    expect(await statusesOf(house, 'each')).toEqual(wanted);
    const item = valueOf(await house.backend.outcome('each:1', house.options));
    expect(item).toMatchObject({ state: 'done', operation: 'kill_process', result: { ok: true } });
    const history = await house.result('operation_history', { fields: ['operation', 'outcome', 'parent'] });
    const rows = listAt(history, 'items').map((row) => [at(row, 'operation'), at(row, 'outcome'), at(row, 'parent')]);
    expect(rows).toContainEqual(['execute_batch', 'interrupted', null]);
    expect(rows).toContainEqual(['kill_process', 'interrupted', 'each']);
    expect(rows).toContainEqual(['kill_process', 'ok', 'each']);
    expect(await verifyAudit(logFilesIn(path.join(house.home, 'audit')))).toMatchObject({ sound: true });
    await house.close();
  }, 60_000);

  it('says of each item of an atomic one what is left, by the log and by looking', async () => {
    const house = await crash('all', 'atomic');
    // The world the next server finds has no suspension of the one that was stuck: it did not happen.
    const wanted = ['look done none', 'first done applied', 'stuck not_run none', 'never not_run none'];
    expect(await statusesOf(house, 'all')).toEqual(wanted);
    expect(await statusesOf(house, 'all')).toEqual(wanted);
    await house.close();
  }, 60_000);

  it('does not run it a second time', async () => {
    const house = await crash('again', 'independent');
    const again = await house.run('execute_batch', crashedBatch('independent'), { requestId: 'again' });
    expect(errorOf(again)).toMatchObject({ class: 'conflict', code: 'request.interrupted', effect: 'none' });
    const other = await house.run('execute_batch', crashedBatch('atomic'), { requestId: 'again' });
    expect(errorOf(other).code).toBe('request.reused');
    await house.close();
  }, 60_000);
});
