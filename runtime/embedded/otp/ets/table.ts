/** One table of a node, and all tables of a node: who owns them, and what becomes of them when the owner ends. */
import type { Pid, Value } from '../../../term/values.ts';
import { Atom, Ref, a, tup } from '../../../term/values.ts';
import type { KernelNode } from '../../kernel/node.ts';
import type { Process } from '../../kernel/process.ts';
import type { Self } from '../../kernel/self.ts';
import { flatWords } from '../../kernel/termSize.ts';
import { asValue } from '../../kernel/values.ts';
import type { Group, Row, Rows } from './rows.ts';
import { HashRows, OrderedRows } from './rows.ts';
import { badarg, words } from './terms.ts';

export type TableType = 'set' | 'ordered_set' | 'bag' | 'duplicate_bag';
export type Protection = 'public' | 'protected' | 'private';
export type TableOptions = {
  readonly type: TableType;
  readonly protection: Protection;
  readonly isNamed: boolean;
  readonly keyPosition: number;
  readonly heir: Heir | null;
  readonly readConcurrency: boolean;
  readonly writeConcurrency: boolean | 'auto';
  readonly decentralizedCounters: boolean;
  readonly isCompressed: boolean;
};
/** JavaScript has values of its own for four atoms; as names of tables they are atoms like any other. */
export type AtomValue = Atom | boolean | null | undefined;
export type Heir = { readonly pid: Pid; readonly data: Value };

/** Words of an empty table, and of each object besides its own (efficiency guide, "Memory"). */
const wordsOfTable = 768;
const wordsOfObject = 6;

export class Table {
  readonly id: Ref;
  readonly options: TableOptions;
  readonly rows: Rows;
  name: AtomValue;
  owner: Pid;
  protection: Protection;
  heir: Heir | null;
  /** How often each process holds it fixed, and since when (the cluster's milliseconds). */
  readonly fixations = new Map<Pid, number>();
  fixedSinceMs = 0;
  #words = wordsOfTable;

  constructor(id: Ref, name: AtomValue, owner: Pid, options: TableOptions) {
    this.id = id;
    this.name = name;
    this.owner = owner;
    this.options = options;
    this.protection = options.protection;
    this.heir = options.heir;
    this.rows = options.type === 'ordered_set' ? new OrderedRows() : new HashRows();
  }

  /** What its owner calls it by. */
  get identifier(): AtomValue | Ref {
    return this.options.isNamed ? this.name : this.id;
  }
  get isSet(): boolean {
    return this.options.type === 'set' || this.options.type === 'ordered_set';
  }
  /** Words of memory that it would take on a 64-bit BEAM. */
  get words(): number {
    return this.#words;
  }
  /** All groups, in the table's order. */
  *groups(): Generator<Group, void> {
    for (let group = this.rows.first(); group !== null; group = this.rows.from(this.rows.place(group), false)) {
      yield group;
    }
  }

  /** The key of an object; `badarg` for what is no tuple with one. */
  keyOf(row: Row): Value {
    if (row.elements.length < this.options.keyPosition) throw badarg();
    return asValue(row.elements[this.options.keyPosition - 1]);
  }
  /** Puts these objects in place of all that have the key. */
  put(key: Value, rows: readonly Row[]): void {
    const before = this.rows.put(key, rows);
    // Most of a long list stays as it is: what is at both ends is not measured anew.
    let from = 0;
    while (from < rows.length && rows[from] === before[from]) from += 1;
    let [end, endBefore] = [rows.length, before.length];
    while (end > from && endBefore > from && rows[end - 1] === before[endBefore - 1])
      [end, endBefore] = [end - 1, endBefore - 1];
    this.#words += wordsOf(rows.slice(from, end)) - wordsOf(before.slice(from, endBefore));
  }
  /** Puts one more object under a key. */
  append(key: Value, row: Row): void {
    this.rows.append(key, row);
    this.#words += wordsOf([row]);
  }
  /** An object of this key was here for a moment: as long as the table is fixed, it can be gone on from. */
  remember(key: Value, row: Row): void {
    this.rows.put(key, [row]);
    this.rows.put(key, []);
  }
  clear(): void {
    this.rows.clear();
    this.#words = wordsOfTable;
  }

  fix(pid: Pid, nowMs: number): void {
    if (this.fixations.size === 0) {
      this.fixedSinceMs = nowMs;
      this.rows.fix(true);
    }
    this.fixations.set(pid, (this.fixations.get(pid) ?? 0) + 1);
  }
  /** Takes back one fixation of a process, or all that it has. */
  release(pid: Pid, how: 'one' | 'all'): void {
    const count = this.fixations.get(pid);
    if (count === undefined) return;
    if (how === 'one' && count > 1) this.fixations.set(pid, count - 1);
    else this.fixations.delete(pid);
    if (this.fixations.size === 0) this.rows.fix(false);
  }
}

