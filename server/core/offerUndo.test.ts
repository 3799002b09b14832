import { expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { ok } from '../../runtime/model.ts';
import type { UndoableCall } from './calls.ts';
import { Flight } from './flight.ts';
import { offerUndo } from './offerUndo.ts';
import { Registry } from './registry.ts';
import { admin, changing, looking, plan, valueOf } from './testKit.ts';

const registry = new Registry();
const undone = () => Promise.resolve(ok(null));
valueOf(registry.register(changing({ compensate: undone }), { from: 'builtin' }));
valueOf(registry.register(changing({ name: 'for_good' }), { from: 'builtin' }));
valueOf(registry.register(looking(), { from: 'builtin' }));

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
  expect(offerUndo((call) => kept.push(call), done())).toBe('partly');
  expect(kept).toMatchObject([{ requestId: 'r', operation: 'touch_node', connection: 'a', runtime: null }]);
  expect(valueOf(await kept[0]!.undo(callOptions(1_000)))).toBe(null);
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
  expect(flights.map((flight) => offerUndo((call) => kept.push(call), flight))).toEqual(flights.map(() => null));
  expect(offerUndo(undefined, done())).toBe(null);
  expect(kept).toEqual([]);
});
