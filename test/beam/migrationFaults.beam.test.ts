/** What becomes of a migration when one of those who take part is lost in the middle: never two that run, never none. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProcessRef } from '../../runtime/model.ts';
import { pidText } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom, integer, tuple } from '../../runtime/term/term.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { eventually } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { loadPorters, owner, porter } from './porters.ts';
import { connectShop, errorOf, inTime, named } from './shop.ts';

let shop: Shop;
let runtime: Runtime;
let here = '';
let there = '';
let pid: ProcessRef;

/** The start of the new process there, the middle of the migration, waits for its keeper to end; not for ever, if nobody ends it. */
const gateMs = 15_000;

beforeEach(async () => {
  shop = await startShop({ nodes: 2 });
  [here = '', there = ''] = shop.nodes;
  await loadPorters(shop, here);
  await loadPorters(shop, there);
  runtime = await connectShop(shop, { agentLingerMs: 500 });
  const supervisor = await named(runtime, here, 'shop_ledger_sup');
  const spec = porter(atom('porter_a'), tuple(atom('gated'), integer(gateMs)));
  const { pid: started } = valueOf(await runtime.port.supervisors.startChild({ supervisor, spec }, inTime()));
  if (started === null) throw new Error('It has no process.');
  pid = started;
  await shop.rpc(here, `gen_server:cast(list_to_pid("${pidText(pid)}"), porter_b).`);
  await shop.rpc(there, 'register(shop_gate_keeper, spawn(fun() -> receive stop -> ok end end)).');
}, 60_000);
afterEach(async () => {
  await runtime.close();
  await shop.stop();
});

const migrate = (change: object = {}) =>
  runtime.port.processes.migrate(
    { pid, node: there, maxBytes: 1_000_000, forwardMs: 300, owner, lingerMs: 500, ...change },
    inTime(20_000),
  );
/** Begins one, and waits until the new process is being started. */
async function inTheMiddle(): Promise<{ readonly moving: ReturnType<typeof migrate> }> {
  const moving = migrate();
  const begun = 'element(2, process_info(whereis(shop_gate_keeper), message_queue_len)).';
  await eventually(
    () => shop.rpc(there, begun),
    (count) => count === '1',
  );
  return { moving };
}
/** Lets the start go on, and waits until the process that was in it has gone further, or has ended. */
async function letGoOn(): Promise<void> {
  const begun = await shop.rpc(
    there,
    'begin {messages, [{begun, P}]} = process_info(whereis(shop_gate_keeper), messages), exit(whereis(shop_gate_keeper), kill), P end.',
  );
  await eventually(
    () => shop.rpc(there, `process_info(list_to_pid("${begun}"), current_function).`),
    (at) => !at.includes('shop_porter,init'),
  );
}

/** What it has received, as it answers itself when it runs. */
const received = () => shop.rpc(here, `gen_server:call(list_to_pid("${pidText(pid)}"), received, 3000).`);
const childThere = () =>
  shop.rpc(there, `[P || {porter_a, P, _, _} <- supervisor:which_children(shop_ledger_sup), is_pid(P)].`);

describe('a migration in whose middle', () => {
  // @row T015.a3
  it('the node it goes to is lost leaves the process running where it was', async () => {
    const { moving } = await inTheMiddle();
    await shop.killNode(there);
    const error = errorOf(await moving);
    // A node that is gone may be only cut off: what runs there is not known, and so it is told.
    expect(error).toMatchObject({ effect: 'unknown' });
    expect(await received()).toBe('[porter_b]');
    expect(valueOf(await runtime.port.holdings.list({}, inTime())).holdings).toEqual([]);
  });

  it('the node it leaves is lost leaves no half-made process on the other', async () => {
    const { moving } = await inTheMiddle();
    await shop.killNode(here);
    await letGoOn();
    expect(errorOf(await moving)).toMatchObject({ code: 'process.migration_lost', effect: 'none' });
    await eventually(childThere, (pids) => pids === '[]');
    expect(await shop.rpc(there, '[Id || {Id, _, _, _} <- supervisor:which_children(shop_ledger_sup)].')).toBe(
      '[expenses,income]',
    );
  });

  it('the window is lost ends all the same, with one process that has the state', async () => {
    const { moving } = await inTheMiddle();
    await runtime.close();
    await letGoOn();
    const { effect } = errorOf(await moving);
    const ours = '[N || N <- registered(), lists:prefix("arsenal_agent_", atom_to_list(N))].';
    for (const node of [here, there])
      await eventually(
        () => shop.rpc(node, ours),
        (names) => names === '[]',
        20_000,
      );
    const moved = (await childThere()) !== '[]';
    expect(effect === 'unknown' || (effect === 'none' && !moved)).toBe(true);
    const old = await shop.rpc(here, `is_process_alive(list_to_pid("${pidText(pid)}")).`);
    expect(old).toBe(moved ? 'false' : 'true');
    if (moved) {
      const state = `[sys:get_state(P) || {porter_a, P, _, _} <- supervisor:which_children(shop_ledger_sup)].`;
      expect(await shop.rpc(there, state)).toBe('[{plain,[porter_b]}]');
    } else expect(await received()).toBe('[porter_b]');
  });

  it.each(['here', 'there'] as const)('the agent %s is killed is undone by the guards', async (where) => {
    const { moving } = await inTheMiddle();
    const node = where === 'here' ? here : there;
    const kill = `[exit(whereis(N), kill) || N <- registered(), lists:prefix("arsenal_agent_", atom_to_list(N)), is_pid(whereis(N))].`;
    expect(await shop.rpc(node, kill)).toContain('true');
    await letGoOn();
    const error = errorOf(await moving);
    expect(error.effect).not.toBe('applied');
    await eventually(childThere, (pids) => pids === '[]', 5_000);
    expect(await received()).toBe('[porter_b]');
  });

  it('the process is killed says so, and leaves one that its supervisor began anew', async () => {
    const { moving } = await inTheMiddle();
    await shop.rpc(here, `exit(list_to_pid("${pidText(pid)}"), kill).`);
    await letGoOn();
    expect(errorOf(await moving)).toMatchObject({ effect: 'partial' });
    await eventually(childThere, (pids) => pids === '[]');
    const anew = `[sys:get_state(P) || {porter_a, P, _, _} <- supervisor:which_children(shop_ledger_sup)].`;
    expect(await shop.rpc(here, anew)).toBe('[{plain,[]}]');
  });

  it('the two nodes are cut apart is refused before it begins, or undone', async () => {
    await named(runtime, there, 'shop_ledger_sup');
    await shop.rpc(here, `erlang:set_cookie('${there}', nothing_that_fits), erlang:disconnect_node('${there}').`);
    const error = errorOf(await migrate());
    expect(error).toMatchObject({ code: 'node.not_connected', effect: 'none' });
    expect(await received()).toBe('[porter_b]');
    expect(await shop.rpc(here, `lists:member('${there}', nodes(connected)).`)).toBe('false');
  });
});
