import { describe, expect, it } from 'vitest';
import { shownResult } from './descriptionText.ts';
import { renderPlan, renderResult, visibleJson } from './resultText.ts';
import { dateText, spanText, valueText } from './valueText.ts';

const lines = (title: string, result: Parameters<typeof renderResult>[1]) =>
  renderResult(title, result).text.trimEnd().split('\n');

describe('renderResult', () => {
  it('shows a list as a table, with what is left and which nodes are missing', () => {
    const { text, summary } = renderResult('List processes', {
      items: [
        { pid: 'a@b~0.1.0~1', node: 'a@b', display: '<0.1.0>', memory: 12, name: null, links: [], label: null },
        { pid: 'a@b~0.2.0~1', node: 'a@b', display: '<0.2.0>', memory: 3_000, name: 'x', links: [], label: null },
      ],
      total: 40,
      next: 'cursor',
      truncated: false,
      nodes: [
        { node: 'a@b', status: 'ok' },
        { node: 'c@d', status: 'missing', error: { message: 'Node c@d cannot be reached.' } },
      ],
    });
    expect(summary).toBeNull();
    expect(text.split('\n')).toEqual([
      'List processes: 2 / 40',
      '',
      'pid           memory  name',
      '───────────  ───────  ────',
      'a@b~0.1.0~1     12 B',
      'a@b~0.2.0~1  2.9 KiB  x',
      '',
      '⚠ c@d: missing, Node c@d cannot be reached.',
      '…',
      '',
    ]);
  });

  it('says that a list is empty', () => {
    expect(lines('List', { items: [], total: 0, next: null })).toEqual(['List: 0 / 0', '', 'none']);
  });

  it('shows facts as lines, what lies deeper as tables of its own, and of a group of figures a column each', () => {
    expect(
      lines('Operation Statistics', {
        total: { calls: 3, errorRate: 0.333333, durationMs: { mean: 1.23456, p95: 1_500, max: null } },
        groups: [{ key: 'kill_process', calls: 2, durationMs: { p95: 0.5 } }],
        points: [],
        persistence: { is: 'ok' },
      }),
    ).toEqual([
      'Operation Statistics',
      '',
      'points  none',
      '',
      'total',
      '  calls      3',
      '  errorRate  33.3 %',
      '',
      '  durationMs',
      '    mean  1.23 ms',
      '    p95   1.5 s',
      '',
      'groups (1)',
      '  key           calls     p95',
      '  ────────────  ─────  ──────',
      '  kill_process      2  0.5 ms',
      '',
      'persistence',
      '  is  ok',
    ]);
  });

  it('shows what has children as a tree', () => {
    const leaf = { pid: 'p2', node: 'n', display: 'd', name: 'leaf', children: [] };
    const root = { pid: 'p1', node: 'n', display: 'd', name: 'root', count: 2, children: [leaf, leaf] };
    expect(lines('Tree', { items: [root] }).slice(2)).toEqual(['p1  root  count 2', '├─ p2  leaf', '└─ p2  leaf']);
  });

  it('shows what each row has a list of below the table, and folds what is long', () => {
    const items = [
      { node: 'a', count: 1, trees: [{ pid: 'p', children: [{ pid: 'q', children: [] }] }] },
      { node: 'b', count: 0, trees: [] },
    ];
    expect(lines('Trees', { items }).slice(2)).toEqual([
      ...['node  count', '────  ─────', 'a         1', 'b         0'],
      ...['', 'a trees (1)', '  p', '  └─ q'],
    ]);
    const long = lines('x', { a: 'word '.repeat(50).trim() }).slice(2);
    expect(long).toHaveLength(3);
    expect(long[1]).toMatch(/^ {3}word/);
  });

  it('tells a list from what has items beside other things', () => {
    const result = { called: 'a:b/0', items: [{ node: 'n', value: '1' }], nodes: [{ node: 'n', status: 'ok' }] };
    expect(lines('Remote Execute', result)).toEqual([
      ...['Remote Execute', '', 'called  a:b/0', '', 'items (1)', '  node  value', '  ────  ─────', '  n     1'],
    ]);
  });

  it('shows ids that only programs read last', () => {
    expect(lines('x', { items: [{ requestId: 'r', operation: 'o', cpuMs: { calls: 1, mean: 2 } }] }).at(-1)).toBe(
      'o              1  2 ms  r',
    );
  });

  it('says of an error what it is, and of a small result all in one line', () => {
    const error = { class: 'timeout', code: 'call.timeout', message: 'Too slow.', remedy: 'Wait.', effect: 'none' };
    expect(lines('Batch', { items: [{ id: '1', error }] }).at(-1)).toBe('1   call.timeout: Too slow.');
    expect(renderResult('x', { pid: 'p', exited: true })).toEqual({
      text: 'x\n\npid     p\nexited  true\n',
      summary: 'pid: p, exited: true',
    });
    expect(renderResult('x', { pid: 'a~1', node: 'a', display: '<0.1.0>', holding: 'h' }).summary).toBe(
      '<0.1.0> a, holding: h',
    );
    expect(renderResult('x', { pid: 'a~1', node: 'a', display: '<0.1.0>' }).summary).toBe('<0.1.0> a');
    expect(renderResult('x', { pid: 'a~1', node: 'a' }).summary).toBe('pid: a~1, node: a');
    expect(renderResult('x', { deep: { a: 1 } }).summary).toBeNull();
    expect(renderResult('x', 'done').summary).toBe('done');
    expect(renderResult('x', ['a', 'b']).text).toBe('x\n\na\nb\n');
  });

  it('shows a term as it is written, not as it is built', () => {
    const term = { display: '{:job, 7}', term: { t: 'tuple', e: [] } };
    expect(renderResult('x', { reason: term }).summary).toBe('reason: {:job, 7}');
    expect(renderResult('x', { items: [{ childId: term }] }).text).toContain('{:job, 7}');
  });

  it('lets no text from a node steer the eye, neither here nor as JSON', () => {
    const hostile = '\u001b[31m\u202e\u200b';
    const steering = /[\u001b\u202e\u200b]/;
    for (const result of [{ items: [{ name: hostile }] }, { name: hostile }, { [hostile]: [{ [hostile]: hostile }] }]) {
      expect(renderResult('x', result).text).not.toMatch(steering);
      expect(visibleJson(result)).not.toMatch(steering);
    }
    const touches = [{ node: hostile, what: hostile }];
    expect(renderPlan('x', { summary: hostile, touches, severity: 'change', undo: 'no' }, '')).not.toMatch(steering);
  });

  it('ends whatever is nested in itself', () => {
    let deep: Parameters<typeof renderResult>[1] = 1;
    for (let level = 0; level < 200; level += 1) deep = { below: deep };
    expect(renderResult('x', deep).text.length).toBeLessThan(3_000);
  });

  it('renders more rows, and more facts, than a call can have arguments', () => {
    const rows = Array.from({ length: 150_000 }, () => ({ a: 1 }));
    expect(renderResult('x', rows).text.split('\n').length).toBeGreaterThan(rows.length);
    const facts = Object.fromEntries(rows.map((_, at) => [`key${at}`, at]));
    expect(renderResult('x', facts).text).toContain('key149999  149999');
  });
});

