/** `arsenal run`: one operation, on a system of its own or through a running gateway. */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import { arsenalError } from '../../runtime/errors.ts';
import { fail, ok } from '../../runtime/model.ts';
import type { ArsenalError, ConnectionId, Json, Result } from '../../runtime/model.ts';
import type { Backend } from '../backend/backend.ts';
import { findEntry } from '../gateway/catalogueRoutes.ts';
import { parseJson } from '../gateway/json.ts';
import { dataDocument, isJsonObject, resource } from '../gateway/jsonApi.ts';
import type { JsonObject } from '../gateway/jsonApi.ts';
import { paramsFromText } from '../gateway/textParams.ts';
import type { JsonSchema, OperationAnswer, OperationCall } from '../protocol/operation.ts';
import { batchName } from '../protocol/operation.ts';
import { apiBase } from '../protocol/routes.ts';
import { visibleText } from '../protocol/visibleText.ts';
import { followedBy } from '../protocol/followTrace.ts';
import type { FollowWay } from './follow.ts';
import { follow, followHere, followThere } from './follow.ts';
import { batchProgress } from './batchProgress.ts';
import { exitCode } from './io.ts';
import type { CliIo, ExitCode } from './io.ts';
import { cliCallOptions, connectBackend, openBackend, workspaceOf } from './localSystem.ts';
import { attributesOf, callGateway, callUntilStopped, gatewayAddress } from './remoteGateway.ts';
import { cellText, printError, printJson, printUsage, resultText, screenOf } from './report.ts';
import { connectSpec, namesNodes, namesSystem } from './runtimeOptions.ts';
import type { RuntimeOptions } from './runtimeOptions.ts';
import { badParameter, unknownOperation } from './unknown.ts';
import { hasOperations } from './workspace.ts';

export type RunOptions = RuntimeOptions & {
  readonly params?: string;
  readonly validateOnly?: boolean;
  readonly dryRun?: boolean;
  /** `false`: what goes on beside its call answers its id, and is not followed. */
  readonly follow?: boolean;
  readonly timeout?: number;
  readonly requestId?: string;
  readonly url?: string;
  readonly key?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
};

type Mode = OperationCall['mode'];
type Given = {
  readonly mode: Mode;
  readonly requestId: string;
  readonly pairs: readonly (readonly [string, string])[];
};

/** Runs one operation and prints its result. `words` are `key=value`. */
export async function run(
  io: CliIo,
  operation: string,
  words: readonly string[],
  options: RunOptions,
): Promise<ExitCode> {
  const json = options.json === true;
  const bad = words.find((word) => word.indexOf('=') < 1);
  if (bad !== undefined) {
    return printUsage(io, `${bad} is not a parameter.`, 'Parameters are key=value, or one --params JSON.', json);
  }
  if (options.params !== undefined && words.length > 0) {
    return printUsage(io, 'Parameters come as key=value or as --params, not both.', 'Leave one of them out.', json);
  }
  if (options.validateOnly === true && options.dryRun === true) {
    return printUsage(io, '--validate-only and --dry-run exclude each other.', 'Leave one of them out.', json);
  }
  const read = options.params === undefined ? undefined : await readText(io, options.params);
  if (read === null) {
    return printUsage(
      io,
      'What --params names cannot be read.',
      'Name a file that holds JSON, --params @FILE, or pipe it in: --params -.',
      json,
    );
  }
  const given: Given = {
    mode: options.validateOnly === true ? 'validate' : options.dryRun === true ? 'dry_run' : 'run',
    requestId: options.requestId ?? randomUUID(),
    pairs: words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  };
  const { params: _params, ...rest } = options;
  const readOptions: RunOptions = { ...rest, ...(read !== undefined && { params: read }) };
  const url = options.url ?? (namesSystem(options) ? undefined : io.env['ARSENAL_URL']);
  return url === undefined || url === ''
    ? runHere(io, operation, given, readOptions, json)
    : runThere(io, operation, given, { ...readOptions, url }, json);
}

/**
 * The text itself, or with @ that of the file it names, or as - what is piped in: a batch is too long for a command line. null: it cannot be
 * read.
 */
async function readText(io: CliIo, params: string): Promise<string | null> {
  if (params === '-') return (await io.readStdin?.()) ?? null;
  return params.startsWith('@') ? fs.readFile(params.slice(1), 'utf8').catch(() => null) : params;
}

// ------------------------------------------------------------------------------------------------------ in this process

