/** The cases of OTP 25's pg_SUITE, on simulated nodes that connect only when told to. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../term/values.ts';
import { a, Pid, Ref, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import { elementsOf } from '../../kernel/values.ts';
import type { Process } from '../../kernel/process.ts';
import { nodeOf, shown } from '../../testKit.ts';
import { pgScopes } from '../pg.ts';
import { Lab, n0, n1, n2, pidsOf, sortedPids, thrownBy } from './peerKit.ts';

const scope = a('scope');
const [group, one, two] = [a('group'), a('one'), a('two')];

/** Nodes with the scope, each connected to the first. */
function peers(nodes: readonly string[] = [n0, n1]): Lab {
  const lab = new Lab(nodes, { mesh: 'none', connectAll: false, autoConnect: 'never' });
  for (const node of nodes) startScope(lab, node);
  for (const node of nodes.slice(1)) lab.connect(n0, node);
  return lab;
}

/** Starts the scope on a node, without a link to who does it. */
function startScope(lab: Lab, node: string, name = scope): Pid {
  const [, pid] = elementsOf(lab.on(node, 'pg', 'start', [name])) ?? [];
  if (!(pid instanceof Pid)) throw new Error('The scope did not start.');
  return pid;
}

function join(lab: Lab, node: string, name: Value, ...processes: readonly Process[]): void {
  expect(lab.on(node, 'pg', 'join', [scope, name, pidsOf(...processes)])).toBe(a('ok'));
  lab.settle();
}
function leave(lab: Lab, node: string, name: Value, ...processes: readonly Process[]): Value {
  const answer = lab.on(node, 'pg', 'leave', [scope, name, pidsOf(...processes)]);
  lab.settle();
  return answer;
}
const members = (lab: Lab, node: string, name: Value): Value => lab.on(node, 'pg', 'get_members', [scope, name]);
const locals = (lab: Lab, node: string, name: Value): Value => lab.on(node, 'pg', 'get_local_members', [scope, name]);
const groups = (lab: Lab, node: string): Value => lab.on(node, 'pg', 'which_groups', [scope]);
const ok = a('ok');

