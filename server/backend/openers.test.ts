import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorOf, valueOf } from '../core/testKit.ts';
import type { OpenRuntime } from './openers.ts';
import { openerOf } from './openers.ts';
import { bundled, temporaryHome } from './testKit.ts';

describe('openerOf', () => {
  let home: string;
  let open: OpenRuntime;
  beforeAll(async () => {
    home = temporaryHome();
    const simulatedWorkerFile = await bundled('runtime/embedded/worker.ts', home);
    open = openerOf({ home, simulatedWorkerFile, sandboxChildFile: '' });
  });
  afterAll(() => {
    fs.rmSync(home, { recursive: true, force: true });
  });

  it('starts a simulated cluster, of three nodes unless said otherwise', async () => {
    const counts = await Promise.all(
      [{}, { nodes: 2, seed: 7 }].map(async (spec, at) => {
        const runtime = valueOf(await open({ kind: 'simulated', ...spec }, `sim${at}`));
        const signal = new AbortController().signal;
        const found = await runtime.port.cluster.nodes({}, { remainingMs: 5000, signal, correlationId: 'c' });
        await runtime.close();
        return valueOf(found).nodes.length;
      }),
    );
    expect(counts).toEqual([3, 2]);
    expect(errorOf(await open({ kind: 'simulated', nodes: 0 }, 'sim')).class).toBe('validation');
  });

  it('says what is wrong with a cookie before it tries a node', async () => {
    const missing = path.join(home, 'no.cookie');
    const spec = { kind: 'beam', node: 'shop@127.0.0.1' } as const;
    const errors = [
      errorOf(await open({ ...spec, cookie: { from: 'file', path: missing } }, 'x')),
      errorOf(await open({ ...spec, cookie: { from: 'text', value: '' } }, 'x')),
    ];
    expect(errors.map(({ code }) => code)).toEqual(['cookie.not_found', 'cookie.empty']);
    expect(fs.existsSync(path.join(home, 'leases'))).toBe(false);
  });

  it('says when there is no EPMD where a node should be', async () => {
    const epmd = { host: '127.0.0.1', port: 1 };
    const cookie = { from: 'text', value: 'canary-cookie' } as const;
    const error = errorOf(await open({ kind: 'beam', node: 'shop@127.0.0.1', cookie, epmd }, 'x'));
    expect(error).toMatchObject({ class: 'unavailable', effect: 'none' });
    expect(JSON.stringify(error)).not.toContain('canary-cookie');
  });
});
