/** The methods of the port that a local cluster has beside, or in place of, those of a BEAM connection. */
import type { Holding, NodeInfo, NodeName, Result } from '../model.ts';
import { ok } from '../model.ts';
import type { CallOptions, MethodTable, Params, Runtime } from '../port.ts';
import type { Refusal } from '../portFacade.ts';
import type { OwnerClient } from './owner/ownerClient.ts';
import type { FaultRequest } from './owner/protocol.ts';

/** Why a node cannot be stopped where it stands; null where it can. */
export const noHang: Refusal | null =
  process.platform === 'win32'
    ? {
        why: 'Windows has no signal that stops a process where it stands.',
        remedy: 'Part the node from the others by a black hole, which is silent too.',
      }
    : null;

type Held = Pick<Params<'faults.hangNode'>, 'owner' | 'lingerMs'>;

export function localMethods(owner: OwnerClient, { port }: Runtime): MethodTable {
  const hold = async ({ owner: by, lingerMs }: Held, fault: FaultRequest, options: CallOptions) =>
    owner.ask('fault', { fault, life: { owner: by, linger: { ms: lingerMs } } }, options);
  const holdOnly = async (held: Held, fault: FaultRequest, options: CallOptions): Promise<Result<Holding>> => {
    const answer = await hold(held, fault, options);
    if (!answer.ok) return answer;
    const { preventsOverlap: _, ...holding } = answer.value;
    return ok(holding);
  };
  /** The node as our own link shows it, opened now. */
  const met = async (started: Result<{ readonly node: NodeName }>, options: CallOptions): Promise<Result<NodeInfo>> =>
    started.ok ? port.cluster.connect({ node: started.value.node }, options) : started;

  return {
    'faults.addNode': async ({ node }, options) => met(await owner.ask('addNode', { node }, options), options),
    'faults.removeNode': ({ node }, options) => owner.ask('removeNode', { node }, options),
    'faults.crashNode': ({ node }, options) => owner.ask('crashNode', { node }, options),
    'faults.startNode': async ({ node }, options) => met(await owner.ask('startNode', { node }, options), options),
    ...(noHang === null && {
      'faults.hangNode': ({ node, ...held }, options) => holdOnly(held, { is: 'hang', node }, options),
    }),
    'faults.partition': ({ islands, mode, ...held }, options) =>
      hold(held, { is: 'partition', islands, mode }, options),
    'faults.delayLink': ({ from, to, delayMs, jitterMs, ...held }, options) =>
      holdOnly(held, { is: 'delay', from, to, delayMs, jitterMs }, options),
    'faults.dropLink': ({ from, to, lossRatio, bytesPerSecond, ...held }, options) =>
      holdOnly(held, { is: 'drop', from, to, lossRatio, bytesPerSecond }, options),
    'holdings.list': async (params, options) => {
      const [ours, theirs] = await Promise.all([
        owner.ask('holdings', {}, options),
        port.holdings.list(params, options),
      ]);
      if (!ours.ok) return ours;
      if (!theirs.ok) return theirs;
      const wanted = ours.value.filter(
        (holding) => params.client === undefined || holding.owner.client === params.client,
      );
      return ok({ nodes: theirs.value.nodes, holdings: [...theirs.value.holdings, ...wanted] });
    },
    'holdings.release': async ({ id }, options) => {
      if (!id.startsWith('fault:')) return port.holdings.release({ id }, options);
      const answer = await owner.ask('release', { id }, options);
      return answer.ok ? ok({ wasHeld: answer.value.released > 0 }) : answer;
    },
  };
}
