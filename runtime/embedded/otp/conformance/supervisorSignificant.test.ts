import { describe, expect, it } from 'vitest';
import type { Value, Pid } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { atoms } from '../../kernel/values.ts';
import { shown } from '../../testKit.ts';
import { restartChild, startChild, terminateChild } from '../supervisor.ts';
import { supervisorAt } from '../supervisorState.ts';
import {
  child,
  counts,
  definition,
  mapSpec,
  missingExits,
  inSuite,
  pidOf,
  started,
  staysUp,
  terminate,
  upgrade,
  upgradable,
} from './supervisorKit.ts';

const significant = (id: string, restart = 'transient') => mapSpec(id, { restart: a(restart), significant: true });
const plain = (id: string, restart = 'transient') => mapSpec(id, { restart: a(restart), significant: false });
const flagsOf = (autoShutdown: string, more: { readonly [flag: string]: Value } = {}) => ({
  intensity: 5,
  auto_shutdown: a(autoShutdown),
  ...more,
});

/** A supervisor with these children, all linked to the test. */
function* family(self: Self, flags: Value, children: readonly { readonly [field: string]: Value }[]) {
  const sup = yield* started(self, flags, [], null);
  const all: Pid[] = [];
  for (const one of children) all.push(yield* child(self, one, sup));
  for (const one of all) self.link(one);
  const [first = sup, second = sup, third = sup] = all;
  return { sup, first, second, third };
}
function* stillUp(self: Self, ...up: readonly Pid[]): Flow<boolean> {
  for (const pid of up) if (!(yield* staysUp(self, pid))) return false;
  return true;
}

describe('children that are not significant', () => {
  // @otp supervisor_SUITE:nonsignificant_temporary supervisor_SUITE:nonsignificant_transient
  it.each(
    ['temporary', 'transient'].flatMap((restart) =>
      ['never', 'any_significant', 'all_significant'].map((autoShutdown) => [restart, autoShutdown] as const),
    ),
  )('and are %s never end their supervisor, with auto_shutdown %s', (restart, autoShutdown) => {
    inSuite(function* (self) {
      const sup = yield* started(self, flagsOf(autoShutdown), [], null);
      const running = function* (): Flow<Pid> {
        const outcome = yield* startChild(self, sup, plain('child1', restart));
        const present = shown(outcome) === '{error,already_present}';
        if (present) yield* restartChild(self, sup, a('child1'));
        const pid = yield* pidOf(self, 'child1', sup);
        self.link(pid);
        return pid;
      };
      const first = yield* running();
      yield* terminateChild(self, sup, a('child1'));
      expect(yield* missingExits(self, [first])).toEqual([]);
      expect(yield* staysUp(self, sup)).toBe(true);
      for (const how of ['kill', 'abnormal', 'normal']) {
        const pid = yield* running();
        yield* terminate(self, pid, how);
        expect(yield* missingExits(self, [pid])).toEqual([]);
        expect(yield* staysUp(self, sup)).toBe(true);
        const runs = restart === 'transient' && how !== 'normal';
        expect(yield* counts(self, sup)).toEqual(restart === 'temporary' ? [0, 0, 0, 0] : [1, runs ? 1 : 0, 0, 1]);
      }
      yield* terminate(self, sup, 'shutdown');
    });
  });
});

