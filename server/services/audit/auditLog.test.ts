import { describe, expect, it } from 'vitest';
import { failure } from '../../../runtime/errors.ts';
import { ok } from '../../../runtime/model.ts';
import type { Intent } from '../../core/calls.ts';
import type { SchemasOf } from '../../core/secrets.ts';
import { redacted } from '../../core/secrets.ts';
import { admin, errorOf, plan, valueOf } from '../../core/testKit.ts';
import { AuditLog } from './auditLog.ts';
import { readChain } from './chain.ts';
import type { DiskFault } from './faultyFiles.ts';
import { FaultyFiles } from './faultyFiles.ts';
import { Journal } from './journal.ts';
import { verifyAudit } from './verify.ts';

function intent(requestId: string, change: Partial<Intent> = {}): Intent {
  return {
    requestId,
    correlationId: 'c',
    operation: 'touch_node',
    connection: { id: 'sim', kind: 'simulated', label: 'Simulated cluster' },
    caller: admin,
    severity: 'change',
    params: { node: 'a@h' },
    plan,
    fingerprint: 'f',
    ...change,
  };
}
const done = { operation: 'touch_node', result: ok({ touched: true }), durationMs: 3, late: false };

function open(files: FaultyFiles, schemasOf: SchemasOf = () => ({ params: {}, result: {} })) {
  const warnings: string[] = [];
  const log = new AuditLog(files, (message) => void warnings.push(message), schemasOf);
  return { log, warnings, journal: new Journal(files) };
}
function kinds(files: FaultyFiles): string[] {
  return [...files.files.values()].flatMap((bytes) => readChain(bytes).records.map(({ kind }) => kind));
}

