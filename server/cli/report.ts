/** How the command line says things: tables and words for people, JSON:API for programs. */
import Table from 'cli-table3';
import type { ArsenalError, Json } from '../../runtime/model.ts';
import { errorDocument, isJsonObject } from '../gateway/jsonApi.ts';
import type { Document, JsonObject } from '../gateway/jsonApi.ts';
import { visibleText } from '../protocol/visibleText.ts';
import { exitCode } from './io.ts';
import type { CliIo, ExitCode } from './io.ts';

const widestCell = 60;

/** One line of JSON on stdout. */
export function printJson(io: CliIo, value: Document | Json): void {
  io.stdout.write(`${JSON.stringify(value)}\n`);
}

/** An error: in words with its remedy on stderr, or as a JSON:API document on stdout. Answers the exit code given. */
export function printError(io: CliIo, error: ArsenalError, json: boolean, code: ExitCode = exitCode.failed): ExitCode {
  if (json)
    printJson(io, errorDocument(error, error.correlationId ?? '', { in: 'body', base: '/data/attributes/params' }));
  else {
    const where =
      error.pointer === undefined || error.message.startsWith(error.pointer)
        ? ''
        : ` (at ${visibleText(error.pointer)})`;
    io.stderr.write(`arsenal: ${visibleText(error.message, 2000)}${where}\n`);
    for (const problem of problemsOf(error)) io.stderr.write(`  ${visibleText(problem, 500)}\n`);
    io.stderr.write(`  ${visibleText(error.remedy, 2000)}\n`);
    if (error.effect !== 'none') io.stderr.write(`  ${effectWords[error.effect]}\n`);
    io.stderr.write(`  [${visibleText(error.code)}]\n`);
  }
  return code;
}

/** What went wrong, though not so that the command ends: in words on stderr, also where a program reads stdout. */
export function printWarning(io: CliIo, warning: string): void {
  io.stderr.write(`arsenal: warning: ${visibleText(warning, 2000)}\n`);
}

const effectWords = {
  applied: 'It has taken effect all the same.',
  partial: 'A part of it has taken effect.',
  unknown: 'Whether it has taken effect is not known.',
} as const;

function problemsOf(error: ArsenalError): readonly string[] {
  const problems = error.details?.['problems'];
  if (!Array.isArray(problems) || problems.length < 2) return [];
  return problems.flatMap((each: Json) => {
    if (!isJsonObject(each)) return [];
    const { pointer, message } = each;
    return typeof pointer === 'string' && typeof message === 'string' ? [`${pointer}: ${message}`] : [];
  });
}

/** A wrong command line, in words on stderr (or JSON:API on stdout); exit code 2. */
export function printUsage(io: CliIo, message: string, remedy: string, json: boolean): ExitCode {
  return printError(
    io,
    { code: 'cli.usage', class: 'validation', message, remedy, effect: 'none' },
    json,
    exitCode.usage,
  );
}

/** A table as terminals and pipes like it: columns, no lines, no colours; nothing in a cell can steer the terminal. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], widest = widestCell): string {
  const made = new Table({
    head: head.map((each) => visibleText(each, widest)),
    chars: bare,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  for (const row of rows) made.push(row.map((cell) => visibleText(cell, widest)));
  return `${made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}

const bare = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
} as const;

/** A value as it stands in a cell. */
export function cellText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return String(value);
  if (isJsonObject(value) && typeof value['display'] === 'string') return value['display'];
  if (Array.isArray(value)) return value.map((each: Json) => cellText(each)).join(', ');
  return JSON.stringify(value);
}

/**
 * The result of an operation for people. A list is a table of what its items have, with the nodes that did not answer below: a
 * silent node is never silently missing. An object is a table of its keys.
 */
export function resultText(result: Json): string {
  if (!isJsonObject(result)) return `${visibleText(cellText(result), 10_000)}\n`;
  const { items, total, next, nodes, ...rest } = result;
  if (!Array.isArray(items)) return objectText(result);
  const rows: readonly Json[] = items;
  const count = typeof total === 'number' && total !== rows.length ? `${rows.length} of ${total}` : `${rows.length}`;
  const more = typeof next === 'string' ? `  More with after=${visibleText(next, 2000)}\n` : '';
  const beside = Object.keys(rest).length === 0 ? '' : objectText(rest);
  return `${rowsText(rows)}${count} ${rows.length === 1 ? 'item' : 'items'}\n${more}${missingNodes(nodes)}${beside}`;
}

/** An object as lines of key and value; what holds a list of objects follows as a table of its own. */
function objectText(object: JsonObject): string {
  const entries = Object.entries(object);
  const lists = entries.filter(([, value]) => isListOfObjects(value));
  const plain = entries.filter(([, value]) => !isListOfObjects(value));
  const width = Math.max(0, ...plain.map(([key]) => key.length));
  const lines = plain.map(([key, value]) =>
    `${visibleText(key).padEnd(width)}  ${visibleText(cellText(value), 500)}`.trimEnd(),
  );
  const tables = lists.map(([key, value]) => `\n${visibleText(key)}:\n${rowsText(Array.isArray(value) ? value : [])}`);
  return `${lines.map((line) => `${line}\n`).join('')}${tables.join('')}`;
}

function isListOfObjects(value: Json): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isJsonObject);
}

/** Rows as a table of all the keys they have. */
function rowsText(rows: readonly Json[]): string {
  const objects = rows.filter(isJsonObject);
  const columns = [...new Set(objects.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) return rows.map((row) => `${visibleText(cellText(row), 500)}\n`).join('');
  return table(
    columns,
    objects.map((row) => columns.map((column) => cellText(row[column]))),
  );
}

function missingNodes(nodes: Json | undefined): string {
  if (!Array.isArray(nodes)) return '';
  return nodes
    .filter(isJsonObject)
    .filter((each) => each['status'] !== 'ok')
    .map((each) => {
      const { node, status, error } = each;
      const why =
        error !== undefined && isJsonObject(error) ? ` ${cellText(error['message'])} ${cellText(error['remedy'])}` : '';
      return `  ${visibleText(`${cellText(node)}: ${cellText(status)}.${why}`, 500)}\n`;
    })
    .join('');
}
