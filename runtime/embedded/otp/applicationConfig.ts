/** Changes of configuration while applications run (application_controller of OTP 25): what becomes of environments, and who is told. */
import type { Value } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import { reasonOf, ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, errorTuple, itemsOf, partsOf, sameValue } from '../kernel/values.ts';
import { readApplication } from './applicationFile.ts';
import type { Applications } from './applicationTable.ts';

/** `[{Name, [{Key, Value}]}]` of what runs. */
export function runningEnvironments(state: Applications): Value {
  return [...state.running.keys()].reverse().map((name) => tup(a(name), environment(state, name)));
}
function environment(state: Applications, name: string): readonly Value[] {
  return [...(state.env.get(name) ?? [])].map(([key, value]) => tup(a(key), value));
}

/** Takes over resources of applications that are loaded, and the configuration in place of the one before. */
export function changeData(state: Applications, resources: Value, config: Value): Value {
  const sections = new Map<string, Map<string, Value>>();
  for (const section of itemsOf(config)) {
    const [name, entries] = partsOf(section);
    if (name instanceof Atom) sections.set(name.name, entriesOf(entries));
  }
  state.config.clear();
  for (const [name, entries] of sections) state.config.set(name, entries);
  for (const resource of itemsOf(resources)) {
    const read = readApplication(state, resource);
    if (!read.ok) return errorTuple(read.bad);
    if (state.loaded.has(read.is.name)) state.reload(read.is);
  }
  return atoms.ok;
}

function entriesOf(entries: unknown): Map<string, Value> {
  const found = new Map<string, Value>();
  for (const entry of itemsOf(entries)) {
    const [key, value] = partsOf(entry);
    if (key instanceof Atom) found.set(key.name, asValue(value));
  }
  return found;
}

/** Tells each running application what of its environment has changed since; `ok`, or what some of them answered instead. */
export function* tellOfChanges(self: Self, state: Applications, before: Value): Flow<Value> {
  const then = new Map<string, Map<string, Value>>();
  for (const section of itemsOf(before)) {
    const [name, entries] = partsOf(section);
    if (name instanceof Atom) then.set(name.name, entriesOf(entries));
  }
  const failures: Value[] = [];
  for (const [name, { application }] of [...state.running].reverse()) {
    const changes = difference(then.get(name) ?? new Map<string, Value>(), state.env.get(name) ?? new Map());
    const module = application.start?.module;
    if (changes === null || module === undefined || !self.exports(module, 'config_change', 3)) continue;
    const failed = yield* tell(self, module, changes);
    if (failed !== null) failures.push(failed);
  }
  return failures.length === 0 ? atoms.ok : errorTuple(failures);
}

function* tell(self: Self, module: string, changes: readonly Value[]): Flow<Value> {
  try {
    const answer = yield* self.apply(module, 'config_change', changes);
    return answer === atoms.ok ? null : answer;
  } catch (thrown) {
    return thrown instanceof ThrownValue ? thrown.value : tup(atoms.exit, reasonOf(thrown));
  }
}

/** `[Changed, New, Removed]`; null when nothing differs. */
function difference(then: ReadonlyMap<string, Value>, now: ReadonlyMap<string, Value>): readonly Value[] | null {
  const changed: Value[] = [];
  const added: Value[] = [];
  for (const [key, value] of now) {
    if (!then.has(key)) added.push(tup(a(key), value));
    else if (!sameValue(then.get(key), value)) changed.push(tup(a(key), value));
  }
  const removed = [...then.keys()].filter((key) => !now.has(key)).map((key) => a(key));
  return changed.length + added.length + removed.length === 0 ? null : [changed, added, removed];
}
