/** Reaching a cluster through the user's own ssh; a stand-in everywhere, the real program where it and its server are installed. */
import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { BeamSpec } from '../../runtime/beam/beamSpec.ts';
import type { SshSpec } from '../../runtime/beam/sshArguments.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { freePort, startErlang, stopAll } from '../harness/erlang.ts';
import { eventually } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { errorOf, freshLeaseDir, inTime } from './shop.ts';

const cookie = 'ssh_crumbs';
const folder = mkdtempSync(path.join(tmpdir(), 'arsenal-ssh-'));
const program = path.join(folder, 'ssh');
const log = path.join(folder, 'log');
/** A host that only the far side knows. */
const far = 'box.far';
const nodes: LiveNode[] = [];

function startFar(name: string, args: readonly string[] = []): Promise<LiveNode> {
  const inetrc = path.join(folder, 'inetrc');
  writeFileSync(inetrc, `{lookup, [file, native]}.\n{host, {127,0,0,1}, ["${far}"]}.\n`);
  return startErlang({ name, cookie, host: far, args: ['-kernel', 'inetrc', `"${inetrc}"`, ...args] });
}

beforeAll(async () => {
  const script = readFileSync(path.join(import.meta.dirname, '..', 'harness', 'standInSsh.mjs'), 'utf8');
  writeFileSync(`${program}.mjs`, script);
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${program}.mjs" "$@"\n`);
  chmodSync(program, 0o700);
  process.env['STAND_IN_SSH'] = log;
  nodes.push(await startFar('one'), await startFar('two'));
  expect(await nodes[0]?.eval(`net_adm:ping('two@${far}').`)).toBe('pong');
}, 60_000);
afterAll(() => {
  delete process.env['STAND_IN_SSH'];
  stopAll();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  writeFileSync(log, '');
});

const open: Runtime[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runtime) => runtime.close()));
});

async function connect(spec: BeamSpec): Promise<Runtime> {
  const runtime = valueOf(await connectBeam(spec));
  open.push(runtime);
  return runtime;
}

function specOf(ssh: Partial<SshSpec> = {}, change: Partial<BeamSpec> = {}): BeamSpec {
  return {
    id: 'ssh',
    node: `one@${far}`,
    cookie,
    epmd: { port: nodes[0]?.epmdPort ?? 0 },
    ssh: { target: 'ops@gate', program, ...ssh },
    leaseDir: freshLeaseDir(),
    ...change,
  };
}

type Logged = { readonly is: string; readonly pid?: number; readonly args?: readonly string[]; readonly port?: number };

function logged(is: 'called' | 'forwarded'): readonly Logged[] {
  const lines = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line): Logged => JSON.parse(line)).filter((entry) => entry.is === is);
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function reachable(runtime: Runtime, count: number) {
  return eventually(
    async () => valueOf(await runtime.port.cluster.nodes({}, inTime())).nodes,
    (all) => all.filter(({ reach }) => reach.via === 'direct').length === count,
    15_000,
  );
}

