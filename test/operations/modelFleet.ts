/**
 * Random sequences of what is done to supervised processes, beside a small model of what they must leave: which children a supervisor on
 * each of two nodes has, and whether they run. After each step both are asked, and at the end nothing of it may be left over.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, listAt } from '../../server/backend/testKit.ts';

const fleetActs = [
  'add',
  'terminate',
  'restart',
  'delete',
  'kill',
  'fail',
  'move',
  'moveNone',
  'balance',
  'batch',
  'brokenBatch',
  'suspend',
  'execute',
  'flags',
  'nest',
  'restartBelow',
  'watch',
  'collect',
] as const;
export type FleetAct = { readonly act: (typeof fleetActs)[number]; readonly which: number };

export function fleetSequences(maxLength: number): fc.Arbitrary<FleetAct[]> {
  const one = fc.record({ act: fc.constantFrom(...fleetActs), which: fc.nat({ max: 1_000 }) });
  return fc.array(one, { minLength: 1, maxLength });
}

type Params = { readonly [key: string]: Json };
type Child = { readonly id: string; node: string; running: boolean };

export type Fleet = {
  readonly house: House;
  readonly nodes: readonly [string, string];
  /** A server that can be moved, whose `start_link` takes a number that is its own. */
  readonly worker: string;
  /** Whether processes can be told to collect their garbage here. */
  readonly collects: boolean;
  /** All that could be left over, in words; the same before and after. */
  readonly remains: () => Promise<readonly string[]>;
};

/** The name of the supervisor on each node. */
export const supervisorName = 'model_supervisor';
const name = supervisorName;
const patience = { timeout: 60_000, interval: 10 };
/** Nobody gives up because of what a test does. */
const tireless = { intensity: 1_000_000, periodSeconds: 86_400 };

