/** JSON as tests read it: by a path, without a type for every document. */

/** What stands at a path (`errors.0.meta.class`); undefined where there is nothing. */
export function pick(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => {
    if (typeof at !== 'object' || at === null) return undefined;
    const found: unknown = Reflect.get(at, key);
    return found;
  }, value);
}

/** The text at a path; fails the test when there is none. */
export function pickText(value: unknown, path: string): string {
  const found = pick(value, path);
  if (typeof found !== 'string') throw new Error(`no text at ${path} of ${JSON.stringify(value)}`);
  return found;
}

/** The list at a path; fails the test when there is none. */
export function pickList(value: unknown, path: string): readonly unknown[] {
  const found = pick(value, path);
  if (!Array.isArray(found)) throw new Error(`no list at ${path} of ${JSON.stringify(value)}`);
  return found;
}

/** The `id`s of the resources of a document. */
export function idsOf(document: unknown): readonly string[] {
  return pickList(document, 'data').map((each) => pickText(each, 'id'));
}
