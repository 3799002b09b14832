/** What random sequences of calls (test/differential/ets) do not show of ets: owners and heirs, errors, funs, continuations that travel. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import type { Pid } from '../../../term/values.ts';
import { a, Ref, Tuple, tup } from '../../../term/values.ts';
import { ErrorException } from '../../kernel/exceptions.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep } from '../../kernel/flow.ts';
import { fun } from '../../kernel/localFun.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, elementsOf, isList } from '../../kernel/values.ts';
import { inProcess, nodeOf, shown, spawn, testCluster, testModule } from '../../testKit.ts';
import { ets } from './ets.ts';
import { tablesOn } from './table.ts';

const run = <T>(work: (self: Self) => Flow<T>): T => inProcess(testCluster(['one@sim', 'two@sim']), work);
const entry = { module: 'test', function: 'run', arity: 0 };
const spawned = (self: Self, work: (own: Self) => Flow<unknown>): Pid =>
  self.spawnBody({ is: 'flow', run: work }, entry);
const facts = (self: Self, table: Parameters<typeof ets.info>[1], ...items: readonly string[]): readonly string[] =>
  items.map((item) => shown(ets.info(self, table, item)));
/** The reason and the stack of what a call throws. */
function thrown(work: () => unknown): { readonly reason: string; readonly stack: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof ErrorException) return { reason: shown(error.reason), stack: shown(error.stacktrace) };
    throw error;
  }
  return { reason: 'none', stack: '' };
}
const endOfTable = a('$end_of_table');

