/**
 * Snapshots and deltas with versions, for every hop: runtime → backend → client → webview.
 *
 * A version is (epoch, number); a new source is a new epoch. Deltas only set and delete, carry from/to, and compose; every hop
 * may merge them, none may drop one. One unacknowledged frame a subscriber; the base moves only when the transport accepted the
 * frame; a gap, an overdue acknowledgement or becoming visible asks for a snapshot.
 */
import type { Json } from './model.ts';

export type Row = { readonly [column: string]: Json };

/** Whether every change is seen (`exact`), or only what differs between two samples. */
export type Fidelity = { readonly is: 'exact' } | { readonly is: 'sampled'; readonly everyMs: number };

export type WatchFrame =
  | {
      readonly is: 'snapshot';
      readonly epoch: string;
      readonly to: number;
      readonly rows: readonly (readonly [string, Row])[];
      /** Rows that exist at the source; more than `rows` when the watch is a window. */
      readonly total: number;
      readonly fidelity: Fidelity;
    }
  /** Applying one twice is harmless; [from,to] and [to,next] compose to [from,next]. */
  | {
      readonly is: 'delta';
      readonly epoch: string;
      readonly from: number;
      readonly to: number;
      readonly put: readonly (readonly [string, Row])[];
      readonly delete: readonly string[];
      readonly total: number;
    };
