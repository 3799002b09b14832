import { afterEach, expect, test } from 'vitest';
import type { Fuses, ProcessRef, TraceEnd, TraceEvent } from '../../model.ts';
import type { TraceQuery } from '../../port.ts';
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

const fuses: Fuses = { timeMs: 60_000, events: 1_000, eventsPerSecond: 1_000, tracerQueue: 1_000, termBytes: 1_000 };
const held = { owner, lingerMs: 1_000, require: 'all' } as const;
const catalog = 'Elixir.Shop.Catalog';
const handleCall = { module: catalog, function: 'handle_call', arity: 3 } as const;

function query(targets: TraceQuery['targets'], more: Partial<TraceQuery> = {}): TraceQuery {
  return { nodes: ['a@sim'], targets, events: ['receive'], fuses, costly: 'allowed', ...held, ...more };
}
async function ask({ runtime }: Shop, pid: ProcessRef, source: string): Promise<void> {
  valueOf(await runtime.port.processes.send({ pid, how: 'call', message: { syntax: 'erlang', source } }, patient()));
}
/** Stops it, and reads all of it. */
async function allOf({ runtime }: Shop, id: string): Promise<{ events: TraceEvent[]; ended: readonly TraceEnd[] }> {
  valueOf(await runtime.port.trace.stop({ id }, patient()));
  const events: TraceEvent[] = [];
  for await (const item of runtime.port.trace.read({ id, after: 0 }, patient())) {
    if (item.is === 'frame') events.push(...item.frame.events);
    else return { events, ended: valueOf(item.result).ended };
  }
  throw new Error('no end');
}

test('What reaches a process and what it sends stand in order, each answer behind its question', async () => {
  const it = started();
  const pid = await it.named(catalog);
  const { id, started: on } = valueOf(
    await it.runtime.port.trace.start(
      query([pid], { events: ['send', 'receive', 'call'], functions: [handleCall] }),
      patient(),
    ),
  );
  expect(on).toMatchObject([{ node: 'a@sim', observer: 'builtin', processes: 1 }]);
  await ask(it, pid, '{stock, apples}');
  const { events, ended } = await allOf(it, id);
  const kinds = events.map(({ what }) => what.is);
  expect(kinds.slice(0, 3)).toEqual(['receive', 'call', 'send']);
  expect(events.every(({ process }) => process.id === pid.id)).toBe(true);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
  expect(events[1]?.what).toMatchObject({ module: catalog, function: 'handle_call' });
  expect(events.every(({ at }) => at.errorUs === 0)).toBe(true);
  expect(ended).toEqual([{ node: 'a@sim', why: 'stopped', dropped: 0 }]);
});

test('Over nodes a receive stands behind the send that it is paired with', async () => {
  const it = started();
  const { id } = valueOf(
    await it.runtime.port.trace.start(
      query('existing', { nodes: ['a@sim', 'b@sim'], events: ['send', 'receive'] }),
      patient(),
    ),
  );
  const pid = await it.named('Elixir.Shop.Replicator');
  // The replicators tell each other every second.
  valueOf(await it.runtime.port.clock.step({ ms: 1_500 }, patient()));
  const { events } = await allOf(it, id);
  const paired = events.filter(({ what }) => what.is === 'receive' && what.sentBy !== null);
  expect(paired.length).toBeGreaterThan(0);
  for (const { seq, what } of paired) expect(what.is === 'receive' && (what.sentBy ?? 0) < seq).toBe(true);
  expect(events.some(({ process }) => process.node === pid.node)).toBe(true);
  expect(new Set(events.map(({ process }) => process.node)).size).toBe(2);
});

test('A condition lets through the calls that it holds for', async () => {
  const it = started();
  const pid = await it.named(catalog);
  const when = [{ arg: 1, inside: [{ element: 2 }], op: 'eq', value: { syntax: 'erlang', source: 'eggs' } }] as const;
  const events = ['call'] as const;
  const { id } = valueOf(
    await it.runtime.port.trace.start(query([pid], { events, functions: [{ ...handleCall, when }] }), patient()),
  );
  await ask(it, pid, '{stock, apples}');
  await ask(it, pid, '{stock, eggs}');
  const seen = (await allOf(it, id)).events;
  const asked = seen.filter(({ what }) => what.is === 'call' && JSON.stringify(what).includes('"stock"'));
  expect(asked).toHaveLength(1);
});