export function isAtomValue(value: Value): value is AtomValue {
  return value instanceof Atom || typeof value === 'boolean' || value === null || value === undefined;
}

function wordsOf(rows: readonly Row[]): number {
  return rows.reduce((words, row) => words + wordsOfObject + flatWords(row), 0);
}

/** The references that are, or were, of tables. */
const references = new WeakSet<Ref>();
export function isTableReference(ref: Ref): boolean {
  return references.has(ref);
}

/** A reference to a table, by its parts: the same table also when the reference has travelled. */
function refKey({ node, creation, ids }: Ref): string {
  return `${node}.${creation}.${ids.join('.')}`;
}

/** The tables of one life of a node. */
export class Tables {
  readonly #byId = new Map<string, Table>();
  readonly #byName = new Map<AtomValue, Table>();
  /** The tables that a process owns or holds fixed: what its end concerns. */
  readonly #ofProcess = new Map<Pid, Set<Table>>();

  /** In the order in which they were made. */
  all(): readonly Table[] {
    return [...this.#byId.values()];
  }
  /** The table with this name or identifier; null when there is none (any more). */
  find(table: Value): Table | null {
    if (table instanceof Ref) return this.#byId.get(refKey(table)) ?? null;
    return isAtomValue(table) ? (this.#byName.get(table) ?? null) : null;
  }
  /** `badarg` when a named table's name is taken. */
  add(table: Table): void {
    if (table.options.isNamed && this.#byName.has(table.name)) throw badarg();
    this.#byId.set(refKey(table.id), table);
    references.add(table.id);
    if (table.options.isNamed) this.#byName.set(table.name, table);
    this.#concerns(table.owner, table);
  }
  /** Another process owns it from now on. */
  give(table: Table, owner: Pid): void {
    const before = table.owner;
    table.owner = owner;
    this.#concerns(owner, table);
    this.#letGo(before, table);
  }
  fix(table: Table, pid: Pid, nowMs: number): void {
    table.fix(pid, nowMs);
    this.#concerns(pid, table);
  }
  release(table: Table, pid: Pid): void {
    table.release(pid, 'one');
    this.#letGo(pid, table);
  }
  rename(table: Table, name: AtomValue): void {
    if (table.options.isNamed) {
      if (this.#byName.has(name)) throw badarg();
      this.#byName.delete(table.name);
      this.#byName.set(name, table);
    }
    table.name = name;
  }
  remove(table: Table): void {
    this.#byId.delete(refKey(table.id));
    if (table.options.isNamed) this.#byName.delete(table.name);
    for (const pid of [table.owner, ...table.fixations.keys()]) this.#ofProcess.get(pid)?.delete(table);
  }

  #concerns(pid: Pid, table: Table): void {
    const known = this.#ofProcess.get(pid);
    if (known === undefined) this.#ofProcess.set(pid, new Set([table]));
    else known.add(table);
  }
  #letGo(pid: Pid, table: Table): void {
    if (table.owner === pid || table.fixations.has(pid)) return;
    const known = this.#ofProcess.get(pid);
    known?.delete(table);
    if (known?.size === 0) this.#ofProcess.delete(pid);
  }

  /** A process has ended: its tables go to their heirs, or with it. */
  ended(process: Process): void {
    const concerned = this.#ofProcess.get(process.pid);
    if (concerned === undefined) return;
    this.#ofProcess.delete(process.pid);
    for (const table of concerned) {
      table.release(process.pid, 'all');
      if (table.owner !== process.pid) continue;
      const heir = table.heir === null ? undefined : process.node.find(table.heir.pid);
      if (heir === undefined || !heir.alive || table.heir === null) this.remove(table);
      else {
        this.give(table, heir.pid);
        process.node.deliver(heir, tup(words.transfer, table.identifier, process.pid, table.heir.data));
      }
    }
  }
}

const tables = new WeakMap<object, Tables>();

/** The tables of a node (`Self.home`), to be looked at; none are made by looking. */
export function tablesOn(home: object): Tables | null {
  return tables.get(home) ?? null;
}

/** The tables of this process' node. The kernel says from now on when a process there ends. */
export function tablesOf(self: Self): Tables {
  const known = tables.get(self.home);
  if (known !== undefined) return known;
  const made = new Tables();
  tables.set(self.home, made);
  const node: KernelNode | undefined = self.inspect(self.pid)?.node;
  if (node !== undefined) node.onProcessEnd = (process) => made.ended(process);
  return made;
}

/** `undefined`, `none`, … as options and answers have them. */
export const none = a('none');
