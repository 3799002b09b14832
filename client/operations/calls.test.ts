import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { asBatchItem, asCommand, asCurl, callOfRow, isWhole, subjectOf, wholeParams } from './calls.ts';

const row = {
  requestId: 'r1',
  operation: 'kill_process',
  connection: 'sim',
  principal: 'ada',
  via: 'cli',
  mode: 'run',
  outcome: 'failed',
  code: 'process.not_found',
  startedAt: 1_000,
  durationMs: 12,
  params: { pid: 'x' },
};

describe('callOfRow', () => {
  it('reads a row of the history', () => {
    expect(callOfRow(row)).toEqual({
      requestId: 'r1',
      operation: 'kill_process',
      connection: 'sim',
      params: { pid: 'x' },
      isWhole: true,
      outcome: 'failed',
      error: { code: 'process.not_found', message: '', remedy: '' },
      startedAt: 1_000,
      durationMs: 12,
      by: 'ada · cli',
      undo: 'unknown',
    });
  });

  it('leaves out what the editor asked for itself, what was only planned, and what is no row', () => {
    for (const other of [
      { requestId: 'background.1' },
      { mode: 'dry_run' },
      { outcome: 'lost' },
      { startedAt: 'x' },
      { code: 'connection.confirm_writes' },
    ]) {
      expect(callOfRow({ ...row, ...other })).toBeNull();
    }
    expect(callOfRow(null)).toBeNull();
  });
});

describe('what was cut from kept parameters', () => {
  it('is known, and only the rest is used again', () => {
    const params = {
      pid: 'x',
      password: '[redacted]',
      text: 'aaaa… (900 characters)',
      pids: ['a', '… (70 in all)'],
      deep: { '…': '30 in all' },
      big: { omitted: true, characters: 9_000 },
      '…': '25 in all',
    };
    expect(isWhole(params)).toBe(false);
    expect(wholeParams(params)).toEqual({ pid: 'x' });
    expect(isWhole({ a: [1, null, { b: 'c' }] })).toBe(true);
  });
});

describe('subjectOf', () => {
  it('names the process, supervisor or node that a call is about, as people know it', () => {
    const about = (params: { readonly [name: string]: string | number }) =>
      subjectOf({ operation: 'x', connection: null, params });
    expect(about({ node: 'a@b', pid: 'a@b~0.16.0~1' })).toBe('<0.16.0> a@b');
    expect(about({ node: 'a@b', pid: 'Shop.Catalog' })).toBe('Shop.Catalog');
    expect(about({ supervisor: 'Shop', childId: 'x' })).toBe('Shop');
    expect(about({ limit: 3, node: 'a@b' })).toBe('a@b');
    expect(about({ pid: '[redacted]', limit: 3 })).toBe('');
  });
});

describe('a call as text', () => {
  const call = { operation: 'send_message', connection: 'sim', params: { pid: 'a', message: `it's $HOME "x"\n` } };

  it.skipIf(process.platform === 'win32')('is one that a shell passes on as it was', () => {
    const words = (command: string) =>
      execFileSync('sh', ['-c', `print() { for word; do printf '%s\\0' "$word"; done; }; ${command}`], {
        env: { ARSENAL_KEY: 'k', ARSENAL_URL: 'u' },
        encoding: 'utf8',
      })
        .split('\0')
        .slice(0, -1);
    const [run, operation, option, json = ''] = words(asCommand(call).replace(/^arsenal /, 'print '));
    expect([run, operation, option]).toEqual(['run', 'send_message', '--params']);
    expect(JSON.parse(json)).toEqual(call.params);
    const curl = words(asCurl(call).replace(/^curl /, 'print '));
    expect(JSON.parse(curl[curl.indexOf('-d') + 1] ?? '')).toEqual({
      data: { type: 'execution', attributes: { params: call.params } },
    });
    expect(curl.at(-1)).toBe('u/api/v1/operations/send_message/execute');
  });

  it('says nothing of parameters where there are none, and is an item of a batch', () => {
    expect(asCommand({ operation: 'list_traces', connection: null, params: {} })).toBe('arsenal run list_traces');
    expect(JSON.parse(asBatchItem(call))).toEqual({ operation: 'send_message', params: call.params });
  });
});
