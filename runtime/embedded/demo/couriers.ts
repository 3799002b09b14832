/**
 * Couriers, one for each district of the town, wherever the cluster has room: a Horde supervisor runs them on some node, and a Horde
 * registry knows by district who it is. On each node somebody looks that no district is without.
 */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, tagged } from '../kernel/values.ts';
import { hordeModules } from '../horde/modules.ts';
import { keywords } from '../horde/options.ts';
import { libclusterModules } from '../libcluster/modules.ts';
import type { Spec } from '../otp/childSpec.ts';
import { childSpec } from '../otp/childSpec.ts';
import type { ServerModule, Step } from '../otp/genServer.ts';
import { noreply, reply, startServer } from '../otp/genServer.ts';
import { ExitException } from '../kernel/exceptions.ts';
import { modules } from './names.ts';

const districts = ['harbour', 'market', 'old_town', 'park', 'station', 'university'] as const;
const lookEveryMs = 4000;
const roundEveryMs = 3000;

type Round = { readonly district: Value; readonly parcels: number };

const courier: ServerModule<Round> = {
  module: modules.courier,
  init: (_self, district) => ({
    is: 'ok',
    state: { district, parcels: 0 },
    then: { is: 'timeout', ms: roundEveryMs },
  }),
  handleCall: (_self, request, _from, state) =>
    reply(request === a('parcels') ? state.parcels : a('unknown_request'), state),
  handleInfo: (self, message, state): Step<Round> => {
    const then = { is: 'timeout', ms: Math.round(roundEveryMs * (0.5 + self.random())) } as const;
    const more = message === atoms.timeout ? Math.floor(self.random() * 4) : 0;
    return noreply({ ...state, parcels: state.parcels + more }, then);
  },
  show: (state) => state,
};

/** Starts under the name of its district; when another courier has that, there is nothing to do. */
function* startCourier(self: Self, district: Value): Flow<Value> {
  const name = tup(a('via'), a('Elixir.Horde.Registry'), tup(a(modules.directory), district));
  const answer = yield* startServer(self, courier, district, { name });
  return tagged(answer, atoms.error, 2) === null ? answer : atoms.ignore;
}

const dispatcher: ServerModule<null> = {
  module: modules.couriersDispatcher,
  init: () => ({ is: 'ok', state: null, then: { is: 'timeout', ms: 1000 } }),
  *handleInfo(self, message, state): Flow<Step<null>> {
    const then = { is: 'timeout', ms: Math.round(lookEveryMs * (0.5 + self.random())) } as const;
    if (message !== atoms.timeout) return noreply(state, then);
    for (const district of districts) yield* ensure(self, a(district));
    return noreply(state, then);
  },
  show: (state) => state,
};

function* ensure(self: Self, district: Value): Flow<void> {
  try {
    const held = yield* self.apply('Elixir.Horde.Registry', 'lookup', [a(modules.directory), district]);
    if (Array.isArray(held) && held.length > 0) return;
    const spec = { id: a(modules.courier), start: tup(a(modules.courier), a('start_link'), [district]) };
    yield* self.apply('Elixir.Horde.DynamicSupervisor', 'start_child', [a(modules.couriers), spec]);
  } catch (thrown) {
    // A Horde that is starting, or without the node that it asked: there is a next look.
    if (!(thrown instanceof ExitException)) throw thrown;
  }
}

const gossip = [tup(a('shop'), keywords({ strategy: a('Elixir.Cluster.Strategy.Gossip'), config: [] }))];
const auto = a('auto');
const directory = keywords({ name: a(modules.directory), keys: a('unique'), members: auto });
const couriers = keywords({ name: a(modules.couriers), strategy: a('one_for_one'), members: auto });

/** What the shop's supervisor runs of this: the nodes find each other, and share the couriers. */
export const courierChildren: readonly Spec[] = [
  childSpec(a('Elixir.Cluster.Supervisor'), ['Elixir.Cluster.Supervisor', 'start_link', [[gossip]]], {
    type: 'supervisor',
  }),
  childSpec(a(modules.directory), ['Elixir.Horde.Registry', 'start_link', [directory]], { type: 'supervisor' }),
  childSpec(a(modules.couriers), ['Elixir.Horde.DynamicSupervisor', 'start_link', [couriers]], { type: 'supervisor' }),
  childSpec(a(modules.couriersDispatcher), [modules.couriersDispatcher, 'start_link', [[]]]),
];

export const courierModules: readonly CodeModule[] = [
  ...hordeModules(),
  ...libclusterModules,
  {
    name: modules.courier,
    behaviours: ['gen_server'],
    functions: { 'start_link/1': startCourier },
  },
  {
    name: modules.couriersDispatcher,
    behaviours: ['gen_server'],
    functions: {
      'start_link/1': (self) => startServer(self, dispatcher, [], { name: a(modules.couriersDispatcher) }),
    },
  },
];
