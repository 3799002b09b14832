/** What a connection is remembered by, over windows and restarts. Cookies are not in it: they are in the editor's secret storage. */
import type { TlsFiles } from '../../server/protocol/connection.ts';
import { isRecord } from '../decode.ts';

/** How a node is reached, when not by its name and the EPMD of its host. */
export type SavedReach = {
  readonly address?: { readonly host: string; readonly port: number };
  readonly epmd?: { readonly host?: string; readonly port?: number };
  readonly erlEpmdPort?: number;
  readonly tls?: TlsFiles;
  readonly ssh?: { readonly target: string };
};

export type SavedConnection =
  | {
      readonly kind: 'simulated';
      readonly nodes?: number;
      readonly seed?: number;
      /** What it runs; without it the workspace's own cluster file, else the demo. */
      readonly clusterFile?: string;
    }
  | {
      readonly kind: 'local-cluster';
      /** The project's folder; without it, plain Erlang nodes. */
      readonly project?: string;
      readonly nodes?: number;
      readonly env?: { readonly [name: string]: string };
    }
  | ({
      readonly kind: 'beam';
      readonly node: string;
      /** `secret`: in the secret storage under {@link connectionKey}. */
      readonly cookie:
        { readonly from: 'secret' } | { readonly from: 'default' } | { readonly from: 'file'; readonly path: string };
    } & SavedReach);

/** One text for one system, whatever its cookie: key of tree roots, of recent connections and of secrets. */
export function connectionKey(saved: SavedConnection): string {
  if (saved.kind === 'simulated') {
    const { nodes, seed, clusterFile } = saved;
    return `simulated:${nodes ?? ''}:${seed ?? ''}${clusterFile === undefined ? '' : `:${clusterFile}`}`;
  }
  // A project has one local cluster, however it was started.
  if (saved.kind === 'local-cluster') return `local-cluster:${saved.project ?? ''}`;
  const { address, epmd, erlEpmdPort, ssh } = saved;
  const place = address ?? (erlEpmdPort === undefined ? epmd : { host: 'erl_epmd_port', port: erlEpmdPort });
  const through = `${place?.host ?? ''}:${place?.port ?? ''}`;
  return `beam:${saved.node}:${through}${ssh === undefined ? '' : `:ssh:${ssh.target}`}`;
}

/** Most recent connections that are kept. */
export const mostRecent = 10;

/** `list` with `saved` in front, once, and at most {@link mostRecent} long. */
export function withRecent(list: readonly SavedConnection[], saved: SavedConnection): readonly SavedConnection[] {
  const key = connectionKey(saved);
  return [saved, ...list.filter((other) => connectionKey(other) !== key)].slice(0, mostRecent);
}

/** Reads a list written by an earlier version, or by another hand; what is not understood is left out. */
export function parseSavedConnections(value: unknown): readonly SavedConnection[] {
  return Array.isArray(value) ? value.filter(isSavedConnection).slice(0, mostRecent) : [];
}

function isSavedConnection(value: unknown): value is SavedConnection {
  if (!isRecord(value)) return false;
  if (value['kind'] === 'simulated') return true;
  if (value['kind'] === 'local-cluster') return value['project'] === undefined || typeof value['project'] === 'string';
  const cookie = value['cookie'];
  if (value['kind'] !== 'beam' || typeof value['node'] !== 'string' || !isRecord(cookie)) return false;
  return cookie['from'] === 'secret' || cookie['from'] === 'default' || typeof cookie['path'] === 'string';
}

/**
 * Reads `arsenal.connect.onStart`: `"simulated"`, `"none"`, `{"kind":"simulated",…}`, `{"kind":"local-cluster",…}` (of the project in
 * `folder`, the workspace's first, unless it names one) or `{"kind":"beam","node":…,"cookieFile":…}`.
 */
export function parseConnectOnStart(value: unknown, folder?: string): SavedConnection | null {
  if (value === 'simulated') return { kind: 'simulated' };
  if (!isRecord(value)) return null;
  if (value['kind'] === 'local-cluster') {
    const { nodes, env, project = folder } = value;
    return {
      kind: 'local-cluster',
      ...(typeof project === 'string' && project !== '' && { project }),
      ...(typeof nodes === 'number' && { nodes }),
      ...(isRecord(env) && { env: textsIn(env) }),
    };
  }
  if (value['kind'] === 'simulated') {
    const { nodes, seed } = value;
    return {
      kind: 'simulated',
      ...(typeof nodes === 'number' && { nodes }),
      ...(typeof seed === 'number' && { seed }),
    };
  }
  const { kind, node, cookieFile } = value;
  if (kind !== 'beam' || typeof node !== 'string' || node === '') return null;
  return {
    kind: 'beam',
    node,
    cookie:
      typeof cookieFile === 'string' && cookieFile !== '' ? { from: 'file', path: cookieFile } : { from: 'default' },
    ...parseReach(value),
  };
}

function textsIn(values: Record<string, unknown>): { readonly [name: string]: string } {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

function parseReach({ epmdPort, epmdHost, erlEpmdPort, address, tls, ssh }: Record<string, unknown>): SavedReach {
  return {
    ...((typeof epmdPort === 'number' || typeof epmdHost === 'string') && {
      epmd: {
        ...(typeof epmdHost === 'string' && { host: epmdHost }),
        ...(typeof epmdPort === 'number' && { port: epmdPort }),
      },
    }),
    ...(typeof erlEpmdPort === 'number' && { erlEpmdPort }),
    ...(isRecord(address) &&
      typeof address['host'] === 'string' &&
      typeof address['port'] === 'number' && { address: { host: address['host'], port: address['port'] } }),
    ...(isRecord(tls) && { tls: parseTls(tls) }),
    ...(typeof ssh === 'string' && ssh !== '' && { ssh: { target: ssh } }),
  };
}

function parseTls({ caFile, certFile, keyFile, servername, verify }: Record<string, unknown>): TlsFiles {
  return {
    ...(typeof caFile === 'string' && { caFile }),
    ...(typeof certFile === 'string' && { certFile }),
    ...(typeof keyFile === 'string' && { keyFile }),
    ...(typeof servername === 'string' && { servername }),
    // Anything else is the safe one.
    ...(verify === 'none' && { verify }),
  };
}
