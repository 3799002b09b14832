import { expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { UndoableCall } from './calls.ts';
import type { Caller } from './context.ts';
import { Flight } from './flight.ts';
import { offerUndo } from './offerUndo.ts';
import { Registry } from './registry.ts';
import { admin, changing, errorOf, looking, plan, valueOf } from './testKit.ts';

const registry = new Registry();
const undone = () => Promise.resolve(ok(null));
valueOf(registry.register(changing({ compensate: undone }), { from: 'builtin' }));
valueOf(registry.register(changing({ name: 'for_good' }), { from: 'builtin' }));
valueOf(registry.register(looking(), { from: 'builtin' }));

const find = (name: string) => registry.find(name);
const keeping = (kept: UndoableCall[]) => ({ find, undoable: (call: UndoableCall) => void kept.push(call) });

/** A call that was done, as the pipeline knows it. */
function done(operation = 'touch_node'): Flight {
  const call = { requestId: 'r', connection: 'a', operation, params: {}, mode: 'run' } as const;
  const flight = new Flight(call, { caller: admin, signal: new AbortController().signal });
  flight.found = registry.find(operation);
  flight.plan = { ...plan, severity: 'change', undo: 'partly' };
  flight.applied = ok({ touched: true });
  return flight;
}

it('offers a write that was done and whose operation can take it back, as far as its plan says', async () => {
  const kept: UndoableCall[] = [];
  expect(offerUndo(keeping(kept), done())).toBe('partly');
  expect(kept).toMatchObject([{ requestId: 'r', operation: 'touch_node', connection: 'a', runtime: null }]);
  expect(valueOf(await kept[0]!.undo(callOptions(1_000)))).toBe(null);
});

it('asks of who takes it back what is asked of who does it: the role now, that of what was done, its own condition', () => {
  const kept: UndoableCall[] = [];
  const as = (role: Caller['role'], principal = 'ada'): Caller => ({ principal, via: 'editor', role });
  const own = changing({
    name: 'own_only',
    compensate: undone,
    authorize: (_params, { caller }) =>
      caller.principal === 'ada' ? ok(null) : failure('authorization', 'sample.not_you', 'Not you.', 'Ask Ada.'),
  });
  valueOf(registry.register(own, { from: 'workspace', file: '/own.ts' }));
  const grave = done();
  grave.plan = { ...plan, severity: 'destroy', undo: 'yes' };
  for (const flight of [done(), grave, done('own_only')]) offerUndo(keeping(kept), flight);
  const [plain, destroyed, owned] = kept;
  expect(errorOf(plain!.allows(as('viewer'))).code).toBe('role.insufficient');
  expect(plain!.allows(as('operator')).ok).toBe(true);
  expect(errorOf(destroyed!.allows(as('operator'))).code).toBe('role.insufficient');
  expect(destroyed!.allows(as('admin')).ok).toBe(true);
  expect(errorOf(owned!.allows(as('admin', 'eve'))).code).toBe('sample.not_you');
  registry.configureRoles({ touch_node: 'admin', own_only: 'admin' });
  expect(errorOf(plain!.allows(as('operator'))).code).toBe('role.insufficient');
  expect(errorOf(owned!.allows(as('operator'))).code).toBe('role.insufficient');
  registry.configureRoles({});
  // The module is gone: what it asked for then is asked for.
  registry.unregister('own_only', { from: 'workspace', file: '/own.ts' });
  expect(owned!.allows(as('operator')).ok).toBe(true);
  expect(errorOf(owned!.allows(as('viewer'))).code).toBe('role.insufficient');
});

it('offers nothing else', () => {
  const flights = [done(), done(), done(), done(), done('for_good'), done('look_around'), done()] as const;
  const [notDone, unknown, unplanned, final, , , looked] = flights;
  notDone.applied = null;
  unknown.found = null;
  unplanned.plan = null;
  final.plan = { ...plan, severity: 'change', undo: 'no' };
  looked.plan = { ...plan, severity: 'read', undo: 'yes' };
  const kept: UndoableCall[] = [];
  expect(flights.map((flight) => offerUndo(keeping(kept), flight))).toEqual(flights.map(() => null));
  expect(offerUndo({ find }, done())).toBe(null);
  expect(kept).toEqual([]);
});
