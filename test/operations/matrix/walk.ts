/** Runs an operation's examples, and says what became of them: one word an operation and runtime, for the matrix in the documents. */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { ArsenalError, Json } from '../../../runtime/model.ts';
import type { AnyOperation } from '../../../server/core/operation.ts';
import { at } from '../../../server/backend/testKit.ts';
import { isJson } from '../../../server/core/plainData.ts';
import { followedBy } from '../../../server/protocol/followTrace.ts';
import { ready } from './prepared.ts';
import type { Params, Stage } from './stage.ts';
import { localised, made } from './stage.ts';

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
    const error = await run(stage, operation, localised(stage, example.params));
    if (error === null) continue;
    const elsewhere = shownElsewhere[`${stage.runtime} ${operation.name}`];
    if (elsewhere !== undefined) return { is: 'elsewhere', ...elsewhere };
    if (error.class === 'unsupported') return { is: 'unsupported', why: error.message };
    return { is: 'failed', example: example.title, code: error.code, why: error.message };
  }
  return { is: 'works' };
}

async function run(stage: Stage, operation: AnyOperation, params: Params): Promise<ArsenalError | null> {
  const { name } = operation;
  // What cannot be done here cannot be prepared either, and the answer says so.
  const asIs = await stage.run(name, params);
  if (!asIs.ok && asIs.error.class === 'unsupported') return asIs.error;
  const answer = asIs.ok ? asIs : await stage.run(name, await ready(stage, name, params));
  if (!answer.ok) return answer.error;
  const result = answer.value.mode === 'run' ? answer.value.result : null;
  return followedBy(plainJson(operation.result)) === null ? null : failureOf(stage, at(result, 'trace'));
}

/** What becomes of something that goes on beside its call; null when that is as it should be. A trace is stopped: it can see for long. */
async function failureOf(stage: Stage, trace: Json): Promise<ArsenalError | null> {
  for (let after: Json = 0; ;) {
    const read = await made(stage, 'get_trace_results', { trace, after, limit: 5_000, waitMs: 100 });
    const { outcome = null, kind = null } = read;
    if (outcome !== null) {
      const error: unknown = at(outcome, 'error');
      expect(at(outcome, 'is')).toBe(error === null ? kind : 'failed');
      return isError(error) ? error : null;
    }
    after = read['next'] ?? 0;
    if (kind === 'trace') await made(stage, 'stop_trace', { trace });
  }
}

function isError(value: unknown): value is ArsenalError {
  return typeof value === 'object' && value !== null && 'class' in value && 'message' in value;
}

function plainJson(schema: object): Json {
  const copy: unknown = JSON.parse(JSON.stringify(schema));
  return isJson(copy) ? copy : null;
}
