import { afterEach, expect, test } from 'vitest';
import type { ChildSpec, SupervisorFlags } from '../../model.ts';
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

const held = { owner, lingerMs: 1_000 } as const;
const flags: SupervisorFlags = { strategy: 'one_for_one', intensity: 3, periodSeconds: 7, autoShutdown: 'never' };
const cart: ChildSpec = {
  childId: { t: 'atom', v: 'mine' },
  start: { module: 'Elixir.Shop.Cart', function: 'start_link', args: [{ t: 'int', v: 1 }] },
  restart: 'transient',
  shutdown: 5000,
  type: 'worker',
  significant: false,
};

test('A supervisor is started with its children, and ends with its holding', async () => {
  const it = started();
  const { supervisors, holdings, processes } = it.runtime.port;
  const params = { node: 'a@sim', flags, children: [cart], name: 'my_sup', ...held };
  const pid = valueOf(await supervisors.start(params, patient()));
  expect(await it.named('my_sup')).toEqual(pid);
  expect(valueOf(await supervisors.flags({ supervisor: pid }, patient()))).toEqual(flags);
  expect(valueOf(await supervisors.count({ supervisor: pid }, patient()))).toMatchObject({ active: 1, workers: 1 });
  expect(codeOf(await supervisors.start(params, patient()))).toBe('name.taken');
  const [holding] = valueOf(await holdings.list({}, patient())).holdings;
  expect(holding).toMatchObject({ kind: 'process', target: pid });
  valueOf(await holdings.release({ id: holding?.id ?? '' }, patient()));
  expect(valueOf(await processes.info({ pids: [pid], keys: [] }, patient())).gone).toEqual([pid]);
});

test('It ends when it is told to, whoever started it', async () => {
  const it = started();
  const { supervisors, processes } = it.runtime.port;
  const pid = valueOf(await supervisors.start({ node: 'a@sim', flags, children: [cart], ...held }, patient()));
  const shutdown = { syntax: 'erlang', source: 'shutdown' } as const;
  // To a supervisor an exit signal of a stranger is a message.
  const signal = await processes.exit({ pid, reason: shutdown, confirmMs: 100 }, patient());
  expect(valueOf(signal)).toEqual({ outcome: 'survived' });
  expect(valueOf(await supervisors.stop({ supervisor: pid, confirmMs: 5_000 }, patient()))).toEqual({
    outcome: 'exited',
    reason: { t: 'atom', v: 'shutdown' },
  });
  expect(valueOf(await processes.info({ pids: [pid], keys: [] }, patient())).gone).toEqual([pid]);
  expect(codeOf(await supervisors.stop({ supervisor: pid, confirmMs: 5_000 }, patient()))).toBe('process.not_found');
  const ledger = await it.named('Elixir.Shop.Payments.Ledger');
  expect(codeOf(await supervisors.stop({ supervisor: ledger, confirmMs: 1 }, patient()))).toBe('supervisor.not_one');
});

test('One that hears nothing may end later', async () => {
  const it = started();
  const { supervisors, processes, holdings, clock } = it.runtime.port;
  const pid = valueOf(await supervisors.start({ node: 'a@sim', flags, children: [], ...held }, patient()));
  const { id } = valueOf(await processes.suspend({ pid, how: 'process', ...held }, patient()));
  const late = await supervisors.stop({ supervisor: pid, confirmMs: 5_000 }, patient());
  expect(late).toMatchObject({ ok: false, error: { class: 'timeout', effect: 'unknown' } });
  valueOf(await holdings.release({ id }, patient()));
  valueOf(await clock.step({ ms: 50 }, patient()));
  expect(valueOf(await processes.info({ pids: [pid], keys: [] }, patient())).gone).toEqual([pid]);
});

test('Under a parent it is a child, which the parent starts again', async () => {
  const it = started();
  const { supervisors, processes, clock, holdings } = it.runtime.port;
  const parent = await it.named('Elixir.Shop.Supervisor');
  const params = { node: 'a@sim', flags, children: [cart], name: 'my_sup', parent, ...held };
  const pid = valueOf(await supervisors.start(params, patient()));
  expect(valueOf(await holdings.list({}, patient())).holdings).toEqual([]);
  await processes.exit({ pid, reason: { syntax: 'erlang', source: 'kill' }, confirmMs: 1_000 }, patient());
  valueOf(await clock.step({ ms: 50 }, patient()));
  const again = await it.named('my_sup');
  expect(again).not.toEqual(pid);
  expect(valueOf(await supervisors.count({ supervisor: again }, patient())).active).toBe(1);
});

