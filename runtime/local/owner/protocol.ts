/**
 * What windows and tools say to the owner of a local cluster, and hear: one JSON value a line, over a connection of loopback that opens
 * with the owner's secret. Both ends are of one version: the owner's file says which, and another version is not spoken to.
 */
import type { NetworkFault } from '../../network/networkFault.ts';
import type { Holding, HoldingOwner, NodeName, Result } from '../../model.ts';
import type { LocalClusterInfo, LocalSpec } from '../localSpec.ts';
import type { LogFrom, LogPart } from '../nodes/logFile.ts';

export const ownerProtocolVersion = 1;

/**
 * `window`: the cluster lives as long as one of these is attached. `tool`: comes and goes. `owner`: would be the owner itself, and asks
 * whether there is one.
 */
export type ClientRole = 'window' | 'tool' | 'owner';

/**
 * How long a fault lasts after its client has gone; `until_healed`: until it is released, as `arsenal cluster partition` leaves it.
 */
export type FaultLife = { readonly owner: HoldingOwner; readonly linger: { readonly ms: number } | 'until_healed' };

export type FaultRequest = { readonly is: 'hang'; readonly node: NodeName } | NetworkFault;

/** Every request, with what it takes and answers. */
export type OwnerRequests = {
  readonly attach: {
    readonly params: { readonly token: string; readonly role: ClientRole };
    /** null: no cluster yet. */
    readonly answer: LocalClusterInfo | null;
  };
  /** Starts the cluster, or joins the one that runs. `keep`: it outlives the windows. */
  readonly start: {
    readonly params: { readonly spec: LocalSpec; readonly keep: boolean };
    readonly answer: LocalClusterInfo;
  };
  readonly status: { readonly params: Record<string, never>; readonly answer: LocalClusterInfo };
  readonly stop: { readonly params: Record<string, never>; readonly answer: null };
  readonly log: {
    readonly params: { readonly node: NodeName | null; readonly from: LogFrom };
    readonly answer: LogPart & { readonly file: string };
  };
  readonly addNode: {
    readonly params: { readonly node: NodeName | null };
    readonly answer: { readonly node: NodeName };
  };
  readonly removeNode: { readonly params: { readonly node: NodeName }; readonly answer: { readonly wasUp: boolean } };
  readonly crashNode: { readonly params: { readonly node: NodeName }; readonly answer: { readonly wasUp: boolean } };
  readonly startNode: { readonly params: { readonly node: NodeName }; readonly answer: { readonly node: NodeName } };
  readonly fault: {
    readonly params: { readonly fault: FaultRequest; readonly life: FaultLife };
    readonly answer: Holding & { readonly preventsOverlap: boolean };
  };
  readonly holdings: { readonly params: Record<string, never>; readonly answer: readonly Holding[] };
  /** Undoes one fault, or with `id` null all there are. */
  readonly release: { readonly params: { readonly id: string | null }; readonly answer: { readonly released: number } };
};
export type OwnerMethod = keyof OwnerRequests;
export type OwnerParams<M extends OwnerMethod> = OwnerRequests[M]['params'];
export type OwnerAnswer<M extends OwnerMethod> = OwnerRequests[M]['answer'];

export const ownerMethods: readonly OwnerMethod[] = [
  'attach',
  'start',
  'status',
  'stop',
  'log',
  'addNode',
  'removeNode',
  'crashNode',
  'startNode',
  'fault',
  'holdings',
  'release',
];

export type OwnerRequest = { readonly id: number; readonly method: OwnerMethod; readonly params: unknown };
export type OwnerReply = { readonly id: number; readonly result: Result<unknown> };
/** Something happened that nobody asked for. */
export type OwnerEvent =
  | { readonly event: 'node'; readonly node: NodeName; readonly is: 'up' | 'down' | 'removed' }
  | { readonly event: 'ending' };
