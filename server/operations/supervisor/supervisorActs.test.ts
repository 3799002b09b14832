/** Operations that act on supervisors and their children, on a scripted cluster. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answering, failing, streaming, streamFailing } from '../../../runtime/fake/scriptedRuntime.ts';
import { failure } from '../../../runtime/errors.ts';
import type { ChildRow, ChildSpec, Json, SupervisorFlags, SupervisorInfo } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { MethodTable } from '../../../runtime/port.ts';
import { atom, integer, text, tuple } from '../../../runtime/term/term.ts';
import { at, listAt } from '../../backend/testKit.ts';
import { errorOf, textWith } from '../../core/testKit.ts';
import type { Bench } from '../testKit.ts';
import { child, holding, idOf, late, lost, ref, scriptedHouse } from '../testKit.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await scriptedHouse();
});
beforeEach(() => {
  bench.script({});
});
afterAll(() => bench.close());

const supervisor = { supervisor: 'Shop.Supervisor', node: 'a@h' };
const supervisorRef = ref('a@h', 20);
const flags: SupervisorFlags = { strategy: 'one_for_one', intensity: 1, periodSeconds: 5, autoShutdown: 'never' };
const spec: ChildSpec = {
  childId: atom('cart'),
  start: { module: 'Elixir.Shop.Cart', function: 'start_link', args: [] },
  restart: 'permanent',
  shutdown: 5_000,
  type: 'worker',
  significant: false,
};
const cart = child(atom('cart'), { is: 'running', pid: ref('a@h', 10) });
const stopped = child(atom('stopped'), { is: 'undefined' }, 1);
const dynamic = child(atom('undefined'), { is: 'running', pid: ref('a@h', 12) }, 2);
const notFound = failure('not_found', 'child.not_found', 'No such child.', 'Look.').error;

function children(...rows: readonly ChildRow[]): MethodTable {
  return { 'supervisors.children': streaming([rows], { total: rows.length }) };
}

describe('add_child', () => {
  const written = { id: 'Shop.Cart', module: 'Shop.Cart', args: [1, { $term: '{:a, "b"}' }], shutdown: 'infinity' };

  it('makes a specification of what is written, with OTP’s defaults', async () => {
    bench.script({ ...children(), 'supervisors.startChild': answering({ pid: ref('a@h', 30) }) });
    const added = await bench.result('add_child', { ...supervisor, spec: written });
    expect(added).toEqual({ supervisor: idOf('a@h', 20), node: 'a@h', childId: 'Shop.Cart', pid: idOf('a@h', 30) });
    expect(bench.runtime.asked('supervisors.startChild')).toEqual([
      {
        supervisor: supervisorRef,
        spec: {
          childId: atom('Elixir.Shop.Cart'),
          start: {
            module: 'Elixir.Shop.Cart',
            function: 'start_link',
            args: [integer(1), tuple(atom('a'), text('b'))],
          },
          restart: 'permanent',
          shutdown: 'infinity',
          type: 'worker',
          significant: false,
        },
      },
    ]);
    bench.script({ ...children(), 'supervisors.startChild': answering({ pid: null }) });
    expect(at(await bench.result('add_child', { ...supervisor, spec: written }), 'pid')).toBeNull();
  });

  it('says where a specification is wrong, and starts nothing', async () => {
    bench.script({ ...children(), 'supervisors.startChild': failing(late) });
    const wrong = async (change: object) =>
      errorOf(await bench.run('add_child', { ...supervisor, spec: { ...written, ...change } }));
    expect(await wrong({ id: '{:a' })).toMatchObject({ code: 'params.invalid', pointer: '/spec/id' });
    expect((await wrong({ args: [1, { $term: '}' }] })).pointer).toBe('/spec/args/1');
    expect((await wrong({ restart: 'always' })).class).toBe('validation');
    expect((await wrong({ shutdown: 0 })).class).toBe('validation');
    expect((await wrong({ start: 'm' })).class).toBe('validation');
    expect(bench.runtime.asked('supervisors.startChild')).toEqual([]);
    expect(await wrong({})).toMatchObject({ class: 'timeout' });
    expect(errorOf(await bench.run('add_child', { supervisor: 'Nobody', spec: written })).class).toBe('not_found');
  });

  // @row T007.a2
  it('says everything that is wrong with a specification at once, each with its place', async () => {
    bench.script({ ...children(), 'supervisors.startChild': failing(late), 'supervisors.start': failing(late) });
    const places = async (operation: string, params: { readonly [key: string]: Json }) => {
      const { code, details } = errorOf(await bench.run(operation, params, { mode: 'dry_run' }));
      return [code, ...listAt(details ?? null, 'problems').map((problem) => at(problem, 'pointer'))];
    };
    const bad = { id: '{:a', module: 'm', args: [{ $term: '}' }, 1, { $term: '{' }], significant: true };
    expect(await places('add_child', { ...supervisor, spec: bad })).toEqual([
      'params.invalid',
      '/spec/id',
      '/spec/args/0',
      '/spec/args/2',
      '/spec/significant',
    ]);
    const transient = { id: 'same', module: 'm', restart: 'transient', significant: true };
    expect(await places('start_supervisor', { children: [bad, transient, { id: 'same', module: 'm' }] })).toEqual([
      'params.invalid',
      '/children/0/id',
      '/children/0/args/0',
      '/children/0/args/2',
      '/children/0/significant',
      '/children/0/significant',
      '/children/1/significant',
      '/children/2/id',
    ]);
    expect(await places('start_supervisor', { strategy: 'simple_one_for_one' })).toEqual([
      'params.invalid',
      '/children',
    ]);
    const fits = { children: [transient], autoShutdown: 'any_significant' };
    expect(await bench.run('start_supervisor', fits, { mode: 'validate' })).toMatchObject({ ok: true });
    expect(bench.runtime.asked('supervisors.start')).toEqual([]);
  });

  it('starts none whose id is taken', async () => {
    const asked = (strategy: SupervisorFlags['strategy'], id = ':cart') => {
      bench.script({
        ...children(cart),
        'supervisors.childSpec': answering(spec),
        'supervisors.flags': answering({ ...flags, strategy }),
        'supervisors.startChild': failing(late),
      });
      return bench.run('add_child', { ...supervisor, spec: { ...written, id } }, { mode: 'dry_run' });
    };
    const refused = errorOf(await asked('one_for_one'));
    expect(refused).toMatchObject({ code: 'child.exists', pointer: '/spec/id', class: 'conflict' });
    // There may be very many: only the one is asked for.
    expect(bench.runtime.asked('supervisors.children')).toEqual([]);
    expect((await asked('one_for_one', ':other')).ok).toBe(true);
    expect((await asked('simple_one_for_one')).ok).toBe(true);
  });

  it('is known later by the child’s id, where it has one', async () => {
    const start = { 'supervisors.startChild': failing(late) };
    bench.script({ ...children(stopped), ...start });
    const added = await bench.planned('add_child', { ...supervisor, spec: { ...written, id: ':cart' } });
    expect(added.plan.summary).toBe('Start :cart (Shop.Cart.start_link/2) under <0.20.0> on a@h');
    expect(await added.probe()).toBe('none');
    bench.script({ ...children(cart), ...start });
    expect(await added.probe()).toBe('applied');
    bench.script({ ...children(dynamic), ...start });
    expect(await added.probe()).toBe('unknown');
    bench.script({ 'supervisors.children': streamFailing(late), ...start });
    expect(await added.probe()).toBe('unknown');
  });
});

describe('the child that is meant', () => {
  const plan = async (name: string) =>
    (await bench.planned('terminate_child', { ...supervisor, child: name })).plan.summary;

  it('is named by its id in any form, or by its process', async () => {
    const module = child(atom('Elixir.Shop.Cart'), { is: 'running', pid: ref('a@h', 14) });
    const tupled = child(tuple(atom('cart'), integer(7)), { is: 'restarting' });
    bench.script({ ...children(cart, module, tupled), 'supervisors.terminateChild': failing(late) });
    for (const name of ['cart', ':cart', '<0.10.0>', '#PID<0.10.0>', '0.10.0', idOf('a@h', 10)]) {
      expect(await plan(name), name).toBe('End :cart (<0.10.0>) under <0.20.0> on a@h');
    }
    expect(await plan('Shop.Cart')).toContain('Shop.Cart (<0.14.0>)');
    expect(await plan('{cart, 7}')).toBe('End {:cart, 7} under <0.20.0> on a@h');
  });

  it('is refused when there is none, or more than one', async () => {
    bench.script({ ...children(dynamic, dynamic), 'supervisors.terminateChild': failing(late) });
    const error = async (name: string) => errorOf(await bench.run('terminate_child', { ...supervisor, child: name }));
    expect(await error(':undefined')).toMatchObject({ code: 'child.ambiguous', pointer: '/child' });
    // The same numbers on another node are another process.
    expect(await error(idOf('b@h', 12))).toMatchObject({ code: 'child.not_found', node: 'a@h' });
    bench.script({ 'supervisors.children': streamFailing(late), 'supervisors.terminateChild': failing(late) });
    expect((await error('cart')).class).toBe('timeout');
    expect(errorOf(await bench.run('terminate_child', { supervisor: 'Nobody', child: 'cart' })).class).toBe(
      'not_found',
    );
  });
});

describe('terminate_child', () => {
  it('names the child by its id, or by its process where it has none', async () => {
    bench.script({ ...children(cart, stopped, dynamic), 'supervisors.terminateChild': answering({}) });
    expect(await bench.result('terminate_child', { ...supervisor, child: 'cart' })).toMatchObject({
      childId: ':cart',
      before: idOf('a@h', 10),
    });
    expect(await bench.result('terminate_child', { ...supervisor, child: 'stopped' })).toMatchObject({ before: null });
    await bench.result('terminate_child', { ...supervisor, child: '<0.12.0>' });
    expect(bench.runtime.asked('supervisors.terminateChild')).toEqual([
      { supervisor: supervisorRef, child: { childId: atom('cart') } },
      { supervisor: supervisorRef, child: { childId: atom('stopped') } },
      { supervisor: supervisorRef, child: { pid: ref('a@h', 12) } },
    ]);
    bench.script({ ...children(cart), 'supervisors.terminateChild': failing(lost) });
    expect(errorOf(await bench.run('terminate_child', { ...supervisor, child: 'cart' })).effect).toBe('unknown');
  });
});

describe('delete_child', () => {
  const deletes = (change: MethodTable = {}) => {
    bench.script({
      ...children(cart, stopped, dynamic),
      'supervisors.terminateChild': answering({}),
      'supervisors.deleteChild': answering({}),
      ...change,
    });
  };

  it('ends a child first only when it is told to and the child runs', async () => {
    deletes();
    const one = (name: string, terminate = false) =>
      bench.result('delete_child', { ...supervisor, child: name, terminate });
    expect(await one('stopped', true)).toMatchObject({ terminated: false });
    const refused = errorOf(await bench.run('delete_child', { ...supervisor, child: 'cart' }, { mode: 'dry_run' }));
    expect(refused).toMatchObject({ code: 'child.running', pointer: '/child', effect: 'none' });
    expect(bench.runtime.asked('supervisors.terminateChild')).toEqual([]);
    expect(await one('cart', true)).toMatchObject({ childId: ':cart', terminated: true });
    expect(bench.runtime.asked('supervisors.deleteChild')).toHaveLength(2);
    const { plan } = await bench.planned('delete_child', { ...supervisor, child: 'cart', terminate: true });
    expect(plan).toMatchObject({ summary: textWith('End and delete'), touches: [{ what: 'end and removal' }] });
  });

  it('is partly done when the child was ended and stayed, and done when its supervisor forgot it', async () => {
    const params = { ...supervisor, child: 'cart', terminate: true };
    deletes({ 'supervisors.deleteChild': failing(late) });
    expect(errorOf(await bench.run('delete_child', params)).effect).toBe('partial');
    expect(errorOf(await bench.run('delete_child', { ...supervisor, child: 'stopped' })).effect).toBe('none');
    deletes({ 'supervisors.deleteChild': failing(notFound) });
    expect(await bench.result('delete_child', params)).toMatchObject({ terminated: true });
    expect(errorOf(await bench.run('delete_child', { ...supervisor, child: 'stopped' })).class).toBe('not_found');
    deletes({ 'supervisors.terminateChild': failing(late) });
    expect(errorOf(await bench.run('delete_child', params)).effect).toBe('none');
    expect(bench.runtime.asked('supervisors.deleteChild')).toEqual([]);
  });

  it('refuses a child of a dynamic supervisor before it is ended', async () => {
    deletes();
    const error = errorOf(await bench.run('delete_child', { ...supervisor, child: '<0.12.0>', terminate: true }));
    expect(error).toMatchObject({ code: 'child.dynamic', remedy: textWith('terminate_child') });
    expect(bench.runtime.asked('supervisors.terminateChild')).toEqual([]);
  });
});

describe('restart_child', () => {
  const restarts = (change: MethodTable = {}) => {
    bench.script({
      ...children(cart, stopped, dynamic),
      'supervisors.terminateChild': answering({}),
      'supervisors.restartChild': answering({ pid: ref('a@h', 11) }),
      'supervisors.childSpec': answering(spec),
      ...change,
    });
  };
  const params = { ...supervisor, child: 'cart' };

  it('ends one that runs and starts one that does not', async () => {
    restarts();
    expect(await bench.result('restart_child', params)).toMatchObject({
      before: idOf('a@h', 10),
      pid: idOf('a@h', 11),
    });
    expect(bench.runtime.asked('supervisors.terminateChild')).toHaveLength(1);
    restarts({ 'supervisors.restartChild': answering({ pid: null }) });
    expect(await bench.result('restart_child', { ...params, child: 'stopped' })).toMatchObject({
      before: null,
      pid: null,
    });
    expect(bench.runtime.asked('supervisors.terminateChild')).toEqual([]);
  });

  it('ends nothing that could not be started again', async () => {
    restarts({ 'supervisors.childSpec': answering({ ...spec, restart: 'temporary' }) });
    expect(errorOf(await bench.run('restart_child', params))).toMatchObject({
      code: 'child.temporary',
      class: 'conflict',
      effect: 'none',
    });
    const error = errorOf(await bench.run('restart_child', { ...params, child: '<0.12.0>' }));
    expect(error).toMatchObject({ code: 'child.dynamic', remedy: textWith('restart_process') });
    expect(bench.runtime.asked('supervisors.terminateChild')).toEqual([]);
  });

  it('goes on where specifications cannot be had, and says when it came half way', async () => {
    const half = { 'supervisors.childSpec': failing(late), 'supervisors.restartChild': failing(late) };
    restarts(half);
    expect(errorOf(await bench.run('restart_child', params)).effect).toBe('partial');
    expect(errorOf(await bench.run('restart_child', { ...params, child: 'stopped' })).effect).toBe('none');
    restarts({ 'supervisors.terminateChild': failing(lost) });
    expect(errorOf(await bench.run('restart_child', params)).effect).toBe('unknown');
    expect(bench.runtime.asked('supervisors.restartChild')).toEqual([]);
  });
});

describe('change_supervisor_strategy', () => {
  it('changes only what is named, if nobody else has changed it', async () => {
    const after: SupervisorFlags = { ...flags, strategy: 'rest_for_one' };
    bench.script({ 'supervisors.flags': answering(flags), 'supervisors.setFlags': answering(after) });
    const params = { ...supervisor, strategy: 'rest_for_one' };
    expect(await bench.result('change_supervisor_strategy', params)).toMatchObject({ before: flags, after });
    expect(bench.runtime.asked('supervisors.setFlags')).toEqual([
      { supervisor: supervisorRef, expect: flags, flags: after },
    ]);
    const everything = { strategy: 'one_for_all', intensity: 3, periodSeconds: 9, autoShutdown: 'any_significant' };
    await bench.result('change_supervisor_strategy', { ...supervisor, ...everything });
    expect(bench.runtime.asked('supervisors.setFlags')[1]).toMatchObject({ flags: everything });
  });

  it('says from what to what, and can be put back', async () => {
    bench.script({
      'supervisors.flags': answering(flags),
      'supervisors.setFlags': ({ flags: set }) => Promise.resolve(ok(set)),
    });
    const changed = await bench.planned('change_supervisor_strategy', {
      ...supervisor,
      autoShutdown: 'all_significant',
    });
    expect(changed.plan.summary).toBe(
      'Change <0.20.0> on a@h from one_for_one (1 in 5 s) to one_for_one (1 in 5 s, auto shutdown all_significant)',
    );
    expect(await changed.compensate(await changed.apply())).toEqual(ok(null));
    expect(bench.runtime.asked('supervisors.setFlags')[1]).toEqual({
      supervisor: supervisorRef,
      expect: { ...flags, autoShutdown: 'all_significant' },
      flags,
    });
    expect(await changed.compensate(await failing(late)())).toEqual(ok(null));
    expect(bench.runtime.asked('supervisors.setFlags')).toHaveLength(2);
    bench.script({ 'supervisors.flags': failing(late), 'supervisors.setFlags': failing(lost) });
    expect(errorOf(await changed.compensate(ok({}))).class).toBe('unavailable');
  });

  it('is known later by the flags there are', async () => {
    const script = (now: SupervisorFlags) => {
      bench.script({ 'supervisors.flags': answering(now), 'supervisors.setFlags': failing(lost) });
    };
    script(flags);
    const changed = await bench.planned('change_supervisor_strategy', { ...supervisor, intensity: 4 });
    expect(await changed.probe()).toBe('none');
    script({ ...flags, intensity: 4 });
    expect(await changed.probe()).toBe('applied');
    script({ ...flags, intensity: 4, periodSeconds: 6 });
    expect(await changed.probe()).toBe('unknown');
    bench.script({ 'supervisors.flags': failing(late), 'supervisors.setFlags': failing(lost) });
    expect(await changed.probe()).toBe('unknown');
    expect(errorOf(await bench.run('change_supervisor_strategy', { ...supervisor, intensity: 4 })).class).toBe(
      'timeout',
    );
  });

  it('refuses to change nothing, and change_strategy without a strategy', async () => {
    bench.script({ 'supervisors.flags': answering(flags), 'supervisors.setFlags': failing(lost) });
    expect(errorOf(await bench.run('change_supervisor_strategy', supervisor)).class).toBe('validation');
    const alias = await bench.run('change_strategy', { ...supervisor, intensity: 2 });
    expect(errorOf(alias).pointer).toBe('/strategy');
    expect(errorOf(await bench.run('change_supervisor_strategy', { ...supervisor, intensity: 2 })).effect).toBe(
      'unknown',
    );
    const nobody = { supervisor: 'Nobody', intensity: 2 };
    expect(errorOf(await bench.run('change_supervisor_strategy', nobody)).class).toBe('not_found');
  });
});

describe('start_supervisor', () => {
  it('starts one with its children, under a parent or kept by us', async () => {
    bench.script({ 'supervisors.start': answering(ref('b@h', 50)) });
    const params = { node: 'b@h', parent: 'Shop.Supervisor', name: 'Shop.Extra', children: [{ id: 'a', module: 'm' }] };
    expect(await bench.result('start_supervisor', params)).toMatchObject({
      pid: idOf('b@h', 50),
      registeredName: 'Elixir.Shop.Extra',
    });
    const unnamed = await bench.result('start_supervisor', { strategy: 'one_for_all', lingerMs: 9 });
    expect(at(unnamed, 'registeredName')).toBeNull();
    const [under, own] = bench.runtime.asked('supervisors.start');
    expect(under).toMatchObject({
      node: 'b@h',
      parent: ref('b@h', 20),
      name: 'Elixir.Shop.Extra',
      flags,
      children: [{ childId: atom('a'), start: { module: 'm', function: 'start_link', args: [] } }],
    });
    expect(own).toMatchObject({ node: 'a@h', flags: { strategy: 'one_for_all' }, lingerMs: 9, children: [] });
    expect(own).not.toHaveProperty('parent');
    expect(own).not.toHaveProperty('name');
  });

  it('says which child is wrong, and starts none', async () => {
    bench.script({ 'supervisors.start': failing(lost) });
    const bad = {
      children: [
        { id: 'a', module: 'm' },
        { id: '{', module: 'm' },
      ],
    };
    expect(errorOf(await bench.run('start_supervisor', bad)).pointer).toBe('/children/1/id');
    expect(errorOf(await bench.run('start_supervisor', { parent: 'Nobody' })).class).toBe('not_found');
    expect(bench.runtime.asked('supervisors.start')).toEqual([]);
    expect(errorOf(await bench.run('start_supervisor')).effect).toBe('unknown');
    bench.script({ 'supervisors.start': failing(lost), 'cluster.nodes': failing(late) });
    expect(errorOf(await bench.run('start_supervisor')).class).toBe('timeout');
  });
});

describe('stop_supervisor and restart_supervisor', () => {
  const info = (change: Partial<SupervisorInfo> = {}): SupervisorInfo => ({
    supervisor: supervisorRef,
    name: null,
    kind: 'supervisor',
    module: null,
    application: null,
    parent: ref('a@h', 19),
    flags: null,
    evidence: 'initial_call',
    ...change,
  });
  const itself = child(atom('inner'), { is: 'running', pid: supervisorRef });
  const scripted = (of: SupervisorInfo, change: MethodTable = {}) => {
    bench.script({
      ...children(itself),
      'supervisors.find': streaming([[of]], { total: 1, nodes: [] }),
      'supervisors.terminateChild': answering({}),
      'supervisors.restartChild': answering({ pid: ref('a@h', 21) }),
      'supervisors.stop': answering({ outcome: 'exited', reason: atom('shutdown') }),
      'holdings.list': answering({ holdings: [], nodes: [] }),
      'holdings.release': answering({ wasHeld: true }),
      ...change,
    });
  };

  it('have the supervisor above end it, by its id', async () => {
    scripted(info());
    expect(await bench.result('stop_supervisor', supervisor)).toMatchObject({ parent: idOf('a@h', 19) });
    expect(bench.runtime.asked('supervisors.terminateChild')).toEqual([
      { supervisor: ref('a@h', 19), child: { childId: atom('inner') } },
    ]);
    expect(await bench.result('restart_supervisor', supervisor)).toEqual({
      node: 'a@h',
      before: idOf('a@h', 20),
      pid: idOf('a@h', 21),
      parent: idOf('a@h', 19),
    });
    expect(bench.runtime.asked('supervisors.stop')).toEqual([]);
  });

  it('name it by its process under a dynamic supervisor, which restarts what ends', async () => {
    const nameless = child(atom('undefined'), { is: 'running', pid: supervisorRef });
    const restarted = { pid: ref('a@h', 22), supervisor: ref('a@h', 19), state: 'fresh' } as const;
    scripted(info(), { ...children(nameless), 'processes.restart': answering(restarted) });
    await bench.result('stop_supervisor', supervisor);
    expect(bench.runtime.asked('supervisors.terminateChild')).toMatchObject([{ child: { pid: supervisorRef } }]);
    expect(at(await bench.result('restart_supervisor', supervisor), 'pid')).toBe(idOf('a@h', 22));
    expect(bench.runtime.asked('supervisors.restartChild')).toEqual([]);
    scripted(info(), children(nameless));
    expect(errorOf(await bench.run('restart_supervisor', supervisor)).class).toBe('unsupported');
  });

  it('refuse the root of an application, and what is no supervisor', async () => {
    for (const operation of ['stop_supervisor', 'restart_supervisor']) {
      scripted(info({ parent: null, application: 'shop' }));
      expect(errorOf(await bench.run(operation, supervisor))).toMatchObject({
        code: 'supervisor.is_root',
        message: textWith('shop'),
      });
      scripted(info({ supervisor: ref('a@h', 99) }));
      expect(errorOf(await bench.run(operation, supervisor)).code).toBe('supervisor.not_one');
      scripted(info(), { 'supervisors.find': streamFailing(late) });
      expect(errorOf(await bench.run(operation, supervisor)).class).toBe('timeout');
      scripted(info(), children(cart));
      expect(errorOf(await bench.run(operation, supervisor)).code).toBe('child.not_found');
      scripted(info(), { 'supervisors.terminateChild': failing(lost) });
      expect(errorOf(await bench.run(operation, supervisor)).effect).toBe('unknown');
      expect(errorOf(await bench.run(operation, { supervisor: 'Nobody' })).class).toBe('not_found');
    }
  });

  it('give back one that we keep, and end one that nobody keeps', async () => {
    const alone = info({ parent: null });
    const held = holding('h9', { kind: 'process', target: supervisorRef });
    const other = holding('h8', { kind: 'process', target: null });
    scripted(alone, { 'holdings.list': answering({ holdings: [other, held], nodes: [] }) });
    expect(at(await bench.result('stop_supervisor', supervisor), 'parent')).toBeNull();
    expect(bench.runtime.asked('holdings.release')).toEqual([{ id: 'h9' }]);
    scripted(alone);
    expect(at(await bench.result('stop_supervisor', supervisor), 'parent')).toBeNull();
    expect(bench.runtime.asked('supervisors.stop')).toMatchObject([{ supervisor: supervisorRef }]);
    scripted(alone, { 'holdings.list': failing(late) });
    expect(errorOf(await bench.run('stop_supervisor', supervisor)).class).toBe('timeout');
  });

  it('do not tell a supervisor as stopped that lives on', async () => {
    scripted(info({ parent: null }), { 'supervisors.stop': answering({ outcome: 'survived' }) });
    expect(errorOf(await bench.run('stop_supervisor', supervisor))).toMatchObject({
      code: 'supervisor.survived',
      effect: 'applied',
    });
    scripted(info({ parent: null }), { 'supervisors.stop': failing(lost) });
    expect(errorOf(await bench.run('stop_supervisor', supervisor)).effect).toBe('unknown');
    const held = holding('h9', { target: supervisorRef });
    const kept = { 'holdings.list': answering({ holdings: [held], nodes: [] }), 'holdings.release': failing(lost) };
    scripted(info({ parent: null }), kept);
    expect(errorOf(await bench.run('stop_supervisor', supervisor)).effect).toBe('unknown');
  });

  it('end no temporary one for a restart, and say when it was ended and not started', async () => {
    scripted(info(), { 'supervisors.childSpec': answering({ ...spec, restart: 'temporary' }) });
    expect(errorOf(await bench.run('restart_supervisor', supervisor)).code).toBe('child.temporary');
    expect(bench.runtime.asked('supervisors.terminateChild')).toEqual([]);
    scripted(info(), { 'supervisors.restartChild': failing(late) });
    expect(errorOf(await bench.run('restart_supervisor', supervisor)).effect).toBe('partial');
    scripted(info(), { 'supervisors.restartChild': answering({ pid: null }) });
    expect(at(await bench.result('restart_supervisor', supervisor), 'pid')).toBeNull();
  });
});