test('What is no specification is refused before anything is started', async () => {
  const it = started();
  const wrong = { ...cart, shutdown: -1 };
  const params = { node: 'a@sim', flags, children: [wrong], ...held };
  expect(codeOf(await it.runtime.port.supervisors.start(params, patient()))).toBe('child.bad_spec');
  const two = { ...params, children: [cart, cart], flags: { ...flags, strategy: 'simple_one_for_one' } } as const;
  expect(codeOf(await it.runtime.port.supervisors.start(two, patient()))).toBe('child.bad_spec');
});

test('Flags are changed only where they are what was expected', async () => {
  const it = started();
  const { supervisors } = it.runtime.port;
  const supervisor = await it.named('Elixir.Shop.Payments');
  const before = valueOf(await supervisors.flags({ supervisor }, patient()));
  const next = { ...before, intensity: 42, periodSeconds: 9 };
  expect(valueOf(await supervisors.setFlags({ supervisor, expect: before, flags: next }, patient()))).toEqual(next);
  expect(valueOf(await supervisors.flags({ supervisor }, patient()))).toEqual(next);
  const stale = await supervisors.setFlags({ supervisor, expect: before, flags: next }, patient());
  expect(stale).toMatchObject({ ok: false, error: { code: 'supervisor.flags_changed', details: { now: next } } });
  const other = { ...next, strategy: 'rest_for_one' } as const;
  expect(valueOf(await supervisors.setFlags({ supervisor, expect: next, flags: other }, patient()))).toEqual(other);
  const simple = { ...next, strategy: 'simple_one_for_one' } as const;
  expect(codeOf(await supervisors.setFlags({ supervisor, expect: other, flags: simple }, patient()))).toBe(
    'runtime.unsupported',
  );
  const bad = { ...next, periodSeconds: 0 };
  expect(codeOf(await supervisors.setFlags({ supervisor, expect: other, flags: bad }, patient()))).toBe(
    'supervisor.bad_flags',
  );
});

test('Who waits in a call for whom is told with certainty', async () => {
  const it = started();
  const { processes, system } = it.runtime.port;
  const ledger = await it.named('Elixir.Shop.Payments.Ledger');
  valueOf(await processes.suspend({ pid: ledger, how: 'process', ...held }, patient()));
  const gateway = await it.named('Elixir.Shop.Payments.Gateway');
  // The gateway asks the ledger; nobody waits for the outcome here.
  const asking = processes.send(
    { pid: gateway, how: 'call', message: { syntax: 'erlang', source: '{charge, order}' } },
    patient(),
  );
  let waits = valueOf(await system.waits({ node: 'a@sim', limit: 10 }, patient())).waits;
  while (!waits.some(({ process }) => process.id === gateway.id)) {
    await new Promise((resolve) => setImmediate(resolve));
    waits = valueOf(await system.waits({ node: 'a@sim', limit: 10 }, patient())).waits;
  }
  expect(waits.find(({ process }) => process.id === gateway.id)).toMatchObject({
    registeredName: 'Elixir.Shop.Payments.Gateway',
    on: [ledger],
    evidence: 'certain',
  });
  await asking;
});

test('A simulated node has no ports', async () => {
  const it = started();
  for await (const item of it.runtime.port.system.ports({ node: 'a@sim' }, patient())) {
    expect(item).toEqual({ is: 'end', result: { ok: true, value: { total: 0 } } });
  }
});

test('A module says which behaviours it has, and has no file', async () => {
  const { code } = started().runtime.port;
  const source = async (module: string) => code.source({ node: 'a@sim', module }, patient());
  expect(valueOf(await source('Elixir.Shop.Catalog'))).toEqual({ path: null, behaviours: ['gen_server'] });
  expect(codeOf(await source('Elixir.Shop.Nothing'))).toBe('code.not_loaded');
});
