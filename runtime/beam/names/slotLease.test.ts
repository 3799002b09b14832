import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { SlotLease } from './slotLease.ts';
import { isPoolName, leaseSlot, ownNodeName, slotCount } from './slotLease.ts';

const root = mkdtempSync(join(tmpdir(), 'arsenal-slots-'));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});
let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(root, 'pool-')), 'leases');
});

async function lease(): Promise<SlotLease> {
  const result = await leaseSlot(folder);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** A process that leases `count` slots at once, prints them, and keeps them until it is killed. */
async function otherProcess(
  count: number,
): Promise<{ readonly child: ChildProcess; readonly slots: readonly number[] }> {
  const script = join(root, 'holder.mjs');
  await build({
    stdin: {
      contents: `
        import { leaseSlot } from './slotLease.ts';
        const leases = await Promise.all(Array.from({ length: Number(process.argv[3]) }, () => leaseSlot(process.argv[2])));
        console.log(JSON.stringify(leases.map((lease) => (lease.ok ? lease.value.slot : -1))));
        setInterval(() => {}, 1000);`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: script,
    logLevel: 'silent',
  });
  const child = spawn(process.execPath, [script, folder, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const slots: unknown = JSON.parse(line);
    if (Array.isArray(slots)) return { child, slots: slots.map(Number) };
  }
  throw new Error('The other process said nothing.');
}

async function killed(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

describe('a slot of our node names', () => {
  it('has one name each time, is nobody else’s meanwhile, and is free again afterwards', async () => {
    const one = await lease();
    const two = await lease();
    expect(two.slot).not.toBe(one.slot);
    await one.release();
    await one.release();
    const again = await lease();
    expect(again.shortName).toBe(one.shortName);
    await Promise.all([two.release(), again.release()]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is never shared between processes, even when they come at once', async () => {
    const [one, two] = await Promise.all([otherProcess(5), otherProcess(5)]);
    const own = await Promise.all(Array.from({ length: 5 }, lease));
    const slots = [...one.slots, ...two.slots, ...own.map(({ slot }) => slot)];
    expect(slots).not.toContain(-1);
    expect(new Set(slots).size).toBe(15);
    await Promise.all([killed(one.child), killed(two.child)]);
  });

  it('is taken over when its holder has died', async () => {
    const { child, slots } = await otherProcess(slotCount);
    expect([...slots].sort((a, b) => a - b)).toEqual(Array.from({ length: slotCount }, (_, slot) => slot));
    expect(await leaseSlot(folder)).toMatchObject({
      ok: false,
      error: { code: 'connect.no_free_name', class: 'unavailable', effect: 'none' },
    });
    await killed(child);
    expect(await lease()).toMatchObject({ slot: 0 });
    // Only ours is left: the dead are cleared away.
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('leaves those of another machine alone, whose process ids mean nothing here', async () => {
    const { child } = await otherProcess(1);
    const [file = ''] = readdirSync(folder);
    const [slot, , token] = file.split('.');
    const foreign = `${slot ?? ''}.4194304.${token ?? ''}.0a1b2c.lease`;
    writeFileSync(join(folder, foreign), '');
    await killed(child);
    expect(await lease()).toMatchObject({ slot: 0 });
    expect(readdirSync(folder)).toContain(foreign);
    expect(readdirSync(folder)).not.toContain(file);
  });

  it('lets other files be, and tells a folder that cannot be used', async () => {
    await lease();
    writeFileSync(join(folder, 'notes.txt'), '');
    await lease();
    expect(readdirSync(folder)).toContain('notes.txt');
    const file = join(root, 'a_file');
    writeFileSync(file, '');
    expect(await leaseSlot(file)).toMatchObject({ ok: false, error: { code: 'connect.lease_dir', effect: 'none' } });
  });

  it('makes a node name of the target’s kind, which is told from the cluster’s own', () => {
    const short = { shortName: 'arsenal_3_0a1b2c' };
    expect(ownNodeName(short, 'shop@127.0.0.1')).toBe('arsenal_3_0a1b2c@127.0.0.1');
    expect(ownNodeName(short, 'shop@box')).toBe('arsenal_3_0a1b2c@box');
    expect(isPoolName('arsenal_3_0a1b2c@box')).toBe(true);
    for (const other of ['shop@box', 'arsenal@box', 'arsenal_3@box', 'my_arsenal_3_0a1b2c@box']) {
      expect(isPoolName(other)).toBe(false);
    }
  });
});
