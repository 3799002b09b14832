import { describe, expect, it } from 'vitest';
import { renderResult } from './resultText.ts';

describe('renderResult', () => {
  it('shows a list as a table, with what is left and which nodes are missing', () => {
    const { language, text, summary } = renderResult('List processes', {
      items: [
        { pid: 'a@b~0.1.0~1', node: 'a@b', display: '<0.1.0>', memory: 12, name: null },
        { pid: 'a@b~0.2.0~1', node: 'a@b', display: '<0.2.0>', memory: 3_000, name: 'x' },
      ],
      total: 40,
      next: 'cursor',
      nodes: [
        { node: 'a@b', status: 'ok' },
        { node: 'c@d', status: 'missing', error: { message: 'Node c@d cannot be reached.' } },
      ],
    });
    expect(language).toBe('plaintext');
    expect(summary).toBeNull();
    expect(text.split('\n')).toEqual([
      'List processes: 2 / 40',
      '',
      'pid          memory  name',
      '───────────  ──────  ────',
      'a@b~0.1.0~1      12',
      'a@b~0.2.0~1    3000  x',
      '',
      '⚠ c@d: missing, Node c@d cannot be reached.',
      '…',
      '',
    ]);
  });

  it('shows anything else as JSON, and a small one in a line too', () => {
    expect(renderResult('x', { pid: 'p', exited: true })).toEqual({
      language: 'json',
      text: '{\n  "pid": "p",\n  "exited": true\n}\n',
      summary: 'pid: p, exited: true',
    });
    expect(renderResult('x', { deep: { a: 1 } }).summary).toBeNull();
    expect(renderResult('x', 'done').summary).toBe('done');
    expect(renderResult('x', { items: [], total: 0, next: null }).language).toBe('json');
    expect(renderResult('x', { items: [1, 2] }).language).toBe('json');
  });

  it('shows a term as it is written, not as it is built', () => {
    const term = { display: '{:job, 7}', term: { t: 'tuple', e: [] } };
    expect(renderResult('x', { reason: term }).summary).toBe('reason: {:job, 7}');
    expect(renderResult('x', { items: [{ childId: term }] }).text).toContain('{:job, 7}');
  });

  it('lets no text from a node steer the eye', () => {
    const hostile = '\u001b[31m\u202e\u200b';
    expect(renderResult('x', { items: [{ name: hostile }] }).text).not.toMatch(/[\u001b\u202e\u200b]/);
    expect(renderResult('x', { name: hostile }).text).not.toMatch(/[\u001b\u202e\u200b]/);
  });
});
