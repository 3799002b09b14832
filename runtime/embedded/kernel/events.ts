/** What the kernel says happened, for watches, history and event logs. Kernel and behaviours emit; nothing in them listens. */
import type { Pid, Value } from '../../term/values.ts';

export type KernelEvent =
  | { readonly is: 'spawned'; readonly pid: Pid; readonly initialCall: string }
  | { readonly is: 'exited'; readonly pid: Pid; readonly reason: Value }
  | { readonly is: 'registered' | 'unregistered'; readonly pid: Pid; readonly name: string }
  /** The children that a supervisor holds, or their state, have changed. */
  | { readonly is: 'children'; readonly supervisor: Pid }
  /** A supervisor starts a child again; `count` is the restarts within its period, this one included. */
  | {
      readonly is: 'restart';
      readonly supervisor: Pid;
      readonly childId: Value;
      readonly reason: Value;
      readonly count: number;
    }
  /** What OTP would hand to logger: supervisor, crash and error reports. */
  | { readonly is: 'report'; readonly kind: string; readonly pid: Pid; readonly report: Value }
  | { readonly is: 'node_up' | 'node_down'; readonly node: string; readonly creation: number }
  /** It was taken out of the cluster for good. */
  | { readonly is: 'node_removed'; readonly node: string }
  | { readonly is: 'connected' | 'disconnected'; readonly one: string; readonly other: string }
  /** What `global` of a node knows under some name has changed; the groups of a scope of `pg` on a node have. */
  | { readonly is: 'global_names'; readonly node: string }
  | { readonly is: 'groups'; readonly node: string; readonly scope: string }
  | { readonly is: 'application'; readonly node: string; readonly name: string; readonly state: 'started' | 'stopped' };
