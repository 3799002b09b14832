/** `arsenal operations` and `arsenal describe`: the catalogue, from the program itself. */
import { findEntry } from '../gateway/catalogueRoutes.ts';
import { jsonOf } from '../gateway/json.ts';
import { dataDocument, resource } from '../gateway/jsonApi.ts';
import type { Resource } from '../gateway/jsonApi.ts';
import type { CatalogueEntry } from '../protocol/operation.ts';
import { visibleText } from '../protocol/visibleText.ts';
import { exitCode } from './io.ts';
import type { CliIo, ExitCode } from './io.ts';
import { cliCallOptions, connectBackend, openBackend } from './localSystem.ts';
import { operationHelp } from './operationHelp.ts';
import { printError, printJson, screenOf, table } from './report.ts';
import { namesNodes } from './runtimeOptions.ts';
import type { RuntimeOptions } from './runtimeOptions.ts';
import { didYouMean } from '../protocol/suggest.ts';
import { unknownOperation } from './unknown.ts';

export type CatalogueOptions = RuntimeOptions & { readonly category?: string; readonly json?: boolean };

/**
 * Lists the operations, of one category if asked, and of these the ones that hold all `words`: Arsenal's, those of the folder, and those of
 * the nodes if some are named.
 */
export async function operations(io: CliIo, words: readonly string[], options: CatalogueOptions): Promise<ExitCode> {
  return withCatalogue(io, options, (catalogue) => {
    const { category } = options;
    const known = [...new Set(catalogue.map((entry) => entry.category))].sort();
    if (category !== undefined && !known.includes(category)) {
      return printError(
        io,
        {
          code: 'category.not_found',
          class: 'not_found',
          message: `There is no category ${visibleText(category)}.${didYouMean(category, known)}`,
          remedy: `The categories are: ${known.join(', ')}.`,
          effect: 'none',
        },
        options.json === true,
      );
    }
    const entries = catalogue
      .filter((entry) => category === undefined || entry.category === category)
      .filter((entry) => words.every((word) => saidOf(entry).includes(word.toLowerCase())));
    if (options.json === true) printJson(io, dataDocument(entries.map(entryResource)));
    else if (entries.length === 0) io.stdout.write('No operation is of that kind.\n');
    else {
      // What all have in common is no column.
      const head = ['operation', ...(category === undefined ? ['category'] : []), 'severity', 'what it does'];
      const rows = entries.map((entry) => [
        entry.name,
        ...(category === undefined ? [entry.category] : []),
        entry.severity,
        firstSentence(entry.description),
      ]);
      io.stdout.write(table(head, rows, screenOf(io)));
    }
    return exitCode.done;
  });
}

function saidOf({ name, aliases, title, description, category }: CatalogueEntry): string {
  return [name, ...aliases.map((alias) => alias.name), title, description, category].join(' ').toLowerCase();
}

function firstSentence(text: string): string {
  return /^.*?\.(?=\s|$)/s.exec(text)?.[0] ?? text;
}

/** Describes one operation: parameters, errors, examples. */
export async function describe(io: CliIo, name: string, options: CatalogueOptions): Promise<ExitCode> {
  return withCatalogue(io, options, (catalogue) => {
    const entry = findEntry(catalogue, name);
    if (entry === undefined) return printError(io, unknownOperation(name, catalogue), options.json === true);
    if (options.json === true) printJson(io, dataDocument(entryResource(entry)));
    else io.stdout.write(operationHelp(entry, screenOf(io)));
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
