/**
 * Random sequences of operations beside a small model of what they must leave: which processes live, which are suspended, what is held.
 * After each step the system is asked, and at the end everything is given back: nothing may be left over.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Json, Result } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, listAt } from '../../server/backend/testKit.ts';

export type Act = {
  readonly act:
    'start' | 'kill' | 'suspend' | 'resume' | 'release' | 'trace' | 'monitor' | 'stopTrace' | 'crash' | 'restart';
  readonly which: number;
};

/** Sequences of these acts; `which` chooses among what there is to act on. */
export function sequences(chosen: readonly Act['act'][], maxLength: number): fc.Arbitrary<Act[]> {
  const one = fc.record({ act: fc.constantFrom(...chosen), which: fc.nat({ max: 1_000 }) });
  return fc.array(one, { minLength: 1, maxLength });
}

type Ours = { readonly id: string; readonly node: string; alive: boolean; readonly suspensions: Set<string> };

/** A caller may have few traces and monitors going on at once. */
function isTooMany(answer: Result<unknown>): boolean {
  return !answer.ok && answer.error.code === 'trace.too_many';
}

class Model {
  readonly #house: House;
  readonly #nodes: readonly string[];
  readonly #processes: Ours[] = [];
  readonly #traces = new Map<string, Ours>();
  readonly #monitors = new Set<string>();
  readonly #down = new Set<string>();

  constructor(house: House, nodes: readonly string[]) {
    this.#house = house;
    this.#nodes = nodes;
  }

