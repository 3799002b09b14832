/** Application resources: by name as a node knows them, or as the term `{application, Name, Options}`. */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import { asValue, isList, itemsOf, partsOf, tagged } from '../kernel/values.ts';
import type { Application, Applications } from './applicationTable.ts';
import type { Read } from './checkSpec.ts';
import { chars } from './text.ts';

/** What `application:load/1` is given: a name, for which there must be a resource, or the resource itself. */
export function readApplication(applications: Applications, what: Value): Read<Application> {
  if (what instanceof Atom) {
    const known = applications.known.find(({ name }) => name === what.name);
    if (known !== undefined) return { ok: true, is: known };
    const loaded = applications.loaded.get(what.name);
    if (loaded !== undefined) return { ok: true, is: loaded };
    return { ok: false, bad: tup(chars('no such file or directory'), chars(`${what.name}.app`)) };
  }
  const resource = tagged(what, a('application'), 3);
  const name = resource?.[1];
  if (resource === null || !(name instanceof Atom)) return { ok: false, bad: tup(a('bad_application'), what) };
  if (!isList(resource[2])) return { ok: false, bad: tup(a('invalid_options'), asValue(resource[2])) };
  const start = resource[2].map((option) => tagged(option, a('mod'), 2)).find((one) => one !== null);
  const isStart =
    start === undefined ||
    (isList(start[1]) && start[1].length === 0) ||
    (partsOf(start[1])[0] instanceof Atom && partsOf(start[1]).length === 2);
  if (!isStart) return { ok: false, bad: tup(a('badstartspec'), asValue(start[1])) };
  return { ok: true, is: applicationOf(name.name, resource[2]) };
}

function applicationOf(name: string, options: readonly unknown[]): Application {
  const fields = new Map<string, unknown>();
  for (const option of options) {
    const [key, value] = partsOf(option);
    if (key instanceof Atom) fields.set(key.name, value);
  }
  const names = (field: string): readonly string[] => namesIn(fields.get(field));
  const [module, argument] = partsOf(fields.get('mod'));
  const phases = fields.get('start_phases');
  const env = fields.get('env');
  const maxTime = fields.get('maxT');
  return {
    name,
    description: textOf(fields.get('description')),
    version: textOf(fields.get('vsn')),
    ...(fields.has('id') && { id: textOf(fields.get('id')) }),
    ...(module instanceof Atom && { start: { module: module.name, argument: asValue(argument) } }),
    applications: names('applications'),
    optionalApplications: names('optional_applications'),
    includedApplications: names('included_applications'),
    registered: names('registered'),
    modules: names('modules'),
    env: Object.fromEntries(itemsOf(env).map((entry) => pairOf(entry))),
    ...(isList(phases) && {
      startPhases: phases.map((phase) => pairOf(phase)).map(([phase, value]) => ({ phase, argument: value })),
    }),
    ...(typeof maxTime === 'number' && { maxTimeMs: maxTime }),
  };
}

function namesIn(value: unknown): readonly string[] {
  return itemsOf(value)
    .filter((one) => one instanceof Atom)
    .map(({ name }) => name);
}
function pairOf(entry: unknown): readonly [string, Value] {
  const [key, value] = partsOf(entry);
  return [key instanceof Atom ? key.name : '', asValue(value)];
}
/** A charlist, or a binary, as text. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return isList(value) ? String.fromCodePoint(...value.filter((code) => typeof code === 'number')) : '';
}
