/**
 * What every runtime owes its callers, whatever it is and however far away. `describePort` runs on the fake runtime directly and
 * through the worker proxy, on the simulated runtime, and on a live BEAM.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import type { Coverage, NodeName, ProcessRef, Result } from '../../runtime/model.ts';
import { processId } from '../../runtime/model.ts';
import type { CallOptions, MethodName, Runtime, StreamItem, WatchTarget } from '../../runtime/port.ts';
import { methodNames, portMethods } from '../../runtime/port.ts';
import { methodOf } from '../../runtime/portFacade.ts';
import { valueAt } from '../../runtime/processQuery.ts';
import { atom } from '../../runtime/term/term.ts';
import { WatchView } from '../../runtime/watch.ts';
import { valueOf } from './results.ts';

/** A system to try the port on. It is ended after the suite; nothing else uses it. */
export type PortFixture = {
  readonly runtime: Runtime;
  /** The nodes that are up, the first one kept up throughout. */
  readonly nodes: readonly NodeName[];
  /** A living process that does not trap exits and whose end does no harm to the others; another one each time. */
  aProcess(): Promise<ProcessRef>;
  /** A supervisor with a running permanent worker that may be killed once. */
  aSupervisor(): Promise<ProcessRef>;
  /** Takes a node of `nodes`, not the first, down and up again. */
  readonly nodeControl?: { readonly node: NodeName; down(): Promise<void>; up(): Promise<void> };
  dispose(): Promise<void>;
};

const budgetMs = 10_000;
const kill = { term: atom('kill') } as const;

type Items<F, R> = AsyncIterable<StreamItem<F, R>>;

/** Reads a stream to its end. */
export async function readAll<F, R>(
  items: Items<F, R>,
): Promise<{ readonly frames: readonly F[]; readonly end: Result<R> }> {
  const frames: F[] = [];
  for await (const item of items) {
    if (item.is === 'end') return { frames, end: item.result };
    frames.push(item.frame);
  }
  throw new Error('The stream had no end.');
}

