import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, elementsOf } from '../../kernel/values.ts';
import { inProcess, testCluster } from '../../testKit.ts';
import { setEnv } from '../application.ts';
import { logText } from '../otpReports.ts';
import { printed } from '../text.ts';

const term = Array.from({ length: 15 }, (_none, at) => at + 1);
const limited = [...term.slice(0, 9), a('...')];
const [supervisor, error] = [a('my_supervisor'), a('shutdown_error')];

function childOf(pid: Value, args: readonly Value[], ...first: readonly Value[]): readonly Value[] {
  return [
    ...(first.length > 0 ? first : [tup(a('pid'), pid)]),
    tup(a('id'), a('any_id')),
    tup(a('mfargs'), tup(a('mod'), a('func'), args)),
    tup(a('restart_type'), a('temporary')),
    tup(a('shutdown'), a('brutal_kill')),
    tup(a('child_type'), a('worker')),
  ];
}
function reportOf(child: readonly Value[]): Value {
  return {
    label: tup(a('supervisor'), error),
    report: [
      tup(a('supervisor'), supervisor),
      tup(a('errorContext'), error),
      tup(a('reason'), term),
      tup(a('offender'), child),
    ],
  };
}
function progressOf(child: readonly Value[]): Value {
  const report = [tup(a('supervisor'), supervisor), tup(a('started'), child)];
  return { label: tup(a('supervisor'), a('progress')), report };
}
const exit = {
  label: tup(a('application_controller'), a('exit')),
  report: [tup(a('application'), a('my_app')), tup(a('exited'), term), tup(a('type'), a('temporary'))],
};
const started = {
  label: tup(a('application_controller'), a('progress')),
  report: [tup(a('application'), a('my_app')), tup(a('started_at'), a('one@sim'))],
};

function* made(self: Self, module: string, report: Value): Flow<readonly Value[]> {
  const outcome = yield* self.apply(module, 'format_log', [report]);
  return (elementsOf(outcome) ?? []).map(asValue);
}

describe('format_log/1 makes a format and its arguments, as deep as the kernel is configured', () => {
  // @otp supervisor_SUITE:format_log_1
  it('of supervisors', () => {
    inProcess(testCluster(), function* (self) {
      const child = childOf(self.pid, [a('any'), term]);
      const words = '    supervisor: ~tp~n    errorContext: ~tp~n    reason: ~tp~n    offender: ~tp~n';
      const progress = '    supervisor: ~tp~n    started: ~tp~n';
      expect(yield* made(self, 'supervisor', reportOf(child))).toEqual([words, [supervisor, error, term, child]]);
      expect(yield* made(self, 'supervisor', progressOf(child))).toEqual([progress, [supervisor, child]]);
      yield* setEnv(self, 'kernel', ['error_logger_format_depth', 10]);
      const cut = childOf(self.pid, [a('any'), a('...')]);
      expect(yield* made(self, 'supervisor', reportOf(child))).toEqual([
        words.replaceAll('~tp', '~tP'),
        [supervisor, 10, error, 10, limited, 10, cut, 10],
      ]);
      expect(yield* made(self, 'supervisor', progressOf(child))).toEqual([
        progress.replaceAll('~tp', '~tP'),
        [supervisor, 10, cut, 10],
      ]);
    });
  });

  // @otp application_SUITE:format_log_1
  it('of the application controller', () => {
    inProcess(testCluster(), function* (self) {
      const words = '    application: ~tp~n    exited: ~tp~n    type: ~tp~n';
      const progress = '    application: ~tp~n    started_at: ~tp~n';
      const app = a('my_app');
      const type = a('temporary');
      expect(yield* made(self, 'application_controller', exit)).toEqual([words, [app, term, type]]);
      expect(yield* made(self, 'application_controller', started)).toEqual([progress, [app, a('one@sim')]]);
      yield* setEnv(self, 'kernel', ['error_logger_format_depth', 10]);
      expect(yield* made(self, 'application_controller', exit)).toEqual([
        words.replaceAll('~tp', '~tP'),
        [app, 10, limited, 10, type, 10],
      ]);
    });
  });
});

describe('format_log/2 makes text', () => {
  it('of several lines, or of one, also of children that are alike', () => {
    inProcess(testCluster(), function* (self) {
      const child = childOf(self.pid, [term]);
      const pid = printed(self.pid);
      expect(logText(reportOf(child))).toMatch(
        /^ {4}supervisor: my_supervisor\n {4}errorContext: shutdown_error\n {4}reason: \[1,2,3,/,
      );
      const reason = `[${term.join(',')}]`;
      expect(logText(reportOf(child), { singleLine: true })).toBe(
        `Supervisor: my_supervisor. Context: shutdown_error. Reason: ${reason}. Offender: id=any_id,pid=${pid}.`,
      );
      expect(logText(progressOf(child), { singleLine: true })).toBe(
        `Supervisor: my_supervisor. Started: id=any_id,pid=${pid}.`,
      );
      const alike = reportOf(childOf(self.pid, [term], tup(a('nb_children'), 7)));
      expect(logText(alike, { singleLine: true, charsLimit: 200 })).toContain('Offender: id=any_id,nb_children=7.');
      expect(logText(exit, { singleLine: true })).toBe(`Application: my_app. Exited: ${reason}. Type: temporary.`);
      expect(logText(started)).toBe(
        '    application: my_app\n    started_at: one@sim\n'.replace('one@sim', printed(a('one@sim'))),
      );
      yield* made(self, 'supervisor', progressOf(child));
    });
  });
});
