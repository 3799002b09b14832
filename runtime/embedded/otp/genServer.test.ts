import { describe, expect, it } from 'vitest';
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import { inProcess, nodeOf, shown, testCluster } from '../testKit.ts';
import { ExitException, reasonOf, ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, sleep, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, tagged } from '../kernel/values.ts';
import { call, cast, fromOf, genAtoms, genCall, reply as sendReply } from './gen.ts';
import type { CallStep, ServerModule, ServerStart, Step } from './genServer.ts';
import { noreply, reply, startedPid, startServer, stop } from './genServer.ts';

type State = { readonly log: readonly string[] };

function add(state: State, entry: string): State {
  return { log: [...state.log, entry] };
}

/** A server whose callbacks do what the request says. */
const server: ServerModule<State> = {
  module: 'server',
  init(self, argument) {
    if (argument === a('stop')) return { is: 'stop', reason: a('not_today') };
    if (argument === atoms.ignore) return { is: 'ignore' };
    if (argument === a('crash')) return self.error(a('init_failed'));
    if (argument === a('throw')) throw new ThrownValue(a('ball'));
    if (argument === a('trap')) self.trapExit(true);
    const then = argument === a('continue') ? ({ is: 'continue', with: a('go') } as const) : undefined;
    return { is: 'ok', state: { log: ['init'] }, ...(then !== undefined && { then }) };
  },
  *handleCall(self, request, from, state): Flow<CallStep<State>> {
    switch (shown(request)) {
      case 'log':
        return reply([...state.log], state);
      case 'slow':
        yield* sleep(50);
        return reply(a('done'), state);
      case 'later':
        self.sendAfter(10, self.pid, tup(a('answer'), from));
        return noreply(state);
      case 'stop':
        return { is: 'stop_reply', reply: a('bye'), reason: atoms.normal, state };
      case 'stop_silent':
        return stop(a('rude'), state);
      case 'crash':
        return self.error(a('oops'));
      case 'throw':
        throw new ThrownValue(a('ball'));
      case 'timeout':
        return { is: 'reply', reply: atoms.ok, state, then: { is: 'timeout', ms: 20 } };
      default:
        return { is: 'reply', reply: request, state, then: { is: 'continue', with: request } };
    }
  },
  handleCast: (_self, message, state) => noreply(add(state, `cast ${shown(message)}`)),
  handleInfo(self, message, state): Step<State> {
    const answer = tagged(message, a('answer'), 2);
    const from = fromOf(answer?.[1]);
    if (from !== null) sendReply(self, from, a('answered'));
    return noreply(add(state, `info ${shown(message)}`));
  },
  handleContinue: (_self, continuation, state) => noreply(add(state, `continue ${shown(continuation)}`)),
  terminate(self, reason) {
    self.emit({ is: 'report', kind: 'terminated', pid: self.pid, report: reason });
  },
  show: (state) => ({ log: [...state.log] }),
};

function inServer<T>(
  argument: Value,
  run: (self: Self, pid: Pid) => Flow<T>,
  options: ServerStart = {},
): { readonly value: T; readonly reports: readonly string[] } {
  const cluster = testCluster();
  const reports: string[] = [];
  cluster.listen((event) => {
    if (event.is === 'report') reports.push(`${event.kind} ${shown(event.report)}`);
  });
  const value = inProcess(cluster, function* (self) {
    self.trapExit(true);
    const pid = startedPid(yield* startServer(self, server, argument, options));
    if (!(pid instanceof Pid)) throw new Error('not started');
    return yield* run(self, pid);
  });
  return { value, reports };
}

function* exits(work: Flow<unknown>): Flow<string> {
  try {
    return `answer ${shown(yield* work)}`;
  } catch (thrown) {
    return shown(thrown instanceof ExitException ? thrown.reason : reasonOf(thrown));
  }
}
function* next(afterMs = 200): Flow<string> {
  const message = yield* receive({ afterMs });
  return message === timedOut ? 'timeout' : shown(message);
}