describe('the owner of a table', () => {
  it('takes it along when it ends, before anybody hears of its end', () => {
    run(function* (self) {
      const owner = spawned(self, function* (own) {
        ets.new(own, 'mine', ['named_table', 'public']);
        yield* receive();
      });
      const watch = self.monitor(owner);
      yield* sleep(1);
      expect(ets.insert(self, a('mine'), tup(1, a('x')))).toBe(true);
      self.send(owner, a('end'));
      yield* receive({ match: (message) => elementsOf(message)?.[1] === watch });
      expect(ets.info(self, a('mine'))).toBe(undefined);
      expect(ets.whereis(self, 'mine')).toBe(undefined);
      expect(thrown(() => ets.lookup(self, a('mine'), 1)).reason).toBe('badarg');
      // The name is free again.
      expect(ets.new(self, 'mine', ['named_table'])).toBe(a('mine'));
    });
  });

  it('leaves it to its heir, who is told; to nobody when the heir has ended', () => {
    run(function* (self) {
      const make = (name: string, heir: Pid): Pid =>
        spawned(self, function* (own) {
          ets.new(own, name, ['named_table', tup(a('heir'), heir, { why: 'left' })]);
          ets.insert(own, a(name), tup(a('key'), 1));
          yield* sleep(1);
        });
      const owner = make('heirloom', self.pid);
      expect(yield* receive({ afterMs: 1000 })).toEqual(tup(a('ETS-TRANSFER'), a('heirloom'), owner, { why: 'left' }));
      expect(ets.lookup(self, a('heirloom'), a('key'))).toEqual([tup(a('key'), 1)]);
      expect(ets.info(self, a('heirloom'), 'owner')).toEqual(self.pid);
      const dead = spawned(self, () => sleep(0));
      yield* sleep(1);
      make('lost', dead);
      yield* sleep(10);
      expect(ets.all(self)).toEqual([a('heirloom')]);
    });
  });

  it('gives it away to another process here, and has no more right to it than any', () => {
    run(function* (self) {
      const table = ets.new(self, 'gift', ['private']);
      let got: Value = null;
      const other = spawned(self, function* (own) {
        got = asValue(yield* receive());
        ets.insert(own, table, tup(1));
        yield* receive();
      });
      expect(ets.giveAway(self, table, other, a('present'))).toBe(true);
      yield* sleep(1);
      expect(got).toEqual(tup(a('ETS-TRANSFER'), table, self.pid, a('present')));
      expect(thrown(() => ets.lookup(self, table, 1)).reason).toBe('badarg');
      expect(facts(self, table, 'size', 'protection')).toEqual(['1', 'private']);
      for (const work of [
        () => ets.giveAway(self, table, self.pid, 1),
        () => ets.setopts(self, table, tup(a('heir'), a('none'))),
        () => ets.delete(self, table),
      ]) {
        expect(thrown(work).reason).toBe('badarg');
      }
    });
  });

  it('that leaves it fixed as it ends, fixes it no more', () => {
    run(function* (self) {
      const table = ets.new(self, 'fixed', ['public']);
      ets.insert(self, table, [tup(1), tup(2)]);
      const other = spawned(self, function* (own) {
        ets.safeFixtable(own, table, true);
        yield* receive();
      });
      yield* sleep(1);
      expect(ets.info(self, table, 'fixed')).toBe(true);
      ets.safeFixtable(self, table, true);
      const since = elementsOf(ets.info(self, table, 'safe_fixed_monotonic_time'));
      expect(typeof since?.[0]).toBe('number');
      expect(since?.[1]).toEqual([tup(other, 1), tup(self.pid, 1)]);
      expect(elementsOf(elementsOf(ets.info(self, table, 'safe_fixed'))?.[0])).toHaveLength(3);
      ets.delete(self, table, 1);
      expect(ets.next(self, table, 1)).toBe(2);
      ets.safeFixtable(self, table, false);
      self.sendExit(other, a('kill'));
      yield* sleep(1);
      expect(facts(self, table, 'fixed', 'safe_fixed')).toEqual(['false', 'false']);
      expect(thrown(() => ets.next(self, table, 1)).reason).toBe('badarg');
    });
  });

  it('that counts in vain with a default while it is fixed, can go on from the key', () => {
    run(function* (self) {
      yield* sleep(0);
      const table = ets.new(self, 'counted');
      const failing = (): Value => ets.updateCounter(self, table, 1, tup(2, 1), tup(0, a('no number')));
      expect(thrown(failing).reason).toBe('badarg');
      expect(thrown(() => ets.next(self, table, 1)).reason).toBe('badarg');
      ets.safeFixtable(self, table, true);
      expect(thrown(failing).reason).toBe('badarg');
      expect([ets.next(self, table, 1), ets.member(self, table, 1), ets.first(self, table)]).toEqual([
        endOfTable,
        false,
        endOfTable,
      ]);
    });
  });

  it('is of one node and of one life of it', () => {
    const cluster = testCluster(['one@sim', 'two@sim']);
    const make = (self: Self): void => void ets.new(self, 'local', ['named_table', 'public']);
    spawn(nodeOf(cluster, 'one@sim'), function* (self) {
      make(self);
      yield* sleep(1e9);
    });
    cluster.runUntil(cluster.nowMs + 10);
    const known = (node: string): number => tablesOn(nodeOf(cluster, node))?.all().length ?? 0;
    expect([known('one@sim'), known('two@sim')]).toEqual([1, 0]);
    cluster.crashNode('one@sim');
    cluster.startNode('one@sim');
    cluster.runUntil(cluster.nowMs + 10);
    expect(known('one@sim')).toBe(0);
  });
});

describe('what goes into a table', () => {
  it('is copied, and so is what comes out', () => {
    run(function* (self) {
      yield* sleep(0);
      const table = ets.new(self, 'copies');
      const list: Value[] = [1];
      ets.insert(self, table, tup(a('key'), list));
      list.push(2);
      const [row] = ets.lookup(self, table, a('key'));
      expect(row).toEqual(tup(a('key'), [1]));
      const out = elementsOf(row)?.[1];
      if (Array.isArray(out)) out.push(3);
      expect(ets.lookup(self, table, a('key'))).toEqual([tup(a('key'), [1])]);
    });
  });

  it('is refused when it is no term, and the table is as before', () => {
    run(function* (self) {
      yield* sleep(0);
      const table = ets.new(self, 'refused', ['bag']);
      const circle: Value[] = [];
      circle.push(circle);
      expect(thrown(() => ets.insert(self, table, [tup(1, a('good')), tup(2, circle)])).reason).toBe('badarg');
      expect(ets.info(self, table, 'size')).toBe(0);
    });
  });

  it('weighs what the efficiency guide says, however it came and went', () => {
    run(function* (self) {
      yield* sleep(0);
      for (const type of ['set', 'ordered_set', 'bag', 'duplicate_bag']) {
        const table = ets.new(self, 'weight', [type]);
        expect(ets.info(self, table, 'memory')).toBe(768);
        ets.insert(self, table, [tup(1, [1, 2, 3]), tup(2, a('x'))]);
        expect(ets.info(self, table, 'memory')).toBe(768 + (6 + 3 + 6) + (6 + 3));
        ets.insert(self, table, tup(1, a('y')));
        const isBag = type.endsWith('bag');
        expect(ets.info(self, table, 'memory')).toBe(768 + 9 + 9 + (isBag ? 15 : 0));
        ets.deleteObject(self, table, tup(1, a('y')));
        ets.delete(self, table, 2);
        expect(ets.info(self, table, 'memory')).toBe(768 + (isBag ? 15 : 0));
        ets.deleteAllObjects(self, table);
        expect(facts(self, table, 'memory', 'size')).toEqual(['768', '0']);
      }
    });
  });
});

