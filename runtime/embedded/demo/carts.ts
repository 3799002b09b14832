/** Visitors come, fill a cart from the catalogue of some node, and order; each cart is a process that lives as long as the visit. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, isList, tagged } from '../kernel/values.ts';
import { childSpec, flags } from '../otp/childSpec.ts';
import type { Server } from '../otp/gen.ts';
import { call, cast } from '../otp/gen.ts';
import type { ServerModule, Step } from '../otp/genServer.ts';
import { noreply, reply, startServer, stop } from '../otp/genServer.ts';
import { countChildren, startChild, startSupervisor } from '../otp/supervisor.ts';
import { at, modules } from './names.ts';
import { fieldsIn, numberIn } from './restore.ts';
import { drawItem } from './stock.ts';

const mostCarts = 6;
const visitEveryMs = 1500;
const pickEveryMs = 1200;

type Cart = { readonly visitor: number; readonly wants: number; readonly items: readonly string[] };

const cart: ServerModule<Cart> = {
  module: modules.cart,
  init(self, argument) {
    if (typeof argument !== 'number') return { is: 'stop', reason: tup(a('no_visitor'), argument) };
    const wants = 2 + Math.floor(self.random() * 6);
    return { is: 'ok', state: { visitor: argument, wants, items: [] }, then: { is: 'timeout', ms: pause(self) } };
  },
  handleCall: (_self, request, _from, state) =>
    reply(request === a('items') ? [...state.items] : a('unknown_request'), state),
  *handleInfo(self, message, state): Flow<Step<Cart>> {
    if (message !== atoms.timeout) return noreply(state);
    if (state.items.length >= state.wants) {
      const order = { visitor: state.visitor, items: [...state.items], node: a(self.node) };
      cast(self, at(modules.intake, someNode(self)), tup(a('order'), order));
      return stop(atoms.normal, state);
    }
    const item = drawItem(self.random());
    const answer = yield* ask(self, at(modules.catalog, someNode(self)), tup(a('take'), item));
    const taken = tagged(answer, atoms.ok, 2) !== null;
    const next = taken ? { ...state, items: [...state.items, item] } : { ...state, wants: state.wants - 1 };
    return noreply(next, { is: 'timeout', ms: pause(self) });
  },
  show: (state) => state,
  restore: (value) => {
    const { visitor, wants, items } = fieldsIn(value, ['visitor', 'wants', 'items'], (field) => field);
    if (!isList(items)) throw new ErrorException(atoms.badarg);
    return { visitor: numberIn(visitor), wants: numberIn(wants), items: items.map(String) };
  },
};

function pause(self: Self): number {
  return Math.round(pickEveryMs * (0.5 + self.random()));
}

/** This node or one it is connected to, drawn. */
function someNode(self: Self): string {
  const nodes = [self.node, ...self.nodes()];
  return nodes[Math.floor(self.random() * nodes.length)] ?? self.node;
}

/** A call whose failure is an answer: `{error, Reason}`. */
export function* ask(self: Self, server: Server, request: Value): Flow<Value> {
  try {
    return yield* call(self, server, request);
  } catch (thrown) {
    if (thrown instanceof ExitException) return tup(atoms.error, thrown.reason);
    throw thrown;
  }
}

type Visits = { readonly seen: number };

const visitors: ServerModule<Visits> = {
  module: modules.visitors,
  init: () => ({ is: 'ok', state: { seen: 0 }, then: { is: 'timeout', ms: visitEveryMs } }),
  *handleInfo(self, message, state): Flow<Step<Visits>> {
    const then = { is: 'timeout', ms: Math.round(visitEveryMs * (0.5 + self.random())) } as const;
    if (message !== atoms.timeout) return noreply(state, then);
    const counts = yield* countChildren(self, a(modules.cartSupervisor));
    if (activeOf(counts) >= mostCarts) return noreply(state, then);
    const seen = state.seen + 1;
    yield* startChild(self, a(modules.cartSupervisor), [seen]);
    return noreply({ seen }, then);
  },
  show: (state) => state,
  restore: (value) => fieldsIn(value, ['seen'], numberIn),
};

function activeOf(counts: Value): number {
  if (!Array.isArray(counts)) return 0;
  const active = counts.map((row) => tagged(row, a('active'), 2)).find((row) => row !== null);
  return Number(active?.[1] ?? 0);
}

const cartSupervisor = {
  module: modules.cartSupervisor,
  init: () => ({
    flags: flags({ strategy: 'simple_one_for_one', intensity: 10, periodSeconds: 10 }),
    children: [childSpec(a('cart'), [modules.cart, 'start_link', []], { restart: 'transient' })],
  }),
};

export const cartModules: readonly CodeModule[] = [
  {
    name: modules.cart,
    behaviours: ['gen_server'],
    functions: {
      'start_link/1': (self, visitor) => startServer(self, cart, visitor),
      'start/1': (self, visitor) => startServer(self, cart, visitor, { link: false }),
    },
  },
  {
    name: modules.visitors,
    behaviours: ['gen_server'],
    functions: { 'start_link/1': (self) => startServer(self, visitors, [], { name: a(modules.visitors) }) },
  },
  {
    name: modules.cartSupervisor,
    behaviours: ['supervisor'],
    functions: {
      'start_link/1': (self) => startSupervisor(self, cartSupervisor, [], { name: a(modules.cartSupervisor) }),
    },
  },
];