describe('starting', () => {
  it.each([
    ['stop', '{error,not_today}'],
    ['ignore', 'ignore'],
    ['crash', '{error,{init_failed,[]}}'],
    ['throw', '{error,{bad_return_value,ball}}'],
    ['plainly', '{ok,pid}'],
  ])('with init %s answers %s, and leaves no name behind a failure', (argument, outcome) => {
    const cluster = testCluster();
    const seen = inProcess(cluster, function* (self) {
      self.trapExit(true);
      const answer = yield* startServer(self, server, a(argument), { name: a('server') });
      return [shown(answer), self.whereis(a('server')) !== null] as const;
    });
    expect(seen).toEqual([outcome, outcome === '{ok,pid}']);
  });

  it('under a name that is taken answers who has it', () => {
    const { value } = inServer(
      null,
      function* (self, pid) {
        const answer = yield* startServer(self, server, null, { name: a('server') });
        const holder = tagged(tagged(answer, atoms.error, 2)?.[1], a('already_started'), 2);
        return holder?.[1] === pid;
      },
      { name: a('server') },
    );
    expect(value).toBe(true);
  });

  it('gives up after its time-out, and the unfinished process is gone', () => {
    const cluster = testCluster();
    const slow: ServerModule<null> = {
      module: 'slow',
      *init() {
        yield* sleep(10_000);
        return { is: 'ok', state: null };
      },
      show: () => null,
    };
    const before = nodeOf(cluster).processes.size;
    const answer = inProcess(cluster, (self) => startServer(self, slow, null, { timeoutMs: 50 }));
    expect(shown(answer)).toBe('{error,timeout}');
    expect(nodeOf(cluster).processes.size).toBe(before);
  });

  it('without a link ends alone; its crash in init is told too', () => {
    const cluster = testCluster();
    const answer = inProcess(cluster, (self) => startServer(self, server, a('crash'), { link: false }));
    expect(shown(answer)).toBe('{error,{init_failed,[]}}');
  });

  it('knows its ancestors and its initial call', () => {
    const cluster = testCluster();
    inProcess(cluster, function* (self) {
      self.register(a('parent'), self.pid);
      yield* startServer(self, server, null, { name: a('server') });
      const process = nodeOf(cluster).names.get('server');
      expect(shown(process?.dictionary?.get(genAtoms.ancestors))).toBe('[parent]');
      expect(shown(process?.dictionary?.get(genAtoms.initialCall))).toBe('{server,init,1}');
      expect(process?.initialCall).toEqual({ module: 'server', function: 'init', arity: 1 });
    });
  });
});

