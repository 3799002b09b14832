/** `NAME.scenario.json`: a run of a simulated cluster as data, to be replayed, made simpler, or kept as a test. */
import fs from 'node:fs';
import { Type } from 'typebox';
import { failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { ScheduleSource } from '../../runtime/embedded/record/choices.ts';
import { scenarioFormat, scenarioVersion } from '../../runtime/embedded/record/scenarioFormat.ts';
import { isJson, isJsonObject } from '../core/plainData.ts';
import { plainSchema } from '../core/schemaRules.ts';
import { compileWhenUsed } from '../core/validate.ts';
import type { RecordedCall } from './calls.ts';

export type ScenarioFile = {
  readonly format: typeof scenarioFormat;
  readonly version: typeof scenarioVersion;
  readonly name: string;
  readonly cluster: {
    /** What runs there: `file` names a cluster file, from the folder of this one; `module` one that only `module` below has. */
    readonly runs: 'empty' | 'demo' | 'module' | { readonly file: string };
    readonly nodes: readonly string[];
    readonly latencyMs?: { readonly min: number; readonly max: number };
    readonly schedule: 'fifo' | 'random';
  };
  readonly seed: number;
  /** Which runnable process ran next: drawn from the seed, or the first but for these. */
  readonly choices: ScheduleSource;
  /** What was asked from outside, at its instant of the cluster's time. */
  readonly calls: readonly RecordedCall[];
  /** Of the calls that the scenario's steps make, counted from 0, those that are not made. */
  readonly leftOut: readonly number[];
  readonly endedAtMs: number;
  /** What failed at last; null for a run that is only to be had again. */
  readonly failure: { readonly name: string; readonly message: string } | null;
  readonly events: { readonly count: number; readonly sha256: string };
  /** The module that exports the scenario's steps, from the folder of this file; null when there are none. */
  readonly module: string | null;
};

const text = Type.String({ maxLength: 100_000 });
const milliseconds = Type.Number({ minimum: 0 });
const schema = compileWhenUsed(
  plainSchema(
    Type.Object(
      {
        format: Type.Literal(scenarioFormat),
        version: Type.Literal(scenarioVersion),
        name: Type.String({ minLength: 1, maxLength: 200 }),
        cluster: Type.Object(
          {
            runs: Type.Union([
              Type.Enum(['empty', 'demo', 'module']),
              Type.Object({ file: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
            ]),
            nodes: Type.Array(text, { minItems: 1, maxItems: 50 }),
            latencyMs: Type.Optional(Type.Object({ min: milliseconds, max: milliseconds })),
            schedule: Type.Enum(['fifo', 'random']),
          },
          { additionalProperties: false },
        ),
        seed: Type.Integer({ minimum: 0 }),
        choices: Type.Union([
          Type.Object({ by: Type.Literal('seed') }, { additionalProperties: false }),
          Type.Object(
            {
              by: Type.Literal('list'),
              deviations: Type.Array(Type.Array(Type.Integer({ minimum: 0 }), { minItems: 2, maxItems: 2 })),
            },
            { additionalProperties: false },
          ),
        ]),
        calls: Type.Array(
          Type.Object(
            {
              is: Type.Enum(['operation', 'port']),
              name: text,
              params: Type.Object({}, { additionalProperties: true }),
              timeoutMs: milliseconds,
              atMs: milliseconds,
              outcome: text,
            },
            { additionalProperties: false },
          ),
        ),
        leftOut: Type.Array(Type.Integer({ minimum: 0 })),
        endedAtMs: milliseconds,
        failure: Type.Union([Type.Null(), Type.Object({ name: text, message: text })]),
        events: Type.Object({
          count: Type.Integer({ minimum: 0 }),
          sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        }),
        module: Type.Union([Type.Null(), text]),
      },
      { additionalProperties: false },
    ),
  ),
);

/** The text of a scenario file. */
export function scenarioText(scenario: Omit<ScenarioFile, 'format' | 'version'>): string {
  return `${JSON.stringify({ format: scenarioFormat, version: scenarioVersion, ...scenario }, null, 2)}\n`;
}

/**
 * Reads a scenario file. Errors: `scenario.not_found`, `scenario.broken` (no JSON), `scenario.version` (written by another version of
 * Arsenal), `scenario.invalid` with every rule it breaks in `details.problems`.
 */
export function readScenarioFile(file: string): Result<ScenarioFile> {
  let given: unknown;
  try {
    given = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return fs.existsSync(file)
      ? failure('validation', 'scenario.broken', `${file} is no JSON: ${why}`, 'Record the scenario anew.')
      : failure('not_found', 'scenario.not_found', `There is no file ${file}.`, 'Name a .scenario.json.');
  }
  if (!isJson(given) || !isJsonObject(given) || given['format'] !== scenarioFormat) {
    return failure('validation', 'scenario.invalid', `${file} is no scenario.`, 'Name a .scenario.json of Arsenal.');
  }
  if (given['version'] !== scenarioVersion) {
    return failure(
      'validation',
      'scenario.version',
      `${file} has version ${JSON.stringify(given['version'] ?? null)} of the format; this Arsenal reads version ${scenarioVersion}.`,
      'Record the scenario anew.',
      { pointer: '/version' },
    );
  }
  const checked = schema.check(given);
  if ('problems' in checked) {
    const { problems } = checked;
    const said = problems.map(({ pointer, message }) => `${pointer} ${message}`).join('; ');
    return failure('validation', 'scenario.invalid', `${file} is no valid scenario: ${said}`, 'Record it anew.', {
      details: { problems: problems.map(({ pointer, message }) => ({ pointer, message })) },
    });
  }
  return isScenario(checked.value) ? ok(checked.value) : invalidRest(file);
}

/** What the schema has checked. */
function isScenario(value: object): value is ScenarioFile {
  return 'choices' in value && 'calls' in value;
}
function invalidRest(file: string): Result<never> {
  return failure('validation', 'scenario.invalid', `${file} is no valid scenario.`, 'Record it anew.');
}
