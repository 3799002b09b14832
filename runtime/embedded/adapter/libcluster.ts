/** `libcluster.topologies` on the simulated cluster: of the supervisors that run them. There is no other configuration of it. */
import type { ChildState, ClusterTopology } from '../../model.ts';
import { ok } from '../../model.ts';
import type { MethodTable } from '../../port.ts';
import type { Value } from '../../term/values.ts';
import { Atom, Pid, Tuple, tup } from '../../term/values.ts';
import type { KernelNode } from '../kernel/node.ts';
import { asValue, isList } from '../kernel/values.ts';
import { fieldsOf } from '../otp/checkSpec.ts';
import type { Child } from '../otp/supervisorState.ts';
import { supervisorAt } from '../otp/supervisorState.ts';
import { clusterSupervisor } from '../libcluster/modules.ts';
import type { Context } from './context.ts';
import { refOf, termOf } from './context.ts';

export function libclusterMethods(context: Context): MethodTable {
  return {
    'libcluster.topologies': async ({ nodes }) => {
      const { up, coverage } = context.nodes(nodes);
      return Promise.resolve(ok({ nodes: coverage, topologies: up.flatMap((node) => topologiesOn(context, node)) }));
    },
  };
}

/** The topologies that run on a node. */
export function topologiesOn(context: Context, node: KernelNode): readonly ClusterTopology[] {
  return context.supervisors.on(node).flatMap((pid) => {
    const supervisor = supervisorAt(pid);
    if (supervisor?.module !== clusterSupervisor) return [];
    return supervisor.children.flatMap((child) => topologyOf(node, pid, child) ?? []);
  });
}

function topologyOf(node: KernelNode, supervisor: Pid, { spec, pid }: Child): ClusterTopology | null {
  const [args] = spec.start.args ?? [];
  const fields = fieldsOf(isList(args) ? asValue(args[0]) : undefined);
  if (fields === null || !(spec.id instanceof Atom)) return null;
  return {
    node: node.name,
    topology: spec.id.name,
    strategy: spec.start.module,
    config: termOf(masked(fields.get('config'))),
    state: stateOf(pid),
    supervisor: refOf(supervisor),
  };
}

function stateOf(pid: Child['pid']): ChildState | { readonly is: 'ended' } {
  if (pid instanceof Pid) return { is: 'running', pid: refOf(pid) };
  return pid === 'restarting' ? { is: 'restarting' } : { is: 'ended' };
}

const secret = /secret|token|passw|credential|cookie|private|api_?key|auth|access_key/i;

/** Values of keys that look like secrets are left out, as they are on a BEAM. */
function masked(value: Value): Value {
  if (isList(value)) return value.map((part) => masked(asValue(part)));
  if (!(value instanceof Tuple)) return value;
  const [key, held] = value.elements.map(asValue);
  const name = key instanceof Atom ? key.name : typeof key === 'string' ? key : null;
  if (value.elements.length !== 2 || name === null) return tup(...value.elements.map((part) => masked(asValue(part))));
  return tup(key, secret.test(name) ? '(hidden)' : masked(held));
}
