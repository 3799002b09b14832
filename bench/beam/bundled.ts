/** The subject of a benchmark, built as the product is and running in a process of its own. */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import type { Answer, Place, Question, Told } from './subject.ts';

export type Subject = {
  readonly ask: (question: Question) => Promise<Answer>;
  readonly dispose: () => Promise<void>;
};

/** Starts it and connects it to the node. Rejects when either fails. */
export async function startSubject(place: Place): Promise<Subject> {
  const folder = await mkdtemp(path.join(tmpdir(), 'arsenal-bench-'));
  const outfile = path.join(folder, 'subject.js');
  const shared = { bundle: true, platform: 'node', format: 'cjs', target: 'node20', keepNames: true } as const;
  await build({ ...shared, logLevel: 'warning', entryPoints: [path.join(import.meta.dirname, 'subject.ts')], outfile });
  const child = fork(outfile, { execArgv: [] });
  const tell = (told: Told): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('The subject has ended.'));
      child.once('exit', ended);
      child.once('message', (said: { readonly times: Answer } | { readonly failed: string }) => {
        child.off('exit', ended);
        if ('times' in said) resolve(said.times);
        else reject(new Error(said.failed));
      });
      child.send(told);
    });
  const dispose = async (): Promise<void> => {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await tell({ place });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { ask: (question) => tell({ question }), dispose };
}
