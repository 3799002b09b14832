/** What a dry run says of operations that end supervisors and children: exactly who ends with them, on a scripted cluster. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answering, failing } from '../../../runtime/fake/scriptedRuntime.ts';
import type { ChildRow, Json, ProcessRef, SupervisorInfo } from '../../../runtime/model.ts';
import { fail, ok, processId } from '../../../runtime/model.ts';
import type { MethodTable, StreamItem } from '../../../runtime/port.ts';
import { atom } from '../../../runtime/term/term.ts';
import { errorOf } from '../../core/testKit.ts';
import type { Bench } from '../testKit.ts';
import { child, idOf, late, ref, scriptedHouse } from '../testKit.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await scriptedHouse();
});
beforeEach(() => {
  bench.script({});
});
afterAll(() => bench.close());

const inner = ref('a@h', 21);
const running = (name: string, pid: ProcessRef, index = 0, change: Partial<ChildRow> = {}): ChildRow => ({
  ...child(atom(name), { is: 'running', pid }, index),
  ...change,
});
/** `top` has `shop`, which has `stock`, `carts` (a supervisor of two) and one that does not run. */
const trees: { readonly [supervisor: string]: readonly ChildRow[] | 'silent' } = {
  [idOf('a@h', 19)]: [running('shop', ref('a@h', 20), 0, { supervisor: 'supervisor', type: 'supervisor' })],
  [idOf('a@h', 20)]: [
    running('stock', ref('a@h', 30)),
    running('carts', inner, 1, { supervisor: 'supervisor', type: 'supervisor' }),
    child(atom('idle'), { is: 'undefined' }, 2),
  ],
  [idOf('a@h', 21)]: [running('one', ref('a@h', 31)), running('two', ref('a@h', 32), 1)],
};

type Asked = { readonly supervisor: ProcessRef; readonly limit: number };

async function* childrenOf(
  known: typeof trees,
  { supervisor, limit }: Asked,
): AsyncGenerator<StreamItem<readonly ChildRow[], { readonly total: number }>> {
  await Promise.resolve();
  const rows = known[processId(supervisor)] ?? [];
  if (rows === 'silent') {
    yield { is: 'end', result: fail(late) };
    return;
  }
  yield { is: 'frame', frame: rows.slice(0, limit) };
  yield { is: 'end', result: ok({ total: rows.length }) };
}

const info = (supervisor: ProcessRef, parent: ProcessRef | null): SupervisorInfo => ({
  supervisor,
  name: null,
  kind: 'supervisor',
  module: null,
  application: null,
  parent,
  flags: null,
  evidence: 'initial_call',
});
const flags = { strategy: 'rest_for_one', intensity: 1, periodSeconds: 5, autoShutdown: 'never' } as const;
const spec = {
  childId: atom('stock'),
  start: { module: 'm', function: 'start_link', args: [] },
  restart: 'permanent',
  shutdown: 5_000,
  type: 'worker',
  significant: false,
} as const;

function scripted(known: typeof trees = trees): void {
  const methods: MethodTable = {
    'supervisors.children': (params) => childrenOf(known, params),
    async *'supervisors.find'() {
      await Promise.resolve();
      yield { is: 'frame', frame: [info(ref('a@h', 20), ref('a@h', 19)), info(inner, ref('a@h', 20))] };
      yield { is: 'end', result: ok({ total: 2, nodes: [] }) };
    },
    'supervisors.flags': answering(flags),
    'supervisors.childSpec': answering(spec),
    'supervisors.restarts': answering({ restarts: [], since: 0 }),
    'holdings.list': answering({ holdings: [], nodes: [] }),
    'supervisors.terminateChild': failing(late),
    'supervisors.restartChild': failing(late),
    'supervisors.deleteChild': failing(late),
    'holdings.release': failing(late),
    'processes.exit': failing(late),
  };
  bench.script(methods);
}

const shop = { supervisor: 'Shop.Supervisor', node: 'a@h' };
const planOf = async (operation: string, params: { readonly [key: string]: Json }) =>
  (await bench.planned(operation, params)).plan;
const hit = async (operation: string, params: { readonly [key: string]: Json }) =>
  (await planOf(operation, params)).touches.map(({ pid, what }) => [pid ?? null, what]);

const belowShop = [
  [idOf('a@h', 30), 'ends with it: :stock under <0.20.0>'],
  [idOf('a@h', 21), 'ends with it: :carts under <0.20.0>'],
  [idOf('a@h', 31), 'ends with it: :one under <0.21.0>'],
  [idOf('a@h', 32), 'ends with it: :two under <0.21.0>'],
];