describe('by module, function and arguments', () => {
  it('an error says which function, and what it was called with', () => {
    run(function* (self) {
      const failing = function* (name: string, args: readonly Value[]): Flow<string> {
        try {
          yield* self.apply('ets', name, args);
        } catch (error) {
          if (error instanceof ErrorException) return `${shown(error.reason)} ${shown(error.stacktrace)}`;
        }
        return 'none';
      };
      expect(yield* failing('lookup', [a('nowhere'), 1])).toBe('badarg [{ets,lookup,[nowhere,1],[]}]');
      expect(yield* failing('new', [a('t'), [a('nonsense')]])).toBe('badarg [{ets,new,[t,[nonsense]],[]}]');
      expect(yield* failing('tab2file', [a('t'), 'x'])).toContain('undef');
      expect(yield* failing('info', [1])).toContain('badarg');
      expect(yield* failing('info', [self.makeRef()])).toContain('badarg');
      expect(shown(yield* self.apply('ets', 'info', [a('nowhere'), a('size')]))).toBe('undefined');
    });
  });

  it('a fold goes through what there was, and its fun may change or leave the table', () => {
    run(function* (self) {
      const table = ets.new(self, 'folded', ['ordered_set']);
      ets.insert(self, table, [tup(1), tup(2), tup(3), tup(4)]);
      const deleting = fun('test', 'f', 2, (own, row, found) => {
        const key = asValue(elementsOf(row)?.[0]);
        ets.delete(own, table, key);
        if (key === 1) ets.delete(own, table, 2);
        return [key, ...(isList(found) ? found.map(asValue) : [])];
      });
      expect(yield* ets.foldl(self, deleting, [], table)).toEqual([4, 3, 1]);
      ets.insert(self, table, [tup(1), tup(2)]);
      const failing = fun('test', 'f', 2, (own) => own.error(a('boom')));
      let reason: Value = null;
      try {
        yield* ets.foldr(self, failing, [], table);
      } catch (error) {
        if (error instanceof ErrorException) ({ reason } = error);
      }
      expect(reason).toBe(a('boom'));
      expect(ets.info(self, table, 'fixed')).toBe(false);
      const dropping = fun('test', 'f', 2, (own) => ets.delete(own, table));
      // What it goes on with is no table any more.
      let error: Value = null;
      try {
        yield* ets.foldl(self, dropping, [], table);
      } catch (caught) {
        if (caught instanceof ErrorException) error = caught.reason;
      }
      expect(error).toBe(a('badarg'));
      expect(ets.info(self, table)).toBe(undefined);
    });
  });

  it('a continuation is good in every process here, and a strange one once it is repaired', () => {
    const cluster = testCluster(['one@sim', 'two@sim'], {
      modules: [testModule('suite', { 'same/1': (_self, value) => value })],
    });
    inProcess(cluster, function* (self) {
      const table = ets.new(self, 'portions', ['ordered_set', 'public']);
      ets.insert(self, table, [tup(1), tup(2), tup(3)]);
      const spec = [tup(tup(a('$1')), [], [a('$1')])];
      const [first, more] = elementsOf(ets.selectPortion(self, table, spec, 2)) ?? [];
      expect(first).toEqual([1, 2]);
      let elsewhere: Value = null;
      spawned(self, function* (own) {
        yield* sleep(0);
        elsewhere = ets.continue(own, asValue(more));
      });
      yield* sleep(5);
      expect(elsewhere).toEqual(tup([3], endOfTable));
      // What has been on another node and is back is the same; of one that never was compiled here nothing is known.
      const back = yield* self.apply('erpc', 'call', [a('two@sim'), a('suite'), a('same'), [asValue(more)]]);
      expect(ets.continue(self, back)).toEqual(tup([3], endOfTable));
      expect(yield* self.apply('ets', 'repair_continuation', [back, spec])).toEqual(back);
      const parts = elementsOf(back) ?? [];
      const strange = new Tuple(parts.map((part, at) => (at === 4 ? self.makeRef() : asValue(part))));
      expect(thrown(() => ets.continue(self, strange)).reason).toBe('badarg');
      const repaired = yield* self.apply('ets', 'repair_continuation', [strange, spec]);
      expect(ets.continue(self, repaired)).toEqual(tup([3], endOfTable));
      expect(yield* self.apply('ets', 'repair_continuation', [endOfTable, spec])).toBe(endOfTable);
    });
  });

  it('a compiled specification runs on lists', () => {
    run(function* (self) {
      const compiled = yield* self.apply('ets', 'match_spec_compile', [[tup(tup(a('$1'), a('$2')), [], [a('$2')])]]);
      expect(compiled).toBeInstanceOf(Ref);
      expect(yield* self.apply('ets', 'is_compiled_ms', [compiled])).toBe(true);
      expect(yield* self.apply('ets', 'is_compiled_ms', [a('x')])).toBe(false);
      expect(yield* self.apply('ets', 'match_spec_run', [[tup(1, 2), tup(3), tup(4, 5)], compiled])).toEqual([2, 5]);
      expect(thrown(() => ets.select(self, a('nowhere'), [])).reason).toBe('badarg');
    });
  });
});

