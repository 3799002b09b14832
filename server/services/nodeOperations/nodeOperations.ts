/**
 * Keeps the registry in step with the operations that the connected nodes have: one entry for each name, whichever nodes have it, there
 * as long as one of them does. A name that is taken is left to whom it belongs.
 */
import type { Coverage, ConnectionId, NodeName, NodeOperation } from '../../../runtime/model.ts';
import { canonicalJson } from '../../core/canonicalJson.ts';
import type { Registry } from '../../core/registry.ts';
import type { DescribedOperation } from './described.ts';
import { describedOperation } from './described.ts';
import { nodeOperation } from './nodeOperation.ts';

/** What the nodes of one connection answered. */
export type FoundOperations = { readonly operations: readonly NodeOperation[]; readonly nodes: Coverage };

/** What became of a module that was found. */
export type Standing = NodeOperation & {
  /** Null when it has none. */
  readonly name: string | null;
  /** Why it is not among the operations; null when it is. */
  readonly problem: string | null;
  /** What it asks for and has not got, though it is among the operations. */
  readonly notes: readonly string[];
};

type Holder = {
  readonly connection: ConnectionId;
  readonly found: NodeOperation;
  readonly described: DescribedOperation;
};
/** By name, the first connection's first node first. */
type Holders = ReadonlyMap<string, readonly Holder[]>;
type Kept = {
  readonly node: NodeName;
  readonly signature: string;
  /** Why it has not the route it asks for; null when it has, or asks for none. */
  readonly unrouted: string | null;
};

export class NodeOperations {
  readonly #registry: Registry;
  /** Names of those that do no more than they say, in the user's own word. */
  #trusted: ReadonlySet<string> = new Set();
  readonly #found = new Map<ConnectionId, readonly NodeOperation[]>();
  /** The names of what was found. */
  readonly #names = new WeakMap<readonly NodeOperation[], ReadonlySet<string>>();
  readonly #registered = new Map<string, Kept>();
  /** By name: why it could not be registered. */
  readonly #refused = new Map<string, string>();
  #isSettling = false;
  #isDue = false;

  constructor(registry: Registry) {
    this.#registry = registry;
    registry.onChange(() => {
      this.#settleSoon();
    });
  }

  /** Whom the user trusts from now on. */
  trust(names: readonly string[]): void {
    this.#trusted = new Set(names);
    this.#settle();
  }

  /** Takes what the nodes of a connection have now. A node that could not be asked keeps what it had. */
  take(connection: ConnectionId, { operations, nodes }: FoundOperations): readonly Standing[] {
    const silent = new Set(nodes.filter(({ status }) => status !== 'ok').map(({ node }) => node));
    const asked = new Set(nodes.map(({ node }) => node));
    const before = this.#found.get(connection) ?? [];
    const kept = before.filter(({ node }) => silent.has(node) || !asked.has(node));
    // Only part of the nodes was asked: of the others nothing new is known.
    this.#found.set(connection, [...operations, ...kept]);
    const holders = this.#settle();
    return operations.map((found) => this.#standing(found, holders));
  }

  /** Drops the nodes of a connection that are not among `nodes`: they are gone for good. */
  keepNodes(connection: ConnectionId, nodes: readonly NodeName[]): void {
    const found = this.#found.get(connection) ?? [];
    const left = found.filter(({ node }) => nodes.includes(node));
    if (left.length === found.length) return;
    this.#found.set(connection, left);
    this.#settle();
  }

  /** The connection is closed: what only its nodes had is no operation any more. */
  forget(connection: ConnectionId): void {
    if (this.#found.delete(connection)) this.#settle();
  }

  /** Whether a node of the connection has the operation `name`. */
  isOn(connection: ConnectionId, name: string): boolean {
    const found = this.#found.get(connection);
    if (found === undefined) return false;
    const names = this.#names.get(found) ?? new Set(found.flatMap(nameOf));
    this.#names.set(found, names);
    return names.has(name);
  }

  #standing(found: NodeOperation, holders: Holders): Standing {
    const described = describedOperation(found);
    if ('problem' in described) return { ...found, name: null, problem: described.problem, notes: [] };
    const { name } = described;
    const refused = this.#refused.get(name) ?? null;
    const problem = refused ?? otherModule(holders, name, found.module);
    return { ...found, name, problem, notes: [...described.notes, ...(problem === null ? this.#notesOf(name) : [])] };
  }

  #notesOf(name: string): readonly string[] {
    const unrouted = this.#registered.get(name)?.unrouted ?? null;
    return unrouted === null ? [] : [unrouted];
  }

  /** Who has each name, the first connection's first node first. */
  #holders(): Holders {
    const holders = new Map<string, Holder[]>();
    for (const [connection, all] of this.#found) {
      for (const found of all) {
        const described = describedOperation(found);
        if ('problem' in described) continue;
        const known = holders.get(described.name);
        if (known === undefined) holders.set(described.name, [{ connection, found, described }]);
        else known.push({ connection, found, described });
      }
    }
    return holders;
  }

  /**
   * What others give back, a name or a route, is taken by those who wait for it. Not at once: whoever listens to the registry is to hear of
   * the change before he hears of what comes of it, and a module that is put in the place of another gives nothing back.
   */
  #settleSoon(): void {
    const waits = this.#refused.size > 0 || [...this.#registered.values()].some(({ unrouted }) => unrouted !== null);
    if (this.#isSettling || this.#isDue || !waits) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.#settle();
    });
  }

