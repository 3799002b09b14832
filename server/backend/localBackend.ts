/** The backend in this process: catalogue, pipeline, services and runtimes. */
import type { Result } from '../../runtime/model.ts';
import type { Registry } from '../core/registry.ts';
import type { ArsenalEvent } from '../protocol/connection.ts';
import type { Backend } from './backend.ts';

export type BackendLog = (level: 'debug' | 'info' | 'warn' | 'error', message: string, details?: object) => void;

export type BackendOptions = {
  /** Where state is kept: audit log, leases. Several processes may share it. */
  readonly home: string;
  /** The bundled worker that hosts the simulated cluster. */
  readonly simulatedWorkerFile: string;
  /** The bundled program a sandbox's process runs. */
  readonly sandboxChildFile: string;
  /** Writes allowed on real clusters for every caller (`serve --allow-writes`); otherwise asked for in the editor, refused elsewhere. */
  readonly allowWrites?: boolean;
  readonly log?: BackendLog;
};

/** A backend in this process, whose catalogue can be added to. */
export interface LocalBackend extends Backend {
  readonly registry: Registry;
  /** Publishes an event of whoever adds to the catalogue (a module of the user's that is broken). */
  publish(what: ArsenalEvent['what']): void;
}

export type CreateBackend = (options: BackendOptions) => Promise<Result<LocalBackend>>;