async function runHere(
  io: CliIo,
  operation: string,
  given: Given,
  options: RunOptions,
  json: boolean,
): Promise<ExitCode> {
  // Options that contradict each other are said before anything is started.
  const connecting = connectSpec(options);
  if (connecting.ok && connecting.value.is === 'usage') {
    return printUsage(io, connecting.value.message, connecting.value.remedy, json);
  }
  const items = batchItems(operation, options.params);
  const opened = await openKnowing(io, [operation, ...items], options);
  if (!opened.ok) return printError(io, opened.error, json);
  const backend = opened.value;
  try {
    const entry = findEntry(backend.catalogue(), operation);
    if (entry === undefined && namesNodes(options)) return await runOnNodes(io, backend, operation, given, options);
    if (entry === undefined) return printError(io, unknownOperation(operation, backend.catalogue()), json);
    const params = readParams(operation, entry.params, given, options.params);
    if (!params.ok) return printBadParams(io, params.error, json);
    // Some operations need no system: the catalogue can be asked without starting a cluster.
    const needsSystem = [entry, ...items.map((item) => findEntry(backend.catalogue(), item))].some(
      (each) => each === undefined || each.needs.length > 0,
    );
    if (!needsSystem) return await executeHere(io, backend, null, operation, params.value, given, options);
    const connection = await connectBackend(io, backend, options, json);
    if (connection.is === 'exit') return connection.code;
    return await executeHere(io, backend, connection.value.id, operation, params.value, given, options);
  } finally {
    await backend.close();
  }
}

/** The operations that a batch is of; none of anything else, and of what is no batch. */
function batchItems(operation: string, params: string | undefined): readonly string[] {
  const value = operation === batchName && params !== undefined ? parseJson(params) : undefined;
  const items: Json = value !== undefined && isJsonObject(value) ? (value['items'] ?? null) : null;
  if (!Array.isArray(items)) return [];
  return items.flatMap((item: Json) => {
    const name = isJsonObject(item) ? item['operation'] : undefined;
    return typeof name === 'string' ? [name] : [];
  });
}

/** A backend that has the operations, if the user's own folder has them: Arsenal's own need no module to be loaded. */
async function openKnowing(io: CliIo, operations: readonly string[], options: RunOptions): Promise<Result<Backend>> {
  const plain = await openBackend(io, options);
  if (!plain.ok) return plain;
  const known = plain.value.catalogue();
  if (operations.every((operation) => findEntry(known, operation) !== undefined)) return plain;
  const workspace = workspaceOf(options);
  if (workspace === null || !hasOperations(workspace)) return plain;
  await plain.value.close();
  return openBackend(io, options, 'own');
}

/** Runs an operation that only the nodes can have. */
async function runOnNodes(
  io: CliIo,
  backend: Backend,
  operation: string,
  given: Given,
  options: RunOptions,
): Promise<ExitCode> {
  const json = options.json === true;
  const opened = await connectBackend(io, backend, options, json);
  if (opened.is === 'exit') return opened.code;
  const { id } = opened.value;
  const looked = await backend.discover(id, cliCallOptions(io));
  if (!looked.ok) return printError(io, looked.error, json);
  const entry = findEntry(backend.catalogue(), operation);
  if (entry === undefined) return printError(io, unknownOperation(operation, backend.catalogue()), json);
  const params = readParams(operation, entry.params, given, options.params);
  if (!params.ok) return printBadParams(io, params.error, json);
  return executeHere(io, backend, id, operation, params.value, given, options);
}

async function executeHere(
  io: CliIo,
  backend: Backend,
  connection: ConnectionId | null,
  operation: string,
  params: Json,
  given: Given,
  options: RunOptions,
): Promise<ExitCode> {
  const json = options.json === true;
  const { mode, requestId } = given;
  const answer = await backend.execute(
    { requestId, connection, operation, params, mode },
    {
      ...cliCallOptions(io),
      ...(options.timeout !== undefined && { timeoutMs: options.timeout }),
      ...(operation === batchName && !json && { onProgress: batchProgress(io) }),
    },
  );
  if (!answer.ok) return printError(io, answer.error, json);
  const attributes = attributesOfAnswer(operation, answer.value);
  const schema = findEntry(backend.catalogue(), operation)?.result ?? null;
  return printEnd(io, attributes, schema, followHere(io, backend, connection), given, options);
}

/** Prints an answer; of what goes on beside its call, what comes of it. */
async function printEnd(
  io: CliIo,
  attributes: JsonObject,
  schema: Json,
  way: FollowWay,
  { requestId }: Given,
  options: RunOptions,
): Promise<ExitCode> {
  const json = options.json === true;
  const { mode, result = null } = attributes;
  const reader = mode === 'run' && options.follow !== false ? followedBy(schema) : null;
  const ended = reader === null ? ok(result) : await follow(io, reader, result, way, json);
  if (!ended.ok) return printError(io, ended.error, json);
  const shown =
    reader === null ? attributes : { operation: attributes['operation'] ?? '', mode: 'run', result: ended.value };
  printAnswer(io, requestId, shown, json);
  return exitCodeOf(shown);
}

