/**
 * `erlang:spawn_request`: a process asked for on any node, without waiting. What becomes of it comes as a message; a link and a monitor
 * hold from the first moment of the new process. Follows erlang(3), spawn_request/5 and spawn_request_abandon/1.
 */
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import { ErrorException } from './exceptions.ts';
import type { KernelRef } from './identity.ts';
import type { Mfa } from './module.ts';
import type { KernelNode } from './node.ts';
import type { Process } from './process.ts';
import type { Signal } from './signal.ts';
import { SmallMap, SmallSet } from './small.ts';
import { traceFlag, traceKind } from './trace.ts';
import { atoms } from './values.ts';

export type SpawnRequestOptions = {
  readonly link?: boolean;
  /** `{monitor, [{tag, Tag}]}`; a monitor with the ordinary tag: `DOWN`. Its reference is the request's. */
  readonly monitorTag?: Value;
  /** Which outcome is told by `{ReplyTag, Ref, ok, Pid}` or `{ReplyTag, Ref, error, Reason}`; both unless said. */
  readonly replies?: 'yes' | 'no' | 'error_only' | 'success_only';
  /** `spawn_reply` unless said. */
  readonly replyTag?: Value;
};
/** A request that has no outcome yet, as its process keeps it. */
export type SpawnRequest = SpawnRequestOptions & { readonly node: string };

const spawnReply = a('spawn_reply');
const abandoned = a('abandoned');

/** Asks `to` for a process that runs `mfa`; answered to `process` with `ref`. */
export function requestSpawn(
  process: Process,
  ref: KernelRef,
  to: string,
  mfa: Mfa,
  args: readonly Value[],
  options: SpawnRequestOptions,
): void {
  const { node } = process;
  const request: SpawnRequest = { ...options, node: to };
  if (to === node.name) {
    spawnHere(process, ref, mfa, args, request);
    return;
  }
  (process.spawnRequests ??= new SmallMap()).set(ref, request);
  const { link = false, monitorTag } = options;
  const { pid: from, groupLeader } = process;
  const asked = { is: 'spawn', from, ref, mfa, args, link, monitor: monitorTag !== undefined, groupLeader } as const;
  if (!node.world.transmit(node, to, asked)) spawnFailed(process, ref, atoms.noconnection);
}

function spawnHere(
  process: Process,
  ref: KernelRef,
  mfa: Mfa,
  args: readonly Value[],
  { link = false, monitorTag, ...answer }: SpawnRequest,
): void {
  const { node } = process;
  let spawned: Process;
  try {
    spawned = node.spawn({ body: node.bodyOf(mfa, args), initialCall: mfa, parent: process, link });
  } catch (thrown) {
    if (!(thrown instanceof ErrorException)) throw thrown;
    tell(process, ref, answer, atoms.error, thrown.reason);
    return;
  }
  if (monitorTag !== undefined) node.relations.monitor(process, ref, spawned.pid, null, monitorTag);
  tell(process, ref, answer, atoms.ok, spawned.pid);
}

/** The node that was asked: makes the process, and says so. */
export function spawnFor(node: KernelNode, signal: Extract<Signal, { is: 'spawn' }>): void {
  const { from, ref, mfa, args, groupLeader } = signal;
  let outcome: Value;
  try {
    const process = node.spawn({ body: node.bodyOf(mfa, args), initialCall: mfa, parent: null, groupLeader });
    if (signal.link) (process.links ??= new SmallSet()).add(from);
    if (signal.monitor) node.relations.watch(ref, from, process.pid);
    outcome = process.pid;
  } catch (thrown) {
    if (!(thrown instanceof ErrorException)) throw thrown;
    outcome = thrown.reason;
  }
  node.world.transmit(node, from.node, { is: 'spawn_reply', ref, to: from, outcome });
}

/** The answer is back on the node of who asked; when nobody waits for it any more, the new process is let go. */
export function spawnAnswered(node: KernelNode, { ref, to, outcome }: Extract<Signal, { is: 'spawn_reply' }>): void {
  const process = node.find(to);
  const request = process?.spawnRequests?.get(ref);
  if (!(outcome instanceof Pid)) {
    if (process !== undefined) spawnFailed(process, ref, outcome);
    return;
  }
  if (process === undefined || request === undefined) {
    const reason = process === undefined ? atoms.noproc : abandoned;
    node.world.transmit(node, outcome.node, { is: 'exit', from: to, to: outcome, reason, because: 'link' });
    node.world.transmit(node, outcome.node, { is: 'demonitor', ref, from: to, to: outcome });
    return;
  }
  process.spawnRequests?.delete(ref);
  if (request.link === true) {
    (process.links ??= new SmallSet()).add(outcome);
    node.tracer?.note(traceFlag.procs, traceKind.link, process, outcome, null);
  }
  if (request.monitorTag !== undefined) {
    const monitor = { target: outcome, alias: null, tag: request.monitorTag, watched: null };
    (process.monitors ??= new SmallMap()).set(ref, monitor);
  }
  tell(process, ref, request, atoms.ok, outcome);
}

/** The connection to `name` is gone: what was asked there has no answer. */
export function spawnsLost(process: Process, name: string): void {
  for (const [ref, { node }] of [...(process.spawnRequests ?? [])]) {
    if (node === name) spawnFailed(process, ref, atoms.noconnection);
  }
}

/** `erlang:spawn_request_abandon/1`: false when there is no such request, or it has its outcome. */
export function abandonSpawn(process: Process, ref: KernelRef): boolean {
  return process.spawnRequests?.delete(ref) === true;
}

function spawnFailed(process: Process, ref: KernelRef, reason: Value): void {
  const request = process.spawnRequests?.get(ref);
  if (request === undefined) return;
  process.spawnRequests?.delete(ref);
  tell(process, ref, request, atoms.error, reason);
}

function tell(
  process: Process,
  ref: KernelRef,
  { replies = 'yes', replyTag = spawnReply }: SpawnRequestOptions,
  what: Value,
  outcome: Value,
): void {
  const unwanted = what === atoms.ok ? 'error_only' : 'success_only';
  if (replies !== 'no' && replies !== unwanted) process.node.deliver(process, tup(replyTag, ref, what, outcome));
}
