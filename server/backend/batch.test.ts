import fs from 'node:fs';
import path from 'node:path';
import { Type } from 'typebox';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import type { FakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { AnyWriteOperation } from '../core/operation.ts';
import { changing, errorOf, plan, textWith, valueOf } from '../core/testKit.ts';
import type { OperationAnswer, OperationProgress } from '../protocol/operation.ts';
import { FaultyFiles } from '../services/audit/faultyFiles.ts';
import { readChain } from '../services/audit/chain.ts';
import type { House } from './testKit.ts';
import { at, fakeShop, houseOn, listAt } from './testKit.ts';

type Items = readonly { readonly [key: string]: Json }[];

/** A house, and what its own operation `touch` has done and undone, in order. */
type Bench = {
  readonly house: House;
  readonly runtime: FakeRuntime;
  readonly log: string[];
  readonly disk: FaultyFiles;
};

vi.setConfig({ testTimeout: 60_000 });

const houses: House[] = [];
afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});

async function batchHouse(change: Partial<AnyWriteOperation> = {}): Promise<Bench> {
  const runtime = fakeShop();
  const disk = new FaultyFiles();
  const house = await houseOn(runtime, { auditFiles: disk });
  houses.push(house);
  const log: string[] = [];
  const touching = changing({
    name: 'touch',
    needs: [],
    params: Type.Object({ what: Type.String({ maxLength: 20 }), fails: Type.Boolean({ default: false }) }),
    plan: (_context, { what, fails }) =>
      Promise.resolve(
        ok({ ...plan, undo: 'yes', summary: 'Touch', steps: { what: String(what), fails: fails === true } }),
      ),
    apply: (_context, { steps }) => {
      if (at(steps, 'fails') === true) return Promise.resolve(failure('conflict', 'touch.failed', 'No.', 'None.'));
      log.push(`touch ${textAt(steps, 'what')}`);
      return Promise.resolve(ok({ touched: true }));
    },
    compensate: (_context, { steps }) => {
      log.push(`undo ${textAt(steps, 'what')}`);
      return Promise.resolve(ok(null));
    },
    ...change,
  });
  const lasting = { ...touching, name: 'brand' };
  delete lasting.compensate;
  for (const operation of [touching, lasting]) {
    valueOf(house.backend.registry.register(operation, { from: 'workspace', file: 'touch.ts' }));
  }
  return { house, runtime, log, disk };
}

/** Text that lies there. */
function textAt(value: Json, name: string): string {
  const text = at(value, name);
  return typeof text === 'string' ? text : '';
}

const touch = (what: string, fails = false) => ({ operation: 'touch', params: { what, fails }, id: what });

function batch(
  house: House,
  items: Items,
  more: { readonly [key: string]: Json } = {},
): Promise<Result<OperationAnswer>> {
  return house.run('execute_batch', { items, concurrency: 1, ...more });
}

async function resultOf(answer: Promise<Result<OperationAnswer>>): Promise<Json> {
  const value = valueOf(await answer);
  if (value.mode !== 'run') throw new Error('It was not run.');
  return value.result;
}

const statuses = (result: Json) =>
  listAt(result, 'items').map((item) => `${textAt(item, 'id')} ${textAt(item, 'status')}`);

function auditRecords(disk: FaultyFiles) {
  return [...disk.files.values()].flatMap((bytes) => readChain(bytes).records);
}

describe('an independent batch', () => {
  // @row BA-01
  it('runs each item for itself and says what became of each', async () => {
    const { house, log, disk } = await batchHouse();
    const result = await resultOf(
      batch(house, [
        touch('a'),
        touch('b', true),
        { operation: 'list_processes', params: { limit: 2 } },
        { operation: 'nobody_knows' },
        touch('c'),
      ]),
    );
    expect(statuses(result)).toEqual(['a done', 'b failed', '3 done', '4 failed', 'c done']);
    expect(result).toMatchObject({
      outcome: 'partial',
      effect: 'partial',
      stopped: null,
      counts: { done: 3, failed: 2, undone: 0, not_undone: 0, not_run: 0 },
    });
    expect(at(result, 'items', 1)).toMatchObject({ error: { code: 'touch.failed', effect: 'none' } });
    expect(listAt(result, 'items', 2, 'result', 'items')).toHaveLength(2);
    expect(log).toEqual(['touch a', 'touch c']);
    // One intent for the whole, which names all, and one for each item that changes something.
    const intents = auditRecords(disk).filter(({ kind }) => kind === 'intent');
    expect(intents.map(({ data }) => data['operation'])).toEqual(['execute_batch', 'touch', 'touch', 'touch']);
    expect(intents[0]?.data).toMatchObject({ plan: { summary: textWith('touch × 3') }, severity: 'change' });
  });

  it('that only looks changes nothing, asks for nothing, and leaves nothing on the audit log', async () => {
    const { house, disk } = await batchHouse();
    const viewer = { ...house.options.caller, role: 'viewer' as const };
    const items = Array.from({ length: 5 }, () => ({ operation: 'list_processes', params: { limit: 1 } }));
    const answer = house.run('execute_batch', { items }, {}, { caller: viewer });
    expect(await resultOf(answer)).toMatchObject({ outcome: 'done', effect: 'none', counts: { done: 5 } });
    expect(disk.files.size).toBe(0);
  });
});

