import { describe, expect, it } from 'vitest';
import type { Value, Pid } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import type { KernelEvent } from '../../kernel/events.ts';
import { fun } from '../../kernel/localFun.ts';
import { sleep } from '../../kernel/flow.ts';
import { atoms, elementsOf, sameValue } from '../../kernel/values.ts';
import { shown } from '../../testKit.ts';
import { getCallbackModule, getChildSpec, restartChild, terminateChild } from '../supervisor.ts';
import { getState, replaceState } from '../sys.ts';
import {
  caught,
  child,
  counts,
  definition,
  inSuite,
  mapSpec,
  pidOf,
  pids,
  rows,
  spec,
  started,
  suite,
  terminate,
  tupleFlags,
  upgradable,
  upgrade,
} from './supervisorKit.ts';

const ids = (listed: readonly string[]) => listed.map((row) => row.slice(1, row.indexOf(',')));

describe('a change of code', () => {
  // @otp supervisor_SUITE:code_change supervisor_SUITE:code_change_map
  it.each<[string, Value, Value, Value, string, (id: string, shutdown: number) => Value]>([
    [
      'tuples',
      tupleFlags('one_for_one', 0, 1),
      tupleFlags('one_for_one', 1, 3),
      tup(a('child1'), a('permanent'), a('brutal_kill'), a('worker'), []),
      '{invalid_child_spec,{child1,permanent,brutal_kill,worker,[]}}',
      (id, shutdown) => spec(id, { shutdown }),
    ],
    [
      'maps',
      {},
      { intensity: 1, period: 3 },
      { id: a('faulty_child') },
      'missing_start',
      (id, shutdown) => mapSpec(id, { shutdown }),
    ],
  ])(
    'takes over flags and specifications (%s), and starts and stops nothing',
    (_form, flags, next, faulty, why, one) => {
      inSuite(function* (self) {
        const pid = yield* upgradable(self, definition(flags));
        expect(yield* rows(self, pid)).toEqual([]);
        const before = yield* getState(self, pid);
        expect(yield* upgrade(self, pid, definition(next))).toBe('ok');
        expect(sameValue(elementsOf(before)?.[6], elementsOf(yield* getState(self, pid))?.[6])).toBe(false);
        expect(yield* upgrade(self, pid, definition(flags, [faulty]))).toBe(`{error,{error,${why}}}`);
        expect(yield* upgrade(self, pid, definition(flags, [one('child1', 2000), one('child2', 500)]))).toBe('ok');
        expect(yield* counts(self, pid)).toEqual([2, 0, 0, 2]);
        for (const id of ['child1', 'child2']) {
          expect(shown(yield* restartChild(self, pid, a(id)))).toBe('{ok,pid}');
        }
        expect(ids(yield* rows(self, pid))).toEqual(['child2', 'child1']);
        expect(shown(yield* getChildSpec(self, pid, a('child1')))).toContain('shutdown=>2000');
        const running = yield* pids(self, pid);
        expect(yield* upgrade(self, pid, definition(flags, [one('child1', 1000), one('child3', 500)]))).toBe('ok');
        // What the new definition has no more stays, after what it has.
        expect(ids(yield* rows(self, pid))).toEqual(['child2', 'child3', 'child1']);
        expect(yield* pids(self, pid)).toEqual(running);
        expect(shown(yield* getChildSpec(self, pid, a('child1')))).toContain('shutdown=>1000');
        expect(yield* upgrade(self, pid, atoms.ignore)).toBe('ok');
        expect(yield* upgrade(self, pid, a('faulty_return'))).toBe('{error,faulty_return}');
        const intensity = definition(tup(a('one_for_one'), a('faulty_intensity'), 1));
        expect(yield* upgrade(self, pid, intensity)).toBe('{error,{error,{invalid_intensity,faulty_intensity}}}');
        expect(yield* upgrade(self, pid, definition(a('faulty_flags')))).toBe(
          '{error,{error,{bad_flags,faulty_flags}}}',
        );
        yield* terminate(self, pid, 'shutdown');
      });
    },
  );

  // @otp supervisor_SUITE:code_change_simple supervisor_SUITE:code_change_simple_map
  it.each<[string, Value, (id: string, shutdown: number) => Value]>([
    ['tuples', tupleFlags('simple_one_for_one', 0, 1), (id, shutdown) => spec(id, { shutdown })],
    ['maps', { strategy: a('simple_one_for_one') }, (id, shutdown) => mapSpec(id, { shutdown })],
  ])(
    'of simple_one_for_one (%s) changes its one specification, and takes neither none nor two',
    (_form, flags, one) => {
      inSuite(function* (self) {
        const pid = yield* upgradable(self, definition(flags, [one('child1', 500)]));
        const running = yield* child(self, [], pid);
        expect(yield* upgrade(self, pid, definition(flags, [one('child1', 1000)]))).toBe('ok');
        expect(shown(yield* getChildSpec(self, pid, running))).toContain('shutdown=>1000');
        const two = yield* upgrade(self, pid, definition(flags, [one('child1', 500), one('child2', 500)]));
        expect(two).toMatch(/^\{error,\{error,\{ok,\{\[child1,child2\],/);
        expect(yield* upgrade(self, pid, definition(flags, []))).toMatch(/^\{error,\{error,\{ok,\{\[\],/);
        yield* terminate(self, pid, 'shutdown');
      });
    },
  );
});

describe('the state of a supervisor', () => {
  it('can be replaced as far as it has no children in it', () => {
    inSuite(function* (self) {
      const pid = yield* started(self, tupleFlags('one_for_one', 2, 3600), [spec('child1')]);
      const change = (at: number, value: Value) =>
        fun('test', 'change', 1, (_self, state) => tup(...(elementsOf(state) ?? []).with(at, value)));
      yield* replaceState(self, pid, change(5, 7));
      expect(elementsOf(yield* getState(self, pid))?.[5]).toBe(7);
      expect(yield* caught(replaceState(self, pid, change(3, tup([], {}))))).toContain('badarg');
      expect(yield* counts(self, pid)).toEqual([1, 1, 0, 1]);
    });
  });

  // @otp supervisor_SUITE:get_callback_module
  it('says whose callbacks it has', () => {
    inSuite(function* (self) {
      const template = spec('child', { restart: 'temporary' });
      const pid = yield* started(self, tupleFlags('simple_one_for_one', 2, 3600), [template]);
      expect(yield* getCallbackModule(self, pid)).toBe(a('supervisor_SUITE'));
    });
  });
});

describe('trees', () => {
  // @otp supervisor_SUITE:tree
  it('restart from their definitions: what was added is gone', () => {
    inSuite(function* (self) {
      const inner = (id: string, restart: string, children: readonly Value[]) => {
        const args = [a('supervisor_SUITE'), definition(tupleFlags('one_for_one', 4, 3600), children)];
        return spec(id, {
          module: 'supervisor',
          start: 'start_link',
          args,
          restart,
          shutdown: 'infinity',
          type: 'supervisor',
        });
      };
      const top = yield* started(self, tupleFlags('one_for_all', 4, 3600));
      const one = yield* child(self, inner('supchild1', 'permanent', [spec('child1'), spec('child2')]), top);
      const two = yield* child(self, inner('supchild2', 'permanent', []), top);
      yield* child(self, inner('supchild3', 'transient', []), top);
      expect(yield* terminateChild(self, top, a('supchild3'))).toBe(atoms.ok);
      expect(yield* counts(self, top)).toEqual([3, 2, 3, 0]);
      const workers = yield* pids(self, one);
      expect(yield* counts(self, one)).toEqual([2, 2, 0, 2]);
      expect(yield* counts(self, two)).toEqual([0, 0, 0, 0]);
      const faulty = yield* child(self, spec('child3', { args: [atoms.error] }), two);
      const fourth = yield* child(self, spec('child4'), two);
      yield* terminate(self, fourth, 'abnormal');
      expect(yield* pids(self, one)).toEqual(workers);
      const [again, same] = yield* pids(self, two);
      expect(again).not.toBe(fourth);
      expect(same).toBe(faulty);
      yield* terminate(self, faulty, 'abnormal');
      yield* sleep(1000);
      expect(ids(yield* rows(self, top))).toEqual(['supchild3', 'supchild2', 'supchild1']);
      expect(yield* counts(self, top)).toEqual([3, 3, 3, 0]);
      expect(yield* counts(self, yield* pidOf(self, 'supchild1', top))).toEqual([2, 2, 0, 2]);
      expect(yield* rows(self, yield* pidOf(self, 'supchild2', top))).toEqual([]);
      expect(yield* rows(self, yield* pidOf(self, 'supchild3', top))).toEqual([]);
    });
  });

  // @otp supervisor_SUITE:order_of_children
  it('start in the order of the definition and stop in the other', () => {
    inSuite(function* (self, cluster) {
      const names = ['ch7', 'ch3', 'ch10', 'ch2', 'ch5'];
      const top = yield* started(
        self,
        tupleFlags('rest_for_one', 2, 3600),
        names.map((id) => spec(id)),
      );
      const inOrder = function* () {
        return (yield* pids(self)).toReversed();
      };
      const first = yield* inOrder();
      expect(first.map(({ id }) => id)).toEqual(first.map(({ id }) => id).toSorted((one, other) => one - other));
      let ended: Pid[] = [];
      const listening = cluster.listen((event: KernelEvent) => {
        if (event.is === 'exited') ended.push(event.pid);
      });
      const third = first[2] ?? top;
      yield* terminate(self, third, 'abnormal');
      yield* rows(self);
      expect(ended).toEqual([third, first[4], first[3]]);
      const second = yield* inOrder();
      expect(second.slice(0, 2)).toEqual(first.slice(0, 2));
      expect(ids(yield* rows(self)).toReversed()).toEqual(names);
      ended = [];
      yield* terminate(self, top, 'shutdown');
      expect(ended).toEqual([...second.toReversed(), top]);
      listening.dispose();
    });
  });

  // @otp supervisor_SUITE:scale_start_stop_many_children
  // @otp supervisor_SUITE:simple_one_for_one_scale_many_temporary_children
  it('take 5,000 children one by one and give them back', () => {
    inSuite(function* (self) {
      const many = 5_000;
      yield* started(self, tupleFlags('one_for_one', 2, 3600));
      for (let at = 0; at < many; at += 1) yield* child(self, mapSpec('x', { id: at }));
      expect(yield* counts(self)).toEqual([many, many, 0, many]);
      for (let at = 0; at < many; at += 1) yield* terminateChild(self, suite, at);
      expect(yield* counts(self)).toEqual([many, 0, 0, many]);
      const simple = yield* started(
        self,
        tupleFlags('simple_one_for_one', 2, 3600),
        [spec('child', { restart: 'temporary' })],
        null,
      );
      const all: Pid[] = [];
      for (let at = 0; at < many; at += 1) all.push(yield* child(self, [], simple));
      for (const pid of all) yield* terminateChild(self, simple, pid);
      expect(yield* counts(self, simple)).toEqual([1, 0, 0, 0]);
    });
  });
});
