import { describe, expect, it } from 'vitest';
import { decodeTerm } from '../runtime/term/decode.ts';
import { encodeTerm } from '../runtime/term/encode.ts';
import { a, toTerm, tup } from '../runtime/term/values.ts';
import { compare, report } from './measure.ts';

/** What a node answers about a thousand processes, as terms and as the same data in JSON. */
const rows = Array.from({ length: 1_000 }, (_, at) => ({
  name: `worker_${at}`,
  status: 'waiting',
  memory: 2_688 + at * 8,
  reductions: 1_000_000 + at,
  currentFunction: 'gen_server:loop/7',
  load: at / 3,
}));
const term = toTerm(
  rows.map((row) => [
    tup(a('registered_name'), row.name),
    tup(a('status'), a(row.status)),
    tup(a('memory'), row.memory),
    tup(a('reductions'), row.reductions),
    tup(a('current_function'), row.currentFunction),
    tup(a('load'), row.load),
  ]),
);
if (!term.ok) throw new Error(term.error.message);
const encoded = encodeTerm(term.value, { scope: 'bench' });
if (!encoded.ok) throw new Error(encoded.error.message);
const { bytes } = encoded;
const text = JSON.stringify(rows);
const { value } = term;

describe('the external term format, beside the engine’s own JSON', () => {
  it('decodes', () => {
    const decoded = decodeTerm(bytes, { scope: 'bench' });
    expect(decoded.ok).toBe(true);
    const measured = compare(
      () => decodeTerm(bytes, { scope: 'bench' }),
      () => JSON.parse(text),
    );
    report('decode 1,000 rows', measured);
  });

  it('encodes', () => {
    expect(encodeTerm(value, { scope: 'bench' }).ok).toBe(true);
    const measured = compare(
      () => encodeTerm(value, { scope: 'bench' }),
      () => JSON.stringify(rows),
    );
    report('encode 1,000 rows', measured);
  });
});
