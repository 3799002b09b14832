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
import { openBackend } from './localSystem.ts';
import { cellText, printError, printJson, table } from './report.ts';
import { unknownOperation } from './run.ts';

export type CatalogueOptions = { readonly category?: string; readonly home?: string; readonly json?: boolean };

/** Lists the operations, of one category if asked. */
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
  const backend = await openBackend(io, options);
  if (!backend.ok) return printError(io, backend.error, options.json === true);
  const code = show(backend.value.catalogue());
  await backend.value.close();
  return code;
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
    parameters.length === 0
      ? '\nIt takes no parameters.\n'
      : `\n${table(['parameter', 'type', '', 'meaning'], parameters, widestMeaning)}`,
    ...entry.examples.map(
      (example) => `\n  ${visibleText(example.title)}:\n  arsenal run ${entry.name}${exampleWords(example.params)}\n`,
    ),
  ].join('');
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