class FleetModel {
  readonly #fleet: Fleet;
  readonly #children: Child[] = [];
  /** The holdings that the supervisors are. */
  #own: readonly Json[] = [];
  #made = 0;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  async begin(): Promise<void> {
    for (const node of this.#fleet.nodes) {
      await this.#ask('start_supervisor', { node, name, ...tireless, lingerMs: 3_600_000 });
    }
    this.#own = await this.#holdings();
  }

  async act({ act, which }: FleetAct): Promise<void> {
    const pick = <T>(from: readonly T[]): T | undefined => from[which % Math.max(1, from.length)];
    const node = pick(this.#fleet.nodes) ?? '';
    if (act === 'add') return this.#add(node);
    if (act === 'batch' || act === 'brokenBatch') return this.#batch(node, act === 'batch' ? 'whole' : 'broken');
    if (act === 'execute') return this.#execute();
    if (act === 'flags') return this.#flags(node);
    if (act === 'nest') return this.#nest(node, 'stop');
    if (act === 'restartBelow') return this.#nest(node, 'restart');
    if (act === 'balance') return this.#balance();
    const child = pick(this.#children);
    if (child !== undefined) await this.#actOn(child, act);
  }

  async #actOn(child: Child, act: FleetAct['act']): Promise<void> {
    const where = { supervisor: name, node: child.node, child: child.id };
    if (act === 'restart') {
      const was = await this.#pidOf(child);
      const done = await this.#ask('restart_child', where);
      expect(at(done, 'pid')).not.toBe(was);
      child.running = true;
      return;
    }
    if (act === 'delete') {
      await this.#ask('delete_child', { ...where, terminate: true });
      this.#children.splice(this.#children.indexOf(child), 1);
      return;
    }
    if (!child.running) return this.#refuses(child, act, where);
    switch (act) {
      case 'terminate':
        await this.#ask('terminate_child', where);
        child.running = false;
        return;
      case 'kill':
        return this.#kill(child);
      case 'fail': {
        const seen = await this.#ask('simulate_failure', { ...where, settleMs: 30_000 });
        expect([at(seen, 'restarts'), at(seen, 'exceeded'), at(seen, 'asPredicted')]).toEqual([1, false, true]);
        return;
      }
      case 'move':
      case 'moveNone':
        return this.#move(child, act);
      case 'suspend':
        return this.#suspend(child);
      case 'watch':
        return this.#watch(child);
      case 'collect': {
        if (!this.#fleet.collects) return;
        await this.#ask('garbage_collect_process', { pid: await this.#pidOf(child) });
        return;
      }
      default:
        throw new Error(`Nothing is done by ${act}.`);
    }
  }

  /** What a child has to run for is refused, or means nothing, when it does not. */
  async #refuses(child: Child, act: FleetAct['act'], where: Params): Promise<void> {
    if (act === 'fail') {
      const answer = await this.#fleet.house.run('simulate_failure', where);
      expect(answer).toMatchObject({ ok: false, error: { effect: 'none' } });
    }
    if (act === 'terminate') await this.#fleet.house.run('terminate_child', where);
    expect(await this.#pidOf(child)).toBeNull();
  }

  async #add(node: string): Promise<void> {
    const id = this.#newId();
    const spec = this.#spec(id);
    await this.#ask('add_child', { supervisor: name, node, spec });
    this.#children.push({ id, node, running: true });
    // Done twice it is as done once.
    await this.#fleet.house.run('add_child', { supervisor: name, node, spec });
  }

  async #kill(child: Child): Promise<void> {
    const before = await this.#pidOf(child);
    const done = await this.#ask('kill_processes', { pids: [before] });
    expect(listAt(done, 'items')).toHaveLength(1);
    await this.#runsAnew(child, before);
  }

  async #runsAnew(child: Child, before: Json): Promise<void> {
    const isNew = async (): Promise<boolean> => {
      const pid = await this.#pidOf(child);
      return pid !== null && pid !== before;
    };
    await expect.poll(isNew, patience).toBe(true);
  }

  async #move(child: Child, act: 'move' | 'moveNone'): Promise<void> {
    const to = this.#fleet.nodes.find((node) => node !== child.node) ?? '';
    const pids = [await this.#pidOf(child)];
    if (act === 'move') {
      const done = await this.#ask('migrate_processes', { pids, to });
      expect(listAt(done, 'items').map((item) => [at(item, 'became'), at(item, 'to')])).toEqual([['moved', to]]);
      child.node = to;
      return this.#endForwarders();
    }
    // All or none: this one could, and what keeps it cannot.
    const kept = await this.#pidAt(child.node);
    const params = { pids: [...pids, kept], to, atomic: true, concurrency: 1 };
    const answer = await this.#fleet.house.run('migrate_processes', params);
    if (!answer.ok) expect(answer.error.effect).toBe('none');
    else if (answer.value.mode === 'run') expect(at(answer.value.result, 'moved')).toBe(0);
    await this.#endForwarders();
  }

  /** Whoever has moved leaves a process that sends on what still comes: a holding, until it is released. */
  async #endForwarders(): Promise<void> {
    const more = (await this.#holdings()).filter((id) => !this.#own.includes(id));
    for (const id of more) expect(await this.#ask('release_holding', { id })).toMatchObject({ wasHeld: true });
  }
  async #holdings(): Promise<readonly Json[]> {
    return listAt(await this.#ask('list_holdings', { limit: 1_000 }), 'items').map((row) => at(row, 'id'));
  }

  async #balance(): Promise<void> {
    const params = { sampleMs: 0, tolerancePercent: 0, maxMoves: 3, nodes: [...this.#fleet.nodes], apply: true };
    const done = await this.#ask('balance_cluster_load', params);
    const undo = at(done, 'undo');
    if (undo === null) return;
    const back = listAt(await this.#ask('balance_cluster_load', { undo }), 'back');
    expect(new Set(back.map((row) => at(row, 'became')))).toEqual(new Set(['back']));
    await this.#endForwarders();
  }

  /** Two children at once, or, where the second cannot be, none. */
  async #batch(node: string, is: 'whole' | 'broken'): Promise<void> {
    const ids = [this.#newId(), this.#newId()];
    const items = ids.map((id, index) => ({
      operation: 'add_child',
      params: {
        supervisor: name,
        node,
        spec: is === 'broken' && index === 1 ? { id, module: 'model_no_such_module' } : this.#spec(id),
      },
    }));
    const answer = await this.#fleet.house.run('execute_batch', { items, mode: 'atomic', concurrency: 1 });
    if (is === 'broken') {
      const result = answer.ok && answer.value.mode === 'run' ? answer.value.result : null;
      if (answer.ok) expect(at(result, 'outcome')).toBe('undone');
      else expect(answer.error.effect).toBe('none');
      return;
    }
    if (!answer.ok) throw new Error(`${answer.error.code}: ${answer.error.message}`);
    this.#children.push(...ids.map((id) => ({ id, node, running: true })));
  }

  async #suspend(child: Child): Promise<void> {
    const requestId = crypto.randomUUID();
    const pid = await this.#pidOf(child);
    const answer = await this.#fleet.house.run('suspend_process', { pid, lingerMs: 3_600_000 }, { requestId });
    expect(answer.ok).toBe(true);
    expect(at(await this.#ask('get_process_info', { pid, fields: ['status'] }), 'status')).toBe('suspended');
    expect(at(await this.#ask('undo_operation', { requestId }), 'whole')).toBe(true);
    expect(at(await this.#ask('get_process_info', { pid, fields: ['status'] }), 'status')).not.toBe('suspended');
  }

  /** Monitored until it ends, which it does before the monitor would. */
  async #watch(child: Child): Promise<void> {
    const pid = await this.#pidOf(child);
    const trace = at(await this.#ask('monitor_process', { pid, forMs: 600_000 }), 'trace');
    await this.#ask('stop_trace', { trace });
  }

  async #execute(): Promise<void> {
    const params = { module: 'erlang', function: 'node', nodes: [...this.#fleet.nodes] };
    const items = listAt(await this.#ask('remote_execute', params), 'items');
    expect(items.map((item) => at(item, 'became'))).toEqual(['returned', 'returned']);
  }

  async #flags(node: string): Promise<void> {
    const requestId = crypto.randomUUID();
    const params = { supervisor: name, node, strategy: 'rest_for_one', intensity: 7 };
    const answer = await this.#fleet.house.run('change_supervisor_strategy', params, { requestId });
    expect(answer.ok).toBe(true);
    await this.#ask('undo_operation', { requestId });
    const flags = at(await this.#ask('get_supervisor_flags', { supervisor: name, node }), 'flags');
    expect(flags).toMatchObject({ strategy: 'one_for_one', ...tireless });
  }

  /** A supervisor below ours with a child of its own, which ends with it. */
  async #nest(node: string, how: 'stop' | 'restart'): Promise<void> {
    const started = await this.#ask('start_supervisor', { node, parent: name, children: [this.#spec(this.#newId())] });
    let pid = at(started, 'pid');
    if (how === 'restart') pid = at(await this.#ask('restart_supervisor', { supervisor: pid }), 'pid');
    const rows = await this.#rows(node);
    const child = at(rows.find((row) => at(row, 'pid') === pid) ?? null, 'childIdText');
    await this.#ask('stop_supervisor', { supervisor: pid });
    // Its parent keeps the specification, as after terminate_child.
    await this.#ask('delete_child', { supervisor: name, node, child });
    expect((await this.#fleet.house.run('get_process_info', { pid })).ok).toBe(false);
  }

  /** What the supervisors say is what the model says, and every child that runs does. */
  async check(): Promise<void> {
    for (const node of this.#fleet.nodes) {
      const rows = await this.#rows(node);
      const found = rows.map((row) => [at(row, 'childIdText'), at(row, 'pid') !== null]);
      const expected = this.#children.filter((one) => one.node === node).map(({ id, running }) => [id, running]);
      expect(found.toSorted()).toEqual(expected.toSorted());
      for (const row of rows) {
        const pid = at(row, 'pid');
        if (pid === null) continue;
        expect(at(await this.#ask('get_process_info', { pid, fields: ['status'] }), 'status')).not.toBe('suspended');
      }
    }
  }

  async giveBack(): Promise<void> {
    for (const node of this.#fleet.nodes) await this.#ask('stop_supervisor', { supervisor: name, node });
    expect(listAt(await this.#ask('list_holdings', {}), 'items')).toEqual([]);
    const traces = listAt(await this.#ask('list_traces', {}), 'items');
    expect(traces.filter((row) => at(row, 'running') !== false)).toEqual([]);
  }

  #newId(): string {
    this.#made += 1;
    return String(1_000 + this.#made);
  }
  #spec(id: string): Json {
    return { id, module: this.#fleet.worker, args: [Number(id)] };
  }
  async #rows(node: string): Promise<readonly Json[]> {
    return listAt(await this.#ask('which_children', { supervisor: name, node, limit: 1_000 }), 'items');
  }
  async #pidOf({ id, node }: Child): Promise<Json> {
    const row = (await this.#rows(node)).find((one) => at(one, 'childIdText') === id);
    if (row === undefined) throw new Error(`${id} is not on ${node}.`);
    return at(row, 'pid');
  }
  async #pidAt(node: string): Promise<Json> {
    return at(await this.#ask('get_process_info', { pid: name, node, fields: ['status'] }), 'pid');
  }
  #ask(operation: string, params: Params): Promise<Json> {
    return this.#fleet.house.result(operation, params);
  }
}

/** Does one sequence, gives everything back, and finds what was there before. */
export async function fleetHolds(fleet: Fleet, sequence: readonly FleetAct[]): Promise<void> {
  const before = await fleet.remains();
  const model = new FleetModel(fleet);
  await model.begin();
  try {
    for (const act of sequence) {
      await model.act(act);
      await model.check();
    }
  } finally {
    await model.giveBack();
  }
  await expect.poll(() => fleet.remains(), patience).toEqual(before);
}
