import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../runtime/model.ts';
import { redact } from '../audit/redact.ts';
import { CallKinds } from './kinds.ts';
import { LineBuffer } from './lineBuffer.ts';
import { RecentCalls } from './recentCalls.ts';
import { endedLine, readRecords, resultLine } from './records.ts';
import { Roll } from './roll.ts';
import { keptResultJson, sanitizedJson } from './sanitize.ts';
import { overCall } from './testKit.ts';

const names = fc.constantFrom('a', 'pid', 'cookie', 'Password', 'api_key', 'x_token_y', 'node');
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<Json>(null, true, 7, 'text', '', 'ünïcode \u2028 "quoted"\n'),
    fc.constant<Json>('x'.repeat(5_000)),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(names, tie('value'), { maxKeys: 6 }),
  ),
})).value;

/** All names in it, and all that stands under them. */
function secretsLeftIn(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, part]: [string, unknown]) =>
    /cookie|password|api_key|token/i.test(name) && part !== '[redacted]' ? [part] : secretsLeftIn(part),
  );
}

const asItIs = (value: Json): Json => value;

describe('what is kept of a call', () => {
  it('is a result just as it would be redacted, whether a copy was made or not', () => {
    fc.assert(
      fc.property(json, (value) => {
        const kept = keptResultJson(value, asItIs);
        if (kept !== null) expect(JSON.parse(kept)).toEqual(JSON.parse(JSON.stringify(redact(value))));
      }),
      { numRuns: 500 },
    );
  });

  it('are parameters without anything that sounds like a secret, of a bounded size', () => {
    fc.assert(
      fc.property(json, (value) => {
        const kept = sanitizedJson(value);
        expect(kept.length).toBeLessThanOrEqual(4_096);
        expect(secretsLeftIn(JSON.parse(kept))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('no result of more values than are kept', () => {
    expect(
      keptResultJson(
        Array.from({ length: 1_999 }, () => 1),
        asItIs,
      ),
    ).not.toBe(null);
    expect(
      keptResultJson(
        Array.from({ length: 2_000 }, () => 1),
        asItIs,
      ),
    ).toBe(null);
  });
});

describe('the lines of calls', () => {
  it('are read as what was written, whatever the ids and texts are', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.option(fc.string()), (requestId, principal, parent) => {
        const call = overCall(requestId, { principal, parent, params: { parent }, result: { principal }, cpuMs: 1.5 });
        const { records } = readRecords(Buffer.from(endedLine(call, call.resultJson)));
        expect(records).toMatchObject([
          {
            is: 'ended',
            call: { requestId, principal, parent, params: { parent }, result: { principal }, cpuMs: 1.5 },
          },
        ]);
        expect(readRecords(Buffer.from(resultLine(requestId, '[1]'))).records).toEqual([
          { is: 'result', requestId, result: [1] },
        ]);
      }),
    );
  });

  it('are bytes behind one another, however long they are', () => {
    const lines = new LineBuffer();
    const all = ['short', 'ü'.repeat(40_000), '', 'x'.repeat(300_000), '\u{1f600}'];
    for (const line of all) lines.add(line);
    expect(lines.take().toString()).toBe(all.join(''));
    lines.add('again');
    expect([lines.length, lines.take().toString(), lines.length]).toEqual([5, 'again', 0]);
  });

  it('are let go of oldest first, large results before their calls', () => {
    const recent = new RecentCalls();
    for (const id of ['a', 'b', 'c']) {
      recent.add(endedLine(overCall(id), null), resultLine(id, `"${'x'.repeat(600)}"`), 0);
      recent.seal();
    }
    recent.trim(2, 1_000);
    expect(recent.size).toBe(2);
    expect(recent.take().map((record) => [record.is, 'requestId' in record ? record.requestId : ''])).toEqual([
      ['ended', ''],
      ['ended', ''],
      ['result', 'c'],
    ]);
    expect(recent.size).toBe(0);
  });
});

describe('what comes and goes', () => {
  it('is there until it goes, as in a Map', () => {
    const command = fc.record({ id: fc.nat(30), adds: fc.boolean() });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 3_000, size: 'max' }), (commands) => {
        const roll = new Roll<{ readonly id: string }>();
        const model = new Map<string, { readonly id: string }>();
        for (const { id, adds } of commands) {
          const value = { id: String(id) };
          if (adds) roll.add(value.id, value);
          else roll.remove(value.id);
          if (adds) model.set(value.id, value);
          else model.delete(value.id);
        }
        expect(roll.size).toBe(model.size);
        expect(new Set(roll.values())).toEqual(new Set(model.values()));
      }),
      { numRuns: 50 },
    );
  });

  it('is forgotten, so that ten thousand that have gone take no room of those that are there', () => {
    const roll = new Roll<object>();
    const stays = {};
    roll.add('stays', stays);
    for (let n = 0; n < 10_000; n += 1) {
      roll.add(`id${n}`, {});
      roll.remove(`id${n}`);
    }
    expect([roll.size, roll.values(), roll.get('stays') === stays]).toEqual([1, [stays], true]);
  });

  it('kinds of calls are one for equal ones, and others for others', () => {
    const kinds = new CallKinds();
    const ada = { principal: 'ada', via: 'editor' } as const;
    const one = kinds.of({ name: 'x', category: 'c' }, 'sim', ada, false);
    const background = kinds.of({ name: 'x', category: 'c' }, 'sim', ada, true);
    expect(kinds.of({ name: 'x', category: 'c' }, 'sim', ada, false)).toBe(one);
    expect(kinds.of({ name: 'x', category: 'c' }, 'sim', ada, true)).toBe(background);
    const others = [
      kinds.of({ name: 'y', category: 'c' }, 'sim', ada, false),
      kinds.of({ name: 'x', category: 'd' }, 'sim', ada, false),
      kinds.of({ name: 'x', category: 'c' }, null, ada, false),
      kinds.of({ name: 'x', category: 'c' }, '"sim"', { ...ada, principal: '' }, false),
      kinds.of({ name: 'x', category: 'c' }, 'sim', { ...ada, via: 'cli' }, false),
      background,
      kinds.of(null, 'sim', ada, false),
    ];
    expect(new Set([one, ...others]).size).toBe(8);
    expect(others.at(-1)?.operation).toBe('unknown');
  });
});
