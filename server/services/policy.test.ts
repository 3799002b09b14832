/** What the owner of a home lays down, and where the spans of its calls go. */
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { House } from '../backend/testKit.ts';
import { at, editor, fakeShop, houseOn, listAt, temporaryHome } from '../backend/testKit.ts';
import { createBackend } from '../backend/localBackend.ts';
import { isJson } from '../core/plainData.ts';
import type { Span } from '../core/spans.ts';
import { errorOf, valueOf } from '../core/testKit.ts';
import { narrowest, policyFile, policyOfSettings, readPolicy, readPolicyFile } from './policy.ts';
import { SpanFile } from './spanFile.ts';

let home: string;
let house: House | null = null;
beforeEach(() => {
  home = temporaryHome();
});
afterEach(async () => {
  await house?.close();
  house = null;
  fs.rmSync(home, { recursive: true, force: true });
});

function lay(policy: unknown): void {
  fs.writeFileSync(path.join(home, policyFile), typeof policy === 'string' ? policy : JSON.stringify(policy));
}

describe('the policy of a home', () => {
  it('lays nothing down where there is none', async () => {
    expect(valueOf(await readPolicy(home))).toEqual({});
    expect(valueOf(await readPolicy(path.join(home, 'not', 'there')))).toEqual({});
  });

  it.each([
    ['no JSON', '{'],
    ['a list', []],
    ['a role that is none', { roles: { kill_process: 'root' } }],
    ['a name that is none', { roles: { 'Kill Process': 'admin' } }],
    ['a limit of nothing', { rateLimits: { burst: 0, perSecond: 1 } }],
    ['something unheard of', { rolls: {} }],
  ])('is refused when it is %s, and nothing is started', async (_what, policy) => {
    lay(policy);
    expect(errorOf(await readPolicy(home))).toMatchObject({ class: 'validation', code: 'policy.invalid' });
    const files = { simulatedWorkerFile: '', sandboxChildFile: '' };
    expect(errorOf(await createBackend({ home, ...files })).code).toBe('policy.invalid');
  });

  it('is refused when it cannot be read', async () => {
    fs.mkdirSync(path.join(home, policyFile));
    expect(errorOf(await readPolicy(home)).code).toBe('policy.invalid');
  });

  // @row AU-04
  it('says which role an operation asks for, in the catalogue too', async () => {
    lay({ roles: { list_processes: 'operator', kill_process: 'operator' } });
    house = await houseOn(fakeShop(), { home });
    const roles = new Map(house.backend.catalogue().map(({ name, role }) => [name, role]));
    expect([roles.get('list_processes'), roles.get('kill_process')]).toEqual(['operator', 'operator']);
    const caller = { ...editor, role: 'viewer' } as const;
    expect(errorOf(await house.run('list_processes', {}, {}, { caller })).code).toBe('role.insufficient');
  });

  // @row RG-08
  it('can be seen of each operation: its role, its version, and what its calls pass', async () => {
    house = await houseOn(fakeShop(), { home });
    const described = await house.result('describe_operation', { operation: 'kill_process' });
    expect(described).toMatchObject({ name: 'kill_process', role: 'admin', version: 1 });
    const names = listAt(described, 'middlewares').map((one) => at(one, 'name'));
    expect(names.slice(0, 3)).toEqual(['span', 'envelope', 'caller']);
    expect(names).toContain('audit');
    expect(
      listAt(await house.result('describe_operation', { operation: 'list_processes' }), 'middlewares').map((one) =>
        at(one, 'name'),
      ),
    ).not.toContain('audit');
  });

  // @row IN-03
  it('says how often an operation may be called', async () => {
    lay({
      rateLimits: { burst: 100, perSecond: 0.001, operations: { cluster_topology: { burst: 1, perSecond: 0.001 } } },
    });
    house = await houseOn(fakeShop(), { home });
    valueOf(await house.run('cluster_topology'));
    expect(errorOf(await house.run('cluster_topology')).code).toBe('rate.exceeded');
    valueOf(await house.run('list_processes'));
    valueOf(await house.run('list_processes'));
  });

  // @row AU-04
  it('is obeyed together with a named file, which has to be there: where both speak, the narrower holds', async () => {
    lay({ roles: { kill_process: 'admin', list_processes: 'operator' }, rateLimits: { burst: 1, perSecond: 0.001 } });
    const named = path.join(home, 'named.json');
    fs.writeFileSync(
      named,
      JSON.stringify({
        roles: { kill_process: 'viewer', cluster_topology: 'admin' },
        rateLimits: { burst: 9, perSecond: 9 },
      }),
    );
    house = await houseOn(fakeShop(), { home, policyFile: named });
    const roles = new Map(house.backend.catalogue().map(({ name, role }) => [name, role]));
    expect(['kill_process', 'list_processes', 'cluster_topology', 'gc'].map((name) => roles.get(name))).toEqual([
      'admin',
      'operator',
      'admin',
      undefined,
    ]);
    valueOf(await house.run('cluster_topology'));
    expect(errorOf(await house.run('cluster_topology')).code).toBe('rate.exceeded');
    const missing = path.join(home, 'missing.json');
    expect(errorOf(await readPolicyFile(missing))).toMatchObject({ code: 'policy.invalid' });
    const files = { simulatedWorkerFile: '', sandboxChildFile: '' };
    expect(errorOf(await createBackend({ home, policyFile: missing, ...files })).code).toBe('policy.invalid');
  });

  // @row TR-01
  it('says where spans go: a line each, as OpenTelemetry writes them', async () => {
    const spansFile = path.join(home, 'spans.jsonl');
    lay({ spansFile });
    house = await houseOn(fakeShop(), { home });
    const traceparent = `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`;
    valueOf(await house.run('cluster_topology', {}, {}, { traceparent }));
    errorOf(await house.run('cluster_topology', { nothing: 1 }));
    await house.backend.close();
    const lines = fs.readFileSync(spansFile, 'utf8').trim().split('\n').map(readJson);
    const [good, bad] = lines.map((line) => listAt(line, 'resourceSpans', 0, 'scopeSpans', 0, 'spans')[0] ?? null);
    expect(good).toMatchObject({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      parentSpanId: '00f067aa0ba902b7',
      name: 'cluster_topology',
      kind: 2,
      status: { code: 1 },
    });
    expect(at(bad ?? null, 'status')).toMatchObject({ code: 2 });
    expect(at(bad ?? null, 'events', 0, 'name')).toBe('exception');
    const [start, end] = ['startTimeUnixNano', 'endTimeUnixNano'].map((name) => {
      const time = at(good ?? null, name);
      return BigInt(typeof time === 'string' ? time : -1);
    });
    expect(Number(start ?? -1n)).toBeGreaterThan(0);
    expect(Number((end ?? 0n) - (start ?? 0n))).toBeGreaterThanOrEqual(0);
    expect(fs.statSync(spansFile).mode & 0o077).toBe(0);
  });
});

