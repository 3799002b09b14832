/** What the port of a simulated cluster refuses, and by which code. */
import { afterEach, expect, it } from 'vitest';
import type { Shop } from './adapterKit.ts';
import { codeOf, patient, startShop, valueOf } from './adapterKit.ts';

let shop: Shop | null = null;
afterEach(async () => {
  await shop?.runtime.close();
  shop = null;
});

it('speeds and steps that are out of range', async () => {
  shop = startShop();
  const { clock } = shop.runtime.port;
  for (const speed of [0, -1, Number.NaN, 1e9])
    expect(codeOf(await clock.run({ speed }, patient()))).toBe('clock.out_of_range');
  for (const ms of [0, -5, Number.NaN, Infinity])
    expect(codeOf(await clock.step({ ms }, patient()))).toBe('clock.out_of_range');
  expect(codeOf(await clock.step({ ms: 1 }, patient()))).toBeNull();
});

it('a restart of what is protected, of more state than may be kept, and of a process that is gone', async () => {
  shop = startShop();
  const { processes } = shop.runtime.port;
  const kernel = await shop.named('kernel_sup');
  expect(codeOf(await processes.restart({ pid: kernel }, patient()))).toBe('process.protected');
  const catalog = await shop.named('Elixir.Shop.Catalog');
  expect(codeOf(await processes.restart({ pid: catalog, keepMaxBytes: 1 }, patient()))).toBe('process.state_too_large');
  expect(await shop.named('Elixir.Shop.Catalog')).toEqual(catalog);
  const kept = valueOf(await processes.restart({ pid: catalog, keepMaxBytes: 1_000_000 }, patient()));
  expect(kept.state).toBe('kept');
  expect(codeOf(await processes.restart({ pid: catalog }, patient()))).toBe('process.not_found');
});
