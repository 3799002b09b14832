/**
 * What one process can do to another ("Communication in Erlang", erts user's guide). Order is kept per pair of sender and
 * receiver. On one node a signal takes effect at once; between nodes it travels as one of these.
 */
import type { Pid, Ref, Value } from '../../term/values.ts';
import type { KernelRef } from './identity.ts';
import type { Mfa } from './module.ts';

export type Signal =
  /** `to` is a process, a registered name, or an alias. */
  | { readonly is: 'message'; readonly to: Pid | string | Ref; readonly message: Value }
  | {
      readonly is: 'exit';
      readonly from: Pid;
      readonly to: Pid;
      readonly reason: Value;
      /** `asked`: exit/2, where `kill` and `normal` are special; `link`: an ordinary reason whatever it is. */
      readonly because: 'asked' | 'link';
    }
  | { readonly is: 'link'; readonly from: Pid; readonly to: Pid }
  /** Answered by an `unlink_ack` with the same `id`; until that is there, a `link` of the other is older than this, and ignored. */
  | { readonly is: 'unlink' | 'unlink_ack'; readonly from: Pid; readonly to: Pid; readonly id: number }
  | { readonly is: 'monitor' | 'demonitor'; readonly ref: Ref; readonly from: Pid; readonly to: Pid | string }
  | { readonly is: 'down'; readonly ref: Ref; readonly to: Pid; readonly reason: Value }
  /** `link`, `monitor`: the new process is linked to `from`, or watched by it with `ref`. */
  | {
      readonly is: 'spawn';
      readonly from: Pid;
      readonly ref: KernelRef;
      readonly mfa: Mfa;
      readonly args: readonly Value[];
      readonly link: boolean;
      readonly monitor: boolean;
      readonly groupLeader: Pid;
    }
  /** What became of a `spawn`: the pid, or why there is none. */
  | { readonly is: 'spawn_reply'; readonly ref: KernelRef; readonly to: Pid; readonly outcome: Value };