it('the typed functions are those of the module', () => {
  run(function* (self) {
    const table = ets.new(self, 'typed', ['named_table', 'ordered_set', tup(a('keypos'), 2)]);
    expect(ets.insertNew(self, table, [tup(a('x'), 1, 10), tup(a('y'), 2, 20)])).toBe(true);
    expect(ets.insertNew(self, table, tup(a('z'), 1, 0))).toBe(false);
    expect([ets.first(self, table), ets.last(self, table), ets.prev(self, table, 2)]).toEqual([1, 2, 1]);
    expect(ets.next(self, table, 2)).toBe(endOfTable);
    expect(ets.member(self, table, 3)).toBe(false);
    expect(ets.lookupElement(self, table, 2, 1)).toBe(a('y'));
    expect(ets.updateCounter(self, table, 1, tup(3, 5))).toBe(15);
    expect(ets.updateCounter(self, table, 3, tup(3, 1), tup(a('new'), 0, 0))).toBe(1);
    expect(ets.updateElement(self, table, 3, tup(1, a('old')))).toBe(true);
    expect(ets.match(self, table, tup(a('$1'), 3, a('_')))).toEqual([[a('old')]]);
    expect(ets.matchObject(self, table, tup(a('y'), a('_'), a('_')))).toEqual([tup(a('y'), 2, 20)]);
    const keys = [tup(tup(a('_'), a('$1'), a('_')), [], [a('$1')])];
    expect(ets.selectReverse(self, table, keys)).toEqual([3, 2, 1]);
    const large = [tup(tup(a('_'), a('_'), a('$1')), [tup(a('>'), a('$1'), 14)], [true])];
    expect([ets.selectCount(self, table, large), ets.selectDelete(self, table, large)]).toEqual([2, 2]);
    const doubled = [tup(tup(a('$1'), a('$2'), a('$3')), [], [tup(tup(a('$1'), a('$2'), tup(a('*'), a('$3'), 2)))])];
    expect(ets.selectReplace(self, table, doubled)).toBe(1);
    expect(ets.tab2list(self, table)).toEqual([tup(a('old'), 3, 2)]);
    expect(ets.rename(self, table, 'renamed')).toBe(a('renamed'));
    expect(ets.whereis(self, 'renamed')).toBeInstanceOf(Ref);
    expect(ets.take(self, a('renamed'), 3)).toHaveLength(1);
    expect(ets.matchDelete(self, a('renamed'), a('_'))).toBe(true);
    const all = ets.info(self, a('renamed'));
    expect(isList(all) ? all.length : 0).toBe(15);
    expect(thrown(() => ets.info(self, a('renamed'), 'nonsense')).reason).toBe('badarg');
    expect(ets.delete(self, a('renamed'))).toBe(true);
    expect(ets.all(self)).toEqual([]);
    yield* sleep(0);
  });
});
