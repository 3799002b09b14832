/** The catalogue of one node, and the process that keeps the catalogues of all nodes in step. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { CodeModule } from '../kernel/module.ts';
import { errorTuple, okTuple, tagged } from '../kernel/values.ts';
import { cast } from '../otp/gen.ts';
import type { ServerModule } from '../otp/genServer.ts';
import { noreply, reply, startServer } from '../otp/genServer.ts';
import { at, modules } from './names.ts';
import { fieldsIn, numberIn, numbersIn } from './restore.ts';

type Stock = { readonly items: { readonly [item: string]: number }; readonly version: number };

const assortment = ['apples', 'bread', 'cheese', 'dates', 'eggs'] as const;
const fullShelf = 40;

/** One of the items, drawn. */
export function drawItem(chance: number): string {
  return assortment[Math.floor(chance * assortment.length)] ?? assortment[0];
}

const catalog: ServerModule<Stock> = {
  module: modules.catalog,
  init: () => ({
    is: 'ok',
    state: { version: 0, items: Object.fromEntries(assortment.map((item) => [item, fullShelf])) },
  }),
  handleCall(_self, request, _from, state) {
    const query = tagged(request, a('stock'), 2);
    if (query !== null) return reply(state.items[String(query[1])] ?? 0, state);
    const take = tagged(request, a('take'), 2);
    const item = String(take?.[1]);
    const left = state.items[item];
    if (take === null || left === undefined) return reply(errorTuple(a('unknown_item')), state);
    if (left === 0) return reply(errorTuple(a('sold_out')), state);
    const items = { ...state.items, [item]: left - 1 };
    return reply(okTuple(left - 1), { items, version: state.version + 1 });
  },
  handleCast(_self, message, state) {
    const restocked = tagged(message, a('restock'), 1) !== null;
    if (!restocked) return noreply(state);
    const items = Object.fromEntries(Object.keys(state.items).map((item) => [item, fullShelf]));
    return noreply({ items, version: state.version + 1 });
  },
  show: (state) => state,
  restore: (value) => {
    const { items, version } = fieldsIn(value, ['items', 'version'], (field) => field);
    return { items: numbersIn(items), version: numberIn(version) };
  },
};

type Replica = { readonly ticks: number; readonly heard: { readonly [node: string]: number } };
const tickMs = 1000;
const ticksUntilRestock = 20;

const replicator: ServerModule<Replica> = {
  module: modules.replicator,
  init(self) {
    self.sendAfter(tickMs, self.pid, a('tick'));
    return { is: 'ok', state: { ticks: 0, heard: {} } };
  },
  handleCast(_self, message, state) {
    const tick = tagged(message, a('replicate'), 3);
    if (tick === null) return noreply(state);
    return noreply({ ...state, heard: { ...state.heard, [String(tick[1])]: Number(tick[2]) } });
  },
  handleInfo(self, message, state) {
    if (message !== a('tick')) return noreply(state);
    self.sendAfter(tickMs, self.pid, message);
    const ticks = state.ticks + 1;
    for (const node of self.nodes()) {
      cast(self, at(modules.replicator, node), tup(a('replicate'), a(self.node), ticks));
    }
    if (ticks % ticksUntilRestock === 0) cast(self, a(modules.catalog), tup(a('restock')));
    return noreply({ ...state, ticks });
  },
  show: (state): Value => state,
  restore: (value) => {
    const { heard, ticks } = fieldsIn(value, ['heard', 'ticks'], (field) => field);
    return { heard: numbersIn(heard), ticks: numberIn(ticks) };
  },
};

export const stockModules: readonly CodeModule[] = [
  {
    name: modules.catalog,
    behaviours: ['gen_server'],
    functions: { 'start_link/1': (self) => startServer(self, catalog, [], { name: a(modules.catalog) }) },
  },
  {
    name: modules.replicator,
    behaviours: ['gen_server'],
    functions: { 'start_link/1': (self) => startServer(self, replicator, [], { name: a(modules.replicator) }) },
  },
];
