/** Horde as code that the nodes of a cluster have loaded. */
import type { CodeModule } from '../kernel/module.ts';
import { deltaCrdtModules } from './causalCrdt.ts';
import { distributionModules } from './distribution.ts';
import { dynamicSupervisorModules } from './dynamicSupervisor.ts';
import { nodeListenerModule } from './nodeListener.ts';
import { processesSupervisorModule } from './processesSupervisor.ts';
import { processModule, registryModule } from './registry.ts';
import { registryImplModule } from './registryImpl.ts';
import { supervisorImplModule } from './supervisorImpl.ts';

/**
 * `faithful`: as measured on real Horde, with what surprises there: conflicts are won by the node that booted first, and what a
 * partition doubled stays double. `ideal`: as one might think: all nodes have one clock, and each child one owner again after a heal.
 */
export type HordeMode = 'faithful' | 'ideal';

export function hordeModules(mode: HordeMode = 'faithful'): readonly CodeModule[] {
  return [
    ...deltaCrdtModules(mode === 'ideal'),
    registryModule,
    registryImplModule,
    processModule,
    nodeListenerModule,
    ...dynamicSupervisorModules,
    supervisorImplModule(mode === 'ideal'),
    processesSupervisorModule,
    ...distributionModules,
  ];
}
