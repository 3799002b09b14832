/**
 * The process that owns a local cluster, apart from every window: `node localCluster.js CLUSTER_DIR`. It ends when its folder has another
 * owner already, when it is told to, and five seconds after the last window has gone, unless it is kept.
 */
import path from 'node:path';
import process from 'node:process';
import { LogFile } from '../nodes/logFile.ts';
import { OwnerClient } from './ownerClient.ts';
import type { OwnerAddress } from './ownerFiles.ts';
import { clusterFiles, publishedOwners, publishOwner, withdrawOwner } from './ownerFiles.ts';
import { OwnerServer } from './ownerServer.ts';

async function main(clusterDir: string): Promise<void> {
  const log = new LogFile(clusterFiles(clusterDir).ownerLog);
  const say = (line: string): void => log.write(`${new Date().toISOString()} ${line}\n`);
  let ours: OwnerAddress | null = null;
  const server = new OwnerServer({
    clusterDir,
    env: process.env,
    log: say,
    onOver: () => {
      void (ours === null ? Promise.resolve() : withdrawOwner(ours)).finally(() => {
        log.close();
        process.exit(0);
      });
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void server.end(signal));
  }
  process.on('uncaughtException', (error) => {
    say(error.stack ?? error.message);
    void server.end('a fault of ours');
  });
  ours = await publishOwner(clusterDir, await server.listen());
  server.admit(ours.token);
  if (await hasOther(clusterDir, ours)) return server.end('another owns this folder');
  server.own();
  say(`owner ${process.pid} of ${clusterDir}`);
}

/** Whether there is another owner; files of those that have died are taken away. */
async function hasOther(clusterDir: string, ours: OwnerAddress): Promise<boolean> {
  for (const other of await publishedOwners(clusterDir)) {
    if (other.file === ours.file) continue;
    const attached = await OwnerClient.attach(other, 'owner');
    if (attached !== 'gone' && attached !== 'silent') attached.close();
    if (attached !== 'gone') return true;
    await withdrawOwner(other);
  }
  return false;
}

const [clusterDir] = process.argv.slice(2);
if (clusterDir === undefined || !path.isAbsolute(clusterDir)) {
  process.stderr.write('Usage: localCluster.js CLUSTER_DIR (an absolute path)\n');
  process.exit(2);
}
void main(clusterDir);
