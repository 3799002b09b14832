/** The Elixir shop (test/fixtures/elixir-shop) and connections to it, for the live suites. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { BeamSpec } from '../../runtime/beam/beamSpec.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import type { ProcessRef, Result, SupervisorInfo } from '../../runtime/model.ts';
import { pidText } from '../../runtime/model.ts';
import type { CallOptions, Runtime } from '../../runtime/port.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';

const leaseDirs: string[] = [];
process.on('exit', () => {
  for (const folder of leaseDirs) rmSync(folder, { recursive: true, force: true });
});

/** A folder for leases that is nobody else's. */
export function freshLeaseDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'arsenal-lease-'));
  leaseDirs.push(folder);
  return folder;
}

/** What joins the shop; `change` replaces parts of it. */
export function shopSpec(shop: Shop, change: Partial<BeamSpec> = {}): BeamSpec {
  return {
    id: 'shop',
    node: shop.node,
    cookie: shop.cookie,
    epmd: { port: shop.epmdPort },
    leaseDir: freshLeaseDir(),
    ...change,
  };
}

export async function connectShop(shop: Shop, change: Partial<BeamSpec> = {}): Promise<Runtime> {
  return valueOf(await connectBeam(shopSpec(shop, change)));
}

export function inTime(ms = 10_000): CallOptions {
  return callOptions(ms);
}

/** The process registered as `name`, which is the exact text of the atom, on a node. */
export async function named(runtime: Runtime, node: string, name: string): Promise<ProcessRef> {
  const target = { name: { in: 'local', node, name } } as const;
  return valueOf(await runtime.port.names.resolve({ target, seenFrom: node }, inTime())).pid;
}

export async function supervisorsOf(runtime: Runtime, node: string): Promise<readonly SupervisorInfo[]> {
  const { frames, end } = await readAll(runtime.port.supervisors.find({ nodes: [node] }, inTime()));
  valueOf(end);
  return frames.flat();
}

export async function childrenOf(runtime: Runtime, supervisor: ProcessRef) {
  const params = { supervisor, offset: 0, limit: 1_000 };
  const { frames, end } = await readAll(runtime.port.supervisors.children(params, inTime()));
  valueOf(end);
  return frames.flat();
}

/** How the node itself prints its own processes, sorted: what a test compares with. */
export function printed(pids: readonly ProcessRef[]): readonly string[] {
  return pids.map(pidText).sort();
}

/** The pids in what `rpc` printed, sorted. */
export function pidsIn(text: string): readonly string[] {
  return (text.match(/<0\.\d+\.\d+>/g) ?? []).sort();
}

/** The error of a result that must be a failure. */
export function errorOf(result: Result<unknown>) {
  if (result.ok) throw new Error('It succeeded.');
  return result.error;
}