describe('pg on one node', () => {
  // @otp pg_SUITE:pg
  it('has a default scope, called pg', () => {
    const lab = new Lab([n0]);
    startScope(lab, n0, a('pg'));
    const member = lab.forever(n0);
    expect(lab.on(n0, 'pg', 'join', [a('pg'), member.pid])).toBe(ok);
    expect(lab.on(n0, 'pg', 'get_local_members', [a('pg')])).toEqual([member.pid]);
    expect(lab.on(n0, 'pg', 'which_groups')).toEqual([a('pg')]);
    expect(lab.on(n0, 'pg', 'which_local_groups')).toEqual([a('pg')]);
    expect(lab.on(n0, 'pg', 'leave', [a('pg'), member.pid])).toBe(ok);
    expect(lab.on(n0, 'pg', 'get_members', [a('pg')])).toEqual([]);
    expect(lab.on(n0, 'pg', 'which_groups', [a('pg')])).toEqual([]);
    expect(lab.on(n0, 'pg', 'which_local_groups', [a('pg')])).toEqual([]);
  });

  // @otp pg_SUITE:errors
  it('ends with badarg by what it does not know', () => {
    for (const sent of ['info', 'cast'] as const) {
      const lab = peers([n0]);
      const server = nodeOf(lab.cluster, n0).names.get('scope');
      lab.run(n0, function* (self): Flow<void> {
        self.send(scope, sent === 'info' ? a('garbage') : tup(a('$gen_cast'), a('garbage')));
        yield* self.apply('timer', 'sleep', [5]);
      });
      expect(server?.alive).toBe(false);
    }
    const lab = peers([n0]);
    const { kind, reason } = thrownBy(() => lab.on(n0, 'gen_server', 'call', [scope, a('garbage'), 100]));
    expect([kind, shown(reason)]).toEqual(['exit', expect.stringMatching(/^\{\{badarg,.*\},\{gen_server,call,/)]);
  });

  // @otp pg_SUITE:leave_exit_race
  it('takes a leave and a DOWN of the same process in any order', () => {
    const lab = peers([n0]);
    for (let round = 0; round < 100; round += 1) {
      const answers = lab.run(n0, function* (self): Flow<readonly Value[]> {
        const pid = self.spawn('timer', 'sleep', [0]);
        const joined = yield* self.apply('pg', 'join', [scope, a('test'), pid]);
        return [joined, yield* self.apply('pg', 'leave', [scope, a('test'), pid])];
      });
      expect(['ok', 'not_joined']).toContain(shown(answers[1]));
      expect(answers[0]).toBe(ok);
    }
    lab.settle();
    expect(groups(lab, n0)).toEqual([]);
  });

  // @otp pg_SUITE:single
  it('lets a process be in a group more than once, and leave as often', () => {
    const lab = peers([n0]);
    const me = lab.forever(n0);
    expect(lab.on(n0, 'pg', 'join', [scope, group, me.pid])).toBe(ok);
    join(lab, n0, group, me, me);
    expect(locals(lab, n0, group)).toEqual(pidsOf(me, me, me));
    expect(members(lab, n0, group)).toEqual(pidsOf(me, me, me));
    expect(leave(lab, n0, a('$missing$'), me)).toBe(a('not_joined'));
    expect(leave(lab, n0, group, me, me)).toBe(ok);
    expect(lab.on(n0, 'pg', 'leave', [scope, group, me.pid])).toBe(ok);
    expect([groups(lab, n0), locals(lab, n0, group), members(lab, n0, group)]).toEqual([[], [], []]);
    const other = lab.forever(n0);
    join(lab, n0, group, me);
    join(lab, n0, group, other);
    expect(sortedPids(members(lab, n0, group))).toEqual(sortedPids(pidsOf(me, other)));
    expect(sortedPids(locals(lab, n0, group))).toEqual(sortedPids(pidsOf(me, other)));
    lab.kill(other);
    expect(locals(lab, n0, group)).toEqual(pidsOf(me));
    expect(leave(lab, n0, group, me)).toBe(ok);
  });

  // @otp pg_SUITE:dyn_distribution
  it('does not take its own node for another one', () => {
    const lab = peers([n0]);
    lab.run(n0, function* (self): Flow<void> {
      self.send(scope, tup(a('nodeup'), a(n0)));
      yield* self.apply('timer', 'sleep', [5]);
    });
    const me = lab.forever(n0);
    join(lab, n0, group, me);
    expect(members(lab, n0, group)).toEqual(pidsOf(me));
  });
});

describe('pg on two nodes', () => {
  // @otp pg_SUITE:process_owner_check
  it('refuses processes of other nodes, and what is none', () => {
    const lab = peers();
    const [here, there] = [lab.forever(n0).pid, lab.forever(n1).pid];
    const refused: readonly Value[] = [there, [there, there], [here, there], [undefined]];
    for (const pids of refused) {
      const { kind, reason } = thrownBy(() => lab.on(n0, 'pg', 'join', [scope, group, pids]));
      expect([kind, elementsOf(reason)?.[0]]).toEqual(['error', a('nolocal')]);
    }
    const { kind, reason } = thrownBy(() => lab.on(n0, 'pg', 'join', [scope, group, undefined]));
    expect([kind, reason]).toEqual(['error', a('function_clause')]);
    expect(groups(lab, n0)).toEqual([]);
  });

  // @otp pg_SUITE:overlay_missing
  it('does not believe a scope that it does not know', () => {
    const lab = peers();
    const me = lab.forever(n0);
    join(lab, n0, group, me);
    const peer = nodeOf(lab.cluster, n1).names.get('scope')?.pid ?? null;
    const far = lab.forever(n1).pid;
    lab.on(n1, 'gen_server', 'stop', [scope]);
    lab.settle();
    for (const message of [tup(a('join'), peer, group, far), tup(a('leave'), peer, far, [group])]) {
      lab.run(n0, function* (self): Flow<void> {
        self.send(scope, message);
        yield* self.apply('timer', 'sleep', [5]);
      });
      expect(members(lab, n0, group)).toEqual(pidsOf(me));
    }
  });

  // @otp pg_SUITE:two
  it('knows the members of both', () => {
    const lab = peers();
    const here = lab.forever(n0);
    join(lab, n0, group, here);
    expect(locals(lab, n0, group)).toEqual(pidsOf(here));
    expect(lab.on(n0, 'rpc', 'call', [a(n1), a('pg'), a('get_members'), [scope, group]])).toEqual(pidsOf(here));
    expect(locals(lab, n1, group)).toEqual([]);
    lab.kill(here);
    expect([locals(lab, n0, group), members(lab, n1, group)]).toEqual([[], []]);
    const far = [lab.forever(n1), lab.forever(n1)];
    for (const process of far) join(lab, n1, group, process);
    expect(sortedPids(members(lab, n0, group))).toEqual(sortedPids(pidsOf(...far)));
    lab.cluster.crashNode(n1);
    lab.settle();
    expect(members(lab, n0, group)).toEqual([]);
  });

  // @otp pg_SUITE:empty_group_by_remote_leave
  it('forgets a group of another node that is empty', () => {
    const lab = peers();
    const remote = (): readonly (readonly [Value, readonly Pid[]])[] =>
      [...(pgScopes(nodeOf(lab.cluster, n0)).get('scope')?.remote.values() ?? [])].flatMap(({ groups: held }) => [
        ...held.entries(),
      ]);
    const far = [lab.forever(n1), lab.forever(n1)] as const;
    join(lab, n1, group, far[0]);
    expect(members(lab, n0, group)).toEqual(pidsOf(far[0]));
    expect(remote()).toEqual([[group, pidsOf(far[0])]]);
    expect(leave(lab, n1, group, far[0])).toBe(ok);
    expect([members(lab, n0, group), remote()]).toEqual([[], []]);
    join(lab, n1, group, far[0], far[1]);
    expect(members(lab, n0, group)).toEqual(pidsOf(...far));
    expect(leave(lab, n1, group, far[1], far[0])).toBe(ok);
    expect([members(lab, n0, group), remote()]).toEqual([[], []]);
  });

  // @otp pg_SUITE:thundering_herd
  it('answers between thousands of syncs, with thousands of groups', () => {
    const lab = peers();
    const me = lab.forever(n0);
    const far = lab.forever(n1);
    const peer = nodeOf(lab.cluster, n1).names.get('scope')?.pid ?? null;
    const server = nodeOf(lab.cluster, n0).names.get('scope');
    for (let at = 0; at < 10_000; at += 1) {
      const from = tup(me.pid, a('none'));
      const request = tup(a('$gen_call'), from, tup(a('join_local'), tup(a('group'), at), me.pid));
      if (server !== undefined) server.node.deliver(server, request);
    }
    lab.settle();
    expect(pgScopes(nodeOf(lab.cluster, n0)).get('scope')?.groups.size).toBe(10_000);
    const sync = tup(a('$gen_cast'), tup(a('sync'), peer, [tup(tup(a('group'), 1), pidsOf(far, far))]));
    for (let at = 0; at < 2000; at += 1) if (server !== undefined) server.node.deliver(server, sync);
    expect(lab.on(n0, 'pg', 'join', [scope, group, me.pid])).toBe(ok);
    expect(sortedPids(members(lab, n0, tup(a('group'), 1)))).toEqual(sortedPids(pidsOf(me, far, far)));
  });

  // @otp pg_SUITE:initial
  it('tells a node that comes later what there is', () => {
    const lab = new Lab([n0, n1], { mesh: 'none', connectAll: false, autoConnect: 'never' });
    startScope(lab, n0);
    const here = lab.forever(n0);
    join(lab, n0, group, here);
    startScope(lab, n1);
    lab.connect(n0, n1);
    expect([members(lab, n1, group), locals(lab, n1, group)]).toEqual([pidsOf(here), []]);
    lab.kill(here);
    lab.settle();
    expect(members(lab, n1, group)).toEqual([]);
  });

  // @otp pg_SUITE:netsplit
  it('joins and leaves in both parts of a cluster, and puts them together when these meet', () => {
    const lab = peers();
    const old = lab.forever(n1);
    join(lab, n1, a('$invisible'), old);
    lab.disconnect(n0, n1);
    const far = lab.forever(n1);
    expect(lab.on(n1, 'erlang', 'nodes')).toEqual([]);
    join(lab, n1, group, far);
    expect(leave(lab, n1, a('$invisible'), old)).toBe(ok);
    join(lab, n1, a('$visible'), old);
    expect(locals(lab, n1, a('$visible'))).toEqual(pidsOf(old));
    const here = lab.forever(n0);
    join(lab, n0, group, here);
    expect(lab.on(n0, 'erlang', 'nodes')).toEqual([]);
    lab.connect(n0, n1);
    expect(sortedPids(members(lab, n1, group))).toEqual(sortedPids(pidsOf(here, far)));
    expect([members(lab, n0, a('$visible')), members(lab, n0, a('$invisible'))]).toEqual([pidsOf(old), []]);
  });

  // @otp pg_SUITE:foursplit
  it('has nobody in a group that was left before the parts met again', () => {
    const lab = peers();
    const me = lab.forever(n0);
    join(lab, n0, one, me);
    join(lab, n0, two, me);
    const far = lab.forever(n1);
    expect(leave(lab, n0, one, me)).toBe(ok);
    expect(leave(lab, n0, a('three'), me)).toBe(a('not_joined'));
    lab.disconnect(n0, n1);
    lab.kill(far);
    expect(leave(lab, n0, a('three'), me)).toBe(a('not_joined'));
    lab.connect(n0, n1);
    expect([members(lab, n0, one), members(lab, n1, one), members(lab, n1, two)]).toEqual([[], [], pidsOf(me)]);
  });

  // @otp pg_SUITE:nolocal
  it('has no local members where all are elsewhere', () => {
    const lab = peers();
    const far = lab.forever(n1);
    join(lab, n1, group, far);
    join(lab, n1, group, far);
    expect([locals(lab, n0, group), members(lab, n0, group)]).toEqual([[], pidsOf(far, far)]);
  });

  // @otp pg_SUITE:double
  it('tells how often a process is in a group', () => {
    const lab = new Lab([n0, n1], { mesh: 'none', connectAll: false, autoConnect: 'never' });
    startScope(lab, n0);
    const me = lab.forever(n0);
    expect(lab.on(n0, 'pg', 'join', [scope, group, me.pid])).toBe(ok);
    startScope(lab, n1);
    lab.connect(n0, n1);
    join(lab, n0, group, me);
    expect([members(lab, n0, group), members(lab, n1, group)]).toEqual([pidsOf(me, me), pidsOf(me, me)]);
  });

  // @otp pg_SUITE:scope_restart
  it('learns anew of the others when its scope starts again, and has lost its own', () => {
    const lab = peers();
    const me = lab.forever(n0);
    join(lab, n0, group, me, me);
    const far = lab.forever(n1);
    join(lab, n1, group, far);
    expect(sortedPids(members(lab, n0, group))).toEqual(sortedPids(pidsOf(me, me, far)));
    lab.on(n0, 'gen_server', 'stop', [scope]);
    startScope(lab, n0);
    lab.settle();
    expect([members(lab, n0, group), members(lab, n1, group)]).toEqual([pidsOf(far), pidsOf(far)]);
  });

  // @otp pg_SUITE:missing_scope_join
  it('says noproc where the scope does not run', () => {
    const lab = peers();
    lab.on(n1, 'gen_server', 'stop', [scope]);
    const far = lab.forever(n1).pid;
    for (const what of ['join', 'leave']) {
      const answer = lab.on(n0, 'rpc', 'call', [a(n1), a('pg'), a(what), [scope, group, far]]);
      expect(shown(answer)).toMatch(/^\{badrpc,\{EXIT,\{noproc,/);
    }
  });

  // @otp pg_SUITE:disconnected_start
  it('starts and stops on a node without connections', () => {
    const lab = peers();
    lab.disconnect(n0, n1);
    lab.on(n1, 'gen_server', 'stop', [scope]);
    expect(startScope(lab, n1)).toBeInstanceOf(Pid);
    lab.on(n1, 'gen_server', 'stop', [scope]);
    expect(nodeOf(lab.cluster, n1).names.has('scope')).toBe(false);
  });

  // @otp pg_SUITE:forced_sync
  it('takes what a peer says it has for what it has', () => {
    const lab = peers();
    const [here, far] = [lab.forever(n0), lab.forever(n1)];
    join(lab, n0, one, here);
    join(lab, n1, one, far);
    const peer = nodeOf(lab.cluster, n1).names.get('scope')?.pid ?? null;
    lab.disconnect(n0, n1);
    lab.connect(n0, n1);
    expect(sortedPids(members(lab, n0, one))).toEqual(sortedPids(pidsOf(here, far)));
    const fake = [tup(one, pidsOf(far, far)), tup(group, pidsOf(far, far))];
    lab.on(n0, 'gen_server', 'cast', [scope, tup(a('sync'), peer, fake)]);
    lab.settle();
    expect(members(lab, n0, group)).toEqual(pidsOf(far, far));
    expect(sortedPids(members(lab, n0, one))).toEqual(sortedPids(pidsOf(far, far, here)));
    const own = nodeOf(lab.cluster, n0).names.get('scope')?.pid ?? null;
    for (let times = 0; times < 2; times += 1) {
      lab.run(n0, function* (self): Flow<void> {
        self.send(tup(scope, a(n1)), tup(a('discover'), own));
        yield* self.apply('timer', 'sleep', [5]);
      });
      lab.settle();
      expect(sortedPids(members(lab, n0, one))).toEqual(sortedPids(pidsOf(here, far)));
      expect(members(lab, n0, group)).toEqual([]);
    }
  });

  // @otp pg_SUITE:group_leave
  it('counts what is left of many memberships, until the node is gone', () => {
    const lab = peers();
    const far = lab.forever(n1);
    const times = (count: number): readonly Process[] => Array.from({ length: count }, () => far);
    join(lab, n1, two, ...times(16));
    expect(leave(lab, n1, two, ...times(4))).toBe(ok);
    expect(members(lab, n0, two)).toEqual(pidsOf(...times(12)));
    lab.cluster.crashNode(n1);
    lab.settle();
    expect(members(lab, n0, two)).toEqual([]);
  });
});

describe('pg on three nodes', () => {
  // @otp pg_SUITE:trisplit
  it('tells a third node what was joined after two had met again', () => {
    const lab = new Lab([n0, n1, n2], { mesh: 'none', connectAll: false, autoConnect: 'never' });
    for (const node of [n0, n1, n2]) startScope(lab, node);
    lab.connect(n0, n1);
    const far = lab.forever(n1);
    join(lab, n1, a('three'), far);
    lab.disconnect(n0, n1);
    lab.connect(n0, n1);
    join(lab, n1, one, far);
    lab.connect(n0, n2);
    lab.connect(n2, n1);
    expect(lab.on(n2, 'erlang', 'nodes')).toEqual([a(n0), a(n1)]);
    expect(members(lab, n2, one)).toEqual(pidsOf(far));
    expect(members(lab, n2, a('three'))).toEqual(pidsOf(far));
  });

  // @otp pg_SUITE:exchange
  it('exchanges what was joined while all were apart', () => {
    const lab = peers([n0, n1, n2]);
    const many = (node: string): readonly Process[] => Array.from({ length: 10 }, () => lab.forever(node));
    const [pids10, pids2, pids11] = [many(n1), many(n2), many(n1)];
    join(lab, n1, group, ...pids10);
    expect(sortedPids(members(lab, n0, group))).toEqual(sortedPids(pidsOf(...pids10)));
    for (const process of pids10.slice(0, 3)) lab.kill(process);
    const pids1 = pids10.slice(3);
    for (const node of [n1, n2]) lab.disconnect(n0, node);
    expect(members(lab, n0, group)).toEqual([]);
    for (const process of pids2) join(lab, n2, group, process);
    for (const process of pids11) join(lab, n1, a('second'), process);
    join(lab, n1, a('third'), ...pids11);
    lab.connect(n0, n1);
    lab.connect(n0, n2);
    const all = [...sortedPids(members(lab, n0, a('second'))), ...sortedPids(members(lab, n0, group))].sort();
    expect(all).toEqual(sortedPids(pidsOf(...pids1, ...pids2, ...pids11)));
    expect(sortedPids(members(lab, n0, a('third')))).toEqual(sortedPids(pidsOf(...pids11)));
    const [left, stay] = [pids11.slice(0, 3), pids11.slice(3)];
    expect(leave(lab, n1, a('third'), ...left)).toBe(ok);
    expect(sortedPids(members(lab, n0, a('third')))).toEqual(sortedPids(pidsOf(...stay)));
    expect(leave(lab, n1, a('left'), ...stay)).toBe(a('not_joined'));
    expect(leave(lab, n1, a('third'), ...stay)).toBe(ok);
    expect(members(lab, n0, a('third'))).toEqual([]);
  });
});

describe('monitors of pg', () => {
  // @otp pg_SUITE:monitor_nonempty_scope
  it('of a scope begin with all its groups', () => {
    const lab = peers();
    const [here, far] = [lab.forever(n0), lab.forever(n1)];
    join(lab, n0, one, here);
    join(lab, n1, one, far);
    lab.run(n0, function* (self): Flow<void> {
      const [ref, all] = elementsOf(yield* self.apply('pg', 'monitor_scope', [scope])) ?? [];
      expect(all).toBeInstanceOf(Map);
      const entries = all instanceof Map ? [...all.entries()] : [];
      expect(entries.map(([name]) => name)).toEqual([one]);
      expect(sortedPids(entries[0]?.[1])).toEqual(sortedPids(pidsOf(here, far)));
      expect(yield* self.apply('pg', 'demonitor', [scope, ref instanceof Ref ? ref : null])).toBe(ok);
      const [, again] = elementsOf(yield* self.apply('pg', 'monitor_scope', [scope])) ?? [];
      expect(again).toEqual(all);
    });
  });

  const starts: readonly (readonly [string, readonly Value[]])[] = [
    ['monitor_scope', [scope]],
    ['monitor', [scope, group]],
  ];
  // @otp pg_SUITE:monitor_scope pg_SUITE:monitor
  it.each(starts)('%s tells of every change on any node, to processes on any node, until it is ended', (name, args) => {
    const lab = peers();
    const refs: Value[] = [];
    const watching = (node: string, at: number): { readonly process: Process; readonly got: Value[] } =>
      lab.listener(node, function* (self): Flow<void> {
        // The one far away asks the scope here.
        const request = name === 'monitor' ? tup(a('monitor'), group) : a('monitor');
        const server = tup(scope, a(n0));
        const answer =
          node === n0
            ? yield* self.apply('pg', name, args)
            : yield* self.apply('gen_server', 'call', [server, request]);
        const [ref, known] = elementsOf(answer) ?? [];
        refs[at] = ref instanceof Ref ? ref : null;
        const first = known instanceof Map ? (known.get(group) ?? []) : known;
        expect(first).toEqual(at === 0 ? [] : pidsOf(me));
      });
    const me = lab.forever(n0);
    const unknown = lab.run(n0, (self) => self.apply('pg', 'demonitor', [scope, self.makeRef()]));
    expect(unknown).toBe(false);
    const first = watching(n0, 0);
    join(lab, n0, group, me);
    const second = watching(n0, 1);
    const third = watching(n1, 2);
    const far = lab.forever(n1);
    join(lab, n1, group, far, far);
    expect(leave(lab, n0, group, me)).toBe(ok);
    expect(leave(lab, n1, group, far)).toBe(ok);
    const news = (at: number, what: string, ...of: readonly Process[]): Value =>
      tup(refs[at], a(what), group, pidsOf(...of));
    const changes = (at: number): readonly Value[] => [
      news(at, 'join', far, far),
      news(at, 'leave', me),
      news(at, 'leave', far),
    ];
    expect(first.got).toEqual([news(0, 'join', me), ...changes(0)]);
    expect(second.got).toEqual(changes(1));
    expect(third.got).toEqual(changes(2));
    lab.kill(second.process);
    lab.cluster.crashNode(n1);
    lab.settle();
    expect(first.got.slice(4)).toEqual([news(0, 'leave', far)]);
    // Those that ended are watched no more.
    const state = pgScopes(nodeOf(lab.cluster, n0)).get('scope');
    const left = name === 'monitor' ? state?.groupMonitors : state?.scopeMonitors;
    expect([...(left?.keys() ?? [])]).toEqual([refs[0]]);
    const demonitor = (): Value => lab.on(n0, 'pg', 'demonitor', [scope, refs[0]]);
    expect([demonitor(), demonitor()]).toEqual([ok, false]);
    join(lab, n0, group, me);
    expect(first.got).toHaveLength(5);
  });
});
