import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isToChild, isToGuard, mostOutput, readFromChild } from './messages.ts';
import { callFunction, functionsOf, loadModule, textOf } from './moduleLoader.ts';
import { captureOutput } from './output.ts';
import { probeIsolation } from './probe.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'arsenal-inside-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const silent = { take: () => 'printed' };
function call(module: object, name: string, ...args: readonly number[]) {
  return callFunction(module, { m: 'call', id: 7, function: name, args }, silent);
}

describe('loading a module', () => {
  it.each([
    ['exports.x = () => 1;', ['x']],
    ['module.exports = { x() {}, y: 2 };', ['x']],
    ['module.exports = function () {};', ['default']],
    ['export const x = () => 1; export default 7;', ['x']],
    ['export default { x() {} };', ['x']],
    ['const path = require("node:path"); exports.join = path.join;', ['join']],
    ['module.exports = 7;', []],
  ])('from the text %s finds %j', async (value, functions) => {
    expect(functionsOf(await loadModule({ m: 'load', from: 'text', value }))).toEqual(functions);
  });

  it('from files, by their kind', async () => {
    const common = path.join(folder, 'one.cjs');
    await writeFile(common, 'module.exports = () => 1;');
    const module = path.join(folder, 'two.mjs');
    await writeFile(module, 'export const x = () => 1;');
    expect(functionsOf(await loadModule({ m: 'load', from: 'module', value: common }))).toEqual(['default']);
    expect(functionsOf(await loadModule({ m: 'load', from: 'module', value: module }))).toEqual(['x']);
  });

  it('that throws, throws', async () => {
    await expect(loadModule({ m: 'load', from: 'text', value: 'throw new Error("no")' })).rejects.toThrow('no');
    await expect(loadModule({ m: 'load', from: 'text', value: 'not javascript at all' })).rejects.toThrow();
  });
});

describe('calling a function', () => {
  it('answers its value, or why there is none', async () => {
    const odd = { deep: () => ({ a: [1, null] }), later: () => Promise.resolve(3), big: () => 1n };
    expect(await call({ add: (a: number, b: number) => a + b }, 'add', 1, 2)).toEqual({
      m: 'value',
      id: 7,
      value: 3,
      output: 'printed',
    });
    expect(await call(odd, 'deep')).toMatchObject({ value: { a: [1, null] } });
    expect(await call(odd, 'later')).toMatchObject({ value: 3 });
    expect(await call(odd, 'big')).toMatchObject({ m: 'threw', why: 'not_json' });
    expect(await call(odd, 'constructor')).toMatchObject({ m: 'threw', why: 'no_function', text: 'deep, later, big' });
    const failing = { x: () => Promise.reject(new Error('no good')) };
    expect(await call(failing, 'x')).toMatchObject({ m: 'threw', why: 'exception', output: 'printed' });
    expect(textOf('just text')).toBe('just text');
  });
});

describe('output', () => {
  it('is kept up to a limit, the newest, and given once', () => {
    const stream = { write: (_chunk: unknown, ..._more: unknown[]): boolean => false };
    const output = captureOutput([stream]);
    let called = 0;
    stream.write('hello ', 'utf8', () => (called += 1));
    stream.write(Buffer.from('world'));
    stream.write(7);
    expect([output.take(), output.take(), called]).toEqual(['hello world', '', 1]);
    stream.write(`${'x'.repeat(mostOutput)}end`);
    expect(output.take()).toHaveLength(mostOutput);
  });
});

describe('the probe', () => {
  it('says of an unrestricted process that it is open', async () => {
    expect(await probeIsolation()).toEqual({ files: 'open', network: 'open', memory: 'enforced' });
  });
});

describe('messages', () => {
  it('of an owner and of a child are checked before they are believed', () => {
    expect(isToChild({ m: 'ping', n: 1 })).toBe(true);
    expect(isToChild({ m: 'load', from: 'text', value: '' })).toBe(true);
    expect(isToChild({ m: 'call', function: 'x', args: [] })).toBe(true);
    for (const message of [null, 'x', { m: 'ping' }, { m: 'load' }, { m: 'call', function: 'x' }, { m: 'other' }]) {
      expect(isToChild(message)).toBe(false);
    }
    expect(isToGuard({ m: 'watch', pid: 1 })).toBe(true);
    expect(isToGuard({ m: 'watch' })).toBe(false);
    expect(isToGuard(null)).toBe(false);
    for (const message of [null, 1, {}, { m: 'toString' }, { m: 'value', id: 'x' }, { m: 'ready', isolation: null }]) {
      expect(readFromChild(message)).toBeNull();
    }
    const value = { m: 'value', id: 1, value: null, output: '' };
    expect(readFromChild(value)).toBe(value);
  });
});
