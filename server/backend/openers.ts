/** From what to connect to, to a runtime: the only place that knows the kinds of runtime. */
import path from 'node:path';
import type { ConnectionId, Result } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { CookieSource as CookieFrom } from '../../runtime/beam/cookie.ts';
import { readCookie } from '../../runtime/beam/cookie.ts';
import { startSimulated } from '../../runtime/embedded/host.ts';
import type { ConnectSpec, CookieSource } from '../protocol/connection.ts';
import { openLocalCluster } from './openersLocal.ts';

export type OpenerFiles = {
  readonly home: string;
  readonly simulatedWorkerFile: string;
  readonly sandboxChildFile: string;
  /** The built owner of local clusters; `localCluster.js` beside the worker unless said. */
  readonly localClusterFile?: string;
};
/** Opens a runtime; resolves once it is ready, or with why it cannot be. */
export type OpenRuntime = (spec: ConnectSpec, id: ConnectionId, signal?: AbortSignal) => Promise<Result<Runtime>>;

const defaultNodes = 3;

/** Opens every kind of runtime there is. */
export function openerOf(files: OpenerFiles): OpenRuntime {
  const { home, simulatedWorkerFile: workerFile, sandboxChildFile } = files;
  return async (spec, id, signal) => {
    switch (spec.kind) {
      case 'simulated': {
        const { nodes = defaultNodes, seed, time, clusterFile } = spec;
        return startSimulated({
          id,
          nodes,
          workerFile,
          sandboxChildFile,
          ...(seed !== undefined && { seed }),
          ...(time !== undefined && { time }),
          ...(clusterFile !== undefined && { clusterFile }),
        });
      }
      case 'local-cluster':
        return openLocalCluster(spec, id, files, signal);
      case 'beam': {
        const { kind: _kind, cookie: from, ...rest } = spec;
        const cookie = await readCookie(...cookiePlace(from));
        if (!cookie.ok) return cookie;
        const beam = { ...rest, id, cookie: cookie.value, leaseDir: path.join(home, 'leases') };
        return connectBeam(beam, undefined, signal);
      }
    }
  };
}

/** Where the cookie is read; without a place, where OTP itself looks. */
function cookiePlace(from: CookieSource): [CookieFrom?] {
  switch (from.from) {
    case 'text':
      return [{ text: from.value }];
    case 'file':
      return [{ file: from.path }];
    case 'default':
      return [];
  }
}
