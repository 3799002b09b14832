/**
 * What can stand at the end of a command line: commands, options and their values from the program itself, operations, parameters and
 * their values from the catalogue, so that what is offered is what is there.
 */
import type { Command, Option } from 'commander';
import type { Json } from '../../../runtime/model.ts';
import { isJsonObject } from '../../gateway/jsonApi.ts';
import { propertySchema } from '../../gateway/textParams.ts';
import type { CatalogueEntry, JsonSchema } from '../../protocol/operation.ts';
import { commandIn, isOperationWord } from '../commandWords.ts';
import { parameterTexts, typeText } from '../schemaText.ts';

/** `isOpen`: more of the same word follows, as after `key=`. */
export type Candidate = { readonly value: string; readonly about: string; readonly isOpen: boolean };

/** `files`: the shell knows better. */
export type Completion =
  | { readonly is: 'words'; readonly words: readonly Candidate[] }
  | { readonly is: 'files' }
  | { readonly is: 'folders' };

/** What of an operation completion is made from. */
export type CompletableOperation = Pick<CatalogueEntry, 'name' | 'title' | 'category' | 'params'> & {
  readonly aliases: readonly { readonly name: string }[];
};

/** What is asked of elsewhere, and only when it is needed; what does not come in time is nothing. */
export type Sources = {
  catalogue(): Promise<readonly CompletableOperation[]>;
  /** Names of a running system, of the kind that a parameter takes: `node`, `process`, `registeredName`, `supervisor`, … */
  live(kind: string): Promise<readonly string[]>;
};

const nothing: Completion = { is: 'words', words: [] };

/** What can stand instead of the last of `words`, which may be empty; the words before it are complete. */
export async function completionOf(program: Command, words: readonly string[], sources: Sources): Promise<Completion> {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const { command, positionals, pending } = readWords(program, before);
  if (pending !== null) return optionValues(pending, current, '', sources);
  if (current.startsWith('-')) {
    const [flag = '', ...rest] = current.split('=');
    const option = rest.length === 0 ? undefined : command.options.find(({ long }) => long === flag);
    if (option !== undefined) return optionValues(option, rest.join('='), `${flag}=`, sources);
    return matching(current, optionsOf(command, before));
  }
  return positional(command, positionals, current, sources);
}

type Read = { readonly command: Command; readonly positionals: readonly string[]; readonly pending: Option | null };

/** Which command the words have come to, and the option that still wants its value. */
function readWords(program: Command, words: readonly string[]): Read {
  let command = program;
  let pending: Option | null = null;
  const positionals: string[] = [];
  for (const word of words) {
    if (pending !== null) pending = null;
    else if (word.startsWith('-')) {
      const option = command.options.find(({ long, short }) => word === long || word === short);
      pending = option !== undefined && (option.required || option.optional) ? option : null;
    } else {
      const next = positionals.length === 0 ? commandIn(command, word) : undefined;
      if (next !== undefined) command = next;
      else if (command === program && positionals.length === 0 && isOperationWord(word)) {
        command = commandIn(program, 'run') ?? command;
        positionals.push(word);
      } else positionals.push(word);
    }
  }
  return { command, positionals, pending };
}

function optionsOf(command: Command, given: readonly string[]): readonly Candidate[] {
  return command.options
    .filter(({ hidden, long, variadic }) => !hidden && long !== undefined && (variadic || !given.includes(long)))
    .map(({ long = '', description }) => ({ value: long, about: description, isOpen: false }));
}

async function optionValues(option: Option, current: string, prefix: string, sources: Sources): Promise<Completion> {
  if (option.argChoices !== undefined) return matching(prefix + current, closed(option.argChoices, prefix));
  if (/<(file|json)>/.test(option.flags)) return { is: 'files' };
  if (option.flags.includes('<dir>')) return { is: 'folders' };
  if (option.long === '--category') {
    const categories = new Set((await sources.catalogue()).map(({ category }) => category));
    return matching(prefix + current, closed([...categories].sort(), prefix));
  }
  return nothing;
}

async function positional(
  command: Command,
  positionals: readonly string[],
  current: string,
  sources: Sources,
): Promise<Completion> {
  const at = positionals.length;
  const name = command.name();
  if (command.parent === null) {
    // With nothing written yet the operations would bury the commands.
    const operations = current === '' ? [] : operationWords(await sources.catalogue());
    return matching(current, [...commandWords(command), ...operations]);
  }
  if (at === 0 && command.commands.length > 0) return matching(current, commandWords(command));
  switch (name) {
    case 'run':
      return at === 0
        ? matching(current, operationWords(await sources.catalogue()))
        : parameterWords(positionals, current, sources);
    case 'describe':
      return at === 0 ? matching(current, operationWords(await sources.catalogue())) : nothing;
    case 'help': {
      const within = positionals.reduce<Command>((held, word) => commandIn(held, word) ?? held, command.parent);
      const operations = at === 0 ? operationWords(await sources.catalogue()) : [];
      return matching(current, [...commandWords(within), ...operations]);
    }
    default: {
      const argument = command.registeredArguments[at];
      if (argument?.argChoices !== undefined) return matching(current, closed(argument.argChoices, ''));
      return argument?.name() === 'file' ? { is: 'files' } : nothing;
    }
  }
}

