/** What calls are told apart by: made once for all that have it in common, with the text that all their lines share. */
import type { CallerWay } from '../../core/context.ts';
import type { CatalogueEntry } from '../../protocol/operation.ts';
import { unknownOperation } from '../metrics.ts';

/** What calls are told apart by in their figures. */
export type CellKey = {
  readonly operation: string;
  readonly category: string;
  readonly connection: string | null;
  readonly principal: string;
  readonly via: string;
  /** There, when nobody asked for them: what shows something keeps it up to date. */
  readonly background?: true;
};
type KindKey = CellKey & { readonly via: CallerWay };
type CallMadeBy = { readonly principal: string; readonly via: CallerWay };
type Called = Pick<CatalogueEntry, 'name' | 'category'> | null;

export class CallKind implements KindKey {
  /** `unknown` when there is no such operation: what callers write makes no kinds. */
  readonly operation: string;
  readonly category: string;
  readonly connection: string | null;
  readonly principal: string;
  readonly via: CallerWay;
  readonly background?: true;
  /** What the line of the end of such a call begins with, up to its requestId. */
  readonly lines: { readonly run: string; readonly dry_run: string };

  constructor({ operation, category, connection, principal, via, background }: KindKey) {
    this.operation = operation;
    this.category = category;
    this.connection = connection;
    this.principal = principal;
    this.via = via;
    if (background === true) this.background = true;
    const line = (mode: string) => {
      const call = JSON.stringify({ operation, category, connection, principal, via, background, mode });
      return `{"is":"ended","call":${call.slice(0, -1)},"requestId":`;
    };
    this.lines = { run: line('run'), dry_run: line('dry_run') };
  }
}

const noEntry = { name: unknownOperation, category: unknownOperation };
/** More are not told apart at a time: they would be callers who make names up. */
const mostKinds = 10_000;

export class CallKinds {
  readonly #kinds = new Map<string, CallKind>();
  #last: CallKind | null = null;

  /** The kind of a call: the same object for equal ones, for as long as they are not too many. */
  of(entry: Called, connection: string | null, { principal, via }: CallMadeBy, isBackground: boolean): CallKind {
    const { name: operation, category } = entry ?? noEntry;
    const last = this.#last;
    if (
      last !== null &&
      last.operation === operation &&
      last.category === category &&
      last.connection === connection &&
      last.principal === principal &&
      last.via === via &&
      (last.background === true) === isBackground
    ) {
      return last;
    }
    this.#last = this.#find({
      operation,
      category,
      connection,
      principal,
      via,
      ...(isBackground && { background: true }),
    });
    return this.#last;
  }

  #find(key: KindKey): CallKind {
    const { operation, connection, principal, via, background = false } = key;
    // Neither ways in nor operations have spaces in their names.
    const text = `${via} ${operation} ${String(background)} ${connection === null ? '' : JSON.stringify(connection)} ${principal}`;
    const known = this.#kinds.get(text);
    if (known?.category === key.category) return known;
    if (this.#kinds.size >= mostKinds) this.#kinds.clear();
    const kind = new CallKind(key);
    this.#kinds.set(text, kind);
    return kind;
  }
}
