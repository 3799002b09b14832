/** What calls are told apart by: made once for all that have it in common, with the text that all their lines share. */
import type { CallerWay } from '../../core/context.ts';
import type { CatalogueEntry } from '../../protocol/operation.ts';
import { unknownOperation } from '../metrics.ts';

type CallMadeBy = { readonly principal: string; readonly via: CallerWay };

export class CallKind {
  /** `unknown` when there is no such operation: what callers write makes no kinds. */
  readonly operation: string;
  readonly category: string;
  readonly connection: string | null;
  readonly principal: string;
  readonly via: CallerWay;
  /** What the line of the end of such a call begins with, up to its requestId. */
  readonly lines: { readonly run: string; readonly dry_run: string };

  constructor(operation: string, category: string, connection: string | null, { principal, via }: CallMadeBy) {
    this.operation = operation;
    this.category = category;
    this.connection = connection;
    this.principal = principal;
    this.via = via;
    const line = (mode: string) => {
      const call = JSON.stringify({ operation, category, connection, principal, via, mode });
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
  of(entry: Pick<CatalogueEntry, 'name' | 'category'> | null, connection: string | null, caller: CallMadeBy): CallKind {
    const { name: operation, category } = entry ?? noEntry;
    const { principal, via } = caller;
    const last = this.#last;
    if (
      last !== null &&
      last.operation === operation &&
      last.category === category &&
      last.connection === connection &&
      last.principal === principal &&
      last.via === via
    ) {
      return last;
    }
    this.#last = this.#find(operation, category, connection, caller);
    return this.#last;
  }

  #find(operation: string, category: string, connection: string | null, caller: CallMadeBy): CallKind {
    // Neither ways in nor operations have spaces in their names.
    const key = `${caller.via} ${operation} ${connection === null ? '' : JSON.stringify(connection)} ${caller.principal}`;
    const known = this.#kinds.get(key);
    if (known?.category === category) return known;
    if (this.#kinds.size >= mostKinds) this.#kinds.clear();
    const kind = new CallKind(operation, category, connection, caller);
    this.#kinds.set(key, kind);
    return kind;
  }
}