describe('the policy in the settings of an editor', () => {
  const viewer = { ...editor, role: 'viewer' } as const;

  // @row AU-04, IN-03
  it('is in force at once, for roles, rates and what the catalogue says, and no longer than it stands there', async () => {
    house = await houseOn(fakeShop(), { home });
    const { backend, run } = house;
    const roleOf = (name: string) => backend.catalogue().find((entry) => entry.name === name)?.role;
    valueOf(await run('list_processes', {}, {}, { caller: viewer }));
    expect(backend.configurePolicy({ roles: { list_processes: 'operator' } })).toEqual([]);
    expect(roleOf('list_processes')).toBe('operator');
    // Under its alias, too.
    for (const name of ['list_processes', 'process_list']) {
      const refused = await run(name, { node: 'a@h' }, {}, { caller: viewer });
      expect(errorOf(refused).code).toBe('role.insufficient');
    }
    backend.configurePolicy({
      rateLimits: { burst: 5, perSecond: 0.001, operations: { cluster_topology: { burst: 1, perSecond: 0.001 } } },
    });
    expect(roleOf('list_processes')).toBe('viewer');
    valueOf(await run('cluster_topology'));
    expect(errorOf(await run('cluster_topology')).code).toBe('rate.exceeded');
    backend.configurePolicy({});
    valueOf(await run('list_processes', {}, {}, { caller: viewer }));
  });

  it('gives nothing that the home has taken', async () => {
    lay({ roles: { kill_process: 'admin' }, trustedOperations: [], rateLimits: { burst: 1, perSecond: 0.001 } });
    house = await houseOn(fakeShop(), { home });
    const { backend, run } = house;
    backend.configurePolicy({ roles: { kill_process: 'viewer' }, rateLimits: { burst: 1e6, perSecond: 1e6 } });
    expect(backend.catalogue().find(({ name }) => name === 'kill_process')?.role).toBe('admin');
    valueOf(await run('cluster_topology'));
    expect(errorOf(await run('cluster_topology')).code).toBe('rate.exceeded');
  });

  it.each([
    [{ roles: { kill_process: 'root', list_processes: 'operator' } }, ['/roles/kill_process']],
    [{ roles: { 'Kill Process': 'viewer' } }, ['/roles/Kill Process']],
    [{ roles: ['viewer'] }, ['/roles']],
    [{ rateLimits: 'many' }, ['/rateLimits']],
    [{ rateLimits: { burst: 0, perSecond: 10 } }, ['/rateLimits/burst']],
    [
      { rateLimits: { burst: 10, perSecond: 10, operations: { kill_process: { burst: 'x', perSecond: 1 } } } },
      ['/rateLimits/operations/kill_process/burst'],
    ],
    [{ trustedOperations: ['Not A Name'] }, ['/trustedOperations/0']],
    [{ trustedOperations: 'all' }, ['/trustedOperations']],
    [{ rolls: {} }, ['/rolls']],
    [null, ['']],
  ])('says of %j where it is wrong', (settings, pointers) => {
    expect(policyOfSettings(settings).problems.map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it('reads what is wrong as the narrowest it can have meant', () => {
    const { policy } = policyOfSettings({
      roles: { kill_process: 'root', list_processes: 'viewer' },
      rateLimits: {
        burst: 'x',
        perSecond: 5,
        operations: { trace_process: { burst: -1, perSecond: 1 }, gc: { burst: 2, perSecond: 2 } },
      },
      trustedOperations: 'all',
    });
    expect(policy).toEqual({
      roles: { kill_process: 'admin', list_processes: 'viewer' },
      rateLimits: {
        burst: 1,
        perSecond: 1,
        operations: { trace_process: { burst: 1, perSecond: 1 }, gc: { burst: 2, perSecond: 2 } },
      },
    });
    expect(policyOfSettings({ rateLimits: { burst: 0, perSecond: 1 } }).policy).toEqual({});
  });

  it('holds on to what was said before where nothing is said that could be obeyed', () => {
    const roles = { kill_process: 'admin' } as const;
    const rateLimits = { burst: 2, perSecond: 1 };
    const before = { roles, rateLimits, trustedOperations: ['x'] };
    for (const wrong of ['text', 7, [], null]) {
      const { policy, problems } = policyOfSettings({ roles: wrong, rateLimits: wrong, trustedOperations: 7 }, before);
      // Trust is a grant: nobody is trusted by what is no list.
      expect(policy).toEqual({ roles, rateLimits });
      expect(problems.map(({ pointer }) => pointer)).toEqual(['/roles', '/rateLimits', '/trustedOperations']);
      expect(policyOfSettings(wrong, before).policy).toEqual(
        Array.isArray(wrong) ? expect.anything() : { roles, rateLimits },
      );
    }
    expect(policyOfSettings({ rateLimits: { burst: 0, perSecond: 1 } }, before).policy).toEqual({ rateLimits });
    expect(policyOfSettings({}, before).policy).toEqual({});
    expect(policyOfSettings({ roles: {} }, before).policy).toEqual({ roles: {} });
  });

  it('never widens, whatever stands there', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const said = isJson(value) ? value : null;
        for (const settings of [said, { roles: said }, { rateLimits: said }, { trustedOperations: said }]) {
          const { policy, problems } = policyOfSettings(settings);
          if (problems.length === 0) continue;
          // What is wrong names nobody to trust but by a name, and lowers no role below what was said.
          for (const role of Object.values(policy.roles ?? {})) expect(['viewer', 'operator', 'admin']).toContain(role);
          for (const name of policy.trustedOperations ?? []) expect(typeof name).toBe('string');
          const { burst = 1, perSecond = 1 } = policy.rateLimits ?? {};
          expect(burst).toBeGreaterThanOrEqual(1);
          expect(perSecond).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('policies together', () => {
  it('are the narrowest that each of them says', () => {
    expect(
      narrowest([
        {
          roles: { a: 'viewer', b: 'admin' },
          rateLimits: { burst: 100, perSecond: 1, operations: { a: { burst: 50, perSecond: 9 } } },
          trustedOperations: ['x', 'y'],
        },
        {
          roles: { a: 'operator', c: 'viewer' },
          rateLimits: { burst: 10, perSecond: 2 },
          trustedOperations: ['y', 'z'],
          spansFile: '/s',
        },
        {},
      ]),
    ).toEqual({
      roles: { a: 'operator', b: 'admin', c: 'viewer' },
      rateLimits: { burst: 10, perSecond: 1, operations: { a: { burst: 10, perSecond: 2 } } },
      trustedOperations: ['y'],
      spansFile: '/s',
    });
    expect(narrowest([{}, {}])).toEqual({});
  });
});

describe('a file of spans', () => {
  const span: Span = {
    name: 'x',
    kind: 'internal',
    traceId: '1'.repeat(32),
    spanId: '2'.repeat(16),
    parentSpanId: null,
    startedAtMs: 1_700_000_000_000.5,
    durationMs: 1.5,
    attributes: { text: 't', yes: true, whole: 3, part: 0.5 },
    status: 'ok',
    exception: null,
  };

  it('has the values of attributes in their types, and times in nanoseconds', async () => {
    const file = path.join(home, 's.jsonl');
    const spans = new SpanFile(file, () => undefined);
    spans.export(span);
    await spans.flush();
    const written = at(readJson(fs.readFileSync(file, 'utf8')), 'resourceSpans', 0, 'scopeSpans', 0, 'spans', 0);
    expect(written).toMatchObject({
      kind: 1,
      startTimeUnixNano: '1700000000000500000',
      endTimeUnixNano: '1700000000002000000',
      attributes: [
        { key: 'text', value: { stringValue: 't' } },
        { key: 'yes', value: { boolValue: true } },
        { key: 'whole', value: { intValue: '3' } },
        { key: 'part', value: { doubleValue: 0.5 } },
      ],
    });
  });

  it('that cannot be written says so once, loses spans, and goes on when it can', async () => {
    const said: string[] = [];
    const folder = path.join(home, 'later');
    const spans = new SpanFile(path.join(folder, 's.jsonl'), (message) => void said.push(message));
    for (let round = 0; round < 2; round += 1) {
      spans.export(span);
      await spans.flush();
    }
    expect(said).toHaveLength(1);
    fs.mkdirSync(folder);
    for (let n = 0; n < 10_001; n += 1) spans.export(span);
    await spans.flush();
    expect(fs.readFileSync(path.join(folder, 's.jsonl'), 'utf8').trim().split('\n')).toHaveLength(10_000);
    expect(said).toHaveLength(1);
  });

  it('writes by itself what waits', async () => {
    const file = path.join(home, 's.jsonl');
    new SpanFile(file, () => undefined).export(span);
    await expect
      .poll(() => fs.existsSync(file) && fs.readFileSync(file, 'utf8').length > 0, { timeout: 8_000 })
      .toBe(true);
  });
});

function readJson(text: string) {
  const value: unknown = JSON.parse(text);
  if (!isJson(value)) throw new Error('no JSON');
  return value;
}
