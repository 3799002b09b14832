/** `arsenal operations` and `arsenal describe`: the catalogue, from the program itself. */
import type { Json } from '../../runtime/model.ts';
import { findEntry, fullPath } from '../gateway/catalogueRoutes.ts';
import { jsonOf } from '../gateway/json.ts';
import { dataDocument, isJsonObject, resource } from '../gateway/jsonApi.ts';
import type { JsonObject, Resource } from '../gateway/jsonApi.ts';
import type { CatalogueEntry } from '../protocol/operation.ts';
import { visibleText } from '../protocol/visibleText.ts';
import { exitCode } from './io.ts';
import type { CliIo, ExitCode } from './io.ts';
import { cliCallOptions, connectBackend, openBackend } from './localSystem.ts';
import { cellText, printError, printJson, table } from './report.ts';
import { unknownOperation } from './run.ts';
import { namesNodes } from './runtimeOptions.ts';
import type { RuntimeOptions } from './runtimeOptions.ts';

export type CatalogueOptions = RuntimeOptions & { readonly category?: string; readonly json?: boolean };

/** Lists the operations, of one category if asked: Arsenal's, those of the folder, and those of the nodes if some are named. */
export async function operations(io: CliIo, options: CatalogueOptions): Promise<ExitCode> {
  return withCatalogue(io, options, (catalogue) => {
    const entries = catalogue.filter((entry) => options.category === undefined || entry.category === options.category);
    if (entries.length === 0 && options.category !== undefined) {
      const known = [...new Set(catalogue.map((entry) => entry.category))].sort().join(', ');
      return printError(
        io,
        {
          code: 'category.not_found',
          class: 'not_found',
          message: `There is no category ${visibleText(options.category)}.`,
          remedy: `The categories are: ${known}.`,
          effect: 'none',
        },
        options.json === true,
      );
    }
    if (options.json === true) printJson(io, dataDocument(entries.map(entryResource)));
    else {
      io.stdout.write(
        table(
          ['operation', 'category', 'severity', 'what it does'],
          entries.map((entry) => [entry.name, entry.category, entry.severity, entry.title]),
        ),
      );
    }
    return exitCode.done;
  });
}

/** Describes one operation: parameters, errors, examples. */
export async function describe(io: CliIo, name: string, options: CatalogueOptions): Promise<ExitCode> {
  return withCatalogue(io, options, (catalogue) => {
    const entry = findEntry(catalogue, name);
    if (entry === undefined) return printError(io, unknownOperation(name), options.json === true);
    if (options.json === true) printJson(io, dataDocument(entryResource(entry)));
    else io.stdout.write(descriptionText(entry));
    return exitCode.done;
  });
}

async function withCatalogue(
  io: CliIo,
  options: CatalogueOptions,
  show: (catalogue: readonly CatalogueEntry[]) => ExitCode,
): Promise<ExitCode> {
  const json = options.json === true;
  const backend = await openBackend(io, options, 'own');
  if (!backend.ok) return printError(io, backend.error, json);
  try {
    if (namesNodes(options)) {
      const opened = await connectBackend(io, backend.value, options, json);
      if (opened.is === 'exit') return opened.code;
      const found = await backend.value.discover(opened.value.id, cliCallOptions(io));
      if (!found.ok) return printError(io, found.error, json);
    }
    return show(backend.value.catalogue());
  } finally {
    await backend.value.close();
  }
}

function entryResource(entry: CatalogueEntry): Resource {
  return resource('operation', entry.name, jsonOf(entry));
}

const widestMeaning = 110;

function descriptionText(entry: CatalogueEntry): string {
  const route = entry.route === null ? '' : `  Route     ${entry.route.method} ${fullPath(entry.route.path)}\n`;
  const aliases = entry.aliases.map((alias) => alias.name).join(', ');
  const parameters = parameterRows(entry.params);
  return [
    `${entry.name}: ${visibleText(entry.title)}\n`,
    `${visibleText(entry.description, 2000)}\n\n`,
    `  Category  ${entry.category}\n`,
    `  Severity  ${entry.severity}${entry.idempotent ? ', idempotent' : ''}\n`,
    route,
    aliases === '' ? '' : `  Aliases   ${aliases}\n`,
    originText(entry),
    parameters.length === 0
      ? '\nIt takes no parameters.\n'
      : `\n${table(['parameter', 'type', '', 'meaning'], parameters, widestMeaning)}`,
    ...entry.examples.map(
      (example) => `\n  ${visibleText(example.title)}:\n  arsenal run ${entry.name}${exampleWords(example.params)}\n`,
    ),
  ].join('');
}

/** Whose operation it is, when it is none of Arsenal's. */
function originText({ origin }: CatalogueEntry): string {
  switch (origin.from) {
    case 'builtin':
      return '';
    case 'workspace':
      return `  From      ${visibleText(origin.file, 500)}\n`;
    case 'node':
      return `  From      the node ${visibleText(origin.node)}\n`;
  }
}

function parameterRows(schema: JsonObject): readonly (readonly string[])[] {
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const required: readonly Json[] = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(properties).map(([name, each]) => {
    const property = isJsonObject(each) ? each : {};
    const fallback = property['default'];
    const rule = required.includes(name)
      ? 'required'
      : fallback === undefined
        ? ''
        : `default ${JSON.stringify(fallback)}`;
    return [name, typeText(property), rule, cellText(property['description'])];
  });
}

function typeText(schema: JsonObject): string {
  const choices = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(choices)) return [...new Set(choices.filter(isJsonObject).map(typeText))].join(' | ');
  if (Array.isArray(schema['enum'])) return schema['enum'].map((each: Json) => cellText(each)).join(' | ');
  if (Object.hasOwn(schema, 'const')) return cellText(schema['const']);
  return typeof schema['type'] === 'string' ? schema['type'] : 'any';
}

function exampleWords(params: JsonObject): string {
  // Only what no shell reads otherwise goes unquoted.
  const plain = Object.values(params).every(
    (value) => typeof value !== 'object' && /^[\w@.:~+-]*$/.test(cellText(value)),
  );
  if (!plain) return ` --params '${JSON.stringify(params).replaceAll("'", "'\\''")}'`;
  return Object.entries(params)
    .map(([name, value]) => ` ${name}=${cellText(value)}`)
    .join('');
}
