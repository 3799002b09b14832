import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import { ErrorException } from '../../kernel/exceptions.ts';
import type { Flow } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { atoms } from '../../kernel/values.ts';
import {
  changeApplicationData,
  configChange,
  getAllKey,
  getEnv,
  getKey,
  loadApplication,
  prepareConfigChange,
  setAllEnv,
  setEnv,
  startApplication,
  unloadApplication,
  unsetEnv,
} from '../application.ts';
import { applicationsOf } from '../applicationTable.ts';
import { printed } from '../text.ts';
import { calls, run } from './applicationKit.ts';

describe('environments', () => {
  const appinc = tup(a('application'), a('appinc'), [
    tup(a('description'), 'Test of new app file'),
    tup(a('id'), 'CXC 138 ai'),
    tup(a('vsn'), '2.0'),
    tup(a('applications'), [a('kernel')]),
    tup(a('env'), [tup(a('own_env1'), a('value1')), tup(a('own2'), a('val2'))]),
    tup(a('mod'), tup(a('ch_sup'), tup(a('appinc'), 41, 43))),
    tup(a('start_phases'), [tup(a('init'), [a('kalle')]), tup(a('go'), [a('sune')])]),
  ]);
  const persist = a('persist');
  const settings = [
    tup(a('appinc'), [tup(a('own2'), persist), tup(a('not_in_app'), persist)]),
    tup(a('unknown_app'), [tup(a('key'), persist)]),
  ];
  const env = (self: Self, ...keys: readonly string[]) => keys.map((key) => printed(getEnv(self, 'appinc', key)));

  // @otp application_SUITE:get_env
  it('are read by application and key', () => {
    run(function* (self) {
      yield* setEnv(self, 'kernel', ['new_var', a('new_val')]);
      expect(printed(getEnv(self, 'kernel', 'new_var'))).toBe('{ok,new_val}');
      expect(getEnv(self, 'undefined_app', 'a')).toBeUndefined();
      expect(getEnv(self, 'kernel', 'error_logger_xyz')).toBeUndefined();
      const defaulted = self.apply('application', 'get_env', [a('kernel'), a('error_logger_xyz'), a('default')]);
      expect(yield* defaulted).toBe(a('default'));
    });
  });

  // @otp application_SUITE:get_key
  it('and resources are read by key, by others and by processes of the application itself', () => {
    run(function* (self) {
      yield* loadApplication(self, appinc);
      yield* startApplication(self, 'appinc');
      const keys: readonly (readonly [string, string])[] = [
        ['description', '"Test of new app file"'],
        ['id', '"CXC 138 ai"'],
        ['vsn', '"2.0"'],
        ['modules', '[]'],
        ['maxP', 'infinity'],
        ['maxT', 'infinity'],
        ['registered', '[]'],
        ['included_applications', '[]'],
        ['optional_applications', '[]'],
        ['applications', '[kernel]'],
        ['env', '[{own_env1,value1},{own2,val2}]'],
        ['mod', '{ch_sup,{appinc,41,43}}'],
        ['start_phases', '[{init,[kalle]},{go,[sune]}]'],
      ];
      for (const [key, value] of keys) expect(printed(getKey(self, 'appinc', key))).toBe(`{ok,${value}}`);
      expect(getKey(self, 'appinc', 'very_unknown')).toBeUndefined();
      const all = keys.map(([key, value]) => `{${printed(a(key))},${value}}`);
      expect(printed(getAllKey(self, 'appinc'))).toBe(`{ok,[${all.join(',')}]}`);
      const master = applicationsOf(self).running.get('appinc')?.master;
      if (!(master instanceof Pid)) throw new Error('no master');
      self.setGroupLeader(master);
      expect(printed(yield* self.apply('application', 'get_key', [a('vsn')]))).toBe('{ok,"2.0"}');
      expect(printed(yield* self.apply('application', 'get_application', []))).toBe('{ok,appinc}');
      expect(printed(yield* self.apply('application', 'get_env', [a('own2')]))).toBe('{ok,val2}');
    });
  });

  // @otp application_SUITE:set_env
  it('that are set before the application is loaded give way to its own, and are lost with it', () => {
    run(function* (self) {
      expect(yield* setAllEnv(self, settings)).toBe(atoms.ok);
      const keys = ['own_env1', 'own2', 'not_in_app'];
      expect(env(self, ...keys)).toEqual(['undefined', '{ok,persist}', '{ok,persist}']);
      yield* loadApplication(self, appinc);
      expect(env(self, ...keys)).toEqual(['{ok,value1}', '{ok,val2}', '{ok,persist}']);
      expect(printed(getEnv(self, 'unknown_app', 'key'))).toBe('{ok,persist}');
      yield* unloadApplication(self, 'appinc');
      yield* loadApplication(self, appinc);
      expect(env(self, ...keys)).toEqual(['{ok,value1}', '{ok,val2}', 'undefined']);
    });
  });

  // @otp application_SUITE:set_env_persistent application_SUITE:persistent_env
  it('that are set to persist are kept when it is loaded anew, until they are unset', () => {
    run(function* (self) {
      const persistent = [tup(a('persistent'), true)];
      expect(yield* setAllEnv(self, settings, persistent)).toBe(atoms.ok);
      const keys = ['own_env1', 'own2', 'not_in_app'];
      for (let at = 0; at < 2; at += 1) {
        yield* loadApplication(self, appinc);
        expect(env(self, ...keys)).toEqual(['{ok,value1}', '{ok,persist}', '{ok,persist}']);
        yield* unloadApplication(self, 'appinc');
      }
      yield* loadApplication(self, appinc);
      yield* setEnv(self, 'appinc', ['own_env1', persist], { persistent: true });
      expect(env(self, 'own_env1')).toEqual(['{ok,persist}']);
      yield* unloadApplication(self, 'appinc');
      yield* loadApplication(self, appinc);
      expect(env(self, ...keys)).toEqual(['{ok,persist}', '{ok,persist}', '{ok,persist}']);
      yield* unsetEnv(self, 'appinc', 'own_env1', persistent);
      yield* unsetEnv(self, 'appinc', 'not_in_app', persistent);
      expect(env(self, ...keys)).toEqual(['undefined', '{ok,persist}', 'undefined']);
      yield* unloadApplication(self, 'appinc');
      yield* loadApplication(self, appinc);
      expect(env(self, ...keys)).toEqual(['{ok,value1}', '{ok,persist}', 'undefined']);
    });
  });

  // @otp application_SUITE:set_env_errors
  it.each<[Value, string]>([
    [[tup(1, [])], 'application: 1; application name must be an atom'],
    [[tup(a('foo'), a('bar'))], 'application: foo; parameters must be a list'],
    [[a('foo_bar')], 'invalid application config: foo_bar'],
    [[tup(a('foo'), [tup(1, 2)])], 'application: foo; invalid parameter name: 1'],
    [[tup(a('foo'), [a('config')])], 'application: foo; invalid parameter: config'],
    [[tup(a('kernel'), [tup(a('distributed'), a('config'))])], 'application: kernel; erroneous parameter: distributed'],
    [[tup(a('foo'), []), tup(a('foo'), [])], 'duplicate application config: foo'],
    [[tup(a('foo'), [tup(a('bar'), 1), tup(a('bar'), 2)])], 'application: foo; duplicate parameter: bar'],
    [a('no_list'), 'configuration must be a list ended by <dot><whitespace>'],
  ])('cannot be set from %j: %s', (config, why) => {
    run(function* (self) {
      let reason: Value = null;
      try {
        yield* setAllEnv(self, config);
      } catch (thrown) {
        if (thrown instanceof ErrorException) reason = thrown.reason;
      }
      expect(printed(reason)).toBe(`{badarg,"${why}"}`);
    });
  });

  // @otp application_SUITE:otp_2012
  it('that change while applications run are told to them', () => {
    run(function* (self) {
      yield* startApplication(self, 'app1');
      const change = function* (names: readonly string[], config: Value): Flow<void> {
        calls.length = 0;
        const before = yield* prepareConfigChange(self);
        expect(yield* changeApplicationData(self, names.map(a), config)).toBe(atoms.ok);
        expect(yield* configChange(self, before)).toBe(atoms.ok);
      };
      const section = (name: string, entries: { readonly [key: string]: Value }) =>
        tup(
          a(name),
          Object.entries(entries).map(([key, value]) => tup(a(key), value)),
        );
      yield* change(['app1'], [section('app1', { new1: a('hi'), new2: a('moi') })]);
      expect(calls).toEqual(['config_change [[],[{new1,hi},{new2,moi}],[]]']);
      yield* startApplication(self, 'app2');
      yield* change(
        ['app1', 'app2'],
        [section('app1', { new1: a('hello'), new3: a('mors') }), section('app2', { new1: a('si'), new2: a('no') })],
      );
      expect(calls).toEqual([
        'config_change [[],[{new1,si},{new2,no}],[]]',
        'config_change [[{new1,hello}],[{new3,mors}],[new2]]',
      ]);
      yield* change(['app1'], [section('app1', { new1: a('hello'), new3: a('mors') })]);
      expect(calls).toEqual([]);
    });
  });
});
