/** What goes on beside the call that began it, on a simulated and on a live cluster: read, stopped, lost, left without a trace. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, listAt, outcomeOf } from '../../server/backend/testKit.ts';
import type { Caller } from '../../server/core/context.ts';
import { errorOf, valueOf } from '../../server/core/testKit.ts';
import type { ArsenalEvent } from '../../server/protocol/connection.ts';

export type Going = {
  readonly house: House;
  readonly nodes: readonly [string, string];
  /** A server that is registered on each node. */
  readonly server: string;
  /** Another connection to the cluster. */
  readonly open: () => Promise<House>;
  /** Takes the second node down, and resolves when it is known to be. */
  readonly down: () => Promise<void>;
  readonly up: () => Promise<void>;
  /** Resolves once nothing of ours is left at the server of the first node. */
  readonly isLeftAlone: () => Promise<void>;
};

const longestMs = 180_000;
const long = 600_000;

/** The first items of a task, as many as are asked for. */
async function firstOf({ result }: House, trace: Json, count: number): Promise<readonly Json[]> {
  return listAt(await result('get_trace_results', { trace, limit: count, waitMs: 60_000 }), 'items');
}

export function describeTasks(title: string, cluster: () => Going): void {
  describe(`on ${title}, what waits by nature`, () => {
    // @row OP-10, OP-30, OP-33, OP-35, T006.d1
    it(
      'answers an id at once, tells what it reads, and says what it has when it is stopped',
      async () => {
        const { house, nodes, server, isLeftAlone } = cluster();
        const [node] = nodes;
        const told: ArsenalEvent['what'][] = [];
        const listening = house.backend.onEvent(({ what }) => told.push(what));
        const of = { pid: server, node };
        const begun = {
          monitor: await house.result('monitor_process', { ...of, everyMs: 100, forMs: long }),
          profile: await house.result('profile_process', { ...of, forMs: 60_000 }),
          leaks: await house.result('memory_leak_detection', { node, everyMs: 200, forMs: long }),
          trace: await house.result('trace_process', { ...of, timeMs: long }),
        };
        const ids = new Set(Object.values(begun).map((one) => at(one, 'trace')));
        const rows = listAt(await house.result('list_traces'), 'items').filter((row) => ids.has(at(row, 'trace')));
        expect(rows.map((row) => [at(row, 'kind'), at(row, 'outcome'), at(row, 'code')])).toEqual(
          Object.keys(begun)
            .toReversed()
            .map((kind) => [kind, null, null]),
        );
        expect(await firstOf(house, at(begun.monitor, 'trace'), 2)).toMatchObject([{ seq: 1, node }, { seq: 2 }]);
        expect(await firstOf(house, at(begun.leaks, 'trace'), 2)).toMatchObject([{ reading: 1 }, { reading: 2 }]);
        expect(await firstOf(house, at(begun.profile, 'trace'), 1)).toMatchObject([{ seq: 1 }]);
        const stop = async (one: Json) =>
          at(await house.result('stop_trace', { trace: at(one, 'trace') }), 'outcome', 'result');
        expect(await stop(begun.monitor)).toMatchObject({ endedBy: 'stopped', ended: null });
        expect(await stop(begun.leaks)).toMatchObject({ endedBy: 'stopped', nodes: [{ node, status: 'ok' }] });
        expect(await stop(begun.profile)).toMatchObject({ ended: 'stopped', how: 'sample' });
        expect(await stop(begun.trace)).toMatchObject({ ended: [{ node, why: 'stopped' }] });
        const counted = await house.result('profile_process', { ...of, how: 'calls', forMs: 60_000 });
        await house.result('stop_trace', { trace: at(counted, 'trace') });
        listening.dispose();
        const ended = told.flatMap((what) => (what.is === 'trace_ended' ? [`${what.kind} ${what.outcome}`] : []));
        expect(ended).toEqual([
          'monitor stopped',
          'leaks stopped',
          'profile stopped',
          'trace stopped',
          'profile failed',
        ]);
        await isLeftAlone();
      },
      longestMs,
    );

    it('ends by itself with its result, of which each kind has its own', async () => {
      const { house, nodes, server } = cluster();
      const of = { pid: server, node: nodes[0] };
      const monitor = await outcomeOf(house, 'monitor_process', { ...of, everyMs: 100, forMs: 2_000 });
      expect(monitor).toMatchObject({ is: 'monitor', result: { endedBy: 'time', ended: null } });
      const leaks = await outcomeOf(house, 'memory_leak_detection', { everyMs: 250, forMs: 1_000 });
      expect(leaks).toMatchObject({ is: 'leaks', result: { endedBy: 'time', readings: 5 } });
      const profile = await outcomeOf(house, 'profile_process', { ...of, how: 'calls', forMs: 200 });
      expect(profile).toMatchObject({ is: 'profile', result: { ended: 'time', how: 'calls' } });
      const trace = await outcomeOf(house, 'trace_process', { ...of, timeMs: 300 });
      expect(trace).toMatchObject({ is: 'trace', result: { ended: [{ why: 'timeMs' }] } });
    });

    it('goes on when who waits for it turns away, and is its caller’s alone', async () => {
      const { house, nodes, server } = cluster();
      const of = { pid: server, node: nodes[0] };
      const viewer: Caller = { principal: 'eve', via: 'rest', role: 'viewer' };
      const admin: Caller = { principal: 'root', via: 'rest', role: 'admin' };
      const as = (caller: Caller, operation: string, params: { readonly [key: string]: Json }) =>
        house.run(operation, params, {}, { caller });
      // Who may begin it may read and end it.
      const begun = valueOf(await as(viewer, 'monitor_process', { ...of, everyMs: 100, forMs: long }));
      const trace = begun.mode === 'run' ? at(begun.result, 'trace') : null;
      const other: Caller = { principal: 'bob', via: 'rest', role: 'operator' };
      expect(errorOf(await as(other, 'get_trace_results', { trace })).code).toBe('trace.not_found');
      expect(errorOf(await as(other, 'stop_trace', { trace })).code).toBe('trace.not_found');
      const control = new AbortController();
      const waiting = house.run(
        'get_trace_results',
        { trace, waitMs: 60_000 },
        {},
        {
          caller: viewer,
          signal: control.signal,
          onProgress: () => control.abort(),
        },
      );
      expect(errorOf(await waiting).class).toBe('cancelled');
      expect(await as(admin, 'get_trace_results', { trace, waitMs: 0 })).toMatchObject({
        value: { result: { running: true, outcome: null } },
      });
      expect(await as(viewer, 'stop_trace', { trace })).toMatchObject({
        value: { result: { outcome: { is: 'monitor', result: { endedBy: 'stopped' } } } },
      });
    });

    it('answers its id in a batch, as it does alone', async () => {
      const { house, nodes, server } = cluster();
      const params = { pid: server, node: nodes[0], forMs: long };
      const done = await house.result('execute_batch', {
        items: [
          { operation: 'monitor_process', params },
          { operation: 'memory_leak_detection', params: { forMs: long } },
        ],
      });
      const results = listAt(done, 'items').map((item) => at(item, 'result'));
      expect(results).toHaveLength(2);
      for (const result of results) {
        const stopped = await house.result('stop_trace', { trace: at(result, 'trace') });
        expect(at(stopped, 'outcome', 'result', 'endedBy')).toBe('stopped');
      }
    });

    it('is shown to who watches it as it goes, and to nobody else', async () => {
      const { house, nodes, server } = cluster();
      const of = { pid: server, node: nodes[0], everyMs: 100, forMs: long };
      const begun = at(await house.result('monitor_process', of), 'trace');
      const trace = typeof begun === 'string' ? begun : '';
      const topic = { of: 'trace', trace } as const;
      const bob: Caller = { principal: 'bob', via: 'ws', role: 'operator' };
      const refused = await house.backend.openWatch(topic, { ...house.options, caller: bob });
      expect(errorOf(refused).code).toBe('trace.not_found');
      const { source, release } = valueOf(await house.backend.openWatch(topic, house.options));
      await expect.poll(() => source.state?.rows.get('2') ?? null, { timeout: 60_000 }).toMatchObject({ seq: 2 });
      expect(source.state?.rows.get('task')).toMatchObject({ running: true });
      await house.result('stop_trace', { trace });
      await expect.poll(() => source.ended, { timeout: 60_000 }).not.toBeNull();
      expect(source.state?.rows.get('task')).toMatchObject({ running: false, outcome: { is: 'monitor' } });
      release();
    });

    it(
      'is lost with its connection, says so, and leaves nothing on the node',
      async () => {
        const { nodes, server, open, isLeftAlone } = cluster();
        const house = await open();
        try {
          const of = { pid: server, node: nodes[0] };
          const traces = [
            at(await house.result('monitor_process', { ...of, everyMs: 100, forMs: long }), 'trace'),
            at(await house.result('profile_process', { ...of, how: 'calls', forMs: 60_000 }), 'trace'),
            at(await house.result('memory_leak_detection', { everyMs: 200, forMs: long }), 'trace'),
            at(await house.result('trace_messages', { timeMs: long, costly: true }), 'trace'),
          ];
          const [monitor = null] = traces;
          await firstOf(house, monitor, 1);
          const waiting = house.run('get_trace_results', { trace: monitor, after: 1, waitMs: 60_000 });
          for (const { id } of house.backend.connections()) {
            valueOf(await house.backend.disconnect(id, house.options));
          }
          expect(await waiting).toMatchObject({ value: { result: { running: false } } });
          for (const trace of traces) {
            const read = valueOf(await house.run('get_trace_results', { trace, waitMs: 60_000 }, { connection: null }));
            expect(read).toMatchObject({
              result: { running: false, outcome: { is: 'failed', error: { code: 'trace.lost', effect: 'none' } } },
            });
          }
        } finally {
          await house.close();
        }
        await isLeftAlone();
      },
      longestMs,
    );

    it(
      'says what it knows when a node dies under it',
      async () => {
        const { house, nodes, server, down, up } = cluster();
        const [, node] = nodes;
        const of = { pid: server, node };
        const monitor = at(await house.result('monitor_process', { ...of, everyMs: 100, forMs: long }), 'trace');
        const profile = at(await house.result('profile_process', { ...of, forMs: 60_000 }), 'trace');
        const leaks = at(await house.result('memory_leak_detection', { node, everyMs: 200, forMs: long }), 'trace');
        await firstOf(house, monitor, 1);
        await firstOf(house, leaks, 1);
        await down();
        const outcomes: Json[] = [];
        for (const trace of [monitor, profile, leaks]) {
          const read = await house.result('get_trace_results', { trace, limit: 5_000, waitMs: 60_000 });
          outcomes.push(at(read, 'outcome'));
        }
        const [monitored = null, profiled = null, searched = null] = outcomes;
        // The monitor tells of it, or a reading that fails before.
        if (at(monitored, 'is') === 'monitor') {
          expect(at(monitored, 'result', 'ended', 'reason', 'display')).toBe(':noconnection');
        } else expect(monitored).toMatchObject({ is: 'failed', error: { class: 'unavailable', effect: 'none' } });
        if (at(profiled, 'is') === 'profile') expect(at(profiled, 'result', 'ended')).toBe('target_gone');
        else expect(at(profiled, 'is')).toBe('failed');
        expect(searched).toMatchObject({
          is: 'leaks',
          result: { nodes: [{ node, status: 'partial', error: { class: 'unavailable' } }] },
        });
        await up();
      },
      longestMs,
    );
  });
}
