/**
 * What can go wrong on the way to a node and back. Each kind has a cause of its own, so that a caller can say what to do about it;
 * `message` is one English sentence for people and is never matched.
 */
import type { Term } from '../../term/term.ts';
import type { EncodeError } from '../../term/write.ts';

export type DistError =
  /** Nothing answers where EPMD should be. */
  | {
      readonly kind: 'epmd_unreachable';
      readonly message: string;
      readonly host: string;
      readonly port: number;
      readonly why: 'refused' | 'timeout' | 'network';
    }
  /** Something answers, but not as EPMD does. */
  | { readonly kind: 'epmd_refused'; readonly message: string; readonly host: string; readonly port: number }
  /** EPMD answers that it knows no such name. */
  | { readonly kind: 'no_such_node'; readonly message: string; readonly node: string; readonly host: string }
  | { readonly kind: 'host_unresolved'; readonly message: string; readonly host: string }
  /** The port of the node itself refuses, or cannot be reached. */
  | { readonly kind: 'connect_refused'; readonly message: string; readonly host: string; readonly port: number }
  | { readonly kind: 'connect_timeout'; readonly message: string; readonly phase: 'epmd' | 'connect' | 'handshake' }
  /** The node does not let us in: `net_kernel:allow/1`, or a flag it demands. */
  | { readonly kind: 'not_allowed'; readonly message: string; readonly node: string }
  /** The node has no name of its own, or would have us take one that it gives. */
  | { readonly kind: 'dynamic_name'; readonly message: string; readonly node: string }
  /** TLS with the node failed; `code` is OpenSSL's or Node.js's, empty when there is none. `own_files`: our certificate or key. */
  | {
      readonly kind: 'tls';
      readonly message: string;
      readonly what:
        | 'unknown_ca'
        | 'expired'
        | 'not_yet_valid'
        | 'revoked'
        | 'wrong_host'
        | 'wrong_purpose'
        | 'client_certificate_required'
        | 'client_certificate_refused'
        | 'own_files'
        | 'version'
        | 'refused'
        | 'not_tls'
        | 'silent'
        | 'closed';
      readonly host: string;
      readonly code: string;
    }
  /** The way that was given to get there (a tunnel) is at fault; `code` for programs, `detail` for people. */
  | {
      readonly kind: 'route';
      readonly message: string;
      readonly host: string;
      readonly port: number;
      readonly code: string;
      readonly detail: string;
    }
  /** The node has a connection from our name already, and the name is not ours alone. */
  | { readonly kind: 'name_in_use'; readonly message: string; readonly name: string }
  | { readonly kind: 'bad_cookie'; readonly message: string; readonly node: string }
  /** The node is there, under another host part: short names against long names. */
  | { readonly kind: 'name_type'; readonly message: string; readonly expected: string; readonly actual: string }
  /** Another node altogether answers at that address. */
  | { readonly kind: 'wrong_node'; readonly message: string; readonly expected: string; readonly actual: string }
  | {
      readonly kind: 'protocol';
      readonly message: string;
      readonly what: 'old_protocol' | 'missing_flags' | 'tls_expected' | 'garbage' | 'closed' | 'name';
    }
  /** There is no link, or no longer. `why` says who ended it. */
  | {
      readonly kind: 'noconnection';
      readonly message: string;
      readonly why: 'closed' | 'silent' | 'disconnected' | 'network';
    }
  | { readonly kind: 'timeout'; readonly message: string; readonly timeoutMs: number }
  | { readonly kind: 'cancelled'; readonly message: string }
  /** The function called raised. `stack` is the node's own, or null. */
  | {
      readonly kind: 'exception';
      readonly message: string;
      readonly class: 'error' | 'exit' | 'throw';
      readonly reason: Term;
      readonly stack: Term | null;
    }
  /** The server called ended before it answered. */
  | { readonly kind: 'down'; readonly message: string; readonly reason: Term }
  /** The node refused to start a process for the call; `reason` is its atom. */
  | { readonly kind: 'spawn_failed'; readonly message: string; readonly reason: string }
  /** An argument or a message cannot be encoded. Nothing was sent. */
  | { readonly kind: 'encode'; readonly message: string; readonly error: EncodeError }
  /** More is waiting to be sent than the queue holds. Nothing was sent. */
  | { readonly kind: 'busy'; readonly message: string; readonly queuedBytes: number };

export type DistResult<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: DistError };

/** `value` as a success. */
export function success<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** `error` as a failure. */
export function failure(error: DistError): { readonly ok: false; readonly error: DistError } {
  return { ok: false, error };
}

/** The error of a call or a connection attempt that its caller gave up. */
export function cancelled(): DistError {
  return { kind: 'cancelled', message: 'The caller gave up waiting.' };
}
