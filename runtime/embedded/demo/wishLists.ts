/**
 * Wish lists: what customers of this node would like to have some day. Each is a process that lives as long as its node, under a name
 * that no other node has, so that it can be moved to any.
 */
import { a, Atom } from '../../term/values.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, isList, tagged } from '../kernel/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import { childSpec, flags } from '../otp/childSpec.ts';
import type { ServerModule } from '../otp/genServer.ts';
import { noreply, reply, startServer } from '../otp/genServer.ts';
import { startSupervisor } from '../otp/supervisor.ts';
import { modules } from './names.ts';
import { fieldsIn, textIn } from './restore.ts';
import { drawItem } from './stock.ts';

const customers = ['Ada', 'Alan'] as const;

type WishList = { readonly customer: string; readonly items: readonly string[] };

const wishList: ServerModule<WishList> = {
  module: modules.wishList,
  init: (self, customer) => ({
    is: 'ok',
    state: { customer: textIn(customer), items: [drawItem(self.random()), drawItem(self.random())] },
  }),
  handleCall: (_self, request, _from, state) =>
    reply(request === a('items') ? [...state.items] : a('unknown_request'), state),
  handleCast(_self, message, state) {
    const wish = tagged(message, a('wish'), 2);
    return noreply(wish === null ? state : { ...state, items: [...state.items, String(wish[1])] });
  },
  show: (state) => state,
  restore: (value) => {
    const { customer, items } = fieldsIn(value, ['customer', 'items'], (field) => field);
    if (!isList(items)) throw new ErrorException(atoms.badarg);
    return { customer: textIn(customer), items: items.map(String) };
  },
};

/** `Elixir.Shop.WishList.Demo1.Ada`: of a customer of the node demo1. */
function nameOf(self: Self, customer: string): string {
  const [node = ''] = self.node.split('@');
  return `${modules.wishList}.${node.charAt(0).toUpperCase()}${node.slice(1)}.${customer}`;
}

const wishLists = {
  module: modules.wishLists,
  init: (self: Self) => ({
    flags: flags({ strategy: 'one_for_one', intensity: 5, periodSeconds: 10 }),
    children: customers.map((customer) => {
      const name = a(nameOf(self, customer));
      return childSpec(name, [modules.wishList, 'start_link', [name, customer]]);
    }),
  }),
};

export const wishListModules: readonly CodeModule[] = [
  {
    name: modules.wishList,
    behaviours: ['gen_server'],
    functions: {
      'start_link/2'(self, name, customer) {
        if (!(name instanceof Atom)) throw new ErrorException(atoms.badarg);
        return startServer(self, wishList, customer, { name });
      },
    },
  },
  {
    name: modules.wishLists,
    behaviours: ['supervisor'],
    functions: { 'start_link/1': (self) => startSupervisor(self, wishLists, [], { name: a(modules.wishLists) }) },
  },
];
