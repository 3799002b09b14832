import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { House } from '../backend/testKit.ts';
import { at, editor, houseOn, listAt } from '../backend/testKit.ts';
import { valueOf } from '../core/testKit.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import { ok } from '../../runtime/model.ts';
import type { UndoableCall } from '../core/calls.ts';
import type { Caller } from '../core/context.ts';
import { mostUndoables, UndoableCalls } from './undoables.ts';

const node = 'demo1@sim';
let house: House;
beforeEach(async () => {
  house = await houseOn(
    liveRuntime({ id: 'sim', nodes: [node, 'demo2@sim'], seed: 1, time: 'deterministic', sandboxChildFile: '' }),
  );
});
afterEach(() => house.close());

const holdings = async () => listAt(await house.result('list_holdings'), 'items').length;
const suspend = (requestId: string) => house.run('suspend_process', { pid: 'Shop.Catalog', node }, { requestId });

describe('a call that can be undone', () => {
  it('says so, and is undone once, by its requestId', async () => {
    expect(valueOf(await suspend('s1'))).toMatchObject({ mode: 'run', undo: 'yes' });
    expect(await holdings()).toBe(1);
    expect(valueOf(await house.run('undo_operation', { requestId: 's1' }, { mode: 'dry_run' }))).toMatchObject({
      plan: { summary: expect.stringMatching(/^Undo: Suspend .* on demo1@sim$/), severity: 'change' },
    });
    expect(await house.result('undo_operation', { requestId: 's1' })).toMatchObject({
      operation: 'suspend_process',
      whole: true,
    });
    expect(await holdings()).toBe(0);
    expect(await house.run('undo_operation', { requestId: 's1' })).toMatchObject({
      ok: false,
      error: { code: 'undo.nothing', effect: 'none' },
    });
  });

  it('is what was started, too, and each item of a batch for itself', async () => {
    const items = [
      { operation: 'suspend_process', params: { pid: 'Shop.Catalog', node } },
      { operation: 'suspend_process', params: { pid: 'Shop.Visitors', node } },
    ];
    valueOf(await house.run('execute_batch', { items }, { requestId: 'b1' }));
    expect(await holdings()).toBe(2);
    await house.result('undo_operation', { requestId: 'b1:1' });
    expect(await holdings()).toBe(1);
    await house.result('undo_operation', { requestId: 'b1:0' });
    // All or none: it is offered once all are done, and not of what was undone already.
    const whole = await house.run('execute_batch', { items, mode: 'atomic' }, { requestId: 'b2' });
    expect(valueOf(whole)).toMatchObject({ result: { items: [{ undo: 'yes' }, { undo: 'yes' }] } });
    await house.result('undo_operation', { requestId: 'b2:0' });
    expect(await holdings()).toBe(1);
    await house.result('undo_operation', { requestId: 'b2:1' });
    expect(await holdings()).toBe(0);
    const started = await house.result('start_process', { module: 'timer', function: 'sleep', args: [60_000], node });
    const pid = at(started, 'pid');
    const history = await house.result('operation_history', { operation: 'start_process' });
    await house.result('undo_operation', { requestId: at(listAt(history, 'items')[0] ?? null, 'requestId') });
    expect(await house.run('get_process_info', { pid })).toMatchObject({ ok: false, error: { class: 'not_found' } });
  });

  it('is nobody else’s to undo, and nothing where it only looked, failed, or cannot be taken back', async () => {
    await suspend('s2');
    const other = { principal: 'eve', via: 'rest', role: 'operator' } as const;
    expect(await house.run('undo_operation', { requestId: 's2' }, {}, { caller: other })).toMatchObject({
      error: { code: 'undo.nothing' },
    });
    const viewer = { ...editor, role: 'viewer' } as const;
    expect(await house.run('undo_operation', { requestId: 's2' }, {}, { caller: viewer })).toMatchObject({
      error: { class: 'authorization' },
    });
    expect(await house.run('undo_operation', { requestId: 's2' }, { connection: null })).toMatchObject({
      error: { code: 'undo.other_connection' },
    });
    expect(await holdings()).toBe(1);
    for (const [operation, params] of [
      ['get_process_info', { pid: 'Shop.Catalog', node }],
      ['kill_process', { pid: 'Shop.Visitors', node }],
      ['suspend_process', { pid: 'Shop.Nobody', node }],
    ] as const) {
      const answer = await house.run(operation, params, { requestId: operation });
      expect(answer.ok && 'undo' in answer.value).toBe(false);
      expect(await house.run('undo_operation', { requestId: operation })).toMatchObject({
        error: { code: 'undo.nothing' },
      });
    }
  });
});

describe('who may not do it', () => {
  const operator = { principal: 'ada', via: 'editor', role: 'operator' } as const;
  const undo = (requestId: string, caller: Caller = operator) =>
    house.run('undo_operation', { requestId }, {}, { caller });

  it('may not take it back: the role that a policy asks for now is asked for, whether it came before the call or after it', async () => {
    valueOf(
      await house.run('suspend_process', { pid: 'Shop.Catalog', node }, { requestId: 'u1' }, { caller: operator }),
    );
    house.backend.configurePolicy({ roles: { suspend_process: 'admin' } });
    expect(await undo('u1')).toMatchObject({
      error: { code: 'role.insufficient', effect: 'none', details: { needs: 'admin', has: 'operator' } },
    });
    valueOf(await house.run('suspend_process', { pid: 'Shop.Visitors', node }, { requestId: 'u2' }));
    expect(await undo('u2')).toMatchObject({ error: { code: 'role.insufficient' } });
    expect(await holdings()).toBe(2);
    valueOf(await undo('u2', editor));
    house.backend.configurePolicy({});
    valueOf(await undo('u1'));
    expect(await holdings()).toBe(0);
  });

  it('may not take it back through a connection that lets nothing be changed any more', async () => {
    valueOf(await suspend('u3'));
    const [connection] = house.backend.connections();
    valueOf(house.backend.setAccess(connection?.id ?? '', 'read_only', house.options));
    expect(await undo('u3', editor)).toMatchObject({ error: { code: 'connection.read_only', effect: 'none' } });
    expect(await holdings()).toBe(1);
  });
});

describe('UndoableCalls', () => {
  const call = (requestId: string): UndoableCall => ({
    requestId,
    operation: 'suspend_process',
    connection: 'c',
    runtime: null,
    caller: editor,
    plan: { summary: 'S', touches: [], severity: 'change', undo: 'yes', steps: {} },
    allows: () => ok(null),
    undo: () => Promise.resolve(ok(null)),
  });
  const of = (requestId: string) => ({ requestId, connection: 'c', caller: editor });

  it('keeps the latest, and none of a connection that is closed', () => {
    const calls = new UndoableCalls(() => null);
    for (let each = 0; each <= mostUndoables; each += 1) calls.keep(call(String(each)));
    expect(calls.find(of('0'))).toMatchObject({ error: { code: 'undo.nothing' } });
    expect(calls.find(of('1')).ok).toBe(true);
    calls.forget('c');
    expect(calls.find(of('1')).ok).toBe(false);
  });

  it('keeps one whose undoing failed without effect, and no other', async () => {
    const calls = new UndoableCalls(() => null);
    for (const effect of ['none', 'partial'] as const) {
      const error = { class: 'unavailable', code: 'x.y', message: 'm', remedy: 'r', effect } as const;
      calls.keep({ ...call(effect), undo: () => Promise.resolve({ ok: false, error }) });
      expect((await calls.undo(of(effect), callOptions(1_000))).ok).toBe(false);
      expect(calls.find(of(effect)).ok).toBe(effect === 'none');
    }
  });
});