describe('significant children', () => {
  const children = (restart: string) => [
    significant('child1', restart),
    significant('child2', restart),
    plain('child3', restart),
  ];

  // @otp supervisor_SUITE:significant_temporary supervisor_SUITE:significant_transient
  it.each([
    ['temporary', 'kill', true],
    ['temporary', 'abnormal', true],
    ['temporary', 'normal', true],
    ['transient', 'kill', false],
    ['transient', 'abnormal', false],
    ['transient', 'normal', true],
  ] as const)('%s, any_significant: its end by %s is that of all: %s', (restart, how, ends) => {
    inSuite(function* (self) {
      const { sup, first, second, third } = yield* family(self, flagsOf('any_significant'), children(restart));
      yield* terminate(self, first, how);
      expect(yield* missingExits(self, [first])).toEqual([]);
      if (ends) expect(yield* missingExits(self, [second, third, sup])).toEqual([]);
      else {
        expect(yield* stillUp(self, second, third, sup)).toBe(true);
        expect(yield* pidOf(self, 'child1', sup)).not.toBe(first);
      }
    });
  });

  // @otp supervisor_SUITE:significant_temporary supervisor_SUITE:significant_transient
  it.each(['temporary', 'transient'])('%s: being terminated through the supervisor ends nobody else', (restart) => {
    inSuite(function* (self) {
      const { sup, first, second, third } = yield* family(self, flagsOf('any_significant'), children(restart));
      expect(yield* terminateChild(self, sup, a('child1'))).toBe(atoms.ok);
      expect(yield* missingExits(self, [first])).toEqual([]);
      expect(yield* stillUp(self, second, third, sup)).toBe(true);
    });
  });

  // @otp supervisor_SUITE:significant_temporary supervisor_SUITE:significant_transient
  it.each(['temporary', 'transient'])('%s, all_significant: the last one ends all', (restart) => {
    inSuite(function* (self) {
      const { sup, first, second, third } = yield* family(self, flagsOf('all_significant'), children(restart));
      yield* terminate(self, first, 'normal');
      expect(yield* missingExits(self, [first])).toEqual([]);
      expect(yield* stillUp(self, second, third, sup)).toBe(true);
      yield* terminate(self, second, 'normal');
      expect(yield* missingExits(self, [second, third, sup])).toEqual([]);
    });
  });

  // @otp supervisor_SUITE:significant_simple
  it('of simple_one_for_one end it: with any_significant each, with all_significant the last', () => {
    inSuite(function* (self) {
      const template = significant('child1');
      const flags = (autoShutdown: string) => flagsOf(autoShutdown, { strategy: a('simple_one_for_one') });
      for (const autoShutdown of ['any_significant', 'all_significant']) {
        const sup = yield* started(self, flags(autoShutdown), [template], null);
        const one = yield* child(self, [], sup);
        const two = yield* child(self, [], sup);
        self.link(one);
        self.link(two);
        yield* terminateChild(self, sup, yield* child(self, [], sup));
        expect(yield* stillUp(self, one, two, sup)).toBe(true);
        yield* terminate(self, one, 'normal');
        if (autoShutdown === 'all_significant') {
          expect(yield* stillUp(self, two, sup)).toBe(true);
          yield* terminate(self, two, 'normal');
        }
        expect(yield* missingExits(self, [two, sup])).toEqual([]);
      }
    });
  });

  // @otp supervisor_SUITE:significant_bystander
  it.each(
    ['one_for_one', 'one_for_all', 'rest_for_one'].flatMap((strategy) =>
      ['any_significant', 'all_significant'].map((autoShutdown) => [strategy, autoShutdown] as const),
    ),
  )('that end because of a sibling do not end their supervisor: %s, %s', (strategy, autoShutdown) => {
    inSuite(function* (self) {
      const { sup, first, second, third } = yield* family(self, flagsOf(autoShutdown, { strategy: a(strategy) }), [
        significant('child1'),
        plain('child2'),
        significant('child3'),
      ]);
      yield* terminate(self, second, 'kill');
      const gone = { one_for_one: [second], one_for_all: [first, second, third], rest_for_one: [second, third] };
      expect(yield* missingExits(self, gone[strategy as keyof typeof gone])).toEqual([]);
      if (strategy !== 'one_for_all') expect(yield* staysUp(self, first)).toBe(true);
      if (strategy === 'one_for_one') expect(yield* staysUp(self, third)).toBe(true);
      expect(yield* staysUp(self, sup)).toBe(true);
      expect(yield* counts(self, sup)).toEqual([3, 3, 0, 3]);
    });
  });

  // @otp supervisor_SUITE:significant_escalation
  it.each([true, false])('that are supervisors pass it on when they are significant themselves: %s', (passesOn) => {
    inSuite(function* (self) {
      const inner = {
        id: a('sup1'),
        start: tup(a('supervisor'), a('start_link'), [
          a('supervisor_SUITE'),
          definition({ auto_shutdown: a('any_significant') }),
        ]),
        restart: a('transient'),
        type: a('supervisor'),
        significant: passesOn,
      };
      const { sup, first } = yield* family(self, { auto_shutdown: a('any_significant') }, [inner]);
      const worker = yield* child(self, significant('child1'), first);
      self.link(worker);
      yield* terminate(self, worker, 'normal');
      expect(yield* missingExits(self, [worker, first])).toEqual([]);
      if (passesOn) expect(yield* missingExits(self, [sup])).toEqual([]);
      else expect(yield* staysUp(self, sup)).toBe(true);
    });
  });
});