test('Each fuse ends it', async () => {
  const it = started();
  const pid = await it.named(catalog);
  const { trace, clock, processes } = it.runtime.port;
  const begun = async (one: Partial<Fuses>): Promise<string> =>
    valueOf(await trace.start(query([pid], { fuses: { ...fuses, ...one } }), patient())).id;
  const [few, short, slow] = [
    await begun({ events: 2 }),
    await begun({ timeMs: 10 }),
    await begun({ eventsPerSecond: 1 }),
  ];
  for (const n of [1, 2, 3]) await ask(it, pid, `{stock, apples${String(n)}}`);
  valueOf(await clock.step({ ms: 100 }, patient()));
  const why = async (id: string): Promise<unknown> => (await allOf(it, id)).ended[0]?.why;
  expect(await why(few)).toBe('events');
  expect(await why(short)).toBe('timeMs');
  expect(await why(slow)).toBe('eventsPerSecond');
  const gone = await begun({});
  await processes.exit({ pid, reason: { syntax: 'erlang', source: 'kill' }, confirmMs: 1_000 }, patient());
  expect(await why(gone)).toBe('target_gone');
});

test('What starts and ends is told, of processes of the cluster only', async () => {
  const it = started();
  const { id } = valueOf(await it.runtime.port.trace.start(query('all', { events: ['process'] }), patient()));
  const params = { node: 'a@sim', module: 'timer', function: 'sleep', args: [{ term: { t: 'int', v: 5 } }] } as const;
  const pid = valueOf(await it.runtime.port.processes.start(params, patient()));
  valueOf(await it.runtime.port.clock.step({ ms: 50 }, patient()));
  const { events } = await allOf(it, id);
  expect(events.filter(({ process }) => process.id === pid.id).map(({ what }) => what.is)).toContain('exit');
  const { pages } = valueOf(await it.runtime.port.processes.info({ pids: [pid], keys: [] }, patient()));
  expect(pages).toEqual([]);
});

test('A trace is a holding, and leaves nothing behind', async () => {
  const it = started();
  const { trace, holdings } = it.runtime.port;
  const { id } = valueOf(await trace.start(query('existing'), patient()));
  const [holding] = valueOf(await holdings.list({}, patient())).holdings;
  expect(holding).toMatchObject({ kind: 'trace', at: { node: 'a@sim' } });
  valueOf(await holdings.release({ id: holding?.id ?? '' }, patient()));
  expect((await allOf(it, id)).ended).toMatchObject([{ why: 'stopped' }]);
  expect(valueOf(await holdings.list({}, patient())).holdings).toEqual([]);
});

test('A trace that would be too much is refused before it begins', async () => {
  const it = started();
  const much = query('existing', {
    events: ['send', 'receive'],
    costly: 'refused',
    fuses: { ...fuses, eventsPerSecond: 1 },
  });
  const pid = await it.named(catalog);
  const starting = it.runtime.port.trace.start(much, patient());
  await Promise.all(Array.from({ length: 20 }, () => ask(it, pid, '{stock, eggs}')));
  expect(codeOf(await starting)).toBe('trace.costly');
  const missing = query('existing', { events: ['call'], functions: [{ ...handleCall, function: 'handle_coll' }] });
  expect(codeOf(await it.runtime.port.trace.start(missing, patient()))).toBe('trace.no_function');
  expect(valueOf(await it.runtime.port.trace.list({}, patient())).traces).toEqual([]);
});

test('The next messages of one process', async () => {
  const it = started();
  const pid = await it.named('Elixir.Shop.Replicator');
  const params = { pid, limit: 2, withinMs: 10_000, termBytes: 1_000 };
  const { messages, why } = valueOf(await it.runtime.port.trace.arrivals(params, patient()));
  expect(messages).toHaveLength(2);
  expect(why).toBe('events');
});
