/** A node dies in the middle of a move, or after it, on live nodes: what the operations answer, and what their probes find. */
import { describe, expect, it } from 'vitest';
import { processId } from '../../runtime/model.ts';
import type { Json, ProcessRef, Result } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom, integer, tuple } from '../../runtime/term/term.ts';
import type { Term } from '../../runtime/term/term.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, listAt } from '../../server/backend/testKit.ts';
import { isJson } from '../../server/core/plainData.ts';
import { plannedOn } from '../../server/operations/testKit.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { valueOf } from '../port/results.ts';
import { loadAllPorters, porter } from './porters.ts';
import { errorOf, inTime, named } from './shop.ts';
import { withShopHouse } from './shopHouse.ts';

let shop: Shop;
let runtime: Runtime;
let house: House;
let [here, there] = ['', ''];
const patience = { timeout: 60_000, interval: 20 };
/** The start of a gated process there waits for its keeper to end; not for ever, if nobody ends it. */
const gateMs = 60_000;

// A node that is gone is waited for so long, as a move is by how long it forwards: it might only have been cut off.
const spec = { agentLingerMs: 500 };
const prepare = async (opened: Shop): Promise<void> => {
  await loadAllPorters(opened);
  const [, second = ''] = opened.nodes;
  await opened.rpc(second, 'register(shop_gate_keeper, spawn(fun() -> receive stop -> ok end end)).');
};
withShopHouse({ nodes: 2, each: true, spec, prepare }, (live) => {
  ({ shop, runtime, house } = live);
  [here = '', there = ''] = shop.nodes;
});

/** A server under the static supervisor that both nodes have, with a word that it was told; the first that is gated waits for its keeper. */
async function server(childId: string, how: Term, word: string): Promise<ProcessRef> {
  const supervisor = await named(runtime, here, 'shop_ledger_sup');
  const spec = porter(atom(childId), how);
  const { pid } = valueOf(await runtime.port.supervisors.startChild({ supervisor, spec }, inTime()));
  if (pid === null) throw new Error('It has no process.');
  await house.result('send_message', { pid: processId(pid), message: { $term: `:${word}` }, how: 'cast' });
  return pid;
}
const gated = tuple(atom('gated'), integer(gateMs));
/** What it has been told, as it is kept; null when it cannot be asked. */
async function stateOf(pid: Json): Promise<Json> {
  const state = await house.run('get_process_state', { pid });
  return state.ok && state.value.mode === 'run' ? at(state.value.result, 'state', 'display') : null;
}
const begun = () =>
  expect
    .poll(() => shop.rpc(there, 'element(2, process_info(whereis(shop_gate_keeper), message_queue_len)).'), patience)
    .toBe('1');

function jsonOf(result: Result<unknown>): Json {
  const value = valueOf(result);
  if (!isJson(value)) throw new Error('No JSON.');
  return value;
}

// @row T015.a3, T015.d4
describe('migrate_process', () => {
  it('leaves the process where it was when the node it goes to dies, and its probe knows', async () => {
    const pid = processId(await server('porter_a', gated, 'porter_b'));
    const planned = await plannedOn(house, runtime, 'migrate_process', { pid, to: there });
    const moving = planned.apply();
    await begun();
    await shop.killNode(there);
    // The other node may be only cut off: what runs there nobody knows.
    expect(errorOf(await moving)).toMatchObject({ effect: 'unknown' });
    await expect.poll(() => stateOf(pid), patience).toBe('{:plain, [:porter_b]}');
    expect(await planned.probe()).toBe('none');
  }, 120_000);

  it('leaves nothing on the other node when the node it leaves dies before the switch', async () => {
    const pid = processId(await server('porter_a', gated, 'porter_b'));
    const moving = house.run('migrate_process', { pid, to: there, forwardMs: 300 });
    await begun();
    await shop.killNode(here);
    await shop.rpc(there, 'exit(whereis(shop_gate_keeper), kill).');
    expect(errorOf(await moving)).toMatchObject({ effect: 'none' });
    const children = async () => {
      const listed = await house.run('which_children', { supervisor: 'shop_ledger_sup', node: there });
      return listed.ok && listed.value.mode === 'run'
        ? listAt(listed.value.result, 'items').map((row) => at(row, 'childIdText'))
        : null;
    };
    await expect.poll(children, patience).toEqual([':income', ':expenses']);
  }, 120_000);

  it('has moved it for good when the node it left dies afterwards', async () => {
    const pid = processId(await server('porter_a', atom('plain'), 'porter_b'));
    const planned = await plannedOn(house, runtime, 'migrate_process', { pid, to: there, forwardMs: 600_000 });
    const done = jsonOf(await planned.apply());
    expect(await planned.probe()).toBe('applied');
    await shop.killNode(here);
    await expect.poll(() => stateOf(at(done, 'pid')), patience).toBe('{:plain, [:porter_b]}');
    // With its node went what could tell.
    expect(await planned.probe()).toBe('unknown');
  }, 120_000);
});

describe('migrate_processes', () => {
  it('tells of each what is known when the node they go to dies after the first', async () => {
    const first = processId(await server('porter_a', atom('plain'), 'porter_b'));
    const second = processId(await server('porter_c', gated, 'porter_a'));
    const moving = house.run('migrate_processes', { pids: [first, second], to: there, concurrency: 1 });
    await begun();
    await shop.killNode(there);
    const answer = valueOf(await moving);
    expect(listAt(answer.mode === 'run' ? answer.result : null, 'items')).toMatchObject([
      { pid: first, became: 'moved', to: there },
      { pid: second, became: 'failed', after: null, error: { effect: 'unknown' } },
    ]);
    await expect.poll(() => stateOf(second), patience).toBe('{:plain, [:porter_a]}');
  }, 120_000);
});
