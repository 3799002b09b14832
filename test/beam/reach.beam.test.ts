/** Ways to a node other than its name and EPMD on IPv4: explicit addresses, no EPMD, IPv6, and names that are none. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { BeamSpec } from '../../runtime/beam/beamSpec.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { freePort, startErlang, stopAll } from '../harness/erlang.ts';
import { eventually } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { errorOf, freshLeaseDir, inTime } from './shop.ts';

const cookie = 'reach_crumbs';
const open: Runtime[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runtime) => runtime.close()));
});
afterAll(stopAll);

const folder = mkdtempSync(path.join(tmpdir(), 'arsenal-reach-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Arguments for nodes that find each other through a module of their own (kernel, erl_epmd) and are in no EPMD, as Livebook's are. */
async function ownEpmdModule(): Promise<readonly string[]> {
  writeFileSync(
    path.join(folder, 'files_epmd.erl'),
    `-module(files_epmd).
     -export([start_link/0, register_node/3, listen_port_please/2, port_please/2, port_please/3, address_please/3, names/1]).
     %% It is asked before the file server runs.
     start_link() -> ignore.
     file(Name) -> filename:join(filename:dirname(code:which(?MODULE)), lists:concat([Name, "@localhost"])).
     register_node(Name, Port, _) -> ok = prim_file:write_file(file(Name), integer_to_list(Port)), {ok, 5}.
     listen_port_please(_, _) -> {ok, 0}.
     port_please(Name, Host) -> port_please(Name, Host, infinity).
     port_please(Name, _, _) ->
       case prim_file:read_file(file(Name)) of {ok, Port} -> {port, binary_to_integer(Port), 6}; _ -> noport end.
     address_please(_, Host, Family) -> inet:getaddr(Host, Family).
     names(_) -> {error, address}.
    `,
  );
  await promisify(execFile)('erlc', ['-o', folder, path.join(folder, 'files_epmd.erl')]);
  return ['-start_epmd', 'false', '-epmd_module', 'files_epmd', '-pa', folder];
}

function specOf(live: Pick<LiveNode, 'node' | 'epmdPort'>, change: Partial<BeamSpec> = {}): BeamSpec {
  return { id: 'reach', node: live.node, cookie, epmd: { port: live.epmdPort }, leaseDir: freshLeaseDir(), ...change };
}

async function connect(spec: BeamSpec): Promise<Runtime> {
  const runtime = valueOf(await connectBeam(spec));
  open.push(runtime);
  return runtime;
}

async function reachesOf(runtime: Runtime, count: number) {
  const nodes = await eventually(
    async () => valueOf(await runtime.port.cluster.nodes({}, inTime())).nodes,
    (found) => found.length === count,
  );
  return Object.fromEntries(nodes.map(({ node, reach }) => [node, reach.via]));
}

const hasIPv6 = Object.values(networkInterfaces()).some(
  (all) => all?.some(({ address }) => address === '::1') === true,
);

describe.runIf(hasIPv6)('a cluster on IPv6', () => {
  let one: LiveNode;
  let two: LiveNode;
  beforeAll(async () => {
    // EPMD adds the loopback of both families to the addresses it is given.
    one = await startErlang({ name: 'six', cookie, host: '::1', args: ['-proto_dist', 'inet6_tcp'] });
    two = await startErlang({ name: 'seven', cookie, host: '::1', args: ['-proto_dist', 'inet6_tcp'] });
    expect(await one.eval(`net_adm:ping('${two.node}').`)).toBe('pong');
  });

  it('is joined by names with an address in them, with EPMD on IPv6', async () => {
    expect(one.node).toBe('six@::1');
    const runtime = await connect(specOf(one));
    expect(await reachesOf(runtime, 2)).toEqual({ [one.node]: 'direct', [two.node]: 'direct' });
    expect(await one.eval('[N || N <- nodes(hidden)].')).toContain('@::1');
  });

  it('is joined at an address, whatever the family of its EPMD', async () => {
    const port = Number(await one.eval('{port, P, _} = erl_epmd:port_please("six", {127,0,0,1}), P.'));
    const runtime = await connect(specOf(one, { address: { host: '::1', port } }));
    expect(runtime.state.is).toBe('ready');
    const byIPv4 = await connect(
      specOf(one, { epmd: { host: '127.0.0.1', port: one.epmdPort }, address: { host: '::1', port } }),
    );
    expect(byIPv4.state.is).toBe('ready');
    const refused = await connectBeam(specOf(one, { address: { host: '127.0.0.1', port } }));
    expect(errorOf(refused)).toMatchObject({ code: 'connect.refused' });
  });
});

