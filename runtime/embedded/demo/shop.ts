/**
 * The demo: an online shop that runs on every node of the simulated cluster. Its supervisors use all four strategies, its servers
 * talk to those of other nodes, and its payment gateway fails now and then.
 */
import { a } from '../../term/values.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Application } from '../otp/applicationTable.ts';
import { childSpec, flags } from '../otp/childSpec.ts';
import { startSupervisor } from '../otp/supervisor.ts';
import { cartModules } from './carts.ts';
import { courierChildren, courierModules } from './couriers.ts';
import { modules } from './names.ts';
import { orderModules } from './orders.ts';
import { stockModules } from './stock.ts';
import { wishListModules } from './wishLists.ts';

const shopSupervisor = {
  module: modules.supervisor,
  init: () => ({
    flags: flags({ strategy: 'one_for_one', intensity: 5, periodSeconds: 10 }),
    children: [
      childSpec(a(modules.catalog), [modules.catalog, 'start_link', [[]]]),
      childSpec(a(modules.payments), [modules.payments, 'start_link', [[]]], { type: 'supervisor' }),
      childSpec(a(modules.pipeline), [modules.pipeline, 'start_link', [[]]], { type: 'supervisor' }),
      childSpec(a(modules.cartSupervisor), [modules.cartSupervisor, 'start_link', [[]]], { type: 'supervisor' }),
      childSpec(a(modules.visitors), [modules.visitors, 'start_link', [[]]]),
      childSpec(a(modules.replicator), [modules.replicator, 'start_link', [[]]]),
      childSpec(a(modules.wishLists), [modules.wishLists, 'start_link', [[]]], { type: 'supervisor' }),
      ...courierChildren,
    ],
  }),
};

export const shopModules: readonly CodeModule[] = [
  ...stockModules,
  ...cartModules,
  ...orderModules,
  ...courierModules,
  ...wishListModules,
  {
    name: modules.supervisor,
    behaviours: ['supervisor'],
    functions: {
      'start_link/1': (self) => startSupervisor(self, shopSupervisor, [], { name: a(modules.supervisor) }),
    },
  },
  {
    name: modules.application,
    behaviours: ['application'],
    functions: {
      'start/2': (self) => startSupervisor(self, shopSupervisor, [], { name: a(modules.supervisor) }),
    },
  },
];

export const shop: Application = {
  name: 'shop',
  description: 'An online shop on every node',
  version: '1.0.0',
  start: { module: modules.application, argument: [] },
};
