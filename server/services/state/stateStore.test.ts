import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultHistoryLimits } from '../../protocol/operation.ts';
import { thisWriter } from '../audit/writer.ts';
import { hourMs, minuteMs } from './buckets.ts';
import { lineOf } from './records.ts';
import { stateFilesIn } from './stateFiles.ts';
import type { StoreOptions } from './stateStore.ts';
import { StateStore } from './stateStore.ts';
import { endedCall, FaultyStateFiles, ongoingCall, overCall } from './testKit.ts';

const stores: StateStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

/** A store that writes when it is told to. */
function storeOn(files: FaultyStateFiles, options: StoreOptions = {}): StateStore {
  const store = new StateStore(files, { flushMs: 3_600_000, retryMs: 3_600_000, nowMs: () => 2_000_000, ...options });
  stores.push(store);
  return store;
}

async function idsIn(store: StateStore): Promise<readonly string[]> {
  return (await store.calls()).map(({ call, state }) => `${call.requestId} ${state}`);
}

async function countIn(store: StateStore): Promise<number> {
  return (await store.cells(0, Infinity)).reduce((sum, { figures }) => sum + figures.calls, 0);
}

/** Another process that has gone: its id was in use, and is no more. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '0']).pid;
}

/** Makes the files that are there those of a process that has gone. */
function orphan(files: FaultyStateFiles): void {
  const pid = deadPid();
  for (const [name, bytes] of files.files) {
    files.files.set(name, Buffer.from(bytes.toString().replaceAll(`"pid":${process.pid}`, `"pid":${pid}`)));
  }
}

// @row ST-01
describe('what is kept of calls', () => {
  it('is read by the next process, newest first, with figures', async () => {
    const files = new FaultyStateFiles();
    const store = storeOn(files);
    for (const [n, id] of ['a', 'b', 'c'].entries()) {
      store.begin(ongoingCall(id, { startedAt: 1_000_000 + n }));
      store.end(overCall(id, { startedAt: 1_000_000 + n, result: { n } }));
    }
    await store.close();
    const next = storeOn(files);
    expect(await idsIn(next)).toEqual(['c ended', 'b ended', 'a ended']);
    expect(await countIn(next)).toBe(3);
    expect(await next.find('b')).toMatchObject({ state: 'ended', call: { result: { n: 1 } } });
    expect(await next.find('z')).toBe(null);
  });

  it('leaves nothing on disk before there is something to keep', async () => {
    const files = new FaultyStateFiles();
    const store = storeOn(files);
    expect(await idsIn(store)).toEqual([]);
    await store.close();
    expect(files.files.size).toBe(0);
  });

  it('tells what goes on in others, and what was going on in those that have gone', async () => {
    const files = new FaultyStateFiles();
    const other = storeOn(files);
    other.begin(ongoingCall('long'));
    await other.flush();
    expect(await idsIn(storeOn(files))).toEqual(['long running']);
    orphan(files);
    expect(await idsIn(storeOn(files))).toEqual(['long interrupted']);
    // Of what is over by the time it is written, only that it is.
    other.begin(ongoingCall('short'));
    other.end(overCall('short'));
    await other.flush();
    const text = Buffer.concat([...files.files.values()]).toString();
    expect(text.match(/"short"/g)).toHaveLength(1);
    expect(text).toContain('{"is":"ended","call":{"operation":"list_processes"');
  });

  it('passes over a torn line, and all that is no record', async () => {
    const files = new FaultyStateFiles();
    const store = storeOn(files);
    store.end(overCall('a'));
    await store.close();
    const [name = ''] = files.files.keys();
    const junk = [
      'nonsense',
      '{"is":"ended"}',
      '[]',
      '{"is":"begun","call":{"requestId":7}}',
      '{"is":"no"}',
      '{"is":"open"}',
    ];
    const whole = `${junk.join('\n')}\n${lineOf({ is: 'ended', call: endedCall('b') })}`;
    const torn = lineOf({ is: 'ended', call: endedCall('c') }).slice(0, 40);
    files.files.set(name, Buffer.concat([files.files.get(name) ?? Buffer.alloc(0), Buffer.from(whole + torn)]));
    const next = storeOn(files);
    expect((await idsIn(next)).toSorted()).toEqual(['a ended', 'b ended']);
    // What is torn now may be whole at the next look.
    const rest = lineOf({ is: 'ended', call: endedCall('c') }).slice(40);
    files.files.set(name, Buffer.concat([files.files.get(name) ?? Buffer.alloc(0), Buffer.from(rest)]));
    expect((await idsIn(next)).toSorted()).toEqual(['a ended', 'b ended', 'c ended']);
    expect(await countIn(next)).toBe(3);
  });

  // @row T017.a3
  it('is let go of as is said: by number, by age, results sooner, figures later', async () => {
    let now = 100 * 86_400_000;
    const ago = (days: number) => now - days * 86_400_000;
    const limits = { entries: 3, days: 10, resultMinutes: 30, statsDays: 20 };
    const store = storeOn(new FaultyStateFiles(), { limits, nowMs: () => now });
    for (const days of [25, 15, 5, 4, 3]) {
      store.end(overCall(`d${days}`, { startedAt: ago(days), result: 'old' }));
    }
    store.end(overCall('now', { startedAt: now, result: 'new' }));
    expect(await idsIn(store)).toEqual(['now ended', 'd3 ended', 'd4 ended']);
    expect(await store.find('now')).toMatchObject({ call: { result: 'new' } });
    expect(await store.find('d3')).toMatchObject({ call: { result: null } });
    expect(await countIn(store)).toBe(5);
    now += 31 * minuteMs;
    expect(await store.find('now')).toMatchObject({ call: { result: null } });
    store.configure({ ...limits, entries: 1 });
    expect(await idsIn(store)).toEqual(['now ended']);
  });

  it('keeps figures by the minute, then by the hour, and loses none', async () => {
    let now = 50 * hourMs;
    const store = storeOn(new FaultyStateFiles(), { nowMs: () => now });
    for (let n = 0; n < 120; n += 1) store.end(overCall(`c${n}`, { startedAt: 50 * hourMs + n * minuteMs }));
    const spans = async () => new Set((await store.cells(0, Infinity)).map(({ spanMs, at }) => `${spanMs} ${at}`));
    now += 2 * hourMs;
    expect((await spans()).size).toBe(120);
    now += 8 * hourMs;
    expect(await spans()).toEqual(new Set([`${hourMs} ${50 * hourMs}`, `${hourMs} ${51 * hourMs}`]));
    expect(await countIn(store)).toBe(120);
  });
});

