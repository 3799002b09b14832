import { afterEach, expect, test } from 'vitest';
import type { Frame } from '../../port.ts';
import { atom } from '../../term/term.ts';
import { printTerm } from '../../term/print.ts';
import type { Shop } from './adapterKit.ts';
import { codeOf, patient, startShop, valueOf } from './adapterKit.ts';

let shop: Shop | null = null;
afterEach(async () => {
  await shop?.runtime.close();
  shop = null;
});
function started(): Shop {
  return (shop = startShop());
}

const node = 'a@sim';

/** Calls a function of ets in a process of its own, which ends then. */
async function ets({ runtime }: Shop, name: string, ...sources: readonly string[]): Promise<string> {
  const args = sources.map((source) => ({ source, syntax: 'erlang' }) as const);
  const call = { node, module: 'ets', function: name, args, maxBytes: 10_000, maxOutputChars: 0 };
  const { became } = valueOf(await runtime.port.code.call(call, patient()));
  if (became.is !== 'returned') throw new Error(printTerm(became.reason, { syntax: 'erlang' }));
  return printTerm(became.value, { syntax: 'erlang' });
}
/** A named table that a process of the shop inherits at once, with `count` rows `{N, Value}`. */
async function aTable(it: Shop, name: string, options: string, count: number, value = 'made'): Promise<void> {
  const { id, serial } = await it.named('Elixir.Shop.Catalog');
  await ets(it, 'new', name, `[named_table, public, {heir, <0.${String(id)}.${String(serial)}>, left}, ${options}]`);
  for (let row = 1; row <= count; row += 1) await ets(it, 'insert', name, `{${String(row)}, ${value}}`);
}
async function tablesOf({ runtime }: Shop): Promise<{ rows: Frame<'system.ets'>; total: number }> {
  const rows: Frame<'system.ets'>[number][] = [];
  for await (const item of runtime.port.system.ets({ node }, patient())) {
    if (item.is === 'frame') rows.push(...item.frame);
    else return { rows, total: valueOf(item.result).total };
  }
  throw new Error('no end');
}
const rowsOf = ({ runtime }: Shop, name: string, limit = 1000) =>
  runtime.port.system.etsRows({ node, table: atom(name), limit }, patient());

// @row OP-24
test('Tables are shown with what is known of them, and their memory counts for the node', async () => {
  const it = started();
  const before = valueOf(await it.runtime.port.system.memory({ node }, patient())).bytes['ets'] ?? 0;
  await aTable(it, 'seen', 'ordered_set', 3, '[1, 2]');
  const { rows, total } = await tablesOf(it);
  expect(rows).toHaveLength(total);
  const seen = rows.find(({ name }) => name === 'seen');
  // 768 words of the table, and of each row 6, a tuple's 3 and a list's 4.
  const bytes = 8 * (768 + 3 * (6 + 3 + 4));
  expect(seen).toEqual({
    id: atom('seen'),
    name: 'seen',
    type: 'ordered_set',
    protection: 'public',
    owner: await it.named('Elixir.Shop.Catalog'),
    ownerName: 'Elixir.Shop.Catalog',
    isNamed: true,
    keyPosition: 1,
    isCompressed: false,
    readConcurrency: false,
    writeConcurrency: 'false',
    objects: 3,
    bytes,
  });
  expect(valueOf(await it.runtime.port.system.memory({ node }, patient())).bytes['ets']).toBe(before + bytes);
  await ets(it, 'delete', 'seen', '2');
  expect(await ets(it, 'info', 'seen', 'memory')).toBe(String(768 + 2 * 13));
});

test('Of a table at most fifty rows are shown, and nothing that nobody but its owner reads', async () => {
  const it = started();
  await aTable(it, 'many', 'ordered_set', 51);
  const shown = valueOf(await rowsOf(it, 'many'));
  expect(shown.whole).toBe(false);
  expect(shown.rows).toHaveLength(50);
  expect(shown.rows.slice(0, 1).map((row) => printTerm(row, { syntax: 'erlang' }))).toEqual(['{1,made}']);
  expect(valueOf(await rowsOf(it, 'many', 2)).rows).toHaveLength(2);
  await aTable(it, 'none', 'set', 0);
  expect(valueOf(await rowsOf(it, 'none'))).toEqual({ rows: [], whole: true });
  await aTable(it, 'own', 'private', 0);
  expect(codeOf(await rowsOf(it, 'own'))).toBe('table.private');
  expect(codeOf(await rowsOf(it, 'no_such_table'))).toBe('table.not_found');
});

test('Rows that are too large are not read, and one among small ones is told by its size', async () => {
  const it = started();
  const large = `[${Array.from({ length: 30_000 }, () => '9').join(', ')}]`;
  await aTable(it, 'huge', 'set', 1, large);
  expect(codeOf(await rowsOf(it, 'huge'))).toBe('table.large_rows');
  await aTable(it, 'mixed', 'ordered_set', 20);
  await ets(it, 'insert', 'mixed', `{0, ${large.replaceAll('9', '999')}}`);
  const { rows, whole } = valueOf(await rowsOf(it, 'mixed'));
  expect(whole).toBe(false);
  expect(rows[0]).toMatchObject({ t: 'elided', was: 'tuple' });
  expect(rows).toHaveLength(21);
});

test('A node that is down has none to show', async () => {
  const it = started();
  for await (const item of it.runtime.port.system.ets({ node: 'nowhere@sim' }, patient())) {
    expect(item.is === 'end' ? codeOf(item.result) : 'a row').toBe('node.not_found');
  }
  const rows = it.runtime.port.system.etsRows({ node: 'nowhere@sim', table: atom('x'), limit: 1 }, patient());
  expect(codeOf(await rows)).toBe('node.not_found');
});