describe.skipIf(process.platform === 'win32')('a cluster behind ssh', () => {
  it('is reached with every node of it, and each ssh ends with the connection', async () => {
    const runtime = await connect(specOf({ target: 'ssh://ops@gate:2222' }));
    const found = await reachable(runtime, 2);
    expect(found.map(({ node }) => node).sort()).toEqual([`one@${far}`, `two@${far}`]);
    for (const { node } of found) valueOf(await runtime.port.system.stats({ node }, inTime()));
    const calls = logged('called');
    // One for EPMD, one for each node.
    expect(calls).toHaveLength(3);
    for (const { args = [] } of calls) {
      expect(args.slice(-2)).toEqual(['--', 'ssh://ops@gate:2222']);
    }
    const pids = calls.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
    expect(pids.filter(runs)).toHaveLength(3);
    await runtime.close();
    await eventually(
      () => Promise.resolve(pids.filter(runs)),
      (left) => left.length === 0,
    );
  });

  it('is reached at an address as the far side sees it, without EPMD', async () => {
    const port = Number(await nodes[0]?.eval('{port, P, _} = erl_epmd:port_please("one", {127,0,0,1}), P.'));
    const runtime = await connect(specOf({}, { address: { host: 'localhost', port } }));
    expect(runtime.state.is).toBe('ready');
    expect(logged('forwarded')).toEqual([{ is: 'forwarded', host: 'localhost', port }]);
  });

  it('shows a node that was killed and started again, on its new port', async () => {
    const third = await startFar('three');
    expect(await third.eval(`net_adm:ping('one@${far}').`)).toBe('pong');
    const runtime = await connect(specOf());
    const before = (await reachable(runtime, 3)).find(({ node }) => node === third.node);
    await third.stop();
    await eventually(
      () => Promise.resolve(runtime.state.is),
      (is) => is === 'degraded',
    );
    const again = await startFar('three');
    const after = (await reachable(runtime, 3)).find(({ node }) => node === again.node);
    expect(after?.creation).not.toBe(before?.creation);
    await again.stop();
  });

  it('says what ssh says when it is not let in, when it is not there, and when it says nothing', async () => {
    const refused = errorOf(await connectBeam(specOf({ target: 'stranger@gate' })));
    expect(refused).toMatchObject({ code: 'connect.ssh_ended', class: 'unavailable', effect: 'none' });
    expect(refused.message).toContain('Permission denied (publickey)');
    const missing = errorOf(await connectBeam(specOf({ program: path.join(folder, 'no-such-ssh') })));
    expect(missing).toMatchObject({ code: 'connect.ssh_missing' });
    const silent = errorOf(await connectBeam(specOf({ target: 'hanging@gate' }, { connectTimeoutMs: 800 })));
    expect(silent).toMatchObject({ code: 'connect.ssh_timeout', class: 'timeout' });
    await eventually(
      () => Promise.resolve(logged('called').flatMap(({ pid }) => (pid !== undefined && runs(pid) ? [pid] : []))),
      (left) => left.length === 0,
    );
  });

  it('is given up at once when nobody wants it any more', async () => {
    const aborter = new AbortController();
    const connecting = connectBeam(specOf({ target: 'hanging@gate' }), undefined, aborter.signal);
    await eventually(
      () => Promise.resolve(logged('called').length),
      (calls) => calls === 1,
    );
    aborter.abort();
    expect(errorOf(await connecting)).toMatchObject({ code: 'call.cancelled', effect: 'none' });
    const [call] = logged('called');
    await eventually(
      () => Promise.resolve(runs(call?.pid ?? 0)),
      (is) => !is,
    );
    expect(errorOf(await connectBeam(specOf(), undefined, AbortSignal.abort()))).toMatchObject({ class: 'cancelled' });
  });

  it('tells an EPMD or a node that is not there from one that is', async () => {
    const dead = await freePort();
    expect(errorOf(await connectBeam(specOf({}, { epmd: { port: dead } })))).toMatchObject({
      code: 'connect.epmd_unreachable',
    });
    expect(errorOf(await connectBeam(specOf({}, { address: { host: far, port: dead } })))).toMatchObject({
      code: 'connect.refused',
    });
    expect(errorOf(await connectBeam(specOf({}, { node: `nobody@${far}` })))).toMatchObject({
      code: 'connect.no_such_node',
    });
  });

  it('hands nothing to ssh that it could take for an option or a command', async () => {
    for (const target of [
      '-oProxyCommand=touch /tmp/x',
      'me@-oProxyCommand=x',
      'gate; touch x',
      'gate $(touch x)',
      'gate\n-v',
      '',
    ]) {
      expect(errorOf(await connectBeam(specOf({ target })))).toMatchObject({
        code: 'connect.bad_ssh_target',
        class: 'validation',
      });
    }
    for (const host of ['-x', '/var/run/x.sock', 'a:22:b', '$(x)']) {
      const error = errorOf(await connectBeam(specOf({}, { node: `one@${host}` })));
      expect(error).toMatchObject({ code: 'connect.ssh_host' });
    }
    expect(logged('called')).toEqual([]);
  });
});

const runFile = promisify(execFile);
/** The server wants to be root, and its folder there. */
const hasServer =
  process.getuid?.() === 0 && ['/usr/bin/ssh', '/usr/sbin/sshd', '/run/sshd'].every((file) => existsSync(file));

/** Where OpenSSH is installed: a server of our own on loopback, with keys of this test. */
describe.runIf(hasServer)('a cluster behind OpenSSH', () => {
  let config: string;
  let port: number;
  let server: ReturnType<typeof spawn>;

  beforeAll(async () => {
    for (const name of ['host', 'me']) {
      await runFile('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(folder, name)]);
    }
    port = await freePort();
    writeFileSync(path.join(folder, 'allowed'), readFileSync(path.join(folder, 'me.pub')), { mode: 0o600 });
    const serverConfig = path.join(folder, 'sshd_config');
    writeFileSync(
      serverConfig,
      [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${path.join(folder, 'host')}`,
        `AuthorizedKeysFile ${path.join(folder, 'allowed')}`,
        'PasswordAuthentication no',
        'PermitRootLogin yes',
        'StrictModes no',
        'UsePAM no',
        `PidFile ${path.join(folder, 'pid')}`,
        '',
      ].join('\n'),
    );
    server = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', serverConfig], { stdio: 'ignore' });
    const hostKey = readFileSync(path.join(folder, 'host.pub'), 'utf8');
    writeFileSync(path.join(folder, 'known'), `[127.0.0.1]:${port} ${hostKey}`);
    config = path.join(folder, 'config');
    writeFileSync(
      config,
      [
        'Host gate',
        '  HostName 127.0.0.1',
        `  Port ${port}`,
        '  User root',
        '  IdentitiesOnly yes',
        `  IdentityFile ${path.join(folder, 'me')}`,
        `  UserKnownHostsFile ${path.join(folder, 'known')}`,
        '',
      ].join('\n'),
    );
    // The user's own ssh, with this test's configuration in place of the user's.
    writeFileSync(path.join(folder, 'real'), `#!/bin/sh\nexec ssh -F "${config}" "$@"\n`, { mode: 0o700 });
  });
  afterAll(() => {
    server.kill();
  });

  it('is reached by a host of the configuration', async () => {
    const local = await startErlang({ name: 'local', cookie });
    const spec = specOf({ target: 'gate', program: path.join(folder, 'real') }, { node: local.node });
    const runtime = await connect(spec);
    expect(runtime.state.is).toBe('ready');
    valueOf(await runtime.port.system.stats({ node: local.node }, inTime()));
  });

  it('is refused with what ssh says when the host is a stranger or the key is', async () => {
    writeFileSync(path.join(folder, 'known'), '');
    const real = path.join(folder, 'real');
    const stranger = errorOf(await connectBeam(specOf({ target: 'gate', program: real })));
    expect(stranger).toMatchObject({ code: 'connect.ssh_ended' });
    expect(stranger.message).toContain('Host key verification failed');
  });
});