describe('the files of many processes', () => {
  it('are put into one when those that wrote them have gone, and nothing is counted twice or lost', async () => {
    const files = new FaultyStateFiles();
    for (let n = 0; n < 20; n += 1) {
      const store = storeOn(files);
      store.end(overCall(`p${n}`, { startedAt: 1_000_000 + n }));
      if (n === 7) store.begin(ongoingCall('cut', { startedAt: 999_999 }));
      await store.close();
    }
    expect(files.files.size).toBe(20);
    orphan(files);
    const watching = storeOn(files);
    expect(await countIn(watching)).toBe(20);
    const store = storeOn(files);
    store.end(overCall('mine'));
    await store.flush();
    expect(files.files.size).toBe(1);
    for (const each of [store, watching, storeOn(files)]) {
      expect(await countIn(each)).toBe(21);
      expect((await idsIn(each)).filter((id) => id.endsWith('ended'))).toHaveLength(21);
      expect(await idsIn(each)).toContain('cut interrupted');
    }
  });

  it('are left alone while another process is at it, and not when that has gone', async () => {
    for (const [pid, left] of [
      [process.pid, 18],
      [deadPid(), 1],
    ] as const) {
      const files = new FaultyStateFiles();
      for (let n = 0; n < 16; n += 1) {
        const store = storeOn(files);
        store.end(overCall(`p${n}`));
        await store.close();
      }
      orphan(files);
      const writer = pid === process.pid ? thisWriter() : { ...thisWriter(), pid, startTicks: null };
      const lock = lineOf({ is: 'open', writer, replaces: [], cells: [], calls: [] });
      files.files.set('takeover.lock', Buffer.from(lock));
      const store = storeOn(files);
      store.end(overCall('mine'));
      await store.flush();
      expect(files.files.size).toBe(left);
      expect(await countIn(storeOn(files))).toBe(17);
    }
  });

  it('are begun anew when they have grown, without what is too old', async () => {
    const files = new FaultyStateFiles();
    const limits = { ...defaultHistoryLimits, entries: 50 };
    const store = storeOn(files, { limits, growthBytes: 1_000_000 });
    const large = 'x'.repeat(50_000);
    store.end(overCall('first', { startedAt: 1 }));
    await store.flush();
    for (let n = 0; n < 200; n += 1) {
      store.end(overCall(`c${n}`, { startedAt: 1_000_000 + n, result: large }));
      await store.flush();
    }
    const bytes = [...files.files.values()].reduce((sum, file) => sum + file.length, 0);
    expect(files.files.size).toBe(1);
    expect(bytes).toBeLessThan(7_000_000);
    const next = storeOn(files, { limits });
    expect(await idsIn(next)).toHaveLength(50);
    expect(await countIn(next)).toBe(201);
  });

  it('count for nothing until all of what they are begun with is there', async () => {
    const files = new FaultyStateFiles();
    const store = storeOn(files, { growthBytes: 1_000 });
    const ids = Array.from({ length: 30 }, (_, n) => `c${n}`);
    for (const id of ids) {
      store.end(overCall(id));
      await store.flush();
    }
    const [[name, bytes] = ['', Buffer.alloc(0)], ...others] = files.files;
    expect(others).toEqual([]);
    expect((await idsIn(storeOn(files))).toSorted()).toEqual(ids.map((id) => `${id} ended`).toSorted());
    expect(await countIn(storeOn(files))).toBe(30);
    const opensAt = bytes.indexOf('{"is":"open"');
    expect(opensAt).toBeGreaterThan(1_000);
    const torn = new FaultyStateFiles();
    torn.files.set(name, bytes.subarray(0, bytes.indexOf('\n', opensAt)));
    expect(await idsIn(storeOn(torn))).toEqual([]);
    expect(await countIn(storeOn(torn))).toBe(0);
  });

  it('keep nobody who looks waiting while they are begun anew, and are counted once meanwhile', async () => {
    const files = new FaultyStateFiles();
    const store = storeOn(files, { growthBytes: 1_000 });
    for (let n = 0; n < 5; n += 1) {
      store.end(overCall(`c${n}`));
      await store.flush();
    }
    const [begun, finished] = [new AbortController(), new AbortController()];
    const create = files.create.bind(files);
    files.create = async (name) => {
      const file = await create(name);
      const sync = async () => {
        begun.abort();
        await once(finished.signal, 'abort');
      };
      return { append: file.append.bind(file), close: file.close.bind(file), truncate: file.truncate.bind(file), sync };
    };
    const isBegun = once(begun.signal, 'abort');
    let n = 5;
    for (; !begun.signal.aborted; n += 1) {
      store.end(overCall(`c${n}`));
      await Promise.race([store.flush(), isBegun]);
    }
    expect(await idsIn(store)).toHaveLength(n);
    expect(await countIn(store)).toBe(n);
    finished.abort();
    await store.flush();
    expect(files.files.size).toBe(1);
    for (const each of [store, storeOn(files)]) {
      expect(await idsIn(each)).toHaveLength(n);
      expect(await countIn(each)).toBe(n);
    }
  });

  it('are begun anew without results that are kept no longer', async () => {
    const files = new FaultyStateFiles();
    let now = 2_000_000;
    const limits = { ...defaultHistoryLimits, resultMinutes: 1 };
    const store = storeOn(files, { growthBytes: 1_000, limits, nowMs: () => now });
    store.end(overCall('old', { startedAt: now, result: 'let go of' }));
    await store.flush();
    now += 61_000;
    for (let n = 0; n < 30; n += 1) {
      store.end(overCall(`c${n}`, { startedAt: now, result: 'kept' }));
      await store.flush();
    }
    const text = [...files.files.values()].join('');
    expect(text).toContain('"requestId":"old"');
    expect(text).not.toContain('let go of');
    expect(text).toContain('"result":"kept"');
  });
});

