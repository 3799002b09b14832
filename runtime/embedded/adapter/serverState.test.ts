import { afterEach, expect, test } from 'vitest';
import type { ProcessRef } from '../../model.ts';
import { toValue } from '../../term/values.ts';
import type { Shop } from './adapterKit.ts';
import { codeOf, owner, patient, startShop, valueOf } from './adapterKit.ts';

let shop: Shop | null = null;
afterEach(async () => {
  await shop?.runtime.close();
  shop = null;
});
function started(): Shop {
  return (shop = startShop());
}

const catalog = 'Elixir.Shop.Catalog';
const most = { maxBytes: 100_000 } as const;
const stockOf = (items: string): { readonly source: string; readonly syntax: 'erlang' } => ({
  syntax: 'erlang',
  source: `#{items => #{${items}}, version => 77}`,
});

async function stateOf(
  { runtime }: Shop,
  pid: ProcessRef,
): Promise<{ readonly state: unknown; readonly digest: string }> {
  const { state, digest } = valueOf(await runtime.port.processes.state({ pid, ...most }, patient()));
  return { state: toValue(state), digest: digest ?? '' };
}

test('A state is replaced only where it is the one that was read', async () => {
  const it = started();
  const pid = await it.named(catalog);
  const { digest } = await stateOf(it, pid);
  const replace = it.runtime.port.processes.replaceState;
  const stale = await replace({ pid, expectDigest: 'of another', state: stockOf('apples => 3') }, patient());
  expect(codeOf(stale)).toBe('process.state_changed');
  const set = valueOf(await replace({ pid, expectDigest: digest, state: stockOf('apples => 3') }, patient()));
  const now = await stateOf(it, pid);
  expect(now).toEqual({ state: { items: { apples: 3 }, version: 77 }, digest: set.digest });
});

test('A state that its code does not take is refused, and the old one stays', async () => {
  const it = started();
  const pid = await it.named(catalog);
  const before = await stateOf(it, pid);
  const state = { syntax: 'erlang', source: '[no, stock]' } as const;
  const refused = await it.runtime.port.processes.replaceState({ pid, expectDigest: before.digest, state }, patient());
  expect(codeOf(refused)).toBe('runtime.unsupported');
  expect((await stateOf(it, pid)).state).toEqual(before.state);
});

test('A process that obeys no system messages is not asked', async () => {
  const it = started();
  const params = {
    node: 'a@sim',
    module: 'timer',
    function: 'sleep',
    args: [{ term: { t: 'atom', v: 'infinity' } }],
  } as const;
  const pid = valueOf(await it.runtime.port.processes.start(params, patient()));
  const state = { syntax: 'erlang', source: '1' } as const;
  const refused = await it.runtime.port.processes.replaceState({ pid, expectDigest: '', state }, patient());
  expect(codeOf(refused)).toBe('runtime.unsupported');
});

test('A process is begun anew, without its state or with it', async () => {
  const it = started();
  const { processes } = it.runtime.port;
  const pid = await it.named(catalog);
  const { digest } = await stateOf(it, pid);
  valueOf(await processes.replaceState({ pid, expectDigest: digest, state: stockOf('apples => 3') }, patient()));

  const kept = valueOf(await processes.restart({ pid, keepMaxBytes: 10_000 }, patient()));
  expect(kept).toMatchObject({ state: 'kept', supervisor: await it.named('Elixir.Shop.Supervisor') });
  expect(kept.pid).not.toEqual(pid);
  expect((await stateOf(it, kept.pid)).state).toEqual({ items: { apples: 3 }, version: 77 });

  const fresh = valueOf(await processes.restart({ pid: kept.pid }, patient()));
  expect(fresh.state).toBe('fresh');
  expect((await stateOf(it, fresh.pid)).state).not.toMatchObject({ version: 77 });
  expect(codeOf(await processes.restart({ pid }, patient()))).toBe('process.not_found');
});

test('A supervisor keeps no state, a root is nobody’s child, and a state that is too large is not copied', async () => {
  const it = started();
  const { processes } = it.runtime.port;
  const supervisor = await it.named('Elixir.Shop.Payments');
  expect(codeOf(await processes.restart({ pid: supervisor, keepMaxBytes: 1e6 }, patient()))).toBe(
    'runtime.unsupported',
  );
  const root = await it.named('Elixir.Shop.Supervisor');
  expect(codeOf(await processes.restart({ pid: root }, patient()))).toBe('runtime.unsupported');
  const pid = await it.named(catalog);
  expect(codeOf(await processes.restart({ pid, keepMaxBytes: 3 }, patient()))).toBe('process.state_too_large');
  // It runs on: it was suspended only while its state was read.
  expect(await it.named(catalog)).toEqual(pid);
  const asked = { pid, how: 'call', message: { syntax: 'erlang', source: '{stock, apples}' } } as const;
  expect(valueOf(await processes.send(asked, patient())).reply).not.toBeNull();
});

test('A state that is held is given to a new child, and to none when the holding is released', async () => {
  const it = started();
  const { processes, supervisors, holdings } = it.runtime.port;
  const pid = await it.named('Elixir.Shop.Payments.Ledger');
  const held = valueOf(await processes.stateHandle({ pid, ...most, owner, lingerMs: 1_000 }, patient()));
  expect(held).toMatchObject({ portable: 'yes', digest: (await stateOf(it, pid)).digest });
  const supervisor = await it.named('Elixir.Shop.CartSupervisor', 'b@sim');
  const spec = {
    childId: { t: 'atom', v: 'cart' },
    start: { module: 'Elixir.Shop.Cart', function: 'start_link', args: [{ t: 'int', v: 5 }] },
    restart: 'transient',
    shutdown: 5000,
    type: 'worker',
    significant: false,
  } as const;
  const params = { supervisor, spec, initialState: { handle: held.handle } };
  // A cart does not take the state of a ledger: it is taken back.
  expect(codeOf(await supervisors.startChild(params, patient()))).toBe('state.not_taken');
  expect(valueOf(await holdings.release({ id: held.handle }, patient())).wasHeld).toBe(true);
  expect(codeOf(await supervisors.startChild(params, patient()))).toBe('state.not_held');
});

test('What crashed is told, the newest first', async () => {
  const it = started();
  const { processes } = it.runtime.port;
  const pid = await it.named(catalog);
  await processes.send({ pid, how: 'cast', message: { syntax: 'erlang', source: 'nobody_knows' } }, patient());
  const bad = {
    pid: await it.named('Elixir.Shop.Visitors'),
    how: 'cast',
    message: { syntax: 'erlang', source: 'x' },
  } as const;
  await processes.send(bad, patient());
  await processes.state({ pid, ...most }, patient());
  await processes.exit({ pid, reason: { syntax: 'erlang', source: 'boom' }, confirmMs: 1_000 }, patient());
  const { crashes } = valueOf(await processes.crashes({ node: 'a@sim', limit: 10 }, patient()));
  expect(crashes[0]).toMatchObject({
    pid: bad.pid,
    registeredName: 'Elixir.Shop.Visitors',
    kind: 'error',
    initialCall: "'Elixir.Shop.Visitors':init/1",
  });
  expect(crashes).toHaveLength(1);
});
