import { describe, expect, it } from 'vitest';
import { arsenalError } from '../../runtime/errors.ts';
import type { NodeRow } from '../../runtime/model.ts';
import { WatchSource } from '../../runtime/watch.ts';
import type { Row, Timers } from '../../runtime/watch.ts';
import { WatchPublisher } from '../../runtime/watchChannel.ts';
import type { WatchTopic } from '../../server/protocol/watch.ts';
import type { FromWebview, ShownConnection } from '../../server/protocol/webview.ts';
import { nodeRow } from './sampleRows.ts';
import { ClusterStore, flashMs, ghostMs, paintEveryMs } from './store.ts';
import type { ClusterPicture } from './store.ts';

const connection: ShownConnection = {
  id: 'sim',
  label: 'Simulated cluster',
  kind: 'simulated',
  access: 'full',
  state: { is: 'ready' },
  offers: [],
};

/** A clock one turns by hand. */
function clock(): Timers & { now: () => number; turn(ms: number): void } {
  let time = 1_000;
  const waiting = new Set<{ at: number; act: () => void }>();
  return {
    now: () => time,
    after: (delayMs, act) => {
      const entry = { at: time + delayMs, act };
      waiting.add(entry);
      return { dispose: () => void waiting.delete(entry) };
    },
    turn: (ms) => {
      const end = time + ms;
      for (;;) {
        const [next] = [...waiting].filter((each) => each.at <= end).sort((one, other) => one.at - other.at);
        if (next === undefined) break;
        waiting.delete(next);
        time = next.at;
        next.act();
      }
      time = end;
    },
  };
}

async function page() {
  const time = clock();
  const pictures: ClusterPicture[] = [];
  const said: string[] = [];
  const posted: FromWebview[] = [];
  const sources: WatchSource[] = [];
  const released = { count: 0 };
  const store: ClusterStore = new ClusterStore({
    post: (message) => {
      posted.push(message);
      if (message.is === 'watch') publisher.receive(message.up);
    },
    onPicture: (picture, transitions) => {
      pictures.push(picture);
      said.push(...transitions);
    },
    now: time.now,
    timers: time,
  });
  const publisher = new WatchPublisher<WatchTopic>({
    open: () => {
      const source = new WatchSource({ fidelity: { is: 'exact' } });
      sources.push(source);
      return Promise.resolve({ ok: true, value: { source, release: () => void (released.count += 1) } });
    },
    send: (down) => {
      store.receive({ is: 'watch', down });
      return true;
    },
    sender: { timers: time },
  });
  const settle = async (): Promise<void> => {
    for (let at = 0; at < 5; at += 1) await Promise.resolve();
  };
  const rows = (...nodes: NodeRow[]): [string, Row][] => nodes.map((node) => [node.node, { ...node }]);
  store.receive({ is: 'connection', connection });
  await settle();
  const latest = (): ClusterPicture => {
    const picture = pictures.at(-1);
    if (picture === undefined) throw new Error('nothing was painted');
    return picture;
  };
  const set = (...nodes: NodeRow[]): void => {
    sources.at(-1)?.set(rows(...nodes));
    time.turn(paintEveryMs);
  };
  return { store, time, pictures, said, posted, sources, released, settle, set, latest };
}

const [a, b, c] = ['a@h', 'b@h', 'c@h'];
function whole(change: { readonly [node: string]: Partial<NodeRow> } = {}): NodeRow[] {
  return [a, b, c].map((node) => nodeRow(node, { sees: [a, b, c].filter((other) => other !== node), ...change[node] }));
}

describe("the page's state", () => {
  it('shows rows when they come, and paints at most twice a second', async () => {
    const { set, latest, pictures, sources, time } = await page();
    expect(latest().rows).toBe('waiting');
    set(...whole());
    expect(latest()).toMatchObject({ rows: 'live', view: { processes: 300 } });
    const painted = pictures.length;
    for (let at = 0; at < 20; at += 1) {
      sources[0]?.put(a, { ...nodeRow(a, { since: at }) });
      time.turn(50);
    }
    expect(pictures.length - painted).toBeLessThanOrEqual(3);
  });

  it('says transitions, and only those', async () => {
    const { set, said } = await page();
    set(...whole());
    expect(said).toEqual([]);
    set(...whole({ [b]: { status: 'down', sees: null, stats: null } }));
    set(...whole({ [b]: { status: 'down', sees: null, stats: null, since: 9 } }));
    expect(said).toEqual(['b@h is down.']);
    set(...whole({ [b]: { creation: 2 } }));
    expect(said.at(-1)).toBe('b@h is healthy.');
    set(...whole({ [a]: { sees: [b] }, [b]: { sees: [a] }, [c]: { sees: [] } }));
    expect(said.at(-1)).toBe('The cluster is in 2 parts.');
    set(...whole());
    expect(said.at(-1)).toBe('The cluster is whole again.');
  });

  it('flashes a node that has restarted, and keeps one that left as a ghost for a while', async () => {
    const { set, latest, time } = await page();
    set(...whole());
    set(...whole({ [b]: { creation: 2 } }));
    expect(latest().restarted.has(b)).toBe(true);
    time.turn(flashMs + paintEveryMs);
    expect(latest().restarted.size).toBe(0);
    set(...whole().slice(0, 2));
    expect(latest().view.nodes.find((node) => node.name === c)?.status).toBe('gone');
    time.turn(ghostMs + paintEveryMs);
    expect(latest().view.nodes).toHaveLength(2);
  });

  it('says since when the cluster is in parts only when it saw that begin', async () => {
    const apart = whole({ [a]: { sees: [b] }, [b]: { sees: [a] }, [c]: { sees: [] } });
    const late = await page();
    late.set(...apart);
    expect(late.latest().inPartsSince).toBeNull();
    const early = await page();
    early.set(...whole());
    early.set(...apart);
    expect(early.latest().inPartsSince).not.toBeNull();
  });

  it('keeps the last rows as stale when the connection is lost', async () => {
    const { set, latest, store, time } = await page();
    set(...whole());
    store.receive({
      is: 'connection',
      connection: { ...connection, state: { is: 'lost', since: 5, retryAt: null, message: 'Lost.', remedy: 'Wait.' } },
    });
    time.turn(paintEveryMs);
    expect(latest()).toMatchObject({ rows: 'stale', view: { nodes: [{ name: a }, { name: b }, { name: c }] } });
  });

  it('forgets everything with another connection, and closes the watch', async () => {
    const { set, latest, store, time, released, settle, sources } = await page();
    set(...whole());
    store.receive({ is: 'connection', connection: { ...connection, id: 'shop' } });
    await settle();
    time.turn(paintEveryMs);
    expect(latest()).toMatchObject({ rows: 'waiting', view: { nodes: [] } });
    expect([released.count, sources.length]).toEqual([1, 2]);
    store.receive({ is: 'connection', connection: null });
    time.turn(paintEveryMs);
    expect(latest().connection).toBeNull();
    expect(released.count).toBe(2);
  });

  it('says why a watch ended, and asks again when told or when the connection is ready', async () => {
    const { set, latest, store, time, sources, settle } = await page();
    set(...whole());
    sources[0]?.close(arsenalError('unavailable', 'connection.lost', 'Lost.', 'Wait.'));
    time.turn(paintEveryMs);
    expect(latest()).toMatchObject({ rows: 'stale', problem: { code: 'connection.lost' } });
    store.watchAgain();
    await settle();
    expect(sources).toHaveLength(2);
    sources[1]?.close();
    store.receive({ is: 'connection', connection });
    await settle();
    expect(sources).toHaveLength(3);
  });
});