describe('a batch', () => {
  it('is refused where it holds another, before anything is done', async () => {
    const { house, log } = await batchHouse();
    const error = errorOf(await batch(house, [touch('a'), { operation: 'execute_batch', params: { items: [] } }]));
    expect(error).toMatchObject({ code: 'batch.nested', class: 'validation', pointer: '/items/1/operation' });
    expect(log).toEqual([]);
  });

  it('wants ids that tell its items apart, and at most a thousand of them', async () => {
    const { house } = await batchHouse();
    expect(errorOf(await batch(house, [touch('a'), touch('a')]))).toMatchObject({ pointer: '/items/1/id' });
    expect(
      errorOf(
        await batch(
          house,
          Array.from({ length: 1_001 }, (_, n) => touch(`${n}`)),
        ),
      ),
    ).toMatchObject({
      code: 'params.invalid',
      pointer: '/items',
    });
    expect(errorOf(await batch(house, [])).pointer).toBe('/items');
    expect(errorOf(await batch(house, [touch('a')], { concurrency: 51 })).pointer).toBe('/concurrency');
  });

  // @row NF-03
  it('takes a thousand items, of which so many run at a time as it says', async () => {
    let running = 0;
    let most = 0;
    const { house, log } = await batchHouse({
      apply: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return ok({ touched: true });
      },
    });
    const items = Array.from({ length: 1_000 }, (_, n) => ({ operation: 'touch', params: { what: `${n}` } }));
    expect(await resultOf(batch(house, items, { concurrency: 7 }))).toMatchObject({ counts: { done: 1_000 } });
    expect(most).toBe(7);
    expect(log).toEqual([]);
    const plain = await house.run('execute_batch', { items: items.slice(0, 30) });
    expect(at(await resultOf(Promise.resolve(plain)), 'counts', 'done')).toBe(30);
    expect(most).toBe(10);
  });

  it('is one call to the rate limit, and twenty at once are enough', async () => {
    const { house } = await batchHouse();
    const items = [{ operation: 'list_operations', params: { limit: 1 } }];
    const answers = await Promise.all(Array.from({ length: 40 }, () => house.run('execute_batch', { items })));
    const refused = answers.flatMap((answer) => (answer.ok ? [] : [answer.error.code]));
    expect(refused.length).toBeGreaterThanOrEqual(1);
    expect(new Set(refused)).toEqual(new Set(['rate.exceeded']));
    const many = Array.from({ length: 600 }, () => ({ operation: 'list_operations', params: { limit: 1 } }));
    const other = { ...house.options.caller, principal: 'bob' };
    const answer = await house.run('execute_batch', { items: many }, {}, { caller: other });
    expect(at(await resultOf(Promise.resolve(answer)), 'counts', 'done')).toBe(600);
  });

  it('authorizes each item by itself', async () => {
    const { house, log } = await batchHouse();
    const viewer = { ...house.options.caller, role: 'viewer' as const };
    const items = [touch('a'), { operation: 'list_operations', params: { limit: 1 } }];
    const result = await resultOf(house.run('execute_batch', { items }, {}, { caller: viewer }));
    expect(statuses(result)).toEqual(['a failed', '2 done']);
    expect(at(result, 'items', 0, 'error', 'code')).toBe('role.insufficient');
    const all = errorOf(await house.run('execute_batch', { items, mode: 'atomic' }, {}, { caller: viewer }));
    expect(all).toMatchObject({ code: 'batch.refused', class: 'authorization', effect: 'none', pointer: '/items/0' });
    expect(log).toEqual([]);
  });

  it('tells of each item as it ends, with how far it has come', async () => {
    const { house } = await batchHouse();
    const told: OperationProgress[] = [];
    const items = [touch('a'), touch('b', true)];
    await house.run('execute_batch', { items, concurrency: 1 }, {}, { onProgress: (each) => void told.push(each) });
    expect(told).toMatchObject([
      { is: 'rows', rows: [{ id: 'a', status: 'done', result: { touched: true } }] },
      { is: 'progress', message: '1 of 2', fraction: 0.5 },
      { is: 'rows', rows: [{ id: 'b', status: 'failed', error: { code: 'touch.failed' } }] },
      { is: 'progress', message: '2 of 2', fraction: 1 },
    ]);
  });

  it('is run once for its requestId, and each item for one that is made from it', async () => {
    const { house, log } = await batchHouse();
    const items = [touch('a'), touch('b')];
    const first = valueOf(await house.run('execute_batch', { items }, { requestId: 'b1' }));
    expect(valueOf(await house.run('execute_batch', { items }, { requestId: 'b1' }))).toEqual(first);
    expect(log.toSorted()).toEqual(['touch a', 'touch b']);
    expect(errorOf(await house.run('execute_batch', { items: [touch('c')] }, { requestId: 'b1' })).code).toBe(
      'request.reused',
    );
    const item = valueOf(await house.backend.outcome('b1:1', house.options));
    expect(item).toMatchObject({ state: 'done', operation: 'touch', result: { ok: true, value: { touched: true } } });
  });

  it('that is cancelled runs no more, and says what it had done', async () => {
    const ending = new AbortController();
    const { house, log } = await batchHouse({
      apply: (context, { steps }) => {
        log.push(`touch ${textAt(steps, 'what')}`);
        if (textAt(steps, 'what') !== 'b') return Promise.resolve(ok({ touched: true }));
        ending.abort();
        return new Promise((resolve) => {
          const refuse = () =>
            resolve(failure('cancelled', 'call.cancelled', 'Cancelled.', 'None.', { effect: 'none' }));
          if (context.signal.aborted) refuse();
          else context.signal.addEventListener('abort', refuse);
        });
      },
    });
    const items = [touch('a'), touch('b'), touch('c'), touch('d')];
    const answer = house.run('execute_batch', { items, concurrency: 1 }, {}, { signal: ending.signal });
    const result = await resultOf(answer);
    expect(statuses(result)).toEqual(['a done', 'b failed', 'c not_run', 'd not_run']);
    expect(result).toMatchObject({
      outcome: 'partial',
      effect: 'partial',
      stopped: 'cancelled',
      counts: { not_run: 2 },
    });
    expect(log).toEqual(['touch a', 'touch b']);
  });

  it('leaves out of its answer what would make it too large, and says how large that is', async () => {
    const { house } = await batchHouse({
      result: Type.Object({ text: Type.String() }),
      apply: () => Promise.resolve(ok({ text: 'x'.repeat(9_000_000) })),
    });
    const result = await resultOf(
      batch(
        house,
        ['a', 'b', 'c', 'd'].map((what) => touch(what)),
      ),
    );
    const large = { status: 'done', resultCharacters: 9_000_011 };
    expect(result).toMatchObject({ items: [{ result: {} }, { result: {} }, large, large] });
  });
});

