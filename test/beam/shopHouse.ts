/** The Elixir shop with a backend on it, for the live suites of operations. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { BeamSpec } from '../../runtime/beam/beamSpec.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { Access } from '../../server/protocol/connection.ts';
import type { House } from '../../server/backend/testKit.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { valueOf } from '../../server/core/testKit.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { connectShop } from './shop.ts';

export type ShopHouse = {
  readonly shop: Shop;
  readonly runtime: Runtime;
  readonly house: House;
};

export type ShopHouseOptions = {
  /** How many nodes. */
  readonly nodes: number;
  /** Whether each test has a shop of its own; all of a file share one when absent. */
  readonly each?: true;
  /** What may be done on the connection; `full` when absent. */
  readonly access?: Access;
  /** Replaces parts of how the shop is joined. */
  readonly spec?: Partial<BeamSpec>;
  /** Done on the nodes before they are joined. */
  readonly prepare?: (shop: Shop) => Promise<void>;
};

/** Starts a shop and a backend before the tests, hands both to `use`, and ends what was started after them, also when a step failed. */
export function withShopHouse(options: ShopHouseOptions, use: (live: ShopHouse) => void): void {
  const [before, after] = options.each === true ? [beforeEach, afterEach] : [beforeAll, afterAll];
  /** What is to be ended, the last first. */
  const ends: (() => Promise<void>)[] = [];
  before(async () => {
    const shop = await startShop({ nodes: options.nodes });
    ends.push(() => shop.stop());
    await options.prepare?.(shop);
    const { runtime, house } = await openHouse(shop, options);
    ends.push(() => house.close());
    use({ shop, runtime, house });
  }, 90_000);
  after(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });
}

/** A further backend, on a connection of its own; its caller closes the house, and with it the runtime. */
export async function openHouse(
  shop: Shop,
  { access = 'full', spec }: Pick<ShopHouseOptions, 'access' | 'spec'> = {},
): Promise<Pick<ShopHouse, 'runtime' | 'house'>> {
  const runtime = await connectShop(shop, spec);
  try {
    const house = await houseOn(runtime, { spec: { kind: 'beam', node: shop.node, cookie: { from: 'default' } } });
    valueOf(house.backend.setAccess(shop.node, access, house.options));
    return { runtime, house };
  } catch (thrown) {
    await runtime.close();
    throw thrown;
  }
}
