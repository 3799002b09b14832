/** The catalogue: every operation, under its name and its aliases. */
import { failure } from '../../runtime/errors.ts';
import { callEach, Subscribers } from '../../runtime/listeners.ts';
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { CatalogueEntry, Role } from '../protocol/operation.ts';
import { gatewayRoutes } from '../protocol/routes.ts';
import type { RoleTable } from './authorization.ts';
import { defaultRole } from './authorization.ts';
import type { AnyOperation } from './operation.ts';
import type { CommonParam } from './registration.ts';
import { checkOperation } from './registration.ts';
import type { Route } from './routes.ts';
import { meet, ownRoutes } from './routes.ts';
import { searchEntries } from './search.ts';
import type { CompiledSchema } from './validate.ts';

export type Origin = CatalogueEntry['origin'];

/** An operation as it is run: a call that has begun keeps the version it found, whatever is registered meanwhile. */
export type Registered = {
  readonly operation: AnyOperation;
  readonly entry: CatalogueEntry;
  readonly params: CompiledSchema;
  readonly result: CompiledSchema;
  /** Parameters that are the pipeline's, not the operation's. */
  readonly common: readonly CommonParam[];
};

export type Found = Registered & {
  /** What the alias it was found under presets. */
  readonly preset: { readonly [key: string]: Json };
  /** The parameters the alias requires beyond the operation's own. */
  readonly requires: readonly string[];
};

/** What a name that is no alias presets. */
export const nothingPreset: Found['preset'] = Object.freeze({});

/** `changed`: it is the same operation, of which something else is to be said now. */
export type RegistryChange = { readonly is: 'registered' | 'changed' | 'removed'; readonly entry: CatalogueEntry };

/**
 * Names are unique: a builtin is never replaced or shadowed, a user's operation only by a later version from the same file or node.
 * Every change is made at once or not at all.
 */
export class Registry {
  readonly #byName = new Map<string, Found>();
  readonly #byAlias = new Map<string, Found>();
  readonly #listeners = new Subscribers<RegistryChange>();
  #roles: RoleTable;

  /** `roles` overrides, by operation, the least role that its severity asks for. */
  constructor(roles: RoleTable = {}) {
    this.#roles = roles;
  }

  /**
   * Adds an operation, or replaces the one of the same name and origin. Errors: `operation.invalid` with every rule it breaks,
   * `operation.name_taken` when the name or an alias belongs to another, `operation.route_taken` when its route does.
   */
  register(operation: AnyOperation, origin: Origin): Result<CatalogueEntry> {
    const checked = checkOperation(operation, origin.from === 'builtin' ? 'later' : 'now');
    if (!checked.ok) return checked;
    const { params, result, publicParams, common } = checked.value;
    const role = this.#roleOf(operation);
    const entry = entryOf(operation, origin, role, publicParams, result.schema);
    const free = this.checkFree(operation, origin);
    if (!free.ok) return free;
    this.#forget(entry.name);
    this.#put({ operation, entry, params, result, common });
    this.#tell({ is: 'registered', entry });
    return ok(entry);
  }