describe('AuditLog', () => {
  it('leaves no file behind when nothing was changed', async () => {
    const files = new FaultyFiles();
    await open(files).log.close();
    expect(files.files.size).toBe(0);
  });

  // @row NF-09
  it('has the intent on disk before it says so, and the outcome after', async () => {
    const files = new FaultyFiles();
    const { log, journal } = open(files);
    valueOf(await log.intent(intent('r1')));
    expect(files.log.at(-1)).toBe('sync');
    expect(kinds(files)).toEqual(['open', 'intent']);
    expect((await journal.find('r1'))?.outcome.is).toBe('running');
    await log.outcome({ requestId: 'r1', ...done });
    expect((await journal.find('r1'))?.outcome).toEqual({ is: 'done', result: ok({ touched: true }), durationMs: 3 });
    await log.close();
    expect(valueOf(ok(await verifyAudit(files)))).toMatchObject({ sound: true, logs: [{ records: 3, tornBytes: 0 }] });
  });

  it('writes all that waits with one sync', async () => {
    const files = new FaultyFiles();
    const { log } = open(files);
    await log.intent(intent('first'));
    const before = files.log.filter((call) => call === 'sync').length;
    await Promise.all(Array.from({ length: 100 }, (_value, index) => log.intent(intent(`r${index}`))));
    expect(files.log.filter((call) => call === 'sync').length - before).toBeLessThanOrEqual(2);
    expect(kinds(files)).toHaveLength(102);
  });

  const faults: readonly DiskFault[] = ['create', 'append', 'short_append', 'sync', 'list'];
  // @row NF-09
  it.each(faults)(
    'refuses what cannot be written down, when %s fails, and goes on when it no longer does',
    async (fault) => {
      const files = new FaultyFiles();
      const { log, journal } = open(files);
      files.faults.add(fault);
      const error = errorOf(await log.intent(intent('r1')));
      expect(error).toMatchObject({ class: 'unavailable', code: 'audit.unwritable', effect: 'none' });
      files.faults.clear();
      expect(await journal.find('r1')).toBeNull();
      valueOf(await log.intent(intent('r2')));
      expect((await journal.find('r2'))?.requestId).toBe('r2');
      expect((await verifyAudit(files)).sound).toBe(true);
    },
  );

  it.each(faults.filter((fault) => fault !== 'create' && fault !== 'list'))(
    'takes back what it may have written, when %s fails in the middle, and opens a new log that knows the old one',
    async (fault) => {
      const files = new FaultyFiles();
      const { log, journal } = open(files);
      valueOf(await log.intent(intent('r1')));
      files.faults.add(fault);
      errorOf(await log.intent(intent('r2')));
      files.faults.clear();
      expect(await journal.find('r2')).toBeNull();
      valueOf(await log.intent(intent('r3')));
      expect(files.files.size).toBe(2);
      expect(await verifyAudit(files)).toMatchObject({ sound: true });
    },
  );

  it('says so when not even that can be taken back; the torn end is told from damage', async () => {
    const files = new FaultyFiles();
    const { log, warnings } = open(files);
    valueOf(await log.intent(intent('r1')));
    files.faults.add('short_append').add('truncate');
    errorOf(await log.intent(intent('r2')));
    files.faults.clear();
    expect(warnings).toHaveLength(1);
    const { logs, sound } = await verifyAudit(files);
    expect([sound, logs[0]?.tornBytes === 0]).toEqual([true, false]);
  });

  it('only warns when an outcome cannot be written: it has happened', async () => {
    const files = new FaultyFiles();
    const { log, warnings } = open(files);
    valueOf(await log.intent(intent('r1')));
    files.faults.add('append');
    await log.outcome({ requestId: 'r1', ...done });
    await log.settle('r1', 'touch_node', 'applied');
    expect(warnings).toHaveLength(2);
    await log.close();
    expect(errorOf(await log.intent(intent('r2'))).code).toBe('audit.unwritable');
  });

  it('keeps secrets, and results of any size, out', async () => {
    const files = new FaultyFiles();
    const { log, journal } = open(files);
    const secrets = {
      password: 'canary-1',
      nested: [{ apiKey: 'canary-2' }],
      cookie: { of: 'canary-3' },
      text: 'x'.repeat(9000),
    };
    await log.intent(intent('r1', { params: secrets, plan: { ...plan, steps: secrets } }));
    const rows = Array.from({ length: 20_000 }, (_value, index) => index);
    await log.outcome({ requestId: 'r1', ...done, result: ok(rows) });
    await log.intent(intent('r2'));
    const failed = failure('execution', 'x.y', 'No.', 'None.', { effect: 'partial', details: { token: 'canary-4' } });
    await log.outcome({ requestId: 'r2', ...done, result: failed });
    const text = [...files.files.values()].join('');
    expect(text).not.toMatch(/canary/);
    expect(text.length).toBeLessThan(30_000);
    expect((await journal.find('r1'))?.outcome).toMatchObject({ result: ok({ omitted: true }) });
    expect((await journal.find('r2'))?.outcome).toMatchObject({
      result: { ok: false, error: { class: 'execution', code: 'x.y', effect: 'partial' } },
    });
  });

  it('keeps out what the operation says is secret: of parameters, of the steps that repeat them, and of results', async () => {
    const files = new FaultyFiles();
    const marked = { type: 'object', properties: { code: { format: 'password' } } };
    const { log, journal } = open(files, (name) => (name === 'touch_node' ? { params: marked, result: marked } : null));
    const secrets = { node: 'a@h', code: 'canary' };
    await log.intent(intent('r1', { params: secrets, plan: { ...plan, steps: secrets } }));
    await log.outcome({ requestId: 'r1', ...done, result: ok(secrets) });
    expect([...files.files.values()].join('')).not.toContain('canary');
    const left = { node: 'a@h', code: redacted };
    expect(await journal.find('r1')).toMatchObject({ plan: { steps: left }, outcome: { result: ok(left) } });
    // Its module was deleted while it ran: what it said is not known any more.
    await log.outcome({ requestId: 'r1', ...done, operation: 'gone', result: ok({ word: 'canary' }) });
    expect([...files.files.values()].join('')).not.toContain('canary');
  });

  it('opens with the heads of the other logs, and cuts off what a dead writer left torn', async () => {
    const files = new FaultyFiles();
    const dead = open(files).log;
    valueOf(await dead.intent(intent('r1')));
    const [name = ''] = await files.list();
    // As if that process were long gone: this test cannot be process 1 of another start.
    const text = (files.files.get(name) ?? Buffer.alloc(0)).toString();
    files.files.set(name, Buffer.from(`${text}{"seq":2,"at":1,"ki`));
    const other = open(files).log;
    valueOf(await other.intent(intent('r2')));
    expect(files.files.get(name)?.length).toBeGreaterThan(text.length);
    const verdict = await verifyAudit(files);
    expect(verdict.sound).toBe(true);
    files.files.set(name, Buffer.from(text.split(/(?<=\n)/)[0] ?? ''));
    const shortened = await verifyAudit(files);
    expect(shortened.logs.find(({ file }) => file === name)?.problem).toContain('is missing');
    files.files.delete(name);
    expect((await verifyAudit(files)).logs.at(-1)?.problem).toBe('the log is missing');
  });

  it('does not stop for a log that cannot be read', async () => {
    const files = new FaultyFiles();
    valueOf(await open(files).log.intent(intent('r1')));
    files.faults.add('read');
    const { log, warnings } = open(files);
    valueOf(await log.intent(intent('r2')));
    expect(warnings).toHaveLength(1);
    expect(await new Journal(files).find('r1')).toBeNull();
  });

  it('says where a log has been changed', async () => {
    const files = new FaultyFiles();
    valueOf(await open(files).log.intent(intent('r1')));
    const [name = ''] = await files.list();
    const changed = (files.files.get(name) ?? Buffer.alloc(0)).toString().replace('a@h', 'b@h');
    files.files.set(name, Buffer.from(changed));
    expect(await verifyAudit(files)).toMatchObject({ sound: false, logs: [{ problem: 'line 2 has been changed' }] });
    const journal = new Journal(files);
    expect([await journal.find('r1'), await journal.find('r1')]).toEqual([null, null]);
  });
});