/** Asks again until `check` is satisfied; fails with what it said last. */
export async function eventually<T>(
  ask: () => Promise<T>,
  check: (value: T) => boolean,
  withinMs = 15_000,
): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (check(value)) return value;
    if (performance.now() > until) throw new Error(`Not within ${withinMs} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Calls a method by name with parameters of any shape, as what comes over a wire does; answers its result or its end's. */
async function callAny(runtime: Runtime, name: MethodName, params: unknown, options: CallOptions): Promise<unknown> {
  const answer = methodOf(runtime.port, name)?.(params, options);
  if (portMethods[name].kind === 'unary') return answer;
  for await (const item of answer as Items<unknown, unknown>) if (item.is === 'end') return item.result;
  throw new Error('The stream had no end.');
}

/** Methods of a kind of effect that the runtime has. */
const has = (runtime: Runtime, name: MethodName) => runtime.capabilities.runtime[name].can;

export function describePort(title: string, connect: () => Promise<PortFixture>): void {
  describe(`the port of ${title}`, () => {
    let fixture: PortFixture;
    let runtime: Runtime;
    beforeAll(async () => {
      fixture = await connect();
      ({ runtime } = fixture);
      await eventually(
        () => Promise.resolve(runtime.state),
        ({ is }) => is === 'ready' || is === 'degraded',
        30_000,
      );
    }, 60_000);
    afterAll(async () => {
      await fixture.dispose();
    }, 60_000);

    it('says of every method whether it can, and why not', () => {
      expect(Object.keys(runtime.capabilities.runtime).sort()).toEqual([...methodNames()].sort());
      for (const name of methodNames()) {
        const capability = runtime.capabilities.runtime[name];
        if (capability.can) continue;
        expect(
          [capability.why, capability.remedy].every((text) => text.length > 0),
          name,
        ).toBe(true);
      }
      expect(has(runtime, 'cluster.nodes') && has(runtime, 'watch.open')).toBe(true);
    });

    it('answers what it cannot do as unsupported, with the remedy and no effect', async () => {
      for (const name of methodNames().filter((one) => !has(runtime, one))) {
        const result = await callAny(runtime, name, {}, callOptions(budgetMs));
        expect(result, name).toMatchObject({ ok: false, error: { class: 'unsupported', effect: 'none' } });
      }
    });

    it('begins nothing without time left or after a cancellation, and says that it had no effect', async () => {
      for (const name of methodNames()) {
        const late = await callAny(runtime, name, {}, callOptions(0));
        expect(late, name).toMatchObject({ ok: false, error: { class: 'timeout', effect: 'none' } });
        const cut = await callAny(runtime, name, {}, callOptions(budgetMs, AbortSignal.abort()));
        expect(cut, name).toMatchObject({ ok: false, error: { class: 'cancelled', effect: 'none' } });
      }
    });

    it('names its nodes and the life each is in', async () => {
      const { nodes } = valueOf(await runtime.port.cluster.nodes({}, callOptions(budgetMs)));
      expect(nodes.map(({ node }) => node)).toEqual(expect.arrayContaining([...fixture.nodes]));
      for (const { creation } of nodes) expect(Number.isSafeInteger(creation)).toBe(true);
    });

    it('pages the processes of every node, and says what became of each node', async () => {
      const pid = await fixture.aProcess();
      const query = {
        nodes: 'all',
        keys: ['registered_name', 'initial_call', 'message_queue_len'],
        pageRows: 7,
      } as const;
      const { frames, end } = await readAll(runtime.port.processes.scan(query, callOptions(budgetMs)));
      const { nodes, total, scanned } = valueOf(end);
      expect(covered(nodes)).toEqual(expect.arrayContaining([...fixture.nodes]));
      expect(frames.reduce((sum, { ids }) => sum + ids.length, 0)).toBe(total);
      expect(scanned).toBe(total);
      const ids = frames.flatMap(({ of, ids: numbers, serials }) =>
        [...numbers].map((id, at) => processId({ ...of, id, serial: serials[at] ?? -1 })),
      );
      expect(ids).toContain(processId(pid));
      expect(new Set(ids).size).toBe(ids.length);
      for (const frame of frames) {
        expect(frame.ids.length).toBeLessThanOrEqual(7);
        for (const key of query.keys) {
          for (let at = 0; at < frame.ids.length; at += 1) expect(valueAt(frame.columns, key, at)).toBeDefined();
        }
      }
    });

    it('sends the first rows of each node only when asked, and counts all', async () => {
      const query = { nodes: 'all', keys: ['registered_name'], pageRows: 1000 } as const;
      const { frames, end } = await readAll(runtime.port.processes.scan({ ...query, first: 2 }, callOptions(budgetMs)));
      const rows = new Map<string, number>();
      for (const { of, ids } of frames) rows.set(of.node, (rows.get(of.node) ?? 0) + ids.length);
      expect([...rows.values()].every((count) => count <= 2)).toBe(true);
      const sent = [...rows.values()].reduce((sum, count) => sum + count, 0);
      expect(sent).toBeGreaterThan(0);
      expect(valueOf(end).total).toBeGreaterThan(sent);
      const none = await readAll(runtime.port.processes.scan({ ...query, first: 0 }, callOptions(budgetMs)));
      expect(none.end).toMatchObject({ ok: false, error: { code: 'scan.first', pointer: '/first' } });
    });

    it('says of a node it does not know that it is missing, and still answers for the others', async () => {
      const [first = ''] = fixture.nodes;
      const query = { nodes: [first, 'nobody@nowhere'], keys: [], pageRows: 1000 } as const;
      const { frames, end } = await readAll(runtime.port.processes.scan(query, callOptions(budgetMs)));
      const { nodes } = valueOf(end);
      expect(nodes.find(({ node }) => node === first)).toMatchObject({ status: 'ok' });
      expect(nodes.find(({ node }) => node === 'nobody@nowhere')).toMatchObject({ status: 'missing' });
      expect(frames.length).toBeGreaterThan(0);
    });

    it('ends a process, and then it is not found, nor is a pid of another life of its node', async () => {
      const pid = await fixture.aProcess();
      const stale = { ...pid, creation: pid.creation + 1 };
      const { exit, info } = runtime.port.processes;
      expect(await exit({ pid: stale, reason: kill, confirmMs: 1_000 }, callOptions(budgetMs))).toMatchObject({
        ok: false,
        error: { class: 'not_found', effect: 'none' },
      });
      const known = valueOf(await info({ pids: [pid, stale], keys: ['status'] }, callOptions(budgetMs)));
      expect(known.pages.flatMap(({ ids }) => [...ids])).toEqual([pid.id]);
      expect(known.gone).toEqual([stale]);
      const ended = valueOf(await exit({ pid, reason: kill, confirmMs: 1_000 }, callOptions(budgetMs)));
      expect(ended).toEqual({ outcome: 'exited', reason: atom('killed') });
      expect(await exit({ pid, reason: kill, confirmMs: 1_000 }, callOptions(budgetMs))).toMatchObject({
        error: { class: 'not_found' },
      });
      expect(valueOf(await info({ pids: [pid], keys: [] }, callOptions(budgetMs))).gone).toEqual([pid]);
    });

    it('finds supervisors and their children, and a process that is none is not found as one', async () => {
      const supervisor = await fixture.aSupervisor();
      const found = await readAll(runtime.port.supervisors.find({ nodes: 'all' }, callOptions(budgetMs)));
      const { total, nodes } = valueOf(found.end);
      expect(found.frames.flat()).toHaveLength(total);
      expect(covered(nodes)).toEqual(expect.arrayContaining([...fixture.nodes]));
      expect(found.frames.flat().map((info) => processId(info.supervisor))).toContain(processId(supervisor));
      const children = await childrenOf(runtime, supervisor);
      expect(children.length).toBeGreaterThan(0);
      const count = valueOf(await runtime.port.supervisors.count({ supervisor }, callOptions(budgetMs)));
      expect(count.active).toBe(children.filter(({ state }) => state.is === 'running').length);
      const worker = await fixture.aProcess();
      const wrong = await callAny(
        runtime,
        'supervisors.children',
        { supervisor: worker, offset: 0, limit: 1 },
        callOptions(budgetMs),
      );
      expect(wrong).toMatchObject({ ok: false, error: { effect: 'none' } });
      expect(['system', 'timeout']).not.toContain((wrong as { error: { class: string } }).error.class);
    });

    it('stops a supervisor that no other has, and then it is not found', async () => {
      if (!has(runtime, 'supervisors.start') || !has(runtime, 'supervisors.stop')) return;
      const [node = ''] = fixture.nodes;
      const flags = { strategy: 'one_for_one', intensity: 1, periodSeconds: 5, autoShutdown: 'never' } as const;
      const owner = { principal: 'suite', client: 'port', operation: 'start_supervisor', requestId: 'stop' };
      const start = { node, flags, children: [], owner, lingerMs: 1_000 };
      const supervisor = valueOf(await runtime.port.supervisors.start(start, callOptions(budgetMs)));
      const { stop } = runtime.port.supervisors;
      const stopped = valueOf(await stop({ supervisor, confirmMs: 5_000 }, callOptions(budgetMs)));
      expect(stopped).toEqual({ outcome: 'exited', reason: { t: 'atom', v: 'shutdown' } });
      expect(await stop({ supervisor, confirmMs: 5_000 }, callOptions(budgetMs))).toMatchObject({
        error: { class: 'not_found', effect: 'none' },
      });
    });

    it('watches: a snapshot, then what changes, in ascending versions of one epoch, until it is cancelled', async () => {
      const supervisor = await fixture.aSupervisor();
      const before = await childrenOf(runtime, supervisor);
      const victim = before.find(({ state, type }) => state.is === 'running' && type === 'worker');
      if (victim?.state.is !== 'running') throw new Error('The fixture has no worker to kill.');
      const abort = new AbortController();
      const of: WatchTarget = { rows: 'children', supervisor, window: { offset: 0, limit: 1_000 } };
      const stream = runtime.port.watch.open({ minIntervalMs: 10, of }, callOptions(longestMs, abort.signal));
      const view = new WatchView();
      const versions: number[] = [];
      let killed = false;
      let ended: Result<unknown> | null = null;
      for await (const item of stream) {
        if (item.is === 'end') {
          ended = item.result;
          break;
        }
        versions.push(item.frame.to);
        expect(view.apply(item.frame)).not.toBe('resync');
        const { pid } = victim.state;
        if (!killed) {
          killed = true;
          expect(item.frame.is).toBe('snapshot');
          expect(view.state?.total).toBe(before.length);
          valueOf(await runtime.port.processes.exit({ pid, reason: kill, confirmMs: 1_000 }, callOptions(budgetMs)));
        } else if (JSON.stringify([...(view.state?.rows.values() ?? [])]).includes('"running"')) {
          const rows = JSON.stringify([...(view.state?.rows.values() ?? [])]);
          if (!rows.includes(`"id":${pid.id},`)) abort.abort();
        }
      }
      expect(ended).toMatchObject({ ok: false, error: { class: 'cancelled', effect: 'none' } });
      expect(versions.every((version, at) => at === 0 || version > (versions[at - 1] ?? 0))).toBe(true);
      const after = await childrenOf(runtime, supervisor);
      expect(after.map(({ state }) => state.is)).toEqual(before.map(({ state }) => state.is));
    });

    it('says at once that it cannot watch what is not there', async () => {
      const [node = ''] = fixture.nodes;
      const nobody = { node, creation: 0, id: 1, serial: 0 };
      const of: WatchTarget = { rows: 'children', supervisor: nobody, window: { offset: 0, limit: 1 } };
      const { frames, end } = await readAll(runtime.port.watch.open({ minIntervalMs: 10, of }, callOptions(budgetMs)));
      expect(frames).toEqual([]);
      expect(end).toMatchObject({ ok: false, error: { effect: 'none' } });
    });

    it('ends a stream when its time is up, and says that it had no effect', async () => {
      const query = { minIntervalMs: 10, of: { rows: 'nodes' } } as const;
      const began = performance.now();
      const { frames, end } = await readAll(runtime.port.watch.open(query, callOptions(500)));
      expect(frames[0]).toMatchObject({ is: 'snapshot' });
      expect(end).toMatchObject({ ok: false, error: { class: 'timeout', effect: 'none' } });
      expect(performance.now() - began).toBeLessThan(5_000);
    });

    it('gives back a stream that its consumer leaves', async () => {
      for (let times = 0; times < 20; times += 1) {
        const query = { minIntervalMs: 10, of: { rows: 'nodes' } } as const;
        for await (const item of runtime.port.watch.open(query, callOptions(budgetMs))) {
          expect(item).toMatchObject({ is: 'frame', frame: { is: 'snapshot' } });
          break;
        }
      }
    });

    it('resolves a registered name to the process that has it', async () => {
      if (!has(runtime, 'names.list')) return;
      const [node = ''] = fixture.nodes;
      const listed = await readAll(
        runtime.port.names.list({ nodes: [node], registry: 'local' }, callOptions(budgetMs)),
      );
      const [row] = listed.frames.flat();
      expect(row).toBeDefined();
      if (row === undefined) return;
      const found = valueOf(
        await runtime.port.names.resolve({ target: { name: row.name }, seenFrom: 'any' }, callOptions(budgetMs)),
      );
      expect(processId(found.pid)).toBe(processId(row.pid));
      const nobody = { in: 'local', node, name: 'nobody_has_this_name' } as const;
      expect(
        await runtime.port.names.resolve({ target: { name: nobody }, seenFrom: 'any' }, callOptions(budgetMs)),
      ).toMatchObject({
        error: { class: 'not_found', effect: 'none' },
      });
    });

    it('names a node that is down as missing, and takes no pid from before it restarted', async () => {
      const { nodeControl } = fixture;
      if (nodeControl === undefined) return;
      const { node } = nodeControl;
      const query = { nodes: [node], keys: [], pageRows: 1_000 } as const;
      const [page] = (await readAll(runtime.port.processes.scan(query, callOptions(budgetMs)))).frames;
      const pid = { ...(page?.of ?? { node, creation: -1 }), id: page?.ids[0] ?? -1, serial: page?.serials[0] ?? -1 };
      const statusOf = async () => {
        const { end } = await readAll(runtime.port.processes.scan({ ...query, nodes: 'all' }, callOptions(budgetMs)));
        return valueOf(end).nodes.find((one) => one.node === node)?.status;
      };
      await nodeControl.down();
      await eventually(statusOf, (status) => status === 'missing');
      await nodeControl.up();
      await eventually(statusOf, (status) => status === 'ok');
      expect(
        await runtime.port.processes.exit({ pid, reason: kill, confirmMs: 1_000 }, callOptions(budgetMs)),
      ).toMatchObject({ error: { class: 'not_found', effect: 'none' } });
    }, 60_000);

    it('ends what runs when it is closed, and is closed for good, as often as it is asked', async () => {
      const other = await connect();
      const { port } = other.runtime;
      const query = { minIntervalMs: 10, of: { rows: 'nodes' } } as const;
      const stream = port.watch.open(query, callOptions(longestMs))[Symbol.asyncIterator]();
      await stream.next();
      await Promise.all([other.runtime.close(), other.runtime.close()]);
      let item = await stream.next();
      while (item.done !== true && item.value.is === 'frame') item = await stream.next();
      expect(item.value).toMatchObject({ is: 'end' });
      expect(other.runtime.state).toEqual({ is: 'closed' });
      expect(await port.cluster.nodes({}, callOptions(budgetMs))).toMatchObject({
        ok: false,
        error: { class: 'unavailable', effect: 'none' },
      });
      await other.dispose();
    }, 60_000);
  });
}

function covered(nodes: Coverage): readonly NodeName[] {
  return nodes.filter(({ status }) => status === 'ok').map(({ node }) => node);
}

async function childrenOf(runtime: Runtime, supervisor: ProcessRef) {
  const params = { supervisor, offset: 0, limit: 1_000 };
  const { frames, end } = await readAll(runtime.port.supervisors.children(params, callOptions(budgetMs)));
  expect(valueOf(end).total).toBe(frames.flat().length);
  return frames.flat();
}
