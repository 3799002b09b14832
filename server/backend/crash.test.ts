import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readChain } from '../services/audit/chain.ts';
import { logFilesIn } from '../services/audit/logFiles.ts';
import { verifyAudit } from '../services/audit/verify.ts';
import { errorOf, textWith, valueOf } from '../core/testKit.ts';
import { bundled, fakeShop, houseOn, temporaryHome } from './testKit.ts';

const spec = { kind: 'beam', node: 'shop1@h', cookie: { from: 'default' } } as const;

describe('a process that is killed while it writes', () => {
  let folder: string;
  let child: string;
  beforeAll(async () => {
    folder = temporaryHome();
    child = await bundled(fileURLToPath(new URL('./crashChild.ts', import.meta.url)), folder);
  }, 30_000);
  afterAll(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** Runs the child until it is there, then kills it as a power cut would; answers the home it wrote to. */
  async function crash(
    requestId: string,
    when: 'in_the_middle' | 'afterwards' | 'looking',
    reason = 'kill',
  ): Promise<string> {
    const home = path.join(folder, requestId);
    const running = fork(child, [home, requestId, when, reason], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    await once(running, 'message');
    const exited = once(running, 'exit');
    running.kill('SIGKILL');
    await exited;
    return home;
  }

  // @row R10.4
  it('leaves an intent, from which the next one finds by looking what became of it', async () => {
    for (const [requestId, alive] of [
      ['alive', true],
      ['gone', false],
    ] as const) {
      const home = await crash(requestId, 'in_the_middle');
      const runtime = fakeShop({ kind: 'beam' });
      const house = await houseOn(runtime, { home, spec, allowWrites: true });
      if (!alive) valueOf(await house.run('kill_process', { pid: 'only_here' }));
      const outcome = valueOf(await house.backend.outcome(requestId, house.options));
      expect(outcome).toMatchObject({
        state: 'interrupted',
        operation: 'kill_process',
        effect: alive ? 'none' : 'applied',
        plan: { summary: textWith('only_here'), touches: [{ node: 'shop1@h' }] },
      });
      // What was found stays found, though the world moves on.
      runtime.crashNode('shop1@h');
      expect(valueOf(await house.backend.outcome(requestId, house.options))).toEqual(outcome);
      const again = await house.run('kill_process', { pid: 'only_here' }, { requestId });
      expect(errorOf(again)).toMatchObject({ class: 'conflict', code: 'request.interrupted', effect: 'none' });
      expect(await verifyAudit(logFilesIn(path.join(home, 'audit')))).toMatchObject({ sound: true });
      await house.close();
    }
  }, 30_000);

  it('does not take a process that lives for one that got no signal, if the signal could be survived', async () => {
    const home = await crash('asked', 'in_the_middle', 'shutdown');
    const house = await houseOn(fakeShop({ kind: 'beam' }), { home, spec, allowWrites: true });
    const outcome = valueOf(await house.backend.outcome('asked', house.options));
    expect(outcome).toMatchObject({ state: 'interrupted', effect: 'unknown' });
    await house.close();
  }, 30_000);

  it('is not known to have had an effect where nothing can be asked', async () => {
    const home = await crash('unknown', 'in_the_middle');
    const simulated = await houseOn(fakeShop(), { home });
    const outcome = () => simulated.backend.outcome('unknown', simulated.options);
    expect(valueOf(await outcome())).toMatchObject({ state: 'interrupted', effect: 'unknown' });
    const restarted = fakeShop({ kind: 'beam' });
    restarted.crashNode('shop1@h');
    restarted.startNode('shop1@h');
    const other = await houseOn(restarted, { home, spec });
    // The node is another now: that the process is gone says nothing.
    expect(valueOf(await other.backend.outcome('unknown', other.options))).toMatchObject({ effect: 'unknown' });
    await other.backend.close();
    await simulated.close();
  }, 30_000);

  // @row NF-05, IV-21, T026.a3
  it('has lost nothing that it had answered', async () => {
    const home = await crash('done', 'afterwards');
    const runtime = fakeShop({ kind: 'beam' });
    const house = await houseOn(runtime, { home, spec, allowWrites: true });
    const outcome = valueOf(await house.backend.outcome('done', house.options));
    expect(outcome).toMatchObject({ state: 'done', result: { ok: true, value: { registeredName: 'only_here' } } });
    const again = valueOf(await house.run('kill_process', { pid: 'only_here' }, { requestId: 'done' }));
    expect(again).toMatchObject({ mode: 'run', result: { registeredName: 'only_here' } });
    expect(runtime.calls('processes.exit')).toBe(0);
    await house.close();
  }, 30_000);

  it('leaves in its history what was over, with its result, and that went on what did when it was last written', async () => {
    const home = await crash('look', 'looking');
    const house = await houseOn(fakeShop(), { home });
    const outcome = async (call: string) => valueOf(await house.backend.outcome(`look-${call}`, house.options));
    expect(await outcome('over')).toMatchObject({ state: 'done', result: { ok: true, value: { items: [{}] } } });
    expect(await outcome('on')).toMatchObject({ state: 'interrupted', operation: 'get_process_info', effect: 'none' });
    await house.close();
  }, 30_000);

  it('leaves a log whose torn end the next one cuts off', async () => {
    const home = await crash('torn', 'afterwards');
    const files = logFilesIn(path.join(home, 'audit'));
    const [name = ''] = await files.list();
    const file = path.join(home, 'audit', name);
    const sound = fs.statSync(file).size;
    fs.appendFileSync(file, '{"seq":3,"at":17');
    const house = await houseOn(fakeShop({ kind: 'beam' }), { home, spec, allowWrites: true });
    valueOf(await house.run('kill_process', { pid: 'init', node: 'shop2@h' }));
    expect(fs.statSync(file).size).toBe(sound);
    const logs = await files.list();
    expect(logs).toHaveLength(2);
    const [open] = readChain(await files.read(logs.find((log) => log !== name) ?? '', 0)).records;
    expect(open?.data['heads']).toMatchObject([{ file: name, seq: 2 }]);
    await house.close();
  }, 30_000);
});
