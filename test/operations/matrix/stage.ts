/** Where the examples of the catalogue are run: a cluster of three nodes with a shop on it, simulated or real. */
import type { Json, Result } from '../../../runtime/model.ts';
import { isJson } from '../../../server/core/plainData.ts';
import type { OperationAnswer } from '../../../server/protocol/operation.ts';

export type Params = { readonly [key: string]: Json };

export type Stage = {
  readonly runtime: 'simulated' | 'beam';
  /** The demo's nodes are named in the examples; these stand for them. */
  readonly nodes: readonly [string, string, string];
  /** What the demo calls so is called otherwise here. */
  readonly names: { readonly [demo: string]: string };
  /** A folder of the test's own. */
  readonly folder: string;
  run(operation: string, params: Params, call?: { readonly requestId: string }): Promise<Result<OperationAnswer>>;
};

/** Runs what an example needs to be there first, and answers the result. */
export async function made(stage: Stage, operation: string, params: Params): Promise<Params> {
  const answer = await stage.run(operation, params);
  if (!answer.ok) throw new Error(`${operation}, which prepares the example: ${answer.error.message}`);
  const { value } = answer;
  if (value.mode !== 'run' || !isParams(value.result)) throw new Error(`${operation} answered no object.`);
  return value.result;
}

/** The parameters of an example as they are here: demo nodes and names stand for those of the stage. */
export function localised(stage: Stage, params: Params): Params {
  let text = JSON.stringify(params);
  stage.nodes.forEach((node, at) => {
    text = text.replaceAll(`demo${String(at + 1)}@sim`, node);
  });
  for (const [demo, here] of Object.entries(stage.names)) {
    text = text.replaceAll(new RegExp(`${demo.replaceAll('.', '\\.')}(?![\\w.])`, 'g'), here);
  }
  const read: unknown = JSON.parse(text);
  if (!isParams(read)) throw new Error('Parameters are an object.');
  return read;
}

function isParams(value: unknown): value is Params {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isJson(value);
}

/** What the live shop (test/fixtures/elixir-shop) calls what the demo has. */
export const shopNames = {
  'Shop.Catalog': 'Shop.Catalogue',
  'Shop.Catalog.handle_call/3': 'Shop.Catalogue.handle_call/3',
  'Shop.Visitors': 'Shop.Checkout',
  'Shop.WishList.Demo1.Ada': 'Shop.Catalogue',
  'Shop.WishList.Demo1.Alan': 'Shop.Checkout',
  'Shop.Payments.Gateway': 'Shop.Checkout',
  'Shop.CartSupervisor': 'Shop.Carts',
  // No atom is made on a real node: these are there already.
  refresh: 'price',
  sleeper: 'price',
};
