import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, tup } from '../../../term/values.ts';
import { receive, sleep } from '../../kernel/flow.ts';
import { atoms, elementsOf, tagged } from '../../kernel/values.ts';
import { inProcess, nodeOf, shown, spawn, testCluster, testModule } from '../../testKit.ts';
import {
  ensureAllStarted,
  ensureStarted,
  getKey,
  loadApplication,
  loadedApplications,
  setEnv,
  startApplication,
  stopApplication,
  unloadApplication,
} from '../application.ts';
import { masterChild } from '../applicationMaster.ts';
import type { Application } from '../applicationTable.ts';
import { applicationsOf } from '../applicationTable.ts';
import { printed } from '../text.ts';
import { app, calls, known, missing, modules, names, run, text } from './applicationKit.ts';

describe('applications start', () => {
  // @otp application_SUITE:ensure_started
  it('once, when they are asked to be started', () => {
    run(function* (self) {
      for (const type of ['temporary', 'permanent'] as const) {
        expect(yield* ensureStarted(self, 'app1', type)).toBe(atoms.ok);
        expect(yield* ensureStarted(self, 'app1', type)).toBe(atoms.ok);
        expect(yield* text(startApplication(self, 'app1'))).toBe('{error,{already_started,app1}}');
        expect(yield* stopApplication(self, 'app1')).toBe(atoms.ok);
      }
      expect(yield* text(ensureStarted(self, 'not_an_existing_app'))).toBe(`{error,${missing('not_an_existing_app')}}`);
      expect(yield* unloadApplication(self, 'app1')).toBe(atoms.ok);
      expect(yield* text(unloadApplication(self, 'app1'))).toBe('{error,{not_loaded,app1}}');
    });
  });

  // @otp application_SUITE:ensure_all_started
  it('with all they need; what was started for one that fails is stopped again', () => {
    run(function* (self) {
      const all = (name: string) => text(ensureAllStarted(self, name));
      expect(yield* names(self)).toEqual(['kernel']);
      expect(yield* all('app1')).toBe('{ok,[app1]}');
      expect(yield* all('app1')).toBe('{ok,[]}');
      expect(yield* stopApplication(self, 'app1')).toBe(atoms.ok);
      expect(yield* names(self)).toEqual(['kernel']);
      expect(yield* all('nowhere')).toBe(`{error,{nowhere,${missing('nowhere')}}}`);
      expect(yield* text(startApplication(self, 'app10'))).toBe('{error,{not_started,app9}}');
      expect(yield* all('app10')).toBe('{ok,[app9,app10]}');
      expect(yield* names(self)).toEqual(['app10', 'app9', 'kernel']);
      yield* stopApplication(self, 'app10');
      yield* unloadApplication(self, 'app10');
      expect(yield* all('app10')).toBe('{ok,[app10]}');
      for (const name of ['app9', 'app10']) yield* stopApplication(self, name);
      const failure = `{error,{hopefully_not_an_existing_app,${missing('hopefully_not_an_existing_app')}}}`;
      expect(yield* all('app_chain_error')).toBe(failure);
      expect(yield* names(self)).toEqual(['kernel']);
      expect(yield* all('app9')).toBe('{ok,[app9]}');
      expect(yield* all('app_chain_error')).toBe(failure);
      expect(yield* names(self)).toEqual(['app9', 'kernel']);
    });
  });

  // @otp application_SUITE:optional_applications
  it('without what is optional, unless that is there to be started with them', () => {
    run(function* (self) {
      expect(yield* text(startApplication(self, 'app10'))).toBe('{error,{not_started,app9}}');
      expect(printed(getKey(self, 'app10', 'optional_applications'))).toBe('{ok,[]}');
      expect(yield* startApplication(self, 'app_opt')).toBe(atoms.ok);
      expect(printed(getKey(self, 'app_opt', 'optional_applications'))).toBe('{ok,[app9,nowhere]}');
      expect(yield* names(self)).toEqual(['app_opt', 'kernel']);
      yield* stopApplication(self, 'app_opt');
      expect(yield* text(ensureAllStarted(self, 'app_opt'))).toBe('{ok,[app9,app_opt]}');
      expect(yield* text(ensureAllStarted(self, 'app_opt_error'))).toMatch(/^\{error,\{app_start_error,/);
    });
  });

  // @otp application_SUITE:start_phases
  it('phase by phase, with the phases of those included in them', () => {
    run(function* (self) {
      const phases = (...named: readonly string[]) => named.map((phase) => ({ phase, argument: [a(`${phase}_arg`)] }));
      const included = app('inc', { startPhases: phases('go') });
      const load = (one: Application) => {
        const option = (name: string, value: Value) => tup(a(name), value);
        const start = one.start ?? { module: '', argument: null };
        return loadApplication(
          self,
          tup(a('application'), a(one.name), [
            option('mod', tup(a(start.module), start.argument)),
            option('included_applications', (one.includedApplications ?? []).map(a)),
            option(
              'start_phases',
              (one.startPhases ?? []).map(({ phase, argument }) => tup(a(phase), argument)),
            ),
          ]),
        );
      };
      yield* load(included);
      yield* load(app('myApp', { startPhases: phases('init', 'go'), includedApplications: ['inc'] }));
      expect(yield* startApplication(self, 'myApp')).toBe(atoms.ok);
      expect(calls).toEqual(['start normal []', 'phase init normal [init_arg]', 'phase go normal [go_arg]']);
      const starter = { module: 'application_starter', argument: [a('ch_sup'), []] };
      yield* load(app('topApp', { start: starter, startPhases: phases('init', 'go'), includedApplications: ['inc'] }));
      calls.length = 0;
      expect(yield* startApplication(self, 'topApp')).toBe(atoms.ok);
      expect(calls).toEqual([
        'start normal []',
        'phase init normal [init_arg]',
        'phase go normal [go_arg]',
        'phase go normal [go_arg]',
      ]);
      yield* load(app('badApp', { startPhases: phases('fails') }));
      expect(yield* text(startApplication(self, 'badApp'))).toBe(
        '{error,{no,{ch_sup,start_phase,[fails,normal,[fails_arg]]}}}',
      );
    });
  });

  // @otp application_SUITE:otp_1586
  it('being loaded with those included in them, and those in these', () => {
    run(function* (self) {
      const term = tup(a('application'), a('app4'), [tup(a('included_applications'), [a('app5')])]);
      expect(yield* loadApplication(self, term)).toBe(atoms.ok);
      const loaded = () => printed(loadedApplications(self));
      expect(loaded()).toContain('{app5,');
      expect(yield* text(loadApplication(self, term))).toBe('{error,{already_loaded,app4}}');
      expect(yield* unloadApplication(self, 'app4')).toBe(atoms.ok);
      expect(loaded()).not.toContain('{app5,');
      expect(yield* text(loadApplication(self, tup(a('app'), 1)))).toBe('{error,{bad_application,{app,1}}}');
    });
  });

  // @otp application_SUITE:otp_2973
  it('once, when two processes start the same at the same time; both are told', () => {
    run(function* (_self, cluster) {
      for (const name of ['app1', 'app_start_error']) {
        const answers: string[] = [];
        for (let at = 0; at < 2; at += 1) {
          spawn(nodeOf(cluster), function* (own) {
            answers.push(printed(yield* startApplication(own, name)));
          });
        }
        yield* sleep(10);
        const failure = "{error,{'start error',{app_start_error,start,[normal,[]]}}}";
        expect(answers).toEqual(name === 'app1' ? ['ok', 'ok'] : [failure, failure]);
      }
      expect(calls).toEqual(['start normal [ch1]']);
    });
  });

  // @otp application_SUITE:otp_4227
  it('not when one they need has ended since', () => {
    run(function* (self) {
      expect(yield* text(startApplication(self, 'app10'))).toBe('{error,{not_started,app9}}');
      expect(yield* startApplication(self, 'app9')).toBe(atoms.ok);
      const root = applicationsOf(self).running.get('app9')?.root;
      if (!(root instanceof Pid)) throw new Error('no root');
      self.sendExit(root, atoms.kill);
      yield* sleep(10);
      expect(yield* text(startApplication(self, 'app10'))).toBe('{error,{not_running,app9}}');
    });
  });

  // @otp supervisor_SUITE:faulty_application_shutdown
  it('not when a child of theirs calls what there is not; the error says what', () => {
    run(function* (self) {
      expect(yield* text(startApplication(self, 'app_faulty'))).toBe(
        '{error,{{shutdown,{failed_to_start_child,app_faulty,{undef,[{an_undefined_module_with,an_undefined_function,[1],[]}]}}},{app_faulty,start,[normal,[]]}}}',
      );
      expect(yield* unloadApplication(self, 'app_faulty')).toBe(atoms.ok);
    });
  });
});

describe('the end of an application', () => {
  // @otp application_SUITE:otp_2718
  it.each([
    ['trans_normal', "{error,{{'EXIT',normal},{trans,start,[normal,normal]}}}", true],
    ['trans_abnormal', "{error,{bad_return,{{trans,start,[normal,abnormal]},{'EXIT',abnormal}}}}", false],
  ])('that is transient and fails at its start: %s is %s, and leaves the node up: %s', (name, answer, up) => {
    const cluster = testCluster(['one@sim'], { modules, applications: known });
    const answers: string[] = [];
    spawn(nodeOf(cluster), function* (self) {
      answers.push(printed(yield* startApplication(self, name, 'transient')));
      yield* sleep(2000);
    });
    cluster.runUntil(cluster.nowMs + 1000);
    expect(answers).toEqual([answer]);
    expect(cluster.node('one@sim') !== null).toBe(up);
    expect(cluster.applicationsOf('one@sim')?.running.has(name)).toBe(false);
  });

  it.each([
    ['permanent', 'shutdown', false],
    ['transient', 'shutdown', false],
    ['transient', 'normal', true],
    ['temporary', 'boom', true],
  ] as const)('%s with %s leaves the node up: %s', (type, reason, up) => {
    calls.length = 0;
    const cluster = testCluster(['one@sim'], { modules, applications: known });
    const node = nodeOf(cluster);
    inProcess(cluster, (self) => startApplication(self, 'app1', type));
    const root = cluster.applicationsOf('one@sim')?.running.get('app1')?.root;
    if (!(root instanceof Pid)) throw new Error('no root');
    const process = node.find(root);
    if (process === undefined) throw new Error('no process');
    node.end(process, a(reason));
    cluster.runUntil(cluster.nowMs + 50);
    expect(cluster.node('one@sim') !== null).toBe(up);
    expect(calls).toEqual(['start normal [ch1]', 'prep_stop the_state', 'stop prepared']);
  });

  // @otp application_SUITE:otp_5363
  it('is that of all processes whose group leader it is', () => {
    run(function* (self) {
      expect(yield* startApplication(self, 'group_leader')).toBe(atoms.ok);
      const nisse = self.whereis(a('nisse'));
      if (nisse === null) throw new Error('no nisse');
      const watch = self.monitor(nisse);
      expect(yield* stopApplication(self, 'group_leader')).toBe(atoms.ok);
      const down = yield* receive({ match: (one) => tagged(one, atoms.down, 5)?.[1] === watch, afterMs: 100 });
      expect(shown(elementsOf(down)?.[4])).toBe('killed');
      expect(self.whereis(a('nisse'))).toBeNull();
    });
  });

  // @otp application_SUITE:otp_16504
  it('calls stop also when its master is killed', () => {
    run(function* (self) {
      yield* startApplication(self, 'app1');
      const master = applicationsOf(self).running.get('app1')?.master;
      if (!(master instanceof Pid)) throw new Error('no master');
      self.sendExit(master, atoms.kill);
      yield* sleep(10);
      expect(calls).toEqual(['start normal [ch1]', 'prep_stop the_state', 'stop prepared']);
      expect(yield* names(self)).toEqual(['kernel']);
    });
  });

  // @otp application_SUITE:shutdown_deadlock
  it('does not keep others from asking for its root while it stops', () => {
    run(function* (self, cluster) {
      self.register(a('tester'), self.pid);
      yield* startApplication(self, 'deadlock');
      const master = applicationsOf(self).running.get('deadlock')?.master;
      if (!(master instanceof Pid)) throw new Error('no master');
      const answers: string[] = [];
      spawn(nodeOf(cluster), function* (own) {
        answers.push(`stop ${shown(yield* stopApplication(own, 'deadlock'))}`);
      });
      const stopping = yield* receive({ match: (one) => tagged(one, a('deadlock'), 2) !== null });
      spawn(nodeOf(cluster), function* (own) {
        answers.push(`child ${shown(yield* masterChild(own, master))}`);
      });
      yield* sleep(100);
      expect(answers).toEqual([]);
      const server = elementsOf(stopping)?.[1];
      if (server instanceof Pid) self.send(server, a('continue'));
      expect(yield* names(self)).toEqual(['kernel']);
      yield* sleep(10);
      expect(answers.toSorted()).toEqual([expect.stringMatching(/^child (ok|error)$/), 'stop ok']);
    });
  });

  // @otp application_SUITE:shutdown_func application_SUITE:shutdown_timeout
  it('of a node that is stopped: the one in charge is told, then they stop in order, each within its time', () => {
    const order: string[] = [];
    const own = testModule('tester', {
      'do_shutdown/1': (_self, reason) => {
        order.push(`shutdown_func ${shown(reason)}`);
        return atoms.ok;
      },
    });
    const cluster = testCluster(['one@sim'], { modules: [...modules, own], applications: known });
    calls.length = 0;
    const since = inProcess(cluster, function* (self) {
      yield* setEnv(self, 'kernel', ['shutdown_func', tup(a('tester'), a('do_shutdown'))]);
      yield* setEnv(self, 'kernel', ['shutdown_timeout', 1000]);
      yield* startApplication(self, 'stubborn');
      yield* startApplication(self, 'app1');
      expect(yield* self.apply('init', 'stop', [])).toBe(atoms.ok);
      return self.nowMs;
    });
    let down = 0;
    cluster.listen((event) => {
      if (event.is === 'node_down') down = cluster.nowMs;
    });
    cluster.runUntil(cluster.nowMs + 5000);
    expect(order).toEqual(['shutdown_func shutdown']);
    // app1, started last, has stopped by itself; what does not stop is killed after its second.
    expect(calls).toEqual(['start normal [ch1]', 'prep_stop the_state', 'stop prepared']);
    expect(cluster.node('one@sim')).toBeNull();
    expect(down - since).toBeGreaterThanOrEqual(1000);
    expect(down - since).toBeLessThan(1100);
  });
});
