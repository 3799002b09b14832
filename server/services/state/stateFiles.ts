/** The files under the state: those of the audit log's kind, which can be removed too. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { LogFiles } from '../audit/logFiles.ts';
import { logFilesIn } from '../audit/logFiles.ts';

/** Each method rejects when the disk does. */
export interface StateFiles extends Pick<LogFiles, 'create' | 'list' | 'read' | 'size'> {
  /** Removes it, if it is there. */
  remove(name: string): Promise<void>;
}

/** The files in `folder`, readable by their owner only. */
export function stateFilesIn(folder: string): StateFiles {
  return { ...logFilesIn(folder), remove: (name) => rm(path.join(folder, name), { force: true }) };
}
