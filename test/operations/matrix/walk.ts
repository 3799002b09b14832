/** Runs an operation's examples, and says what became of them: one word an operation and runtime, for the matrix in the documents. */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ArsenalError } from '../../../runtime/model.ts';
import type { AnyOperation } from '../../../server/core/operation.ts';
import { ready } from './prepared.ts';
import type { Params, Stage } from './stage.ts';
import { localised } from './stage.ts';

/**
 * `unsupported` with the reason that the runtime gives; `elsewhere` when what it is for is not on this stage; `failed` with the code of an error that is none of those.
 */
export type Outcome =
  | { readonly is: 'works' }
  | { readonly is: 'unsupported'; readonly why: string }
  | { readonly is: 'elsewhere'; readonly why: string; readonly shownBy: string }
  | { readonly is: 'failed'; readonly example: string; readonly code: string; readonly why: string };

/** What an example is about is not on that stage: which test has it. */
const shownElsewhere: { readonly [stageAndOperation: string]: { readonly why: string; readonly shownBy: string } } = {
  'beam horde_start_child': { why: 'The live shop has no Horde.', shownBy: 'test/beam/horde.beam.test.ts' },
  'simulated reload_cluster_file': {
    why: 'The demo is not made from a cluster file.',
    shownBy: 'test/embedded/clusterFile.test.ts',
  },
};

const file = fileURLToPath(new URL('../../../docs/data/operation-matrix.json', import.meta.url));
type Matrix = { readonly [runtime: string]: { readonly [operation: string]: Outcome } };

/**
 * What the matrix in the documents says of an operation; with ARSENAL_WRITE_MATRIX=1 (`npm run matrix`) it is made to say what has become
 * of it now.
 */
export function recorded(runtime: Stage['runtime'], operation: string, outcome: Outcome): Outcome | undefined {
  const matrix = JSON.parse(fs.readFileSync(file, 'utf8')) as Matrix;
  if (process.env['ARSENAL_WRITE_MATRIX'] !== '1') return matrix[runtime]?.[operation];
  const all = Object.entries({ ...matrix[runtime], [operation]: outcome }).toSorted(([one], [other]) =>
    one < other ? -1 : 1,
  );
  fs.writeFileSync(file, `${JSON.stringify({ ...matrix, [runtime]: Object.fromEntries(all) }, null, 2)}\n`);
  return outcome;
}

/**
 * Every example of `operation`: the first that does not work says what is the matter. That a result is what the schema promises is
 * looked at by the pipeline, which answers `operation.bad_result` otherwise.
 */
export async function outcomeOf(stage: Stage, operation: AnyOperation): Promise<Outcome> {
  for (const example of operation.examples) {
    const error = await run(stage, operation.name, localised(stage, example.params));
    if (error === null) continue;
    const elsewhere = shownElsewhere[`${stage.runtime} ${operation.name}`];
    if (elsewhere !== undefined) return { is: 'elsewhere', ...elsewhere };
    if (error.class === 'unsupported') return { is: 'unsupported', why: error.message };
    return { is: 'failed', example: example.title, code: error.code, why: error.message };
  }
  return { is: 'works' };
}

async function run(stage: Stage, operation: string, params: Params): Promise<ArsenalError | null> {
  // What cannot be done here cannot be prepared either, and the answer says so.
  const asIs = await stage.run(operation, params);
  if (asIs.ok || asIs.error.class === 'unsupported') return asIs.ok ? null : asIs.error;
  const answer = await stage.run(operation, await ready(stage, operation, params));
  return answer.ok ? null : answer.error;
}