function commandWords(command: Command): readonly Candidate[] {
  return command.commands
    .filter((each) => !each.name().startsWith('_'))
    .map((each) => ({ value: each.name(), about: each.description(), isOpen: false }));
}

function operationWords(catalogue: readonly CompletableOperation[]): readonly Candidate[] {
  return catalogue.flatMap(({ name, title, aliases }) => [
    { value: name, about: title, isOpen: false },
    ...aliases.map((alias) => ({ value: alias.name, about: `as ${name}`, isOpen: false })),
  ]);
}

/** `key=` of what is not given yet, what is required first; or what can stand after it. */
async function parameterWords(
  [operation = '', ...given]: readonly string[],
  current: string,
  sources: Sources,
): Promise<Completion> {
  const catalogue = await sources.catalogue();
  const entry = catalogue.find(
    ({ name, aliases }) => name === operation || aliases.some((each) => each.name === operation),
  );
  if (entry === undefined) return nothing;
  const equals = current.indexOf('=');
  if (equals > 0) return valueWords(entry, current.slice(0, equals), current.slice(equals + 1), catalogue, sources);
  const taken = new Set(given.map((word) => word.split('=')[0] ?? ''));
  const names = parameterTexts(entry)
    .filter(({ name }) => !taken.has(name))
    .map(({ name, type, isRequired, meaning }) => ({
      // Into an object one reaches by the names in it.
      value: propertiesOf(propertySchema(entry.params, name)).length > 0 ? `${name}.` : `${name}=`,
      about: `${isRequired ? 'required: ' : ''}${meaning === '' ? type : meaning}`,
      isOpen: true,
    }));
  return matching(current, [...names, ...innerWords(entry.params, current)]);
}

/** `filter.memory.gt=`: what reaches into an object, one step at a time. */
function innerWords(schema: JsonSchema, current: string): readonly Candidate[] {
  const path = current.split('.').slice(0, -1);
  if (path.length === 0) return [];
  const within = path.reduce<JsonSchema | null>((at, key) => (at === null ? null : propertySchema(at, key)), schema);
  return propertiesOf(within).map(([name, each]) => {
    const isObject = propertiesOf(each).length > 0;
    return { value: `${[...path, name].join('.')}${isObject ? '.' : '='}`, about: typeText(each), isOpen: true };
  });
}

function propertiesOf(schema: JsonSchema | null): readonly (readonly [string, JsonSchema])[] {
  return alternatives(schema).flatMap(({ properties }) =>
    isJsonObject(properties)
      ? Object.entries(properties).flatMap(([name, each]) => (isJsonObject(each) ? [[name, each] as const] : []))
      : [],
  );
}

async function valueWords(
  entry: CompletableOperation,
  key: string,
  text: string,
  catalogue: readonly CompletableOperation[],
  sources: Sources,
): Promise<Completion> {
  const path = propertySchema(entry.params, key) === null ? key.split('.') : [key];
  const schema = path.reduce<JsonSchema | null>(
    (at, name) => (at === null ? null : propertySchema(at, name)),
    entry.params,
  );
  if (schema === null) return nothing;
  const list = alternatives(schema).find(({ type }) => type === 'array');
  const items = list !== undefined && isJsonObject(list['items']) ? list['items'] : null;
  // Of a list, the part behind the last comma is being written.
  const done = items === null ? '' : text.slice(0, text.lastIndexOf(',') + 1);
  const prefix = `${key}=${done}`;
  const said = new Set(done.split(','));
  const values = await valuesOf(items ?? schema, catalogue, sources);
  return matching(
    `${prefix}${text.slice(done.length)}`,
    closed(
      values.filter((value) => !said.has(value)),
      prefix,
    ),
  );
}

async function valuesOf(
  schema: JsonSchema,
  catalogue: readonly CompletableOperation[],
  sources: Sources,
): Promise<readonly string[]> {
  const choices = alternatives(schema).flatMap((each): readonly Json[] => {
    if (Array.isArray(each['enum'])) return each['enum'].map((one: Json) => one);
    if (Object.hasOwn(each, 'const')) return [each['const'] ?? null];
    return each['type'] === 'boolean' ? [true, false] : [];
  });
  const fixed = choices.map((choice) => (typeof choice === 'string' ? choice : JSON.stringify(choice)));
  const marked = schema['x-arsenal'];
  const kind = isJsonObject(marked) && typeof marked['pick'] === 'string' ? marked['pick'] : null;
  if (kind === 'operation') return [...fixed, ...catalogue.map(({ name }) => name)];
  return kind === null ? fixed : [...fixed, ...(await sources.live(kind))];
}

function alternatives(schema: JsonSchema | null): readonly JsonSchema[] {
  if (schema === null) return [];
  const choices = schema['anyOf'] ?? schema['oneOf'];
  return Array.isArray(choices) ? choices.filter(isJsonObject).flatMap(alternatives) : [schema];
}

function closed(values: readonly string[], prefix: string): readonly Candidate[] {
  return values.map((value) => ({ value: prefix + value, about: '', isOpen: false }));
}

function matching(current: string, words: readonly Candidate[]): Completion {
  const seen = new Set<string>();
  const fitting = words.filter(({ value }) => {
    if (!value.startsWith(current) || seen.has(value)) return false;
    seen.add(value);
    return true;
  });
  return { is: 'words', words: fitting };
}
