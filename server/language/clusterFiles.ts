/**
 * The cluster file of a workspace (`arsenal.cluster.ts`): what a simulated cluster runs that is opened without saying more, put in place
 * anew when it is saved, and marked where it is broken. Only in trusted workspaces.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Diagnostic } from 'vscode-languageserver/node';
import type { ArsenalError, Result } from '../../runtime/model.ts';
import type { BackendCallOptions } from '../backend/backend.ts';
import { isJsonObject } from '../core/plainData.ts';
import type { LocalBackend } from '../backend/localBackend.ts';
import type { ConnectionInfo, ConnectSpec } from '../protocol/connection.ts';
import { clusterFileNames } from '../protocol/lsp.ts';

/** The cluster file of the first of these folders that has one; null when none has. */
export function clusterFileIn(folders: Iterable<string>): string | null {
  for (const folder of folders) {
    const found = clusterFileNames.map((name) => path.join(folder, name)).find((file) => fs.existsSync(file));
    if (found !== undefined) return found;
  }
  return null;
}

export type ClusterFilesOptions = {
  readonly backend: Pick<LocalBackend, 'connect' | 'connections' | 'execute'>;
  readonly folders: () => Iterable<string>;
  readonly publishDiagnostics: (uri: string, diagnostics: Diagnostic[]) => void;
};

export class ClusterFiles {
  readonly #options: ClusterFilesOptions;
  /** What runs which file, by connection. */
  readonly #running = new Map<string, string>();
  /** The files with a mark. */
  readonly #marked = new Set<string>();

  constructor(options: ClusterFilesOptions) {
    this.#options = options;
  }

  /** Opens a connection; a simulated cluster runs the workspace's file, if there is one and nothing else was asked for. */
  async connect(spec: ConnectSpec, options: BackendCallOptions): Promise<Result<ConnectionInfo>> {
    const { backend, folders } = this.#options;
    if (spec.kind !== 'simulated') return backend.connect(spec, options);
    const file = spec.clusterFile ?? (spec.nodes === undefined ? clusterFileIn(folders()) : null);
    if (file === null) return backend.connect(spec, options);
    const opened = await backend.connect({ ...spec, clusterFile: file }, options);
    this.#mark(file, opened.ok ? null : opened.error);
    if (opened.ok) this.#running.set(opened.value.id, file);
    return opened;
  }

  /** A file was saved: if a cluster runs it, or imports from beside it, its code is put in place. */
  async saved(file: string, options: BackendCallOptions): Promise<void> {
    const open = new Set(this.#options.backend.connections().map(({ id }) => id));
    for (const [connection, running] of this.#running) {
      if (!open.has(connection)) this.#running.delete(connection);
      else if (running === file || isBeside(running, file)) await this.#reload(connection, running, options);
    }
  }

  async #reload(connection: string, file: string, options: BackendCallOptions): Promise<void> {
    const call = {
      requestId: randomUUID(),
      connection,
      operation: 'reload_cluster_file',
      params: {},
      mode: 'run',
    } as const;
    const answer = await this.#options.backend.execute(call, options);
    this.#mark(file, answer.ok ? null : answer.error);
  }

  #mark(file: string, error: ArsenalError | null): void {
    const { publishDiagnostics } = this.#options;
    for (const marked of this.#marked) publishDiagnostics(pathToFileURL(marked).href, []);
    this.#marked.clear();
    if (error === null || !error.code.startsWith('cluster_file.')) return;
    const at = placeOf(error) ?? { file, line: 1, column: 1 };
    this.#marked.add(at.file);
    const start = { line: at.line - 1, character: at.column - 1 };
    publishDiagnostics(pathToFileURL(at.file).href, [
      {
        range: { start, end: { line: start.line, character: start.character + 1 } },
        severity: 1,
        source: 'Arsenal',
        code: error.code,
        message: `${sentence(withoutPlace(error.message, at))} ${error.remedy}`,
      },
    ]);
  }
}

/** Whether `file` can be imported by the cluster file `running`. */
function isBeside(running: string, file: string): boolean {
  const inside = path.relative(path.dirname(running), file);
  return /\.m?[jt]s$/.test(file) && !inside.startsWith('..') && !path.isAbsolute(inside);
}

/** With a full stop, where the words of a parser have none. */
function sentence(text: string): string {
  return /[.!?:]$/.test(text) ? text : `${text}.`;
}

type Place = { readonly file: string; readonly line: number; readonly column: number };

/** A mark stands at its place already. */
function withoutPlace(message: string, { file, line, column }: Place): string {
  const place = `${path.basename(file)}:${line}:${column}: `;
  return message.startsWith(place) ? message.slice(place.length) : message;
}

function placeOf(error: ArsenalError): Place | null {
  const at = error.details?.['at'];
  if (at === undefined || !isJsonObject(at)) return null;
  const { file, line, column } = at;
  return typeof file === 'string' && typeof line === 'number' && typeof column === 'number'
    ? { file, line, column }
    : null;
}
