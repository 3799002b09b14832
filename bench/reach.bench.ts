/** What TLS costs us and a BEAM node, and how soon a node that comes back is up for us. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../runtime/beam/beamRuntime.ts';
import { epmdNames } from '../runtime/beam/dist/epmd.ts';
import { HiddenNode } from '../runtime/beam/dist/node.ts';
import { readTls } from '../runtime/beam/tlsFiles.ts';
import { makeCertificates, tlsArguments } from '../test/harness/certificates.ts';
import type { LiveNode } from '../test/harness/erlang.ts';
import { startErlang, stopAll } from '../test/harness/erlang.ts';
import { eventually } from '../test/port/portSuite.ts';
import { valueOf } from '../test/port/results.ts';
import { callTime } from './liveNodes.ts';
import { figures, percentile, timesOf } from './measure.ts';

const cookie = 'bench';
const folder = mkdtempSync(path.join(tmpdir(), 'arsenal-bench-reach-'));
afterAll(() => {
  stopAll();
  rmSync(folder, { recursive: true, force: true });
});

async function numbersOf(node: LiveNode, source: string): Promise<readonly number[]> {
  const numbers: unknown = JSON.parse(await node.eval(source));
  if (!Array.isArray(numbers)) throw new Error(`No list: ${source}`);
  return numbers.map(Number);
}

describe('a node with TLS distribution, for us and for another BEAM node', () => {
  it('is connected to, and answers', async () => {
    const { ca, server, client } = await makeCertificates(path.join(folder, 'certificates'));
    const args = await tlsArguments(path.join(folder, 'dist.conf'), { ca, own: server, demands: true });
    const [peer, target] = [
      await startErlang({ name: 'tls_peer', cookie, args }),
      await startErlang({ name: 'tls_target', cookie, args }),
    ];
    const tls = valueOf(await readTls({ caFile: ca, certFile: client.cert, keyFile: client.key }));
    const connect = async () => {
      const node = new HiddenNode({ name: 'bench_tls@localhost', cookie, nameIsLeased: true, tls });
      const connected = await node.connect({ node: target.node, epmdPort: target.epmdPort }, callTime());
      if (!connected.ok) throw new Error(connected.error.message);
      return { node, connection: connected.value };
    };
    const call = `erpc:call('${target.node}', erlang, node, [])`;
    const ours = await timesOf(20, async () => {
      const { node, connection } = await connect();
      await connection.call('erlang', 'node', [], callTime());
      node.close();
    });
    const theirs = await numbersOf(
      peer,
      `[begin erlang:disconnect_node('${target.node}'), element(1, timer:tc(fun() -> ${call} end)) end || _ <- lists:seq(1, 20)].`,
    );
    figures('TLS: connect and first answer (ms)', {
      'ours p50': percentile(ours, 0.5),
      'BEAM p50': percentile(theirs, 0.5) / 1000,
    });
    const { node, connection } = await connect();
    const ourCalls: number[] = [];
    const theirCalls: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      ourCalls.push(...(await timesOf(200, () => connection.call('erlang', 'node', [], callTime()))));
      theirCalls.push(
        ...(await numbersOf(peer, `[element(1, timer:tc(fun() -> ${call} end)) || _ <- lists:seq(1, 200)].`)),
      );
    }
    node.close();
    figures('TLS: call, sequential (µs)', {
      'ours p50': percentile(ourCalls, 0.5) * 1000,
      'erpc p50': percentile(theirCalls, 0.5),
    });
    expect(ours).toHaveLength(theirs.length);
  });
});

describe('a node that was killed and is started again', () => {
  it('is up for us', async () => {
    const first = await startErlang({ name: 'stays', cookie });
    const start = () => startErlang({ name: 'returns', cookie });
    let second = await start();
    await second.eval(`true = net_kernel:connect_node('${first.node}').`);
    const epmd = { host: '127.0.0.1', port: first.epmdPort };
    const runtime = valueOf(
      await connectBeam({ id: 'bench', node: second.node, cookie, epmd: { port: first.epmdPort }, leaseDir: folder }),
    );
    const isUp = (wanted: boolean) =>
      eventually(
        () => Promise.resolve(runtime.state.is === 'ready'),
        (is) => is === wanted,
        10_000,
      );
    const times: number[] = [];
    for (let round = 0; round < 12; round += 1) {
      await second.stop();
      await isUp(false);
      const starting = start();
      await eventually(
        () => epmdNames(epmd, callTime()),
        (names) => names.ok && names.value.some(({ name }) => name === 'returns'),
      );
      const registered = performance.now();
      await isUp(true);
      times.push(performance.now() - registered);
      second = await starting;
    }
    await runtime.close();
    figures('From its registration to up for us (ms, budget 1,000)', {
      p50: percentile(times, 0.5),
      most: Math.max(...times),
    });
    expect(times).toHaveLength(12);
  });
});
