/** The shop's modules, by the atoms Elixir would give them. */
import type { Atom } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Tuple } from '../../term/values.ts';

export const modules = {
  application: 'Elixir.Shop.Application',
  supervisor: 'Elixir.Shop.Supervisor',
  catalog: 'Elixir.Shop.Catalog',
  cartSupervisor: 'Elixir.Shop.CartSupervisor',
  cart: 'Elixir.Shop.Cart',
  visitors: 'Elixir.Shop.Visitors',
  replicator: 'Elixir.Shop.Replicator',
  pipeline: 'Elixir.Shop.Pipeline',
  intake: 'Elixir.Shop.Pipeline.Intake',
  packing: 'Elixir.Shop.Pipeline.Packing',
  dispatch: 'Elixir.Shop.Pipeline.Dispatch',
  payments: 'Elixir.Shop.Payments',
  gateway: 'Elixir.Shop.Payments.Gateway',
  ledger: 'Elixir.Shop.Payments.Ledger',
  courier: 'Elixir.Shop.Courier',
  couriers: 'Elixir.Shop.Couriers',
  couriersDispatcher: 'Elixir.Shop.Couriers.Dispatcher',
  directory: 'Elixir.Shop.Directory',
  wishLists: 'Elixir.Shop.WishLists',
  wishList: 'Elixir.Shop.WishList',
} as const;

/** `{Name, Node}`: the process with this name on a node. */
export function at(name: string, node: string): Tuple<readonly [Atom, Atom]> {
  return tup(a(name), a(node));
}
