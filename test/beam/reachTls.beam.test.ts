/** Joining nodes that use TLS distribution, and each thing that certificates can have wrong with them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { BeamSpec } from '../../runtime/beam/beamSpec.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { CertificateFiles, Certificates } from '../harness/certificates.ts';
import { makeCertificates, tlsArguments } from '../harness/certificates.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { eventually, readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { errorOf, freshLeaseDir, inTime } from './shop.ts';

const cookie = 'tls_crumbs';
const folder = mkdtempSync(path.join(tmpdir(), 'arsenal-tls-'));
let files: Certificates;
/** Two that demand a certificate (TLS 1.3 and below), and one each without TLS, expired, and for another host. */
let strict: LiveNode;
let older: LiveNode;
let plain: LiveNode;
let expired: LiveNode;
let elsewhere: LiveNode;

async function startTls(
  name: string,
  own: CertificateFiles,
  options: { readonly demands: boolean; readonly version?: 'tlsv1.2' },
): Promise<LiveNode> {
  const args = await tlsArguments(path.join(folder, `${name}.conf`), { ca: files.ca, own, ...options });
  return startErlang({ name, cookie, args });
}

beforeAll(async () => {
  files = await makeCertificates(path.join(folder, 'certificates'));
  strict = await startTls('strict', files.server, { demands: true });
  older = await startTls('older', files.server, { demands: true, version: 'tlsv1.2' });
  expired = await startTls('expired', files.expired, { demands: false });
  elsewhere = await startTls('elsewhere', files.elsewhere, { demands: false });
  plain = await startErlang({ name: 'plain', cookie });
}, 60_000);
afterAll(() => {
  stopAll();
  rmSync(folder, { recursive: true, force: true });
});

function specOf(live: LiveNode, change: Partial<BeamSpec> = {}): BeamSpec {
  const { ca, client } = files;
  return {
    id: 'tls',
    node: live.node,
    cookie,
    epmd: { port: live.epmdPort },
    tls: { caFile: ca, certFile: client.cert, keyFile: client.key },
    leaseDir: freshLeaseDir(),
    connectTimeoutMs: 2_500,
    ...change,
  };
}

/** Joins, looks at the node, and leaves. */
async function joined(spec: BeamSpec): Promise<Runtime['state']['is']> {
  const runtime = valueOf(await connectBeam(spec));
  try {
    valueOf(await runtime.port.system.stats({ node: spec.node }, inTime()));
    return runtime.state.is;
  } finally {
    await runtime.close();
  }
}

async function refusalOf(spec: BeamSpec) {
  return errorOf(await connectBeam(spec));
}

