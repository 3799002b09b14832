/** Spans: their context on the wire, those of calls, and those of parts of calls. */
import { describe, expect, it } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Span } from './spans.ts';
import { readTraceparent, traceparentIn, traceparentOf, withSpan } from './spans.ts';
import { bench, changing, errorOf, looking, valueOf } from './testKit.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';

describe('traceparent', () => {
  it('is read and written as W3C Trace Context has it', () => {
    const text = `00-${trace}-${parent}-01`;
    expect(readTraceparent(` ${text} `)).toEqual({ traceId: trace, spanId: parent, sampled: true });
    expect(readTraceparent(`00-${trace}-${parent}-00`)?.sampled).toBe(false);
    expect(traceparentOf({ traceId: trace, spanId: parent, sampled: true })).toBe(text);
    expect(traceparentOf({ traceId: trace, spanId: parent, sampled: false })).toBe(`00-${trace}-${parent}-00`);
    // A later version may say more; what this one knows of it counts.
    expect(readTraceparent(`01-${trace}-${parent}-01-more`)?.spanId).toBe(parent);
  });

  it.each([
    '',
    'x',
    `ff-${trace}-${parent}-01`,
    `00-${trace}-${parent}-01-more`,
    `00-${'0'.repeat(32)}-${parent}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${parent}-01`,
    `00-${trace}-${parent}`,
  ])('%s is none', (text) => {
    expect(readTraceparent(text)).toBeNull();
  });
});

// @row TR-01
describe('a call that is traced', () => {
  function traced(...operations: NonNullable<Parameters<typeof bench>[0]>['operations'] & object) {
    const spans: Span[] = [];
    const exporter = { export: (span: Span) => void spans.push(span) };
    return { spans, kit: bench({ operations, services: { spans: exporter } }) };
  }

  it('is a span with what became of it, a child of its caller’s, and says no parameters', async () => {
    const { spans, kit } = traced(looking(), changing());
    const traceparent = `00-${trace}-${parent}-01`;
    valueOf(
      await kit.run({ operation: 'touch_node', params: { node: 'canary' } }, { traceparent, correlationId: 'c' }),
    );
    expect(spans).toMatchObject([
      {
        name: 'touch_node',
        kind: 'server',
        traceId: trace,
        parentSpanId: parent,
        status: 'ok',
        exception: null,
        attributes: {
          'arsenal.operation': 'touch_node',
          'arsenal.connection': 'a',
          'arsenal.via': 'editor',
          'arsenal.severity': 'change',
          'arsenal.request_id': 'r1',
          'arsenal.correlation_id': 'c',
        },
      },
    ]);
    expect(JSON.stringify(spans)).not.toContain('canary');
    expect(spans[0]?.durationMs).toBeGreaterThanOrEqual(0);
    expect(Math.abs((spans[0]?.startedAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(kit.finished[0]?.traceparent).toBe(`00-${trace}-${spans[0]?.spanId}-01`);
  });

  it('begins a trace where its caller has none, or one that cannot be read', async () => {
    const { spans, kit } = traced(looking());
    await kit.run();
    await kit.run({}, { traceparent: 'nonsense' });
    expect(spans.map(({ parentSpanId }) => parentSpanId)).toEqual([null, null]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(2);
    expect(spans.every(({ traceId, spanId }) => /^[0-9a-f]{32}$/.test(traceId) && /^[0-9a-f]{16}$/.test(spanId))).toBe(
      true,
    );
  });

  it('that fails has the error for its status; what there is no operation for makes up no name', async () => {
    const { spans, kit } = traced(looking());
    errorOf(await kit.run({ params: { limit: 0 } }));
    errorOf(await kit.run({ operation: 'made_up' }));
    expect(spans).toMatchObject([
      {
        name: 'look_around',
        status: 'error',
        exception: { type: 'params.invalid' },
        attributes: { 'error.type': 'validation', 'arsenal.effect': 'none' },
      },
      { name: 'unknown', exception: { type: 'operation.not_found' } },
    ]);
  });

  it('is not exported where its caller does not sample it', async () => {
    const { spans, kit } = traced(looking());
    valueOf(await kit.run({}, { traceparent: `00-${trace}-${parent}-00` }));
    expect(spans).toEqual([]);
  });

  it('has the spans of its parts, with their status and what they threw', async () => {
    const sent: (string | null)[] = [];
    const operation = looking({
      async execute(context) {
        sent.push(traceparentIn(context));
        await withSpan(context, 'good', () => Promise.resolve(ok(1)), { rows: 3 });
        await withSpan(context, 'bad', () => Promise.resolve(failure('execution', 'sample.bad', 'Bad.', 'None.')));
        await withSpan(context, 'thrown', () => Promise.reject(new TypeError('oh'))).catch(() => undefined);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- anything can be thrown
        await withSpan(context, 'odd', () => Promise.reject('text')).catch(() => undefined);
        return ok({ seen: 1 });
      },
    });
    const { spans, kit } = traced(operation);
    valueOf(await kit.run());
    const call = spans.at(-1);
    expect(sent).toEqual([`00-${call?.traceId}-${call?.spanId}-01`]);
    expect(
      spans
        .slice(0, -1)
        .map(({ name, kind, parentSpanId, status, exception }) => [
          name,
          kind,
          parentSpanId === call?.spanId,
          status,
          exception?.type,
        ]),
    ).toEqual([
      ['good', 'internal', true, 'ok', undefined],
      ['bad', 'internal', true, 'error', 'sample.bad'],
      ['thrown', 'internal', true, 'error', 'TypeError'],
      ['odd', 'internal', true, 'error', 'string'],
    ]);
    expect(spans[0]?.attributes).toEqual({ rows: 3 });
    // Without an exporter the part is run all the same.
    expect(valueOf(await bench({ operations: [operation] }).run())).toMatchObject({ result: { seen: 1 } });
    expect(sent).toEqual([sent[0], null]);
  });
});