describe('a disk that is full', () => {
  it('keeps nobody from calling; what was called is kept in memory, and written when there is room', async () => {
    const files = new FaultyStateFiles();
    const warned: string[] = [];
    const store = storeOn(files, { warn: (message) => void warned.push(message) });
    store.end(overCall('before'));
    await store.flush();
    expect(store.persistence).toEqual({ is: 'ok' });
    files.faults.add('short_append');
    for (const id of ['a', 'b']) {
      store.end(overCall(id));
      await store.flush();
    }
    expect(store.persistence).toEqual({ is: 'memory_only', since: 2_000_000, message: 'ENOSPC' });
    expect(warned).toHaveLength(1);
    expect((await idsIn(store)).toSorted()).toEqual(['a ended', 'b ended', 'before ended']);
    // Another process sees what is there, and no half of a line.
    expect(await idsIn(storeOn(files))).toEqual(['before ended']);
    files.faults.clear();
    store.end(overCall('c'));
    await store.flush();
    expect(store.persistence).toEqual({ is: 'ok' });
    const next = storeOn(files);
    expect((await idsIn(next)).toSorted()).toEqual(['a ended', 'b ended', 'before ended', 'c ended']);
    expect(await countIn(next)).toBe(4);
  });

  it('is tried again by itself', async () => {
    const files = new FaultyStateFiles();
    files.faults.add('create');
    const store = storeOn(files, { flushMs: 1, retryMs: 1 });
    store.end(overCall('a'));
    await expect.poll(() => store.persistence.is, { timeout: 9_000 }).toBe('memory_only');
    files.faults.clear();
    await expect.poll(() => store.persistence.is, { timeout: 9_000 }).toBe('ok');
    expect(await idsIn(storeOn(files))).toEqual(['a ended']);
  });

  it('that cannot be read says nothing, and is said to', async () => {
    const files = new FaultyStateFiles();
    const store = storeOn(files);
    store.end(overCall('a'));
    await store.close();
    const warned: string[] = [];
    files.faults.add('read');
    expect(await idsIn(storeOn(files, { warn: (message) => void warned.push(message) }))).toEqual([]);
    expect(warned).toHaveLength(1);
    files.faults.add('list');
    expect(await idsIn(storeOn(files))).toEqual([]);
  });
});

it('the files are their owner’s only, and lie in a folder of their own', async () => {
  const folder = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-')), 'history');
  const store = new StateStore(stateFilesIn(folder));
  store.end(overCall('a', { startedAt: Date.now() }));
  await store.close();
  const [name = ''] = fs.readdirSync(folder);
  if (process.platform !== 'win32') {
    expect(fs.statSync(path.join(folder, name)).mode & 0o777).toBe(0o600);
  }
  const next = new StateStore(stateFilesIn(folder));
  expect(await idsIn(next)).toEqual(['a ended']);
  await next.close();
  fs.rmSync(path.dirname(folder), { recursive: true });
});