  /**
   * Whether its names and its route are its own. Errors: `operation.name_taken`, `operation.route_taken`. The routes of Arsenal's own
   * operations may meet: the one that says more of a path is meant.
   */
  checkFree({ name, aliases = [], route }: AnyOperation, origin: Origin): Result<null> {
    const taken = [name, ...aliases.map((alias) => alias.name)].find((one) => this.#isTaken(one, name, origin));
    if (taken !== undefined) {
      return failure(
        'conflict',
        'operation.name_taken',
        `The name ${taken} belongs to another operation.`,
        'Choose another name; the operations of Arsenal itself cannot be replaced.',
      );
    }
    if (route === undefined || origin.from === 'builtin') return ok(null);
    const holder = [...this.#byName.values()].find(
      ({ entry }) => entry.name !== name && entry.route !== null && meet(entry.route, route),
    );
    const means = holder?.entry.name ?? gatewayRoute(route);
    if (means === null) return ok(null);
    return failure(
      'conflict',
      'operation.route_taken',
      `The route ${route.method} ${route.path} can mean ${means}.`,
      `Choose another route, such as one below ${ownRoutes}, or none: it can always be run by its name.`,
    );
  }

  /** Puts another table of least roles in force: for calls from now on, and in what the catalogue says. */
  configureRoles(roles: RoleTable): void {
    this.#roles = roles;
    const changed: CatalogueEntry[] = [];
    for (const { preset: _preset, requires: _requires, ...held } of [...this.#byName.values()]) {
      const role = this.#roleOf(held.operation);
      if (role === held.entry.role) continue;
      const entry = Object.freeze({ ...held.entry, role });
      this.#put({ ...held, entry });
      changed.push(entry);
    }
    // All roles are in force before anybody hears of one.
    callEach(changed.map((entry) => () => this.#tell({ is: 'changed', entry })));
  }

  /** Removes an operation of that origin; false when there is none. A builtin stays. */
  unregister(name: string, origin: Exclude<Origin, { readonly from: 'builtin' }>): boolean {
    const held = this.#byName.get(name);
    if (held === undefined || !sameOrigin(held.entry.origin, origin)) return false;
    this.#forget(name);
    this.#tell({ is: 'removed', entry: held.entry });
    return true;
  }

  /** The operation of that name or alias. */
  find(name: string): Found | null {
    return this.#byName.get(name) ?? this.#byAlias.get(name) ?? null;
  }

  /** The catalogue, or one category of it, by category and name. */
  list(category?: string): readonly CatalogueEntry[] {
    return [...this.#byName.values()]
      .map(({ entry }) => entry)
      .filter((entry) => category === undefined || entry.category === category)
      .toSorted((a, b) => compare(a.category, b.category) || compare(a.name, b.name));
  }

  /** Operations that have every word of `query` in name, alias, title, category or description; those that fit best first. */
  search(query: string): readonly CatalogueEntry[] {
    return searchEntries(this.list(), query);
  }

  /** Calls `listener` after every change. */
  onChange(listener: (change: RegistryChange) => void): { dispose(): void } {
    return this.#listeners.add(listener);
  }

  #roleOf({ name, severity }: AnyOperation): Role {
    return (Object.hasOwn(this.#roles, name) ? this.#roles[name] : undefined) ?? defaultRole(severity);
  }

  #put(registered: Registered): void {
    const { entry } = registered;
    this.#byName.set(entry.name, { ...registered, preset: nothingPreset, requires: [] });
    for (const { name, preset, requires = [] } of entry.aliases) {
      this.#byAlias.set(name, { ...registered, preset, requires });
    }
  }

  #isTaken(name: string, by: string, origin: Origin): boolean {
    const owner = this.find(name);
    if (owner === null) return false;
    return owner.entry.name !== by || origin.from === 'builtin' || !sameOrigin(owner.entry.origin, origin);
  }

  #forget(name: string): void {
    const held = this.#byName.get(name);
    if (held === undefined) return;
    this.#byName.delete(name);
    for (const alias of held.entry.aliases) this.#byAlias.delete(alias.name);
  }

  #tell(change: RegistryChange): void {
    this.#listeners.tell(change);
  }
}

function entryOf(
  operation: AnyOperation,
  origin: Origin,
  role: Role,
  params: CatalogueEntry['params'],
  result: CatalogueEntry['result'],
): CatalogueEntry {
  const { name, title, description, category, severity, idempotent, needs, examples } = operation;
  return Object.freeze({
    name,
    aliases: operation.aliases ?? [],
    title,
    description,
    category,
    version: operation.version ?? 1,
    severity,
    idempotent,
    role,
    needs,
    params,
    result,
    route: operation.route ?? null,
    examples,
    errors: operation.errors ?? [],
    origin,
  });
}

/** What answers a request of that route in any case, in words; null when nothing does. */
function gatewayRoute(route: Route): string | null {
  const own = gatewayRoutes.find((each) => meet(each, route));
  return own === undefined ? null : `${own.method} ${own.path}, which Arsenal answers itself`;
}

function sameOrigin(a: Origin, b: Origin): boolean {
  if (a.from === 'workspace' && b.from === 'workspace') return a.file === b.file;
  if (a.from === 'node' && b.from === 'node') return a.node === b.node;
  return a.from === b.from;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