describe('what an operation calls secret', () => {
  const seal = 'oak and 7731';
  const params = Type.Object({
    what: Type.String({ maxLength: 20 }),
    seal: Type.String({ maxLength: 20, format: 'password' }),
  });
  const sealing: Partial<AnyWriteOperation> = {
    params,
    result: Type.Object({ touched: Type.Boolean(), echo: Type.String({ 'x-arsenal': { secret: true } }) }),
    plan: (_context, given) =>
      Promise.resolve(
        ok({ ...plan, undo: 'yes', summary: 'Touch', steps: { what: 'it', seal: String(given['seal']) } }),
      ),
    apply: (_context, { steps }) => Promise.resolve(ok({ touched: true, echo: textAt(steps, 'seal') })),
  };
  /** All that is on disk of a house. */
  async function written({ house, disk }: Bench): Promise<string> {
    await house.backend.state.store.flush();
    const files = fs.readdirSync(house.home, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    const texts = files.map((file) => fs.readFileSync(path.join(file.parentPath, file.name), 'utf8'));
    return [...texts, ...[...disk.files.values()].map(String)].join('\n');
  }

  it.each(['independent', 'atomic'])('is answered, and is on no disk, also of a batch that is %s', async (mode) => {
    const bench = await batchHouse(sealing);
    const items = ['a', 'b'].map((what) => ({ operation: 'touch', params: { what, seal }, id: what }));
    const result = await resultOf(batch(bench.house, items, { mode }));
    expect(listAt(result, 'items').map((item) => at(item, 'result'))).toEqual([
      { touched: true, echo: seal },
      { touched: true, echo: seal },
    ]);
    const text = await written(bench);
    expect(text.split('"touch"').length).toBeGreaterThan(3);
    expect(text).not.toContain(seal);
  });
});

// @row T012.a3
describe('an atomic batch', () => {
  it('plans and authorizes all, writes one intent, and does all', async () => {
    const { house, log, disk } = await batchHouse();
    const result = await resultOf(batch(house, [touch('a'), touch('b')], { mode: 'atomic' }));
    expect(statuses(result)).toEqual(['a done', 'b done']);
    expect(result).toMatchObject({ outcome: 'done', effect: 'applied', stopped: null });
    expect(log).toEqual(['touch a', 'touch b']);
    const intents = auditRecords(disk).filter(({ kind }) => kind === 'intent');
    expect(intents).toHaveLength(1);
    expect(intents[0]?.data['plan']).toMatchObject({
      summary: textWith('all or none'),
      touches: [{ node: 'a@h' }, { node: 'a@h' }],
      steps: { items: [{ operation: 'touch', plan: { steps: { what: 'a' } } }, { plan: { steps: { what: 'b' } } }] },
    });
  });

  it('undoes in reverse what it did when one fails, and runs no more', async () => {
    const { house, log, disk } = await batchHouse();
    const items = [
      touch('a'),
      { operation: 'list_operations', params: { limit: 1 } },
      touch('b'),
      touch('c', true),
      touch('d'),
    ];
    const result = await resultOf(batch(house, items, { mode: 'atomic' }));
    expect(statuses(result)).toEqual(['a undone', '2 done', 'b undone', 'c failed', 'd not_run']);
    expect(result).toMatchObject({ outcome: 'undone', effect: 'none', stopped: 'failure' });
    expect(log).toEqual(['touch a', 'touch b', 'undo b', 'undo a']);
    const kinds = auditRecords(disk).map(({ kind, data }) => `${kind} ${textAt(data, 'operation')}`.trim());
    expect(kinds.filter((kind) => kind.startsWith('settled'))).toEqual(['settled touch', 'settled touch']);
  });

  it('says of each what could not be undone', async () => {
    const { house, log } = await batchHouse({
      compensate: (_context, { steps }) => {
        log.push(`undo ${textAt(steps, 'what')}`);
        const stuck = failure('execution', 'touch.stuck', 'It sticks.', 'Pull.', { effect: 'none' });
        return Promise.resolve(textAt(steps, 'what') === 'a' ? stuck : ok(null));
      },
    });
    const result = await resultOf(batch(house, [touch('a'), touch('b'), touch('c', true)], { mode: 'atomic' }));
    expect(statuses(result)).toEqual(['a not_undone', 'b undone', 'c failed']);
    expect(result).toMatchObject({ outcome: 'not_undone', effect: 'partial', message: textWith('touch (a)') });
    expect(at(result, 'items', 0, 'error', 'code')).toBe('touch.stuck');
    expect(log).toEqual(['touch a', 'touch b', 'undo b', 'undo a']);
  });

  it('undoes what failed with an effect, too', async () => {
    const { house, log } = await batchHouse({
      apply: (_context, { steps }) => {
        log.push(`touch ${textAt(steps, 'what')}`);
        const half = failure('execution', 'touch.half', 'Half.', 'None.', { effect: 'partial' });
        return Promise.resolve(at(steps, 'fails') === true ? half : ok({ touched: true }));
      },
    });
    const result = await resultOf(batch(house, [touch('a'), touch('b', true)], { mode: 'atomic' }));
    expect(statuses(result)).toEqual(['a undone', 'b failed']);
    expect(result).toMatchObject({ outcome: 'undone', effect: 'none' });
    expect(at(result, 'items', 1, 'error')).toMatchObject({ code: 'touch.half', effect: 'none' });
    expect(log).toEqual(['touch a', 'touch b', 'undo b', 'undo a']);
  });

  it('that is cancelled is undone', async () => {
    const ending = new AbortController();
    const { house, log } = await batchHouse({
      apply: (_context, { steps }) => {
        log.push(`touch ${textAt(steps, 'what')}`);
        if (textAt(steps, 'what') === 'b') ending.abort();
        return Promise.resolve(ok({ touched: true }));
      },
    });
    const items = [touch('a'), touch('b'), touch('c')];
    const answer = house.run('execute_batch', { items, concurrency: 1, mode: 'atomic' }, {}, { signal: ending.signal });
    const result = await resultOf(answer);
    expect(statuses(result)).toEqual(['a undone', 'b undone', 'c not_run']);
    expect(result).toMatchObject({ outcome: 'undone', effect: 'none', stopped: 'cancelled' });
    expect(log).toEqual(['touch a', 'touch b', 'undo b', 'undo a']);
  });

  it('is refused before anything is done where it could not be undone, and names what', async () => {
    const { house, log, disk } = await batchHouse();
    const items = [touch('a'), { operation: 'brand', params: { what: 'b' } }];
    const error = errorOf(await batch(house, items, { mode: 'atomic' }));
    expect(error).toMatchObject({
      code: 'batch.cannot_undo',
      class: 'validation',
      effect: 'none',
      pointer: '/items/1/operation',
      message: textWith('brand'),
    });
    const hopeless = await batchHouse({ plan: () => Promise.resolve(ok({ ...plan, undo: 'no' })) });
    expect(errorOf(await batch(hopeless.house, [touch('a')], { mode: 'atomic' })).code).toBe('batch.cannot_undo');
    expect([log, hopeless.log, disk.files.size]).toEqual([[], [], 0]);
  });

  it('is refused with every error of every item, by its place', async () => {
    const { house, log } = await batchHouse();
    const items = [touch('a'), { operation: 'touch', params: {} }, { operation: 'nobody_knows' }];
    const error = errorOf(await batch(house, items, { mode: 'atomic' }));
    expect(error).toMatchObject({ code: 'batch.refused', class: 'validation', effect: 'none' });
    expect(error.details?.['problems']).toMatchObject([
      { pointer: '/items/1/params/what' },
      { pointer: '/items/2', message: textWith('operation.not_found') },
    ]);
    expect(log).toEqual([]);
  });

  it('does nothing when its intent cannot be written', async () => {
    const { house, log, disk } = await batchHouse();
    disk.faults.add('short_append');
    for (const mode of ['atomic', 'independent']) {
      expect(errorOf(await batch(house, [touch('a')], { mode }))).toMatchObject({
        code: 'audit.unwritable',
        effect: 'none',
      });
    }
    expect(log).toEqual([]);
  });

  it('that is only planned says of each item what it would do, and which would be refused; nothing is done', async () => {
    const { house, log, disk } = await batchHouse();
    const items = [touch('a'), { operation: 'touch', params: {}, id: 'bad' }, { operation: 'no_such', params: {} }];
    const planned = valueOf(await house.run('execute_batch', { items, dryRun: true }));
    expect(planned).toMatchObject({
      mode: 'dry_run',
      plan: {
        severity: 'change',
        touches: [{ node: 'a@h', what: 'a touch' }],
        summary: textWith('; 2 would be refused: touch (bad): /what is missing.; no_such (3): There is no operation'),
      },
    });
    expect([log, disk.files.size]).toEqual([[], 0]);
    // A caller who may not is told of it before.
    const reader = { ...house.options.caller, role: 'viewer' as const };
    const theirs = await house.run('execute_batch', { items: [touch('a')], dryRun: true }, {}, { caller: reader });
    expect(valueOf(theirs)).toMatchObject({ plan: { touches: [], summary: textWith('needs the role operator') } });
  });

  it('says what it would do', async () => {
    const { house, log } = await batchHouse();
    const items = [touch('a'), touch('b')];
    const planned = valueOf(await house.run('execute_batch', { items, mode: 'atomic', dryRun: true }));
    expect(planned).toMatchObject({
      mode: 'dry_run',
      plan: { summary: textWith('touch × 2'), severity: 'change', undo: 'yes', touches: [{}, {}] },
    });
    expect(log).toEqual([]);
  });
});
