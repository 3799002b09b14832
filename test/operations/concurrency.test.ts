/** Many callers at once: each gets its own answer, everything is done once, written down once, and counted once. */
import path from 'node:path';
import { Type } from 'typebox';
import { afterEach, describe, expect, it } from 'vitest';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, editor, fakeShop, houseOn } from '../../server/backend/testKit.ts';
import { defineOperation } from '../../server/core/operation.ts';
import { valueOf } from '../../server/core/testKit.ts';
import type { OperationAnswer } from '../../server/protocol/operation.ts';
import { logFilesIn } from '../../server/services/audit/logFiles.ts';
import { readChain } from '../../server/services/audit/chain.ts';
import { verifyAudit } from '../../server/services/audit/verify.ts';

const callers = 1_000;
const number = Type.Integer({ minimum: 0 });
const common = { category: 'sample', idempotent: false, examples: [], params: Type.Object({ number }) } as const;

let house: House | null = null;
afterEach(async () => {
  await house?.close();
  house = null;
});

/** A house with an operation that looks and one that writes, both of which answer the number they were given. */
async function numbered() {
  const done: number[] = [];
  const look = defineOperation({
    ...common,
    name: 'look_at_number',
    title: 'Look at Number',
    description: 'Answers a number.',
    severity: 'read',
    needs: ['cluster.nodes'],
    result: Type.Object({ number: Type.Integer(), nodes: Type.Integer() }),
    async execute(context, params) {
      const nodes = await context.port.cluster.nodes({}, context.options());
      return nodes.ok ? ok({ number: params.number, nodes: nodes.value.nodes.length }) : nodes;
    },
  });
  const write = defineOperation({
    ...common,
    name: 'write_number',
    title: 'Write Number',
    description: 'Notes a number.',
    severity: 'change',
    needs: [],
    result: Type.Object({ number: Type.Integer() }),
    plan: (_context, params) =>
      Promise.resolve(ok({ summary: 'Note it', touches: [], severity: 'change', undo: 'no', steps: params.number })),
    apply(_context, { steps }) {
      done.push(steps);
      return Promise.resolve(ok({ number: steps }));
    },
  });
  house = await houseOn(fakeShop());
  for (const operation of [look, write]) {
    valueOf(house.backend.registry.register(operation, { from: 'workspace', file: `/${operation.name}.ts` }));
  }
  return { house, done };
}

/** A call of each of a thousand people. */
function callOf(
  home: House,
  operation: string,
  n: number,
  signal: AbortSignal = home.options.signal,
): Promise<Result<OperationAnswer>> {
  const caller = { ...editor, principal: `person-${n}` };
  return home.run(operation, { number: n }, { requestId: `${operation}-${n}` }, { caller, signal });
}

const everybody = Array.from({ length: callers }, (_, n) => n);

function numbersIn(answers: readonly Result<OperationAnswer>[]): readonly unknown[] {
  return answers.map((answer) => {
    const run = valueOf(answer);
    return run.mode === 'run' ? at(run.result, 'number') : null;
  });
}

describe('a thousand callers at once', () => {
  // @row IV-16, T022.d4, T001.a2
  it('that look lose nothing: each has its own answer, and all are counted', { timeout: 60_000 }, async () => {
    const { house: home } = await numbered();
    const answers = await Promise.all(everybody.map((n) => callOf(home, 'look_at_number', n)));
    expect(numbersIn(answers)).toEqual(everybody);
    expect(home.backend.metrics.all().find(({ operation }) => operation === 'look_at_number')).toMatchObject({
      calls: callers,
      failures: 0,
    });
  });

  // @row IV-21
  it('that write are each done once, and each intent and outcome is on disk', { timeout: 60_000 }, async () => {
    const { house: home, done } = await numbered();
    const answers = await Promise.all(everybody.map((n) => callOf(home, 'write_number', n)));
    expect(numbersIn(answers)).toEqual(everybody);
    expect(done.toSorted((a, b) => a - b)).toEqual(everybody);
    const files = logFilesIn(path.join(home.home, 'audit'));
    expect(await verifyAudit(files)).toMatchObject({ sound: true });
    const written = await Promise.all((await files.list()).map(async (file) => readChain(await files.read(file, 0))));
    const records = written.flatMap((log) => log.records);
    for (const kind of ['intent', 'outcome']) {
      const ids = records.filter((record) => record.kind === kind).map(({ data }) => data['requestId']);
      expect(new Set(ids).size).toBe(callers);
      expect(ids).toHaveLength(callers);
    }
  });

  it('that ask twice, at once and later, get one answer for what was done once', { timeout: 60_000 }, async () => {
    const { house: home, done } = await numbered();
    const few = everybody.slice(0, 200);
    const twice = await Promise.all([...few, ...few].map((n) => callOf(home, 'write_number', n)));
    expect(numbersIn(twice)).toEqual([...few, ...few]);
    expect(numbersIn(await Promise.all(few.map((n) => callOf(home, 'write_number', n))))).toEqual(few);
    expect(done).toHaveLength(few.length);
  });

  it('of whom some cancel: these are told so, the others are served', { timeout: 60_000 }, async () => {
    const { house: home } = await numbered();
    const shared = new AbortController();
    const answers = everybody.map((n) => {
      const signal = n % 10 === 0 ? shared.signal : new AbortController().signal;
      return callOf(home, 'look_at_number', n, signal);
    });
    shared.abort();
    const settled = await Promise.all(answers);
    const isCancelled = settled.map(
      (answer) => !answer.ok && answer.error.class === 'cancelled' && answer.error.effect === 'none',
    );
    expect(isCancelled).toEqual(everybody.map((n) => n % 10 === 0));
  });
});