describe('calls', () => {
  it('are answered, at once, later, or by reply/2; continue runs before the next message', () => {
    const { value } = inServer(a('continue'), function* (self, pid) {
      cast(self, pid, a('one'));
      self.send(pid, a('two'));
      const echo = yield* call(self, pid, a('echo'));
      const slow = yield* call(self, pid, a('slow'));
      const later = yield* call(self, pid, a('later'));
      const log = yield* call(self, pid, a('log'));
      return [echo, slow, later, log].map(shown);
    });
    expect(value.slice(0, 3)).toEqual(['echo', 'done', 'answered']);
    expect(value[3]).toMatch(/^\["init","continue go","cast one","info two","continue echo","info \{answer,/);
  });

  it.each<[string, Value, string]>([
    ['crashes', a('crash'), '{{oops,[]},{gen_server,call,[pid,crash,5000]}}'],
    ['throws what is no answer', a('throw'), '{{bad_return_value,ball},{gen_server,call,[pid,throw,5000]}}'],
    ['stops without an answer', a('stop_silent'), '{rude,{gen_server,call,[pid,stop_silent,5000]}}'],
    ['stops with an answer', a('stop'), 'answer bye'],
  ])('exit or answer when the server %s', (_how, request, outcome) => {
    const { value } = inServer(null, (self, pid) => exits(call(self, pid, request)));
    expect(value).toBe(outcome);
  });

  it('exit when nobody is there, to itself, and after their time-out; a late answer is dropped', () => {
    const { value } = inServer(null, function* (self, pid) {
      const nobody = yield* exits(call(self, a('nobody'), 1));
      const itself = yield* exits(call(self, self.pid, 1));
      const late = yield* exits(call(self, pid, a('slow'), 10));
      return [nobody, itself, late, yield* next(500)];
    });
    expect(value).toEqual([
      '{noproc,{gen_server,call,[nobody,1,5000]}}',
      '{calling_self,{gen_server,call,[pid,1,5000]}}',
      '{timeout,{gen_server,call,[pid,slow,10]}}',
      'timeout',
    ]);
  });

  it('to another node by name; nodedown when it is not there', () => {
    const cluster = testCluster(['one@sim', 'two@sim']);
    inProcess(cluster, (self) => startServer(self, server, null, { name: a('server'), link: false }), 1000, 'two@sim');
    const got = inProcess(cluster, function* (self) {
      cast(self, tup(a('server'), a('two@sim')), a('far'));
      cast(self, a('nobody'), 1);
      const log = yield* call(self, tup(a('server'), a('two@sim')), a('log'));
      const down = yield* exits(call(self, tup(a('server'), a('nine@sim')), a('log')));
      return [shown(log), down];
    });
    expect(got[0]).toBe('["init","cast far"]');
    expect(got[1]).toMatch(/^\{\{nodedown,nine@sim\},\{gen_server,call,/);
  });

  it('a time-out comes as a message when nothing else did, and not otherwise', () => {
    const { value } = inServer(null, function* (self, pid) {
      yield* call(self, pid, a('timeout'));
      yield* sleep(50);
      yield* call(self, pid, a('timeout'));
      cast(self, pid, a('busy'));
      yield* sleep(50);
      return shown(yield* call(self, pid, a('log')));
    });
    expect(value).toBe('["init","info timeout","cast busy"]');
  });
});

describe('ends', () => {
  it('run terminate and report what was not orderly', () => {
    const crashed = inServer(null, (self, pid) => exits(call(self, pid, a('crash'))));
    expect(crashed.reports[0]).toBe('terminated {oops,[]}');
    expect(crashed.reports[1]).toMatch(
      /^gen_server_terminating .*last_message=>crash.*reason=>\{oops,\[\{server,handle_call,3,\[\]\}\]\}/,
    );
    expect(crashed.reports[2]).toMatch(
      /^crash_report .*\{error_info,\{error,oops,\[\{server,handle_call,3,\[\]\}\]\}\}/,
    );
    expect(inServer(null, (self, pid) => exits(call(self, pid, a('stop')))).reports).toEqual(['terminated normal']);
  });

  it('an exit of the parent ends it though it traps exits; of others it is a message', () => {
    const { value, reports } = inServer(a('trap'), function* (self, pid) {
      const ref = self.monitor(pid);
      self.spawnBody(
        {
          is: 'flow',
          *run(own) {
            own.link(pid);
            yield* sleep(1);
            own.exit(a('stranger'));
          },
        },
        { module: 'test', function: 'stranger', arity: 0 },
      );
      yield* sleep(5);
      const log = shown(yield* call(self, pid, a('log')));
      self.sendExit(pid, a('parent_says'));
      const down = yield* receive({ match: (message) => tagged(message, atoms.down, 5)?.[1] === ref });
      return [log, down === timedOut ? '' : shown(down)];
    });
    expect(value).toEqual(['["init","info {EXIT,pid,stranger}"]', '{DOWN,ref,process,pid,parent_says}']);
    expect(reports[0]).toBe('terminated parent_says');
  });

  it('a callback that is missing is undef, an unexpected message only a report', () => {
    const bare: ServerModule<null> = { module: 'bare', init: () => ({ is: 'ok', state: null }), show: () => null };
    const cluster = testCluster();
    const got = inProcess(cluster, function* (self) {
      self.trapExit(true);
      const ends: string[] = [];
      for (const how of ['info', 'call', 'cast'] as const) {
        const pid = startedPid(yield* startServer(self, bare, null));
        if (!(pid instanceof Pid)) break;
        if (how === 'info') self.send(pid, a('hello'));
        else if (how === 'cast') cast(self, pid, 1);
        else ends.push(yield* exits(call(self, pid, 1)));
        ends.push(yield* next(20));
      }
      return ends;
    });
    expect(got[0]).toBe('timeout');
    expect(got[1]).toMatch(/^\{\{undef,\[\{bare,handle_call,\[1,\{pid,/);
    expect(got[3]).toMatch(/^\{EXIT,pid,\{undef,\[\{bare,handle_cast,\[1,nil\],\[\]\}\]\}/);
  });
});

describe('system messages', () => {
  it('tell the state, suspend and resume, and are answered while suspended', () => {
    const { value } = inServer(null, function* (self, pid) {
      const system = (request: Value): Flow<Value> => genCall(self, pid, genAtoms.system, request, 100);
      const before = shown(yield* system(a('get_state')));
      yield* system(a('suspend'));
      cast(self, pid, a('waits'));
      const status = shown(yield* system(a('get_status')));
      const refused = shown(yield* system(a('nonsense')));
      const blocked = yield* exits(call(self, pid, a('log'), 30));
      yield* system(a('resume'));
      const after = shown(yield* call(self, pid, a('log')));
      return { before, status, refused, blocked, after };
    });
    expect(value.before).toBe('#{log=>["init"]}');
    expect(value.status).toMatch(/^\{status,pid,\{module,gen_server\},\[\[.*\],suspended,pid,\[\],/);
    expect(value.refused).toBe('{error,{unknown_system_msg,nonsense}}');
    expect(value.blocked).toMatch(/^\{timeout,/);
    expect(value.after).toBe('["init","cast waits"]');
  });

  it('terminate ends it, running or suspended; so does its parent while it is suspended', () => {
    for (const how of ['running', 'suspended', 'parent'] as const) {
      const { value } = inServer(a('trap'), function* (self, pid) {
        if (how !== 'running') yield* genCall(self, pid, genAtoms.system, a('suspend'), 100);
        if (how === 'parent') self.sendExit(pid, a('enough'));
        else yield* genCall(self, pid, genAtoms.system, tup(a('terminate'), a('enough')), 100);
        return yield* next();
      });
      expect(value).toBe('{EXIT,pid,enough}');
    }
  });
});