function attributesOfAnswer(operation: string, answer: OperationAnswer): JsonObject {
  switch (answer.mode) {
    case 'run':
      return { operation, mode: 'run', result: answer.result, durationMs: answer.durationMs };
    case 'dry_run': {
      const { summary, severity, undo, touches } = answer.plan;
      return {
        operation,
        mode: 'dry_run',
        plan: { summary, severity, undo, touches: touches.map((touch) => ({ ...touch })) },
      };
    }
    case 'validate':
      return { operation, mode: 'validate', valid: true };
  }
}

// ------------------------------------------------------------------------------------------------------ through a gateway

async function runThere(
  io: CliIo,
  operation: string,
  given: Given,
  options: RunOptions & { readonly url: string },
  json: boolean,
): Promise<ExitCode> {
  const address = await gatewayAddress(io, options);
  if (!address.ok) {
    return printError(
      io,
      address.error,
      json,
      address.error.class === 'validation' ? exitCode.usage : exitCode.cannotConnect,
    );
  }
  const path = `${apiBase}/operations/${encodeURIComponent(operation)}`;
  const described = await callGateway(
    address.value,
    { method: 'GET', path: `${path}/describe`, effectIfLost: 'none' },
    io.stop,
  );
  if (!described.result.ok) return printLost(io, described.result.error, described.reached, json);
  const entry = attributesOf(described.result.value);
  const schema = entry?.['params'];
  const severity = entry?.['severity'];
  const params = readParams(operation, isJsonObject(schema) ? schema : {}, given, options.params);
  if (!params.ok) return printBadParams(io, params.error, json);
  const safe = given.mode !== 'run' || severity === 'read' || severity === 'diagnose';
  const timeoutMs = options.timeout !== undefined && { timeoutMs: options.timeout };
  // A batch has a route of its own, which tells of its items on the way.
  const batch = operation === batchName && given.mode === 'run' && !json && isJsonObject(params.value);
  const progress = batchProgress(io);
  const executed = await callUntilStopped(
    address.value,
    {
      method: 'POST',
      requestId: given.requestId,
      effectIfLost: safe ? 'none' : 'unknown',
      ...(batch
        ? {
            path: `${apiBase}/batch`,
            body: { data: { type: 'batch', attributes: { ...params.value, ...timeoutMs } } },
            onLine: ({ item = null }) => progress({ is: 'rows', rows: [item] }),
          }
        : {
            path: `${path}/execute`,
            body: {
              data: { type: 'execution', attributes: { params: params.value, mode: given.mode, ...timeoutMs } },
            },
          }),
    },
    io.stop,
  );
  if (!executed.result.ok) return printLost(io, executed.result.error, executed.reached, json);
  const attributes = attributesOf(executed.result.value) ?? {};
  return printEnd(io, attributes, entry?.['result'] ?? null, followThere(io, address.value), given, options);
}

/** A batch of which not all is done has failed, though it has an answer. */
function exitCodeOf({ result }: JsonObject): ExitCode {
  const isUndoneBatch =
    result !== undefined && isJsonObject(result) && isJsonObject(result['counts']) && result['outcome'] !== 'done';
  return isUndoneBatch ? exitCode.failed : exitCode.done;
}

/** What is not JSON is a wrong command line; what the operation does not know is an error of the call. */
function printBadParams(io: CliIo, error: ArsenalError, json: boolean): ExitCode {
  return printError(io, error, json, error.code === 'cli.usage' ? exitCode.usage : exitCode.failed);
}

function printLost(io: CliIo, error: ArsenalError, reached: boolean, json: boolean): ExitCode {
  return printError(io, error, json, reached ? exitCode.failed : exitCode.cannotConnect);
}

// ------------------------------------------------------------------------------------------------------------- shared

function readParams(operation: string, schema: JsonSchema, given: Given, text: string | undefined): Result<Json> {
  if (text !== undefined) {
    const value = parseJson(text);
    if (value !== undefined) return ok(value);
    return {
      ok: false,
      error: arsenalError(
        'validation',
        'cli.usage',
        '--params is not JSON.',
        'Quote it for your shell: --params \'{"limit":5}\'.',
      ),
    };
  }
  const read = paramsFromText(schema, given.pairs);
  return read.ok ? ok(read.params) : fail(badParameter(operation, schema, read));
}

function printAnswer(io: CliIo, requestId: string, attributes: JsonObject, json: boolean): void {
  if (json) {
    printJson(io, dataDocument(resource('execution', requestId, attributes)));
    return;
  }
  const { mode, result, plan, durationMs } = attributes;
  if (mode === 'validate') io.stdout.write('The parameters are valid.\n');
  else if (isJsonObject(plan)) {
    io.stdout.write(`${visibleText(cellText(plan['summary']), 2000)}\n`);
    io.stdout.write(
      `Nothing was done. Severity: ${cellText(plan['severity'])}; can be undone: ${cellText(plan['undo'])}.\n`,
    );
  } else {
    io.stdout.write(resultText(result ?? null, screenOf(io)));
    if (typeof durationMs === 'number') io.stderr.write(`${durationMs.toFixed(1)} ms\n`);
  }
}