  #settle(): Holders {
    this.#isSettling = true;
    const holders = this.#holders();
    for (const [name, { node }] of this.#registered) {
      if (holders.has(name)) continue;
      this.#registered.delete(name);
      this.#registry.unregister(name, { from: 'node', node });
    }
    this.#refused.clear();
    for (const [name, those] of holders) this.#register(name, those);
    // A route that one of them has given up just now may be another's that came before it.
    for (const [name, those] of holders) if (this.#registered.get(name)?.unrouted !== null) this.#register(name, those);
    this.#isSettling = false;
    return holders;
  }

  #register(name: string, holders: readonly Holder[]): void {
    const known = this.#registered.get(name);
    // It stays with the node it was found on first, as long as that has it.
    const first = holders.find(({ found }) => found.node === known?.node) ?? holders[0];
    if (first === undefined) return;
    const about = aboutVersions(holders.filter(({ found }) => found.module === first.found.module));
    const isTrusted = this.#trusted.has(name);
    const signature = canonicalJson([first.described, about, isTrusted]);
    if (known?.node === first.found.node && known.signature === signature && known.unrouted === null) return;
    if (known !== undefined && known.node !== first.found.node) {
      this.#registered.delete(name);
      this.#registry.unregister(name, { from: 'node', node: known.node });
    }
    const operation = nodeOperation(first.described, about, isTrusted);
    const origin = { from: 'node', node: first.found.node } as const;
    // Without its route where that belongs to another: it can be run by its name all the same.
    const free = this.#registry.checkFree(operation, origin);
    const unrouted = !free.ok && free.error.code === 'operation.route_taken' ? free.error.message : null;
    if (unrouted !== null && known?.signature === signature && this.#registered.has(name)) return;
    const { route: _route, ...plain } = operation;
    const registered = this.#registry.register(unrouted === null ? operation : plain, origin);
    if (registered.ok) {
      this.#registered.set(name, { node: origin.node, signature, unrouted });
      this.#refused.delete(name);
      return;
    }
    this.#refused.set(name, registered.error.message);
    // The version that was there before is not what the nodes run any more.
    if (this.#registered.delete(name)) this.#registry.unregister(name, origin);
  }
}

/** One module has a name; another of the same name is not reached by it. */
function otherModule(holders: Holders, name: string, module: string): string | null {
  const [first] = holders.get(name) ?? [];
  return first === undefined || first.found.module === module
    ? null
    : `the name ${name} belongs to ${first.found.module} on ${first.found.node}.`;
}

function nameOf(found: NodeOperation): readonly string[] {
  const described = describedOperation(found);
  return 'problem' in described ? [] : [described.name];
}

/** Which nodes have it, and whether they have the same code. */
function aboutVersions(holders: readonly Holder[]): string {
  const byVersion = new Map<string, NodeName[]>();
  for (const { found } of holders) byVersion.set(found.version, [...(byVersion.get(found.version) ?? []), found.node]);
  const [module = ''] = holders.map(({ found }) => found.module);
  const where = [...byVersion].map(
    ([version, nodes]) => `${version.slice(0, 8).toLowerCase()} on ${nodes.toSorted().join(', ')}`,
  );
  return byVersion.size === 1
    ? `\n\n${module} on ${holders
        .map(({ found }) => found.node)
        .toSorted()
        .join(', ')}.`
    : `\n\n${module}; its versions differ: ${where.toSorted().join('; ')}.`;
}
