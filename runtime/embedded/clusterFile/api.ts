/** The public API of a cluster file: `import { defineCluster, genServer, supervisor } from 'arsenal-otp/cluster'`. */
export { a as atom, tup as tuple, Atom, Pid, Ref, Tuple } from '../../term/values.ts';
export type { Value } from '../../term/values.ts';
export { receive, sleep, timedOut } from '../kernel/flow.ts';
export type { Flow } from '../kernel/flow.ts';
export type { CodeModule } from '../kernel/module.ts';
export type { Self } from '../kernel/self.ts';
export { call, cast, reply as replyTo } from '../otp/gen.ts';
export type { From } from '../otp/gen.ts';
export { ets } from '../otp/ets/ets.ts';
export type { TableId } from '../otp/ets/ets.ts';
export { countChildren, startChild, terminateChild, whichChildren } from '../otp/supervisor.ts';
export { codeModule, genServer, match, noreply, ok, reply, stop, supervisor } from './modules.ts';
export type { ChildDefinition, Next, ServerCallbacks, ServerOptions, SupervisorDefinition } from './modules.ts';
export { hordeName, hordeRegistry, hordeSupervisor, libcluster } from './elixir.ts';
export type { HordeSupervisorOptions } from './elixir.ts';
export { defineCluster } from './definition.ts';
export type { ClusterDefinition, ScheduledFault } from './definition.ts';
export type { KubernetesDefinition, SurroundingsDefinition } from './surroundings.ts';
