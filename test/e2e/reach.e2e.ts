/** The ways to a node, on the command line of the built program. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pick } from '../../server/gateway/testJson.ts';
import type { Certificates } from '../harness/certificates.ts';
import { makeCertificates, tlsArguments } from '../harness/certificates.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { runCli } from './support/cli.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-reach-e2e-'));
const state = path.join(folder, 'state');
let files: Certificates;
let secure: LiveNode;
let plain: LiveNode;

beforeAll(async () => {
  files = await makeCertificates(path.join(folder, 'certificates'));
  const { ca, server } = files;
  const args = await tlsArguments(path.join(folder, 'dist.conf'), { ca, own: server, demands: true });
  secure = await startErlang({ name: 'secure', cookie: 'e2e', args });
  plain = await startErlang({ name: 'plain', cookie: 'e2e' });
  const script = path.join(import.meta.dirname, '..', 'harness', 'standInSsh.mjs');
  fs.writeFileSync(path.join(folder, 'ssh'), `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`, {
    mode: 0o700,
  });
});
afterAll(() => {
  stopAll();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Asks for a node's information, reached as the options say. */
async function nodeInfo(live: LiveNode, options: readonly string[], env: { readonly [name: string]: string } = {}) {
  const at = ['--connect', live.node, '--cookie-file', live.cookieFile, ...options];
  const run = await runCli(['run', 'node_info', `node=${live.node}`, ...at, '--json'], state, env);
  return { code: run.code, error: pick(run.json, 'errors.0.code'), said: JSON.stringify(run.json) };
}

describe('the command line', () => {
  it('joins with TLS and a certificate of ours, and says what is missing', async () => {
    const epmd = ['--epmd', String(secure.epmdPort)];
    const own = ['--tls-cert', files.client.cert, '--tls-key', files.client.key];
    const joined = await nodeInfo(secure, [...epmd, '--tls', '--tls-ca', files.ca, ...own]);
    expect([joined.code, joined.said.includes(secure.node)]).toEqual([0, true]);
    expect(await nodeInfo(secure, epmd)).toMatchObject({ code: 3, error: 'connect.protocol' });
    expect(await nodeInfo(secure, [...epmd, '--tls', ...own])).toMatchObject({
      code: 3,
      error: 'connect.tls_unknown_ca',
    });
    expect(await nodeInfo(secure, [...epmd, '--tls', '--no-tls-verify'])).toMatchObject({
      code: 3,
      error: 'connect.tls_client_certificate_required',
    });
  });

  it.skipIf(process.platform === 'win32')('joins through the user’s ssh, which has ended when it has', async () => {
    const log = path.join(folder, 'log');
    const env = { PATH: `${folder}${path.delimiter}${process.env['PATH'] ?? ''}`, STAND_IN_SSH: log };
    const joined = await nodeInfo(plain, ['--epmd', String(plain.epmdPort), '--ssh', 'ops@gate'], env);
    expect([joined.code, joined.said.includes(plain.node)]).toEqual([0, true]);
    const pids = [...fs.readFileSync(log, 'utf8').matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids.length).toBeGreaterThanOrEqual(2);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
  });

  it('says that ERL_EPMD_PORT is no port, and does not need it when EPMD’s port is given', async () => {
    const env = { ERL_EPMD_PORT: 'epmd' };
    expect(await nodeInfo(plain, [], env)).toMatchObject({ code: 3, error: 'connect.bad_epmd_port' });
    expect(await nodeInfo(plain, ['--epmd', String(plain.epmdPort)], env)).toMatchObject({ code: 0 });
  });
});