describe('valueText', () => {
  it('gives a figure the unit that its name says', () => {
    expect(valueText(['memoryBytes'], 1_048_576, 60)).toBe('1.0 MiB');
    expect(valueText(['durationMs', 'p99'], 0.01234, 60)).toBe('0.0123 ms');
    expect(valueText(['uptimeMs'], 7_200_000, 60)).toBe('2 h');
    expect(valueText(['count'], 1_234.5678, 60)).toBe('1235');
    expect(valueText(['startedAt'], Date.UTC(2026, 0, 1), 60)).toMatch(/^202[56]-\d\d-\d\d \d\d:\d\d:00\.000$/);
    expect(valueText(['startedAt'], 12, 60)).toBe('12');
    expect(valueText(['nodes'], ['a', 'b'], 60)).toBe('a, b');
    expect(spanText(999.4)).toBe('999 ms');
    expect(dateText(Number.MAX_VALUE)).toBe(String(Number.MAX_VALUE));
  });
});

describe('shownResult', () => {
  it('shows the parameters of an operation as rows', () => {
    const described = {
      name: 'kill',
      params: {
        type: 'object',
        required: ['pid'],
        properties: {
          pid: { type: 'string', maxLength: 9, description: 'Whom' },
          by: { enum: ['a', 'b'], default: 'a' },
          nodes: { type: 'array', minItems: 1, items: { type: 'string' } },
        },
      },
      result: { type: 'object' },
    };
    expect(shownResult('describe_operation', described)).toEqual({
      name: 'kill',
      parameters: [
        { parameter: 'pid', type: 'string', needed: 'required', default: null, range: '…9', meaning: 'Whom' },
        { parameter: 'by', type: 'a | b', needed: null, default: 'a', range: null, meaning: null },
        { parameter: 'nodes', type: 'list of string', needed: null, default: null, range: '1…', meaning: null },
      ],
    });
    expect(shownResult('other', described)).toBe(described);
  });
});
