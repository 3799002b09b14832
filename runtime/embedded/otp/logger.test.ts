import { describe, expect, it } from 'vitest';
import { a, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { sleep } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { inProcess, shown, testCluster } from '../testKit.ts';
import { call } from './gen.ts';
import type { ServerModule } from './genServer.ts';
import { startedPid, startServer } from './genServer.ts';
import type { LogEvent } from './logger.ts';
import { domainFilter, eventValue, levelFilter, loggerOf, logReport, logText } from './logger.ts';
import { formatEvent, messageText } from './loggerFormatter.ts';

type Heard = { readonly reports: readonly string[]; readonly events: readonly LogEvent[] };

/** Runs with a handler `test` on the node's logger; what listeners of the kernel heard, and what the handler got. */
function inLogger(run: (self: Self) => Flow<void>, handler: { readonly filterDefault?: 'log' | 'stop' } = {}): Heard {
  const cluster = testCluster();
  const reports: string[] = [];
  const events: LogEvent[] = [];
  cluster.listen((event) => {
    if (event.is === 'report') reports.push(`${event.kind} ${shown(event.report)}`);
  });
  inProcess(cluster, function* (self) {
    loggerOf(self).addHandler('test', { ...handler, log: (_own, event) => void events.push(event) });
    yield* run(self);
  });
  return { reports, events };
}
function say(self: Self, level: LogEvent['level'], text: string): void {
  logText(self, level, text, 'my_module');
}

describe('levels', () => {
  it('below the primary one are not logged, unless their module has one of its own', () => {
    const { events, reports } = inLogger(function* (self) {
      const logger = loggerOf(self);
      expect(logger.level).toBe('notice');
      say(self, 'info', 'quiet');
      say(self, 'error', 'loud');
      logger.setModuleLevel('my_module', 'debug');
      say(self, 'debug', 'detail');
      logger.setModuleLevel('my_module', null);
      say(self, 'debug', 'gone');
      logger.level = 'none';
      say(self, 'emergency', 'nothing');
      yield* sleep(0);
    });
    expect(reports).toEqual(['log "loud"', 'log "detail"']);
    expect(events.map(({ level }) => level)).toEqual(['error', 'debug']);
  });

  it('of a handler hold for it alone', () => {
    const { reports, events } = inLogger(function* (self) {
      const only: string[] = [];
      const log = (_own: Self, event: LogEvent): void => void only.push(event.level);
      expect(loggerOf(self).addHandler('errors', { level: 'error', log })).toBe(true);
      expect(loggerOf(self).addHandler('errors', { log })).toBe(false);
      say(self, 'notice', 'one');
      say(self, 'critical', 'two');
      expect(only).toEqual(['critical']);
      expect(loggerOf(self).handlerIds).toEqual(['test', 'errors']);
      expect(loggerOf(self).removeHandler('errors')).toBe(true);
      expect(loggerOf(self).removeHandler('errors')).toBe(false);
      yield* sleep(0);
    });
    expect([reports.length, events.length]).toEqual([2, 2]);
  });
});

describe('filters', () => {
  it('stop events, change them, or leave them to the next', () => {
    const { events } = inLogger(function* (self) {
      const logger = loggerOf(self);
      logger.addFilter('no_notices', levelFilter('stop', 'eq', 'notice'));
      logger.addFilter('louder', (event) => ({ ...event, level: 'alert' }));
      say(self, 'notice', 'stopped');
      say(self, 'error', 'changed');
      logger.removeFilter('louder');
      say(self, 'error', 'as it is');
      yield* sleep(0);
    });
    expect(events.map(({ level, msg }) => [level, 'string' in msg && msg.string])).toEqual([
      ['alert', 'changed'],
      ['error', 'as it is'],
    ]);
  });

  it('of a handler decide by domain; what none of them wants is logged or not as it says', () => {
    for (const [filterDefault, expected] of [
      ['stop', ['{report,#{is=>1}}']],
      ['log', ['{report,#{is=>1}}', '{string,"plain"}']],
    ] as const) {
      const seen: string[] = [];
      inLogger(function* (self) {
        loggerOf(self).addHandler('sasl', {
          filterDefault,
          filters: [
            ['sasl', domainFilter('log', 'sub', ['otp', 'sasl'])],
            ['otp', domainFilter('stop', 'equal', ['otp'])],
          ],
          log: (_own, event) => void seen.push(shown(asReport(event))),
        });
        const common = { level: 'error', kind: 'log', module: 'my_module' } as const;
        logReport(self, { ...common, domain: ['otp', 'sasl'], report: { is: 1 } });
        logReport(self, { ...common, report: { is: 2 } });
        say(self, 'error', 'plain');
        yield* sleep(0);
      });
      expect(seen).toEqual(expected);
    }
  });

  it.each([
    ['lt', ['info']],
    ['lteq', ['info', 'notice']],
    ['eq', ['notice']],
    ['gteq', ['notice', 'error']],
    ['gt', ['error']],
  ] as const)('compare levels by %s', (how, expected) => {
    const filter = levelFilter('log', how, 'notice');
    const levels = ['info', 'notice', 'error'] as const;
    const passes = levels.filter((level) => filter({ level, msg: { string: '' }, meta: {} }) !== 'ignore');
    expect(passes).toEqual(expected);
  });

  it('and handlers that fail are taken out, and the others go on', () => {
    const { events } = inLogger(function* (self) {
      const logger = loggerOf(self);
      const fail = (): never => {
        throw new Error('bug');
      };
      logger.addFilter('failing', fail);
      logger.addHandler('failing', { log: fail });
      say(self, 'error', 'one');
      expect(logger.handlerIds).toEqual(['test']);
      say(self, 'error', 'two');
      yield* sleep(0);
    });
    expect(events).toHaveLength(2);
  });
});

function asReport(event: LogEvent): ReturnType<typeof eventValue> {
  const value = eventValue(event);
  return value !== null && typeof value === 'object' && 'msg' in value ? value.msg : null;
}

describe('nodes', () => {
  it('have a logger each, which does not outlive them', () => {
    const cluster = testCluster(['one@sim', 'two@sim']);
    const levelOn = (node: string): string => inProcess(cluster, only, 1000, node);
    function* only(self: Self): Flow<string> {
      yield* sleep(0);
      return loggerOf(self).level;
    }
    inProcess(
      cluster,
      function* (self) {
        loggerOf(self).level = 'debug';
        yield* sleep(0);
      },
      1000,
      'two@sim',
    );
    expect([levelOn('one@sim'), levelOn('two@sim')]).toEqual(['notice', 'debug']);
    cluster.crashNode('two@sim');
    cluster.startNode('two@sim');
    cluster.runUntil(cluster.nowMs + 100);
    expect(levelOn('two@sim')).toBe('notice');
  });
});

describe('texts', () => {
  const crashing: ServerModule<null> = {
    module: 'crashing',
    init: () => ({ is: 'ok', state: null }),
    handleCall: (self) => self.error(a('oops')),
    show: () => tup(a('a_state')),
  };

  it('of the reports of a crash are in the words of OTP', () => {
    const heard: LogEvent[] = [];
    inLogger(function* (self) {
      loggerOf(self).addHandler('crashes', { log: (_own, event) => void heard.push(event) });
      self.trapExit(true);
      const pid = startedPid(yield* startServer(self, crashing, null, { name: a('server') }));
      try {
        if (pid !== null) yield* call(self, a('server'), a('go'));
      } catch {
        // The call exits with the server.
      }
      const [server, crash] = heard;
      if (server === undefined || crash === undefined) throw new Error('no reports');
      expect(messageText(self, server)).toMatch(
        /^\*\* Generic server server terminating \n\*\* Last message in was go\n\*\* When Server state == \{a_state\}\n/,
      );
      expect(formatEvent(self, server)).toMatch(
        /^\d+\.\d{6} error: Generic server server terminating\. Reason: \{oops,\[\{crashing,handle_call,3,\[\]\}\]\}\. Last message: go\. State: \{a_state\}\. Client .*\n$/,
      );
      expect(messageText(self, crash)).toMatch(
        /^ {2}crasher:\n {4}initial call: crashing:init\/1\n {4}pid: .*\n {4}registered_name: server\n {4}exception error: oops\n {6}in function {2}crashing:handle_call\/3\n/,
      );
    });
  });

  it('of other reports are their keys and values', () => {
    inLogger(function* (self) {
      const event = (report: LogEvent['msg']): LogEvent => ({ level: 'info', msg: report, meta: { time: 1_500_000 } });
      const pairs = event({
        report: { label: tup(a('supervisor'), a('progress')), report: [tup(a('one'), 1), tup(a('two'), [])] },
      });
      expect(messageText(self, pairs)).toBe('    one: 1\n    two: []');
      expect(messageText(self, pairs, { singleLine: true })).toBe('one: 1, two: []');
      expect(messageText(self, event({ report: { one: 1 } }))).toBe('    one: 1');
      expect(messageText(self, event({ report: [a('odd')] }))).toBe('[odd]');
      expect(formatEvent(self, event({ string: 'text' }))).toBe('1.500000 info: text\n');
      yield* sleep(0);
    });
  });
});
