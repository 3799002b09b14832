/**
 * Which of our node names this process may use.
 *
 * Every new node name leaves an atom on the target for ever, so names come from a small pool and are used again; two windows
 * under one name would throw each other out, so a name is leased. A lease is a file `SLOT.PID.TOKEN.POOL.lease` in a folder that all
 * windows share; those of another pool (a home that several machines have in common) are not ours to judge, because their process ids
 * mean nothing here. Taking one: write ours, then look; whoever sees another living lease on the slot withdraws. As everyone writes
 * before looking, two can never both stay, whatever the order, and no file is ever read half written: its name says it all.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import { failure } from '../../errors.ts';
import { isRunning } from '../../osProcess.ts';

export const slotCount = 16;
/** Two that meet on every free slot both withdraw; a few rounds at random moments part them. */
const rounds = 8;

export type SlotLease = {
  readonly slot: number;
  /** The short part of our node's name, `arsenal_SLOT_HASH`: the same for a slot each time. */
  readonly shortName: string;
  /** Gives the slot back; never rejects, may be called again. */
  release(): Promise<void>;
};

type LeaseFile = { readonly name: string; readonly slot: number; readonly pid: number };

/**
 * Leases one of {@link slotCount} names in `leaseDir`. A slot whose holder has died is taken over. Errors: `connect.no_free_name`
 * (all are held by living processes), `connect.lease_dir` (the folder cannot be written).
 */
export async function leaseSlot(leaseDir: string): Promise<Result<SlotLease>> {
  const token = randomBytes(8).toString('hex');
  try {
    await mkdir(leaseDir, { recursive: true, mode: 0o700 });
    for (let round = 0; round < rounds; round += 1) {
      const taken = new Set((await livingLeases(leaseDir)).map((lease) => lease.slot));
      const free = Array.from({ length: slotCount }, (_, slot) => slot).filter((slot) => !taken.has(slot));
      if (free.length === 0) return noFreeName(leaseDir);
      for (const slot of free) {
        const lease = await tryLease(leaseDir, slot, token);
        if (lease !== null) return ok(lease);
      }
      await delay(Math.random() * 20 * (round + 1));
    }
    return noFreeName(leaseDir);
  } catch (error) {
    return failure(
      'unavailable',
      'connect.lease_dir',
      `The folder ${leaseDir}, where node names are leased, cannot be used.`,
      'Make it writable, or choose another home folder for Arsenal.',
      { details: { reason: error instanceof Error ? error.message : 'unknown' } },
    );
  }
}

async function tryLease(leaseDir: string, slot: number, token: string): Promise<SlotLease | null> {
  const name = `${String(slot)}.${String(process.pid)}.${token}.${poolHash(leaseDir)}.lease`;
  const file = path.join(leaseDir, name);
  await (await open(file, 'wx', 0o600)).close();
  const others = (await livingLeases(leaseDir)).filter((lease) => lease.slot === slot && lease.name !== name);
  if (others.length > 0) {
    await rm(file, { force: true });
    return null;
  }
  return {
    slot,
    shortName: `arsenal_${String(slot)}_${poolHash(leaseDir)}`,
    release: async () => {
      await rm(file, { force: true }).catch(() => undefined);
    },
  };
}

/** The leases of our pool whose holders live; files of dead holders are removed on the way. */
async function livingLeases(leaseDir: string): Promise<LeaseFile[]> {
  const living: LeaseFile[] = [];
  const pool = poolHash(leaseDir);
  for (const name of await readdir(leaseDir)) {
    const found = /^(\d{1,3})\.(\d{1,10})\.[0-9a-f]{16}\.([0-9a-f]{6})\.lease$/.exec(name);
    if (found?.[3] !== pool) continue;
    const lease = { name, slot: Number(found[1]), pid: Number(found[2]) };
    if (isRunning(lease.pid)) living.push(lease);
    else await rm(path.join(leaseDir, name), { force: true });
  }
  return living;
}

/** Tells pools apart: two machines, or two users, that join one cluster must not share a name. */
function poolHash(leaseDir: string): string {
  return createHash('sha256')
    .update(`${hostname()}\n${path.resolve(leaseDir)}`)
    .digest('hex')
    .slice(0, 6);
}

/**
 * Our full node name for joining `target`: its own host part, because the kind of name (short or long) must be the target's, the
 * part itself is not checked (erlang-distribution, handshake), and one host part a target leaves the fewest atoms there.
 */
export function ownNodeName(lease: Pick<SlotLease, 'shortName'>, target: NodeName): NodeName {
  return `${lease.shortName}@${target.slice(target.indexOf('@') + 1)}`;
}

/** Whether `node` is a name from such a pool: ours or another window's, which is no part of the cluster that is shown. */
export function isPoolName(node: NodeName): boolean {
  return /^arsenal_\d{1,3}_[0-9a-f]{6}@/.test(node);
}

function noFreeName(leaseDir: string) {
  return failure(
    'unavailable',
    'connect.no_free_name',
    `All ${String(slotCount)} node names of Arsenal are in use on this machine.`,
    `Close another window's connection. (The leases are in ${leaseDir}.)`,
  );
}
