/**
 * Where a local cluster keeps its files, and how its owner is found: by a file that only this user can read, with a port and a secret.
 *
 * There is one owner per folder. Taking it: listen, write our own file, then look; whoever finds another that answers withdraws. As
 * everyone writes before looking, two never both stay. A file whose port does not answer to its secret is of an owner that has died.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ownerProtocolVersion } from './protocol.ts';

/** How an owner is reached. */
export type OwnerAddress = {
  readonly file: string;
  readonly port: number;
  readonly token: string;
  readonly pid: number;
};

const ownerFile = /^owner-[0-9a-f]{16}\.json$/;

/**
 * The folder of the cluster of `project` below Arsenal's home: nothing is written into the project. null: the cluster of plain Erlang
 * nodes, of which a user has one.
 */
export async function clusterDirOf(home: string, project: string | null): Promise<string> {
  const name = project === null ? 'plain' : await realpath(project).catch(() => path.resolve(project));
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 12);
  const readable =
    project === null
      ? 'erl'
      : path
          .basename(name)
          .replaceAll(/[^\w.-]/g, '_')
          .slice(0, 32);
  return path.join(home, 'local', `${readable}-${hash}`);
}

/** Files and folders of one cluster. */
export function clusterFiles(clusterDir: string) {
  return {
    codeDir: path.join(clusterDir, 'code'),
    buildDir: path.join(clusterDir, 'build'),
    mixScript: path.join(clusterDir, 'start.exs'),
    cookieFile: path.join(clusterDir, 'cookie'),
    buildLog: path.join(clusterDir, 'logs', 'build.log'),
    ownerLog: path.join(clusterDir, 'logs', 'owner.log'),
    nodeLog: (name: string) => path.join(clusterDir, 'logs', `${name}.log`),
    nodeDir: (name: string) => path.join(clusterDir, 'nodes', name),
  };
}

/** Says that an owner listens at `port`; its file appears whole or not at all. Rejects when the folder cannot be written. */
export async function publishOwner(clusterDir: string, port: number): Promise<OwnerAddress> {
  await mkdir(clusterDir, { recursive: true, mode: 0o700 });
  const token = randomBytes(32).toString('hex');
  const file = path.join(clusterDir, `owner-${randomBytes(8).toString('hex')}.json`);
  const address = { version: ownerProtocolVersion, port, token, pid: process.pid };
  await writeFile(`${file}.new`, JSON.stringify(address), { mode: 0o600, flag: 'wx' });
  await rename(`${file}.new`, file);
  return { file, port, token, pid: process.pid };
}

/** Every owner that has said it listens, dead ones among them. */
export async function publishedOwners(clusterDir: string): Promise<readonly OwnerAddress[]> {
  const names = await readdir(clusterDir).catch(() => []);
  const found = await Promise.all(
    names.filter((name) => ownerFile.test(name)).map((name) => readOwner(path.join(clusterDir, name))),
  );
  return found.filter((address) => address !== null);
}

/** Takes the file of an owner that is gone away. */
export async function withdrawOwner(address: OwnerAddress): Promise<void> {
  await rm(address.file, { force: true }).catch(() => undefined);
}

async function readOwner(file: string): Promise<OwnerAddress | null> {
  try {
    const read: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof read !== 'object' || read === null) return null;
    const { version, port, token, pid } = read as { readonly [key: string]: unknown };
    if (version !== ownerProtocolVersion || typeof port !== 'number' || typeof token !== 'string') return null;
    return typeof pid === 'number' ? { file, port, token, pid } : null;
  } catch {
    // Gone since it was listed, or of another hand.
    return null;
  }
}
