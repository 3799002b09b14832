/** What becomes of an order: a pipeline of three stages, of which a later one depends on the earlier, and the payments. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import { atoms, okTuple, tagged } from '../kernel/values.ts';
import { childSpec, flags } from '../otp/childSpec.ts';
import { cast, valueAt } from '../otp/gen.ts';
import type { CallStep, ServerModule, Step } from '../otp/genServer.ts';
import { noreply, reply, startServer } from '../otp/genServer.ts';
import { startSupervisor } from '../otp/supervisor.ts';
import { ask } from './carts.ts';
import { modules } from './names.ts';
import { fieldsIn, numberIn } from './restore.ts';

type Stage = { readonly passed: number; readonly refused: number };
const nothing: Stage = { passed: 0, refused: 0 };

/** A stage takes an order, does its work, and hands it on when that went well. */
function stage(
  module: string,
  work: (self: Parameters<NonNullable<ServerModule<Stage>['handleCast']>>[0], order: Value) => Flow<boolean>,
  next: string | null,
): ServerModule<Stage> {
  return {
    module,
    init: () => ({ is: 'ok', state: nothing }),
    *handleCast(self, message, state): Flow<Step<Stage>> {
      const order = tagged(message, a('order'), 2);
      if (order === null) return noreply(state);
      if (!(yield* work(self, valueAt(order, 1)))) return noreply({ ...state, refused: state.refused + 1 });
      if (next !== null) cast(self, a(next), message);
      return noreply({ ...state, passed: state.passed + 1 });
    },
    show: (state) => state,
    restore: (value) => fieldsIn(value, ['passed', 'refused'], numberIn),
  };
}

const packingMs = 120;

const intake = stage(
  modules.intake,
  function* (self, order) {
    const paid = yield* ask(self, a(modules.gateway), tup(a('charge'), order));
    return tagged(paid, atoms.ok, 2) !== null;
  },
  modules.packing,
);
const packing = stage(
  modules.packing,
  function* () {
    yield* sleep(packingMs);
    return true;
  },
  modules.dispatch,
);
const dispatch = stage(
  modules.dispatch,
  function* (self, order) {
    yield* ask(self, a(modules.ledger), tup(a('sent'), order));
    return true;
  },
  null,
);

type Gateway = { readonly charged: number };
const chanceOfFailure = 0.06;

const gateway: ServerModule<Gateway> = {
  module: modules.gateway,
  init: () => ({ is: 'ok', state: { charged: 0 } }),
  *handleCall(self, request, _from, state): Flow<CallStep<Gateway>> {
    const charge = tagged(request, a('charge'), 2);
    if (charge === null) return reply(a('unknown_request'), state);
    // The bank's line drops now and then: this process ends, and its supervisor starts it and the ledger again.
    if (self.random() < chanceOfFailure) return self.error(tup(a('bank_unreachable'), state.charged));
    yield* ask(self, a(modules.ledger), tup(a('paid'), valueAt(charge, 1)));
    return reply(okTuple(state.charged + 1), { charged: state.charged + 1 });
  },
  show: (state) => state,
  restore: (value) => fieldsIn(value, ['charged'], numberIn),
};

type Ledger = { readonly paid: number; readonly sent: number };

const ledger: ServerModule<Ledger> = {
  module: modules.ledger,
  init: () => ({ is: 'ok', state: { paid: 0, sent: 0 } }),
  handleCall(_self, request, _from, state) {
    if (tagged(request, a('paid'), 2) !== null) return reply(atoms.ok, { ...state, paid: state.paid + 1 });
    if (tagged(request, a('sent'), 2) !== null) return reply(atoms.ok, { ...state, sent: state.sent + 1 });
    return reply(a('unknown_request'), state);
  },
  show: (state) => state,
  restore: (value) => fieldsIn(value, ['paid', 'sent'], numberIn),
};

const pipeline = {
  module: modules.pipeline,
  init: () => ({
    flags: flags({ strategy: 'rest_for_one', intensity: 3, periodSeconds: 5 }),
    children: [modules.intake, modules.packing, modules.dispatch].map((module) =>
      childSpec(a(module), [module, 'start_link', [[]]]),
    ),
  }),
};
const payments = {
  module: modules.payments,
  init: () => ({
    flags: flags({ strategy: 'one_for_all', intensity: 10, periodSeconds: 30 }),
    children: [modules.ledger, modules.gateway].map((module) => childSpec(a(module), [module, 'start_link', [[]]])),
  }),
};

function server<S>(name: string, module: ServerModule<S>): CodeModule {
  return {
    name,
    behaviours: ['gen_server'],
    functions: { 'start_link/1': (self) => startServer(self, module, [], { name: a(name) }) },
  };
}
function supervisor(name: string, module: Parameters<typeof startSupervisor>[1]): CodeModule {
  return {
    name,
    behaviours: ['supervisor'],
    functions: { 'start_link/1': (self) => startSupervisor(self, module, [], { name: a(name) }) },
  };
}

export const orderModules: readonly CodeModule[] = [
  server(modules.intake, intake),
  server(modules.packing, packing),
  server(modules.dispatch, dispatch),
  server(modules.gateway, gateway),
  server(modules.ledger, ledger),
  supervisor(modules.pipeline, pipeline),
  supervisor(modules.payments, payments),
];
