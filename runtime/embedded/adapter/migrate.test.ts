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

const kept = { owner, lingerMs: 60_000 } as const;

/** A cart on `a@sim`, which no other process knows. */
async function aCart({ runtime, named }: Shop): Promise<ProcessRef> {
  const spec = {
    childId: { t: 'atom', v: 'cart' },
    start: { module: 'Elixir.Shop.Cart', function: 'start_link', args: [{ t: 'int', v: 4711 }] },
    restart: 'transient',
    shutdown: 5000,
    type: 'worker',
    significant: false,
  } as const;
  const supervisor = await named('Elixir.Shop.CartSupervisor');
  const { pid } = valueOf(await runtime.port.supervisors.startChild({ supervisor, spec }, patient()));
  if (pid === null) throw new Error('not started');
  return pid;
}
async function stateOf({ runtime }: Shop, pid: ProcessRef): Promise<unknown> {
  return toValue(valueOf(await runtime.port.processes.state({ pid, maxBytes: 10_000 }, patient())).state);
}
/** How many carts run where it is to go. */
async function cartsThere({ runtime, named }: Shop): Promise<number> {
  const supervisor = await named('Elixir.Shop.CartSupervisor', 'b@sim');
  return valueOf(await runtime.port.supervisors.count({ supervisor }, patient())).active;
}
async function untilMoreThan(it: Shop, before: number): Promise<void> {
  while ((await cartsThere(it)) <= before) await new Promise((resolve) => setImmediate(resolve));
}
const move = (pid: ProcessRef) => ({ pid, node: 'b@sim', maxBytes: 10_000, forwardMs: 60_000, ...kept });

test('A server moves with its state, and what still comes to the old one reaches the new one', async () => {
  const it = started();
  const { processes, supervisors, holdings } = it.runtime.port;
  const pid = await aCart(it);
  const before = await stateOf(it, pid);
  const moved = valueOf(await processes.migrate(move(pid), patient()));
  expect(moved).toMatchObject({
    pid: { node: 'b@sim' },
    supervisor: await it.named('Elixir.Shop.CartSupervisor', 'b@sim'),
    left: { localPids: 0, monitors: 0, links: 0 },
  });
  expect(moved.steps.map(({ step }) => step)).toEqual(['suspended', 'started', 'placed', 'switched', 'resumed']);
  expect(moved.pauseMs).toBeGreaterThan(0);
  expect(await stateOf(it, moved.pid)).toMatchObject({ visitor: 4711, wants: before === null ? 0 : expect.anything() });

  // Asked at its old place, the new one answers.
  const asked = { pid, how: 'call', message: { syntax: 'erlang', source: 'items' } } as const;
  expect(valueOf(await processes.send(asked, patient())).reply).not.toBeNull();
  const old = valueOf(await processes.info({ pids: [pid], keys: ['current_function'] }, patient()));
  expect(old.gone).toEqual([]);

  // Released, it ends and its supervisor does not start it again.
  const supervisor = await it.named('Elixir.Shop.CartSupervisor');
  const running = async (): Promise<number> => valueOf(await supervisors.count({ supervisor }, patient())).active;
  const count = await running();
  expect(valueOf(await holdings.release({ id: moved.forwarder }, patient())).wasHeld).toBe(true);
  expect(valueOf(await processes.info({ pids: [pid], keys: [] }, patient())).gone).toEqual([pid]);
  expect(await running()).toBe(count - 1);
});

test('What comes while it is moved waits, and is handed on', async () => {
  const it = started();
  const { processes, faults } = it.runtime.port;
  const pid = await aCart(it);
  const before = await cartsThere(it);
  valueOf(await faults.delayLink({ from: 'b@sim', to: 'a@sim', delayMs: 500, jitterMs: 0, ...kept }, patient()));
  const moving = processes.migrate(move(pid), patient());
  await untilMoreThan(it, before);
  for (const n of [1, 2, 3]) {
    await processes.send({ pid, how: 'info', message: { syntax: 'erlang', source: `{n, ${String(n)}}` } }, patient());
  }
  const moved = valueOf(await moving);
  expect(moved.waited).toBe(3);
  expect(moved.pauseMs).toBeGreaterThan(500);
  const { length } = valueOf(await processes.mailbox({ pid, limit: 10 }, patient()));
  expect(length).toBe(0);
});

test('Refused where it makes no sense, with nothing done', async () => {
  const it = started();
  const { processes } = it.runtime.port;
  const ledger = await it.named('Elixir.Shop.Payments.Ledger');
  expect(codeOf(await processes.migrate({ ...move(ledger), node: 'a@sim' }, patient()))).toBe('process.same_node');
  // Its counterpart there has a child of this id already: all is undone, and it runs on.
  expect(codeOf(await processes.migrate(move(ledger), patient()))).toBe('process.not_done');
  const { status } =
    valueOf(await processes.info({ pids: [ledger], keys: ['status'] }, patient())).pages[0]?.columns ?? {};
  expect(status).toMatchObject({ values: ['waiting'] });
  const cart = await aCart(it);
  const stray = { ...move(cart), supervisor: await it.named('Elixir.Shop.CartSupervisor') };
  expect(codeOf(await processes.migrate(stray, patient()))).toBe('supervisor.other_node');
  const wrong = { ...move(cart), supervisor: await it.named('Elixir.Shop.Pipeline', 'b@sim') };
  expect(codeOf(await processes.migrate(wrong, patient()))).toBe('runtime.unsupported');
});

test('A partition in the middle undoes it: the old one runs on, and there is no new one', async () => {
  const it = started();
  const { processes, faults, supervisors } = it.runtime.port;
  const pid = await aCart(it);
  const supervisor = await it.named('Elixir.Shop.CartSupervisor', 'b@sim');
  // What b sends comes so late that the two are parted while the new one is there and the old one does not know it.
  const slow = { from: 'b@sim', to: 'a@sim', delayMs: 2_000, jitterMs: 0, ...kept } as const;
  valueOf(await faults.delayLink(slow, patient()));
  const before = await cartsThere(it);
  const moving = processes.migrate(move(pid), patient());
  await untilMoreThan(it, before);
  valueOf(await faults.partition({ islands: [['a@sim'], ['b@sim']], mode: 'cut', ...kept }, patient()));
  const failed = await moving;
  expect(failed).toMatchObject({ ok: false, error: { code: 'process.not_done', effect: 'none' } });
  const asked = { pid, how: 'call', message: { syntax: 'erlang', source: 'items' } } as const;
  expect(valueOf(await processes.send(asked, patient())).reply).not.toBeNull();
  const rows = [];
  for await (const item of supervisors.children({ supervisor, offset: 0, limit: 100 }, patient())) {
    if (item.is === 'frame') rows.push(...item.frame);
  }
  const states = await Promise.all(
    rows.map(({ state }) => (state.is === 'running' ? stateOf(it, state.pid) : Promise.resolve(null))),
  );
  expect(states.filter((state) => JSON.stringify(state).includes('4711'))).toEqual([]);
});