describe('auto_shutdown after an upgrade', () => {
  const mode = (autoShutdown: string) => definition({ auto_shutdown: a(autoShutdown) });

  // @otp supervisor_SUITE:significant_upgrade_never_any supervisor_SUITE:significant_upgrade_never_all
  // @otp supervisor_SUITE:significant_upgrade_any_all supervisor_SUITE:significant_upgrade_all_any
  it.each([
    ['never', 'any_significant'],
    ['never', 'all_significant'],
    ['any_significant', 'all_significant'],
    ['all_significant', 'any_significant'],
  ])('from %s to %s is the new one', (before, after) => {
    inSuite(function* (self) {
      const sup = yield* upgradable(self, mode(before));
      const two = [significant('child1'), significant('child2')];
      const running: Pid[] = [];
      if (before === 'never') {
        expect(shown(yield* startChild(self, sup, two[0]))).toMatch(/^\{error,\{bad_combination,/);
      } else for (const one of two) running.push(yield* child(self, one, sup));
      const shape = shown(supervisorAt(sup)?.show());
      expect(yield* upgrade(self, sup, mode(after))).toBe('ok');
      expect(shown(supervisorAt(sup)?.show())).not.toBe(shape);
      if (before === 'never') for (const one of two) running.push(yield* child(self, one, sup));
      for (const one of running) self.link(one);
      expect(yield* stillUp(self, ...running, sup)).toBe(true);
      const [first = sup, second = sup] = running;
      yield* terminate(self, first, 'normal');
      if (after === 'all_significant') {
        expect(yield* missingExits(self, [first])).toEqual([]);
        expect(yield* stillUp(self, second, sup)).toBe(true);
        yield* terminate(self, second, 'normal');
        expect(yield* missingExits(self, [second, sup])).toEqual([]);
      } else expect(yield* missingExits(self, [first, second, sup])).toEqual([]);
    });
  });

  // @otp supervisor_SUITE:significant_upgrade_any_never supervisor_SUITE:significant_upgrade_all_never
  it.each(['any_significant', 'all_significant'])('from %s to never is never', (before) => {
    inSuite(function* (self) {
      const sup = yield* upgradable(self, mode(before));
      const first = yield* child(self, significant('child1'), sup);
      self.link(first);
      expect(yield* upgrade(self, sup, mode('never'))).toBe('ok');
      expect(yield* stillUp(self, first, sup)).toBe(true);
      expect(shown(yield* startChild(self, sup, significant('child2')))).toMatch(/^\{error,\{bad_combination,/);
      yield* terminate(self, first, 'normal');
      expect(yield* missingExits(self, [first])).toEqual([]);
      expect(yield* staysUp(self, sup)).toBe(true);
      expect(shown(yield* restartChild(self, sup, a('child1')))).toBe('{ok,pid}');
      const again = yield* pidOf(self, 'child1', sup);
      self.link(again);
      yield* terminate(self, sup, 'shutdown');
      expect(yield* missingExits(self, [again, sup])).toEqual([]);
    });
  });

  // @otp supervisor_SUITE:significant_upgrade_child
  it.each([
    ['never', plain('child'), significant('child'), 'refused'],
    ['any_significant', plain('child'), significant('child'), 'ends it'],
    ['any_significant', significant('child'), plain('child'), 'ends nobody'],
  ] as const)(
    '%s: a child that becomes significant, or no more, is %j, then %j: %s',
    (autoShutdown, old, next, what) => {
      inSuite(function* (self) {
        const flags = { auto_shutdown: a(autoShutdown) };
        const sup = yield* upgradable(self, definition(flags, [old]));
        const pid = yield* pidOf(self, 'child', sup);
        self.link(pid);
        const outcome = yield* upgrade(self, sup, definition(flags, [next]));
        expect(yield* stillUp(self, pid, sup)).toBe(true);
        if (what === 'refused') {
          expect(outcome).toMatch(/^\{error,\{error,\{bad_combination,/);
          yield* terminate(self, sup, 'shutdown');
          expect(yield* missingExits(self, [pid, sup])).toEqual([]);
          return;
        }
        expect(outcome).toBe('ok');
        yield* terminate(self, pid, 'normal');
        expect(yield* missingExits(self, [pid])).toEqual([]);
        if (what === 'ends it') expect(yield* missingExits(self, [sup])).toEqual([]);
        else expect(yield* staysUp(self, sup)).toBe(true);
      });
    },
  );
});
