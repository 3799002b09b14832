/** How the command line says things: tables and words for people, JSON:API for programs. */
import type { ArsenalError, Json } from '../../runtime/model.ts';
import { errorDocument, isJsonObject } from '../gateway/jsonApi.ts';
import type { Document, JsonObject } from '../gateway/jsonApi.ts';
import { visibleText } from '../protocol/visibleText.ts';
import { exitCode, noScreen } from './io.ts';
import type { CliIo, ExitCode, Screen } from './io.ts';
import { inked, tableText, widestOf, widthOf } from './layout.ts';

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
    const problems = problemsOf(error);
    const message =
      problems.length === 0 ? `${visibleText(error.message, 2000)}${where}` : `${problems.length} things are wrong:`;
    io.stderr.write(`${inked(errorScreen(io), 'red', 'arsenal:')} ${message}\n`);
    for (const problem of problems) io.stderr.write(`  ${visibleText(problem, 500)}\n`);
    io.stderr.write(`  ${visibleText(error.remedy, 2000)}\n`);
    if (error.effect !== 'none') io.stderr.write(`  ${effectWords[error.effect]}\n`);
    io.stderr.write(`${inked(errorScreen(io), 'dim', `  [${visibleText(error.code)}]`)}\n`);
  }
  return code;
}

/** What went wrong, though not so that the command ends: in words on stderr, also where a program reads stdout. */
export function printWarning(io: CliIo, warning: string): void {
  io.stderr.write(`${inked(errorScreen(io), 'yellow', 'arsenal: warning:')} ${visibleText(warning, 2000)}\n`);
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

/** What standard error is written to. */
function errorScreen(io: CliIo): Screen {
  return io.errorScreen ?? noScreen;
}

/** What standard output is written to. */
export function screenOf(io: CliIo): Screen {
  return io.screen ?? noScreen;
}

/** A table, with a line that names the columns for which the terminal has no room. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], screen: Screen): string {
  const { text, left } = tableText(head, rows, screen);
  if (left.length === 0) return text;
  const names = left.join(', ');
  return `${text}${inked(screen, 'dim', `Not shown for want of room: ${names}. All of it: --json, or through a pipe.`)}\n`;
}

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
export function resultText(result: Json, screen: Screen): string {
  if (!isJsonObject(result)) return `${visibleText(cellText(result), 10_000)}\n`;
  const { items, total, next, nodes, ...rest } = result;
  if (!Array.isArray(items)) return objectText(result, screen);
  const rows: readonly Json[] = items;
  const count = typeof total === 'number' && total !== rows.length ? `${rows.length} of ${total}` : `${rows.length}`;
  const more = typeof next === 'string' ? `  More with after=${visibleText(next, 2000)}\n` : '';
  const beside = Object.keys(rest).length === 0 ? '' : objectText(rest, screen);
  return `${rowsText(rows, screen)}${count} ${rows.length === 1 ? 'item' : 'items'}\n${more}${missingNodes(nodes)}${beside}`;
}

/** An object as lines of key and value; what holds a list of objects follows as a table of its own. */
function objectText(object: JsonObject, screen: Screen): string {
  const entries = Object.entries(object);
  const lists = entries.filter(([, value]) => isListOfObjects(value));
  const plain = entries.filter(([, value]) => !isListOfObjects(value));
  const width = widestOf(plain.map(([key]) => visibleText(key)));
  const lines = plain.map(([key, value]) => {
    const name = visibleText(key);
    const space = ' '.repeat(width - widthOf(name) + 2);
    return `${inked(screen, 'bold', name)}${space}${visibleText(cellText(value), 500)}`.trimEnd();
  });
  const tables = lists.map(
    ([key, value]) =>
      `\n${inked(screen, 'bold', `${visibleText(key)}:`)}\n${rowsText(Array.isArray(value) ? value : [], screen)}`,
  );
  return `${lines.map((line) => `${line}\n`).join('')}${tables.join('')}`;
}

function isListOfObjects(value: Json): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isJsonObject);
}

/** Rows as a table of all the keys they have. */
function rowsText(rows: readonly Json[], screen: Screen): string {
  const objects = rows.filter(isJsonObject);
  const columns = [...new Set(objects.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) return rows.map((row) => `${visibleText(cellText(row), 500)}\n`).join('');
  return table(
    columns,
    objects.map((row) => columns.map((column) => cellText(row[column]))),
    screen,
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
