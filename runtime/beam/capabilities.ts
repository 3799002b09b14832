/** What a connection to a BEAM cluster can do, and why it cannot do the rest. */
import type { AgentChoice } from '../model.ts';
import type { Capabilities, MethodTable } from '../port.ts';
import { methodNames } from '../port.ts';
import type { Refusals } from '../portFacade.ts';
import { buildCapabilities } from '../portFacade.ts';
import { noAgentRefusal, residentMethods } from './adapter/agents.ts';
import { noSandboxes } from './adapter/watchMethods.ts';

type Refusal = Refusals['otherwise'];

const [whyNoSandboxes, remedyNoSandboxes] = noSandboxes;

/** By the group of the method: what only clusters of our own have. */
const refusedGroups: { readonly [group: string]: Refusal } = {
  sandboxes: { why: whyNoSandboxes, remedy: remedyNoSandboxes },
  faults: {
    why: 'Arsenal has not started these nodes, and breaks none that are not its own.',
    remedy: 'Break a local cluster of the project, or the simulated one.',
  },
  clock: {
    why: 'the time of a real cluster passes by itself, and what it did cannot be repeated.',
    remedy: 'Use the simulated cluster, whose time can be held and whose runs can be recorded.',
  },
  code: {
    why: 'a real cluster runs no cluster file.',
    remedy: 'Compile the project and load its modules there, or start the simulated cluster from a file.',
  },
};
const refusedOtherwise: Refusal = {
  why: 'it is done on clusters of Arsenal’s own only.',
  remedy: 'Use it on the simulated cluster, or on a local one.',
};

/** What a connection can do whose user allows `choice` on the nodes. */
export function capabilitiesOf(methods: MethodTable, choice: AgentChoice): Capabilities {
  const resident = choice === 'none' ? residentMethods : [];
  const ofGroups = methodNames().flatMap((name) => {
    const refusal = refusedGroups[name.slice(0, name.indexOf('.'))];
    return refusal === undefined ? [] : [[name, refusal] as const];
  });
  const refusals: Refusals = {
    otherwise: refusedOtherwise,
    methods: Object.fromEntries([...ofGroups, ...resident.map((name) => [name, noAgentRefusal] as const)]),
  };
  const supported = { ...methods, ...Object.fromEntries(resident.map((name) => [name, undefined])) };
  return buildCapabilities(1, supported, refusals);
}