  async act({ act, which }: Act): Promise<void> {
    const pick = <T>(from: readonly T[]): T | undefined => from[which % Math.max(1, from.length)];
    const node = pick(this.#nodes) ?? '';
    const process = pick(this.#processes);
    switch (act) {
      case 'start':
        return this.#start(node);
      case 'kill':
        return process === undefined ? undefined : this.#kill(process);
      case 'suspend':
        return process === undefined ? undefined : this.#suspend(process);
      case 'resume':
        return process === undefined ? undefined : this.#resume(process);
      case 'release':
        return this.#release(pick(this.#processes.flatMap(({ suspensions }) => [...suspensions])));
      case 'trace':
        return process === undefined ? undefined : this.#trace(process);
      case 'monitor':
        return process === undefined ? undefined : this.#monitor(process);
      case 'stopTrace':
        return this.#stopTrace(pick([...this.#traces.keys(), ...this.#monitors]));
      case 'crash':
        return this.#crash(node);
      case 'restart':
        return this.#restart(node);
    }
  }

  /** What the system says is what the model says; what spans the nodes says what became of each. */
  async check(): Promise<void> {
    const holdings = listAt(await this.#house.result('list_holdings', { limit: 1_000 }), 'items');
    const suspended = holdings.filter((row) => at(row, 'kind') === 'suspension').map((row) => at(row, 'id'));
    const expected = this.#processes.flatMap(({ suspensions }) => [...suspensions]);
    expect(suspended.toSorted()).toEqual(expected.toSorted());
    for (const { id, node, alive, suspensions } of this.#processes) {
      if (this.#down.has(node)) continue;
      const info = await this.#house.run('get_process_info', { pid: id, fields: ['status'] });
      if (!alive) expect(info).toMatchObject({ ok: false, error: { class: 'not_found', effect: 'none' } });
      else expect(this.#resultOf(info, 'status') === 'suspended').toBe(suspensions.size > 0);
    }
    const listed = await this.#house.result('list_processes', { limit: 1 });
    const answered = listAt(listed, 'nodes').map((row) => [at(row, 'node'), at(row, 'status')]);
    const states = Object.fromEntries(answered) as { readonly [node: string]: Json };
    for (const node of this.#nodes)
      expect([undefined, 'missing'].includes(states[node] as undefined)).toBe(this.#down.has(node));
  }

  /** Ends all that was begun. */
  async giveBack(): Promise<void> {
    for (const node of [...this.#down]) await this.#restart(node);
    for (const trace of [...this.#traces.keys(), ...this.#monitors]) await this.#stopTrace(trace);
    for (const process of this.#processes) {
      await this.#resume(process);
      await this.#kill(process);
    }
    expect(listAt(await this.#house.result('list_holdings', {}), 'items')).toEqual([]);
    // Ended ones are listed as long as their events are kept.
    const traces = listAt(await this.#house.result('list_traces', {}), 'items');
    expect(traces.filter((row) => at(row, 'running') !== false)).toEqual([]);
  }

  async #start(node: string): Promise<void> {
    const params = { module: 'timer', function: 'sleep', args: [{ $term: ':infinity' }], node };
    const answer = await this.#house.run('start_process', params);
    if (this.#down.has(node)) {
      expect(answer.ok).toBe(false);
      return;
    }
    const id = textOf(this.#resultOf(answer, 'pid'));
    this.#processes.push({ id, node, alive: true, suspensions: new Set() });
  }

  async #kill(process: Ours): Promise<void> {
    const answer = await this.#house.run('kill_process', { pid: process.id });
    if (!process.alive || this.#down.has(process.node)) {
      // Done twice it is as done once.
      expect(answer).toMatchObject({ ok: false, error: { effect: 'none' } });
      return;
    }
    expect(answer.ok).toBe(true);
    process.alive = false;
    process.suspensions.clear();
  }

  async #suspend(process: Ours): Promise<void> {
    const answer = await this.#house.run('suspend_process', { pid: process.id, lingerMs: 3_600_000 });
    if (!process.alive) expect(answer).toMatchObject({ ok: false, error: { effect: 'none' } });
    else process.suspensions.add(textOf(this.#resultOf(answer, 'holding')));
  }

  async #resume(process: Ours): Promise<void> {
    const answer = await this.#house.run('resume_process', { pid: process.id });
    if (!process.alive) return;
    const released = listAt(this.#resultOf(answer, 'released')).map(String);
    expect(released.toSorted()).toEqual([...process.suspensions].toSorted());
    process.suspensions.clear();
  }

  async #release(holding: string | undefined): Promise<void> {
    if (holding === undefined) return;
    const params = { id: holding };
    expect(this.#resultOf(await this.#house.run('release_holding', params), 'wasHeld')).toBe(true);
    // Done twice it is as done once.
    expect(await this.#house.run('release_holding', params)).not.toMatchObject({
      value: { result: { wasHeld: true } },
    });
    for (const { suspensions } of this.#processes) suspensions.delete(holding);
  }

  async #trace(process: Ours): Promise<void> {
    // OTP has one tracer a process.
    if ([...this.#traces.values()].includes(process)) return;
    const answer = await this.#house.run('trace_process', { pid: process.id, timeMs: 60_000 });
    if (isTooMany(answer)) return;
    if (!process.alive) expect(answer).toMatchObject({ ok: false, error: { effect: 'none' } });
    else this.#traces.set(textOf(this.#resultOf(answer, 'trace')), process);
  }

  /** It goes on beside the call that began it, and so does one whose process has ended: for a moment, to say so. */
  async #monitor(process: Ours): Promise<void> {
    const answer = await this.#house.run('monitor_process', { pid: process.id, everyMs: 100, forMs: 600_000 });
    if (!isTooMany(answer)) this.#monitors.add(textOf(this.#resultOf(answer, 'trace')));
  }

  async #stopTrace(trace: string | undefined): Promise<void> {
    if (trace === undefined) return;
    const traced = this.#traces.get(trace);
    const answer = await this.#house.run('stop_trace', { trace });
    if (traced?.alive === true) expect(answer.ok).toBe(true);
    this.#traces.delete(trace);
    this.#monitors.delete(trace);
  }

  async #crash(node: string): Promise<void> {
    // One at a time, and never the one that we came in by.
    if (this.#down.size > 0 || node === this.#nodes[0]) return;
    expect((await this.#house.run('crash_node', { node })).ok).toBe(true);
    this.#down.add(node);
    for (const process of this.#processes.filter((one) => one.node === node)) {
      process.alive = false;
      process.suspensions.clear();
    }
  }

  async #restart(node: string): Promise<void> {
    if (!this.#down.has(node)) return;
    expect((await this.#house.run('restart_node', { node })).ok).toBe(true);
    this.#down.delete(node);
  }

  #resultOf(answer: Awaited<ReturnType<House['run']>>, key: string): Json {
    if (!answer.ok) throw new Error(`${answer.error.code}: ${answer.error.message}`);
    return answer.value.mode === 'run' ? at(answer.value.result, key) : null;
  }
}

function textOf(value: Json): string {
  if (typeof value !== 'string') throw new Error(`${JSON.stringify(value)} is no text.`);
  return value;
}

/** Does one sequence, and gives everything back. */
export async function holds(house: House, nodes: readonly string[], sequence: readonly Act[]): Promise<void> {
  const model = new Model(house, nodes);
  try {
    for (const act of sequence) {
      await model.act(act);
      await model.check();
    }
  } finally {
    await model.giveBack();
  }
}
