/** What TLS distribution needs, read from the files that the user names. Keys stay in their files and in our memory. */
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Result } from '../model.ts';
import { ok } from '../model.ts';
import { failure } from '../errors.ts';
import type { TlsOptions } from './dist/tls.ts';

/** PEM files, as `-ssl_dist_optfile` names them: `cacertfile`, `certfile`, `keyfile`. */
export type TlsSpec = {
  /** Who may vouch for the nodes; without it, those whom Node.js trusts. */
  readonly caFile?: string;
  /** Our own certificate, for nodes that demand one (`fail_if_no_peer_cert`). */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name in the nodes' certificates; without it, the host part of each node's name. */
  readonly servername?: string;
  /** `none` does not look at the node's certificate: whoever stands between can read and change everything. */
  readonly verify?: 'peer' | 'none';
};

const largestFileBytes = 1024 * 1024;

/**
 * The texts of the files. Errors: `tls.unreadable`, `tls.incomplete` (a certificate without its key, or the reverse), `tls.malformed`
 * (no PEM, an encrypted key, a key of another certificate). No error repeats what stands in a file.
 */
export async function readTls(spec: TlsSpec): Promise<Result<TlsOptions>> {
  if ((spec.certFile === undefined) !== (spec.keyFile === undefined)) {
    return failure(
      'validation',
      'tls.incomplete',
      'A certificate of our own needs its key, and a key its certificate.',
      'Give both files (--tls-cert and --tls-key), or neither.',
    );
  }
  const texts: { ca?: string; cert?: string; key?: string } = {};
  for (const [part, file] of [
    ['ca', spec.caFile],
    ['cert', spec.certFile],
    ['key', spec.keyFile],
  ] as const) {
    if (file === undefined) continue;
    const text = await readPem(file);
    if (!text.ok) return text;
    texts[part] = text.value;
  }
  try {
    createSecureContext(texts);
  } catch (error) {
    return malformed(
      [spec.caFile, spec.certFile, spec.keyFile].filter((file) => file !== undefined).join(', '),
      error instanceof Error && 'code' in error ? String(error.code) : 'unknown',
    );
  }
  const { servername, verify = 'peer' } = spec;
  return ok({ ...texts, ...(servername !== undefined && { servername }), verify });
}

async function readPem(file: string): Promise<Result<string>> {
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > largestFileBytes) return malformed(file, 'size');
    const text = await readFile(file, 'latin1');
    return text.includes('-----BEGIN ') ? ok(text) : malformed(file, 'no_pem');
  } catch (error) {
    const system = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return failure(
      'validation',
      'tls.unreadable',
      `The file ${file} cannot be read.`,
      'Name a file that exists and that you may read.',
      { details: { file, system } },
    );
  }
}

function malformed(file: string, why: string) {
  return failure(
    'validation',
    'tls.malformed',
    `${file} cannot be used for TLS.`,
    'Give PEM files, a key that is not encrypted, and the certificate that belongs to it.',
    { details: { file, why } },
  );
}