describe('the end of a supervisor', () => {
  it('names every process that ends with it', async () => {
    scripted();
    expect(await hit('stop_supervisor', shop)).toEqual([[idOf('a@h', 20), 'end'], ...belowShop]);
    expect(await hit('restart_supervisor', shop)).toEqual([[idOf('a@h', 20), 'end and start'], ...belowShop]);
    expect((await planOf('stop_supervisor', shop)).summary).toBe('Stop <0.20.0> and the 4 processes below it on a@h');
  });

  it('tells of a supervisor that does not say what it has, and of children too many to name', async () => {
    scripted({ ...trees, [idOf('a@h', 21)]: 'silent' });
    const silent = await planOf('stop_supervisor', shop);
    expect(silent.touches.at(-1)).toEqual({ node: 'a@h', what: 'children of <0.21.0>, which it did not tell' });
    expect(silent.summary).toContain('at least 2 processes');
    const crowd = Array.from({ length: 10_000 }, (_, at) => running(`c${String(at)}`, ref('a@h', 100 + at), at));
    scripted({ ...trees, [idOf('a@h', 21)]: crowd });
    const large = await planOf('stop_supervisor', shop);
    expect(large.summary).toContain('at least 10002 processes');
    expect(large.touches.at(-1)).toEqual({ node: 'a@h', what: '9500 further children of <0.21.0>' });
  });

  it('does not run in a circle', async () => {
    const itself = running('again', ref('a@h', 20), 0, { supervisor: 'supervisor' });
    scripted({ ...trees, [idOf('a@h', 21)]: [itself] });
    expect(await hit('stop_supervisor', shop)).toHaveLength(4);
  });
});

describe('the end of a child', () => {
  it.each(['terminate_child', 'restart_child'])(
    '%s names what is below one that is a supervisor',
    async (operation) => {
      scripted();
      const ended = await hit(operation, { ...shop, child: 'carts' });
      expect(ended.slice(1)).toEqual([
        [idOf('a@h', 31), 'ends with it: :one under <0.21.0>'],
        [idOf('a@h', 32), 'ends with it: :two under <0.21.0>'],
      ]);
      expect(await hit(operation, { ...shop, child: 'stock' })).toHaveLength(1);
    },
  );

  it('delete_child names it where it ends it, and nothing where nothing ends', async () => {
    scripted();
    expect(await hit('delete_child', { ...shop, child: 'carts', terminate: true })).toHaveLength(3);
    expect(await hit('delete_child', { ...shop, child: 'idle', terminate: true })).toEqual([[null, 'removal']]);
  });
});

describe('simulate_failure', () => {
  it('names what its strategy ends, with what is below', async () => {
    scripted();
    expect(await hit('simulate_failure', { ...shop, child: 'stock' })).toEqual([
      [idOf('a@h', 30), 'exit signal'],
      [idOf('a@h', 21), ':carts: end and start'],
      [idOf('a@h', 31), 'ends with it: :one under <0.21.0>'],
      [idOf('a@h', 32), 'ends with it: :two under <0.21.0>'],
    ]);
  });

  it('names the supervisor and all it has when that is to give up', async () => {
    scripted();
    const over = { ...shop, child: 'stock', times: 3 };
    expect(errorOf(await bench.run('simulate_failure', over)).code).toBe('supervisor.would_give_up');
    expect(await hit('simulate_failure', { ...over, allowExceeded: true })).toEqual([
      [idOf('a@h', 30), 'exit signal'],
      [idOf('a@h', 20), 'gives up and ends'],
      ...belowShop.filter(([pid]) => pid !== idOf('a@h', 30)),
    ]);
  });

  it('is known later: by its process, and where that could survive the signal not at all', async () => {
    scripted();
    const found = { pages: [], gone: [ref('a@h', 30)] };
    const lives = async (reason: string, gone: boolean) => {
      scripted();
      const failed = await bench.planned('simulate_failure', { ...shop, child: 'stock', reason });
      const page = {
        of: { node: 'a@h', creation: 7 },
        ids: Uint32Array.from([30]),
        serials: new Uint32Array(1),
        columns: {},
        takenAt: { node: 'a@h', creation: 7, monotonicUs: 0, estimatedAt: 0, errorUs: 0 },
      };
      bench.script({
        'processes.info': answering(gone ? found : { pages: [page], gone: [] }),
        'processes.exit': failing(late),
      });
      return failed.probe();
    };
    expect(await lives('kill', true)).toBe('applied');
    expect(await lives('kill', false)).toBe('none');
    expect(await lives('shutdown', false)).toBe('unknown');
  });
});
