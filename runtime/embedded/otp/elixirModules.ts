/** What of Elixir's own modules every node has loaded: what can be called by module, function and arguments. */
import type { CodeModule } from '../kernel/module.ts';
import { partitionSupervisorModule } from './partitionSupervisor.ts';
import { registryModules } from './registry.ts';
import { taskSupervisedModule } from './taskSupervised.ts';

export const elixirModules: readonly CodeModule[] = [
  partitionSupervisorModule,
  ...registryModules,
  taskSupervisedModule,
];