describe('a node with TLS distribution', () => {
  // @row AU-03
  it('is joined with a certificate of ours, and the whole cluster with it', async () => {
    expect(await strict.eval(`net_adm:ping('${older.node}').`)).toBe('pong');
    const runtime = valueOf(await connectBeam(specOf(strict)));
    try {
      const { nodes } = await eventually(
        async () => valueOf(await runtime.port.cluster.nodes({}, inTime())),
        (found) => found.nodes.length === 2,
      );
      expect(nodes.map(({ node, reach }) => [node, reach.via]).sort()).toEqual([
        [older.node, 'direct'],
        [strict.node, 'direct'],
      ]);
      // More than one record of TLS (16 KiB) and one fragment of the distribution (64 KiB).
      await strict.eval(
        '[register(list_to_atom(lists:concat([lists:duplicate(200, $n), I])), spawn(timer, sleep, [60000])) || I <- lists:seq(1, 600)], ok.',
      );
      const names = await readAll(runtime.port.names.list({ nodes: [strict.node], registry: 'local' }, inTime()));
      expect(names.frames.flat().length).toBeGreaterThan(600);
      expect(await strict.eval('nodes(hidden).')).toContain('arsenal_');
    } finally {
      await runtime.close();
    }
    await eventually(
      () => strict.eval('nodes(hidden).'),
      (hidden) => hidden === '[]',
    );
  });

  it('is joined below TLS 1.3 too, and by its address', async () => {
    expect(await joined(specOf(older))).toBe('ready');
    const port = Number(await strict.eval('{port, P, _} = erl_epmd:port_please("strict", {127,0,0,1}), P.'));
    expect(await joined(specOf(strict, { address: { host: '127.0.0.1', port } }))).toBe('ready');
  });

  it('that demands a certificate says so when we have none, and refuses one of a stranger', async () => {
    for (const node of [strict, older]) {
      const none = await refusalOf(specOf(node, { tls: { caFile: files.ca } }));
      expect(none).toMatchObject({
        code: 'connect.tls_client_certificate_required',
        class: 'authentication',
        effect: 'none',
      });
      const { cert, key } = files.stranger;
      const stranger = await refusalOf(specOf(node, { tls: { caFile: files.ca, certFile: cert, keyFile: key } }));
      expect(stranger).toMatchObject({ code: 'connect.tls_client_certificate_refused', class: 'authentication' });
    }
  });

  it('for which nobody vouches, or whose certificate has expired or is for another host, is not joined', async () => {
    const { cert, key } = files.client;
    const own = { certFile: cert, keyFile: key };
    expect(await refusalOf(specOf(strict, { tls: own }))).toMatchObject({ code: 'connect.tls_unknown_ca' });
    expect(await refusalOf(specOf(strict, { tls: { ...own, caFile: files.stranger.cert } }))).toMatchObject({
      code: 'connect.tls_unknown_ca',
    });
    expect(await refusalOf(specOf(expired))).toMatchObject({ code: 'connect.tls_expired', class: 'authentication' });
    expect(await refusalOf(specOf(elsewhere))).toMatchObject({ code: 'connect.tls_wrong_host' });
    // In so many words.
    expect(await joined(specOf(expired, { tls: { verify: 'none' } }))).toBe('ready');
    expect(await joined(specOf(elsewhere, { tls: { caFile: files.ca, servername: 'elsewhere.example' } }))).toBe(
      'ready',
    );
  });

  it('is told from one without, whichever of us begins with TLS', async () => {
    const { tls: _tls, ...withoutTls } = specOf(strict);
    const expected = await refusalOf(withoutTls);
    expect(expected).toMatchObject({ code: 'connect.protocol', details: { what: 'tls_expected' } });
    expect(expected.remedy).toContain('--tls');
    expect(await refusalOf(specOf(plain))).toMatchObject({ code: 'connect.tls_silent', class: 'timeout' });
  });

  it('refuses a wrong cookie as any other, and nothing is left of those who were refused', async () => {
    expect(await refusalOf(specOf(strict, { cookie: 'quite_wrong' }))).toMatchObject({ code: 'connect.bad_cookie' });
    for (const node of [strict, older, expired, elsewhere]) {
      await eventually(
        () => node.eval('[N || N <- nodes(connected), lists:prefix("arsenal", atom_to_list(N))].'),
        (connected) => connected === '[]',
      );
    }
  });

  it('is not tried with files that cannot be used', async () => {
    const { ca, client, server } = files;
    const missing = path.join(folder, 'missing.pem');
    const wrong: readonly (readonly [BeamSpec['tls'], string])[] = [
      [{ caFile: missing }, 'tls.unreadable'],
      [{ caFile: path.join(folder, 'strict.conf') }, 'tls.malformed'],
      [{ caFile: ca, certFile: client.cert }, 'tls.incomplete'],
      [{ caFile: ca, certFile: client.cert, keyFile: server.key }, 'tls.malformed'],
    ];
    for (const [tls, code] of wrong) {
      expect(await refusalOf(specOf(strict, tls === undefined ? {} : { tls }))).toMatchObject({
        code,
        class: 'validation',
      });
    }
  });
});