describe('a cluster without EPMD', () => {
  it('is joined at the port that each node has on its own host (-erl_epmd_port)', async () => {
    const port = await freePort();
    const noEpmd = { ERL_EPMD_PORT: String(await freePort()) };
    const args = ['-start_epmd', 'false', '-erl_epmd_port', String(port)];
    const one = await startErlang({ name: 'bare', cookie, args, env: noEpmd });
    const runtime = await connect({ ...specOf(one, { erlEpmdPort: port }), epmd: {} });
    expect(await reachesOf(runtime, 1)).toEqual({ [one.node]: 'direct' });
    await one.stop();
    await eventually(
      () => Promise.resolve(runtime.state.is),
      (is) => is === 'lost',
    );
    await startErlang({ name: 'bare', cookie, args, env: noEpmd });
    await eventually(
      () => Promise.resolve(runtime.state.is),
      (is) => is === 'ready',
    );
  });

  it('is joined at an address; its other nodes are asked through that one, or at theirs (Livebook’s way)', async () => {
    const args = await ownEpmdModule();
    const one = await startErlang({ name: 'book', cookie, args });
    const two = await startErlang({ name: 'page', cookie, args });
    expect(await one.eval(`net_adm:ping('${two.node}').`)).toBe('pong');
    const addressOf = (live: LiveNode) => ({
      host: '127.0.0.1',
      port: Number(readFileSync(path.join(folder, live.node), 'utf8')),
    });
    const noEpmd = { port: await freePort() };
    expect(errorOf(await connectBeam(specOf(one, { epmd: noEpmd })))).toMatchObject({
      code: 'connect.epmd_unreachable',
    });
    const runtime = await connect(specOf(one, { address: addressOf(one), epmd: noEpmd }));
    expect(await reachesOf(runtime, 2)).toEqual({ [one.node]: 'direct', [two.node]: 'relay' });
    valueOf(await runtime.port.system.stats({ node: two.node }, inTime()));
    valueOf(await runtime.port.cluster.connect({ node: two.node, address: addressOf(two) }, inTime()));
    expect(await reachesOf(runtime, 2)).toEqual({ [one.node]: 'direct', [two.node]: 'direct' });
  });

  it('lets only those in whom it allows, and says so', async () => {
    const closed = await startErlang({ name: 'closed', cookie });
    await closed.eval('net_kernel:allow([friend@localhost]).');
    expect(errorOf(await connectBeam(specOf(closed)))).toMatchObject({
      code: 'connect.not_allowed',
      class: 'authorization',
    });
  });
});

describe('a node without a name of its own', () => {
  it('is refused with what to do instead', async () => {
    for (const node of ['undefined', 'undefined@localhost', 'nonode@nohost']) {
      const error = errorOf(await connectBeam(specOf({ node, epmdPort: 1 })));
      expect(error).toMatchObject({ code: 'connect.dynamic_name', class: 'unsupported', effect: 'none' });
      expect(error.remedy).toContain('--sname');
    }
  });

  it('is known by the name that another gave it to that one alone, and cannot be dialled by it', async () => {
    const host = await startErlang({ name: 'host', cookie });
    // It ends with the node that gave it its name.
    const guest = `net_kernel:connect_node('${host.node}'), monitor_node('${host.node}', true), receive {nodedown, _} -> halt() end.`;
    await host.eval(
      `open_port({spawn_executable, os:find_executable("erl")}, [{args, ["-sname", "undefined", "-setcookie", "${cookie}", ` +
        `"-noshell", "-eval", "${guest}"]}]), ok.`,
    );
    const hidden = await eventually(
      () => host.eval('nodes(hidden).'),
      (names) => names !== '[]',
    );
    const [given = ''] = /[\w@-]+/.exec(hidden.replaceAll("'", '')) ?? [];
    expect(given).toMatch(/^[0-9A-Z]+@/);
    const runtime = await connect(specOf(host));
    expect(await reachesOf(runtime, 1)).toEqual({ [host.node]: 'direct' });
    const refused = await runtime.port.cluster.connect({ node: given }, inTime());
    // Which of these it is depends on whether its host part, which is this machine's, leads to the same EPMD.
    const causes = ['connect.no_such_node', 'connect.epmd_unreachable', 'connect.host_unresolved'];
    expect(causes).toContain(errorOf(refused).code);
  });
});

describe('ERL_EPMD_PORT', () => {
  const before = process.env['ERL_EPMD_PORT'];
  afterEach(() => {
    if (before === undefined) delete process.env['ERL_EPMD_PORT'];
    else process.env['ERL_EPMD_PORT'] = before;
  });

  it('is heeded, and is an error when it is no port and needed', async () => {
    const live = await startErlang({ name: 'env', cookie });
    process.env['ERL_EPMD_PORT'] = String(live.epmdPort);
    expect((await connect({ ...specOf(live), epmd: {} })).state.is).toBe('ready');
    for (const wrong of ['port', '0', '70000', '43 69', '-1', '4369x']) {
      process.env['ERL_EPMD_PORT'] = wrong;
      expect(errorOf(await connectBeam({ ...specOf(live), epmd: {} }))).toMatchObject({
        code: 'connect.bad_epmd_port',
        class: 'validation',
      });
    }
    expect((await connect(specOf(live))).state.is).toBe('ready');
  });
});
