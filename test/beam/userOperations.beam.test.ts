/**
 * Operations that people keep as modules on their nodes: found, described, run and bounded there; with the behaviour they were written
 * for, without it, in its older form, and in plain Erlang.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import type { Json, NodeOperation } from '../../runtime/model.ts';
import { isMethodName } from '../../runtime/port.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startElixir, startErlang, stopAll } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import { errorOf, freshLeaseDir, inTime } from './shop.ts';

const fixtures = path.resolve('test/fixtures/user-operations');
const source = (name: string) => fs.readFileSync(path.join(fixtures, name), 'utf8');
/** An Elixir expression that compiles sources there, and answers how many modules came of it. */
const compiling = (...names: readonly string[]) =>
  names
    .map((name) => `length(Code.compile_string(Base.decode64!("${Buffer.from(source(name)).toString('base64')}")))`)
    .join(' + ');

afterAll(() => {
  stopAll();
});

async function connectTo(node: LiveNode, agent: 'load' | 'none' = 'load'): Promise<Runtime> {
  const { cookie, epmdPort } = node;
  const spec = { id: 'ops', node: node.node, cookie, epmd: { port: epmdPort }, leaseDir: freshLeaseDir(), agent };
  return valueOf(await connectBeam(spec));
}

async function found(runtime: Runtime, onDisk = false, slow: 'when_due' | 'now' = 'when_due') {
  return valueOf(await runtime.port.operations.find({ nodes: 'all', onDisk, slow }, inTime()));
}

async function foundModule(runtime: Runtime, module: string): Promise<NodeOperation> {
  const { operations } = await found(runtime);
  const one = operations.find((each) => each.module === module);
  if (one === undefined) throw new Error(`no ${module} among ${operations.map((each) => each.module).join(', ')}`);
  return one;
}

async function execute(
  runtime: Runtime,
  module: string,
  params: { readonly [name: string]: Json },
  change: {
    readonly timeoutMs?: number;
    readonly role?: string;
    readonly version?: string;
    readonly signal?: AbortSignal;
  } = {},
) {
  const { node, version } = await foundModule(runtime, module);
  return runtime.port.operations.execute(
    {
      node,
      module,
      version: change.version ?? version,
      params,
      caller: { principal: 'user:me', role: change.role ?? 'admin' },
      maxHeapBytes: 64_000_000,
      maxBytes: 200_000,
      maxOutputChars: 200,
    },
    callOptions(change.timeoutMs ?? 10_000, change.signal),
  );
}

describe('on a node without the behaviour module', () => {
  let node: LiveNode;
  let runtime: Runtime;
  beforeAll(async () => {
    node = await startElixir({ name: 'ops_plain', cookie: 'ops' });
    expect(await node.eval(compiling('plain.ex', 'predecessor.ex'))).toBe('2');
    runtime = await connectTo(node);
  });
  afterAll(async () => {
    await runtime.close();
    await node.stop();
  });

  // @row R8.1, CB-01
  it('modules with the callbacks are found and described, by attribute or by what they export', async () => {
    const { operations, nodes } = await found(runtime);
    expect(nodes).toEqual([{ node: node.node, status: 'ok' }]);
    expect(operations.map(({ module, form }) => [module, form])).toEqual([
      ['Elixir.Demo.Operations.CountNames', 'predecessor'],
      ['Elixir.Demo.Sum', 'operation'],
    ]);
    expect((await foundModule(runtime, 'Elixir.Demo.Sum')).told).toMatchObject({
      is: 'told',
      answers: {
        name: 'demo_sum',
        description: 'Adds numbers',
        params_schema: { numbers: { type: 'list', required: true }, by: { type: 'float', default: 1 } },
        metadata: { minimum_role: 'admin', timeout: 4000, idempotent: true },
      },
    });
  });

  it('run with parameters of the types and keys of the schema', async () => {
    expect(valueOf(await execute(runtime, 'Elixir.Demo.Sum', { numbers: [1, 2, 3], by: 2 }))).toMatchObject({
      value: [12, null],
      output: '',
    });
    const init = await execute(runtime, 'Elixir.Demo.Sum', { numbers: [1], of: 'init' });
    expect(valueOf(init).value).toMatchObject([1, expect.stringMatching(/^ops_plain@localhost~0\.\d+\.0~/)]);
    expect(valueOf(await execute(runtime, 'Elixir.Demo.Operations.CountNames', { prefix: 'kernel_s' })).value).toEqual({
      data: { count: 2 },
    });
  });

  it('say what is wrong with parameters, without making an atom', async () => {
    const wrong = errorOf(await execute(runtime, 'Elixir.Demo.Sum', { of: 'no_such_name_at_all', more: 1 }));
    expect(wrong).toMatchObject({ class: 'validation', code: 'params.invalid', effect: 'none' });
    expect(wrong.details?.['problems']).toEqual([
      { pointer: '/more', message: 'is not a parameter' },
      { pointer: '/numbers', message: 'is required' },
      { pointer: '/of', message: 'is no process of this node' },
    ]);
    const known = 'try do String.to_existing_atom("no_such_" <> "name_at_all"); true rescue ArgumentError -> false end';
    expect(await node.eval(known)).toBe('false');
    expect(errorOf(await execute(runtime, 'Elixir.Demo.Operations.CountNames', {}))).toMatchObject({
      code: 'params.invalid',
      message: expect.stringContaining('missing_parameter'),
    });
  });

  it('that fail, raise, or refuse the caller are told so, with the place', async () => {
    expect(errorOf(await execute(runtime, 'Elixir.Demo.Sum', { numbers: ['refuse'] }))).toMatchObject({
      class: 'execution',
      code: 'operation.failed',
      effect: 'unknown',
      details: { reason: ['not_today', 'closed'] },
    });
    const raised = errorOf(await execute(runtime, 'Elixir.Demo.Sum', { numbers: ['raise'] }));
    expect(raised).toMatchObject({ code: 'operation.threw', effect: 'unknown' });
    expect(raised.message).toContain('no such sum');
    expect(errorOf(await execute(runtime, 'Elixir.Demo.Sum', { numbers: [1] }, { role: 'viewer' }))).toMatchObject({
      class: 'authorization',
      effect: 'none',
    });
    // What its authorize/2 lacks lets nobody in.
    expect((await execute(runtime, 'Elixir.Demo.Sum', { numbers: [1] }, { role: 'operator' })).ok).toBe(false);
  });

  it.each([
    ['loop', 'timeout', 'call.timeout', 600],
    ['grow', 'execution', 'operation.worker_ended', 30_000],
  ])('that %s are ended alone, and leave no process behind', async (word, errorClass, code, timeoutMs) => {
    const inIt = `Enum.count(Process.list(), &match?({_, {Demo.Sum, _, _}}, Process.info(&1, :current_function)))`;
    const failed = errorOf(await execute(runtime, 'Elixir.Demo.Sum', { numbers: [word] }, { timeoutMs }));
    expect(failed).toMatchObject({ class: errorClass, code, effect: 'unknown' });
    await expect.poll(() => node.eval(inIt), { timeout: 10_000 }).toBe('0');
    expect(valueOf(await execute(runtime, 'Elixir.Demo.Sum', { numbers: [1] })).value).toEqual([1, null]);
  });

  it('that are given up end with the call', async () => {
    const giveUp = new AbortController();
    const loops = 'Enum.count(Process.list(), &match?({_, {Demo.Sum, :loop, _}}, Process.info(&1, :current_function)))';
    const answer = execute(
      runtime,
      'Elixir.Demo.Sum',
      { numbers: ['loop'] },
      { timeoutMs: 60_000, signal: giveUp.signal },
    );
    await expect.poll(() => node.eval(loops), { timeout: 10_000 }).toBe('1');
    giveUp.abort();
    expect(errorOf(await answer)).toMatchObject({ class: 'cancelled', effect: 'unknown' });
    await expect.poll(() => node.eval(loops), { timeout: 10_000 }).toBe('0');
  });

  it('whose result is too large answer the part that fits', async () => {
    const { value } = valueOf(await execute(runtime, 'Elixir.Demo.Sum', { numbers: ['many'] }));
    expect(Array.isArray(value) && value.length).toBeGreaterThan(1_000);
    expect(Array.isArray(value) && value.at(-1)).toMatchObject({ elided: 'list' });
  });

  it('are asked again when their code is another, and are not run as the version they no longer are', async () => {
    const before = await foundModule(runtime, 'Elixir.Demo.Sum');
    const anew = source('plain.ex').replace('Adds numbers', 'Adds up');
    await node.eval(`Code.compile_string(Base.decode64!("${Buffer.from(anew).toString('base64')}")); :ok`);
    const stale = await execute(runtime, 'Elixir.Demo.Sum', { numbers: [1] }, { version: before.version });
    expect(errorOf(stale)).toMatchObject({ class: 'conflict', code: 'operation.changed', effect: 'none' });
    const after = await foundModule(runtime, 'Elixir.Demo.Sum');
    expect(after.version).not.toBe(before.version);
    expect(after.told).toMatchObject({ answers: { description: 'Adds up' } });
    await node.eval(':code.delete(Demo.Operations.CountNames); :code.purge(Demo.Operations.CountNames)');
    const { operations } = await found(runtime);
    expect(operations.map(({ module }) => module)).toEqual(['Elixir.Demo.Sum']);
  });

  it('that cannot describe themselves are named with what is wrong', async () => {
    const broken = `
      defmodule Demo.Slow do
        def name, do: Process.sleep(:infinity)
        def category, do: :custom
        def description, do: "x"
        def params_schema, do: %{}
        def execute(_), do: {:ok, 1}
      end
      defmodule Demo.Half do
        @behaviour Arsenal.Operation
        def name, do: :half
        def execute(_), do: {:ok, 1}
      end`;
    await node.eval(`Code.compile_string(Base.decode64!("${Buffer.from(broken).toString('base64')}")); :ok`);
    expect((await foundModule(runtime, 'Elixir.Demo.Slow')).told).toMatchObject({
      is: 'broken',
      why: expect.stringContaining('too long'),
    });
    expect((await foundModule(runtime, 'Elixir.Demo.Half')).told).toEqual({
      is: 'broken',
      why: 'it names the behaviour and does not export category/0, description/0, params_schema/0.',
    });
  });
});

describe('modules that are slow to describe themselves', () => {
  let node: LiveNode;
  let runtime: Runtime;
  const named = (module: string, name: string) => `
    defmodule ${module} do
      def name, do: ${name}
      def category, do: :custom
      def description, do: "x"
      def params_schema, do: %{}
      def execute(_), do: {:ok, 1}
    end`;
  // Counts who asks, and waits until somebody says that it may go on.
  const waiting = (name: string) =>
    `(:counters.add(:persistent_term.get(:asked), 1, 1); :persistent_term.get(:may_go, false) || Process.sleep(:infinity); :${name})`;
  const compile = (code: string) =>
    node.eval(`Code.compile_string(Base.decode64!("${Buffer.from(code).toString('base64')}")); :ok`);
  const told = async (module: string, slow: 'when_due' | 'now' = 'when_due') =>
    (await found(runtime, false, slow)).operations.find((one) => one.module === module)?.told;
  const timesAsked = async () => Number(await node.eval(':counters.get(:persistent_term.get(:asked), 1)'));
  beforeAll(async () => {
    node = await startElixir({ name: 'ops_slow', cookie: 'ops' });
    await node.eval(':persistent_term.put(:asked, :counters.new(1, []))');
    runtime = await connectTo(node);
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  afterAll(async () => {
    await runtime.close();
    await node.stop();
  });

  it('are asked again after a while, and at once on demand', async () => {
    // The clock by which it is due stands still, however long the machine takes.
    vi.useFakeTimers({ toFake: ['performance'] });
    await compile(named('Demo.Slow', waiting('slow')));
    const askedAfter = async (ms: number) => {
      vi.advanceTimersByTime(ms);
      expect(await told('Elixir.Demo.Slow')).toMatchObject({ is: 'broken', why: expect.stringContaining('too long') });
      return timesAsked();
    };
    expect(await askedAfter(0)).toBe(1);
    // Not at each look: whoever looks every two seconds would cost the node half its time.
    expect(await askedAfter(3_999)).toBe(1);
    expect(await askedAfter(1)).toBe(2);
    expect(await askedAfter(7_999)).toBe(2);
    expect(await askedAfter(1)).toBe(3);
    vi.useRealTimers();
    await node.eval(':persistent_term.put(:may_go, true)');
    expect(await told('Elixir.Demo.Slow', 'now')).toMatchObject({ is: 'told', answers: { name: 'slow' } });
    // Once it has described itself it is asked no more.
    const asked = await timesAsked();
    expect(await told('Elixir.Demo.Slow', 'now')).toMatchObject({ is: 'told' });
    expect(await timesAsked()).toBe(asked);
  });

  it('do not take the turn of those behind them for long', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    await node.eval(':persistent_term.put(:may_go, false)');
    const slow = ['A', 'B', 'C', 'D', 'E', 'F'].map((letter) => named(`Demo.Slow${letter}`, waiting(`slow_${letter}`)));
    await compile([...slow, named('Demo.Zed', ':zed')].join('\n'));
    const first = valueOf(await runtime.port.operations.find({ nodes: 'all', onDisk: false }, callOptions(30_000)));
    const zed = first.operations.find(({ module }) => module === 'Elixir.Demo.Zed');
    expect(zed?.told).toEqual({
      is: 'broken',
      why: 'those before it took all the time there was; it is asked at the next look.',
    });
    expect(await told('Elixir.Demo.Zed')).toMatchObject({ is: 'told', answers: { name: 'zed' } });
  });
});

// With the agent, and where its text is interpreted within each call.
describe.each(['load', 'none'] as const)('hooks (agent: %s)', (agent) => {
  let node: LiveNode;
  let runtime: Runtime;
  beforeAll(async () => {
    node = await startElixir({ name: `ops_hooks_${agent}`, cookie: 'ops' });
    expect(await node.eval(compiling('hooked.ex'))).toBe('1');
    runtime = await connectTo(node, agent);
  });
  afterAll(async () => {
    await runtime.close();
    await node.stop();
  });
  const hooked = (params: { readonly [name: string]: Json }) => execute(runtime, 'Elixir.Demo.Hooked', params);
  const seenAfter = () => node.eval(':persistent_term.get(:demo_after, nil)');

  it('are called before and after, in whose name it is run, and may give it other parameters', async () => {
    expect(valueOf(await hooked({ n: 1 })).value).toBe(2);
    const seen = await seenAfter();
    expect(seen).toContain('n: 2');
    expect(seen).toMatch(/by: "user:me".*\{:ok, 2\}.*role: "admin"/);
    expect(await node.eval(':persistent_term.get(:demo_telemetry)')).toBe('2');
    expect(valueOf(await hooked({ n: 0 })).value).toBe(0);
  });

  it('may refuse, and have not let it be run when they break', async () => {
    const before = await seenAfter();
    for (const [n, why] of [
      [13, 'unlucky'],
      [7, 'a broken hook'],
      [5, 'perhaps'],
    ] as const) {
      const refused = errorOf(await hooked({ n }));
      expect(refused).toMatchObject({ class: 'conflict', code: 'operation.refused', effect: 'none', node: node.node });
      expect(refused.message).toContain(why);
    }
    expect(await seenAfter()).toBe(before);
  });

  it('hear of what was raised', async () => {
    const raised = errorOf(await hooked({ n: 99 }));
    expect(raised).toMatchObject({ code: 'operation.threw', effect: 'unknown' });
    expect(raised.message).toContain('no such number');
    expect(await seenAfter()).toMatch(/\{:error, \{:error, .*no such number/);
  });

  it.each([
    ['raises', 'after_execute/3: error'],
    ['stays', 'Its hooks were ended: they did not end in time.'],
    ['is killed', 'Its hooks were ended, and the process with them.'],
  ])('take nothing back that has been done: one that %s is told in what was printed', async (looks_on, said) => {
    const { value, output } = valueOf(await hooked({ n: 1, looks_on }));
    expect(value).toBe(2);
    expect(output).toContain(said);
    const staying =
      'Enum.count(Process.list(), &match?({_, {Demo.Hooked, _, _}}, Process.info(&1, :current_function)))';
    await expect.poll(() => node.eval(staying), { timeout: 30_000 }).toBe('0');
  });
});

describe('rules of a schema', () => {
  let node: LiveNode;
  let runtime: Runtime;
  beforeAll(async () => {
    node = await startElixir({ name: 'ops_rules', cookie: 'ops' });
    await node.eval(
      `Code.compile_string(Base.decode64!("${Buffer.from(
        `
      defmodule Demo.Rules do
        def name, do: :demo_rules
        def category, do: :custom
        def description, do: "x"
        def params_schema do
          %{plain: [type: :string, format: ~r/^[a-z]+$/],
            letters: [type: :string, format: ~r/^grün .*ende$/ius],
            listed: [type: :string, format: Map.put(~r/^ab$/, :opts, [:caseless])],
            text: [type: :string, format: "^x+$"],
            even: [type: :integer, custom: fn n -> if rem(n, 2) == 0, do: :ok, else: {:error, "must be even"} end],
            twice: [type: :integer, custom: fn n -> {:ok, n * 2} end],
            never: [type: :integer, custom: fn _ -> false end]}
        end
        def execute(params), do: {:ok, params}
      end`,
      ).toString('base64')}")); :ok`,
    );
    runtime = await connectTo(node);
  });
  afterAll(async () => {
    await runtime.close();
    await node.stop();
  });
  const rules = (params: { readonly [name: string]: Json }) => execute(runtime, 'Elixir.Demo.Rules', params);
  const problems = async (params: { readonly [name: string]: Json }) =>
    errorOf(await rules(params)).details?.['problems'];

  // @row CB-03
  it('a regular expression means what its options say', async () => {
    expect(valueOf(await rules({ plain: 'abc', letters: 'GRÜN und\nENDE', listed: 'AB', text: 'xx' })).value).toEqual({
      plain: 'abc',
      letters: 'GRÜN und\nENDE',
      listed: 'AB',
      text: 'xx',
    });
    const message = 'has not the format it must have';
    expect(await problems({ plain: 'ABC', letters: 'rot ende', listed: 'abc', text: 'X' })).toEqual(
      ['letters', 'listed', 'plain', 'text'].map((name) => ({ pointer: `/${name}`, message })),
    );
  });

  it('a function of its own accepts, refuses with its reason, or answers another value', async () => {
    expect(valueOf(await rules({ even: 4, twice: 21 })).value).toEqual({ even: 4, twice: 42 });
    expect(await problems({ even: 3, never: 1 })).toEqual([
      { pointer: '/even', message: 'must be even' },
      { pointer: '/never', message: 'is refused' },
    ]);
  });
});

describe('on a node with the behaviour module', () => {
  let node: LiveNode;
  let bare: LiveNode;
  beforeAll(async () => {
    [node, bare] = await Promise.all([
      startElixir({ name: 'ops_with', cookie: 'ops' }),
      startElixir({ name: 'ops_bare', cookie: 'ops' }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([node.stop(), bare.stop()]);
  });

  // @row CB-05, CB-06, CB-07
  it('its own validation is asked and what is printed comes along; moved to a node without it, the module still runs', async () => {
    await node.eval('Process.register(spawn(fn -> Process.sleep(:infinity) end), :validated)');
    expect(await node.eval(compiling('behaviour.ex', 'using.ex'))).toBe('3');
    const objectCode = await node.eval(
      `[{_, code}] = Code.compile_string(Base.decode64!("${Buffer.from(source('using.ex')).toString('base64')}")); Base.encode64(code)`,
    );
    const runtime = await connectTo(node);
    const ran = valueOf(await execute(runtime, 'Elixir.Demo.Greet', { who: 'Ada', times: 2, tone: 'stern' }));
    expect(ran).toMatchObject({
      value: { data: { greetings: ['hello Ada', 'hello Ada'], tone: 'stern', at: '2026-11-21' }, success: true },
      output: 'greeting Ada\n',
    });
    expect(await node.eval('Process.info(Process.whereis(:validated), :messages)')).toContain('validated');
    await runtime.close();

    await bare.eval(`{:module, _} = :code.load_binary(Demo.Greet, 'greet.ex', Base.decode64!(${objectCode})); :ok`);
    expect(await bare.eval('Code.ensure_loaded?(Arsenal.Operation)')).toBe('false');
    const without = await connectTo(bare);
    expect(valueOf(await execute(without, 'Elixir.Demo.Greet', { who: 'Ada' })).value).toMatchObject({
      data: { greetings: ['hello Ada'], tone: 'kind' },
    });
    expect(errorOf(await execute(without, 'Elixir.Demo.Greet', {}))).toMatchObject({ code: 'params.invalid' });
    await without.close();
  });
});

describe('on a node of plain Erlang', () => {
  let node: LiveNode;
  let folder: string;
  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(freshLeaseDir(), 'app-'));
    const ebin = path.join(folder, 'demo-1', 'ebin');
    fs.mkdirSync(ebin, { recursive: true });
    node = await startErlang({ name: 'ops_erl', cookie: 'ops', args: ['-pa', ebin] });
    await node.eval(`{ok, demo_echo} = compile:file("${path.join(fixtures, 'demo_echo')}", [{outdir, "${ebin}"}]).`);
    fs.writeFileSync(
      path.join(ebin, 'demo.app'),
      '{application, demo, [{vsn, "1"}, {modules, [demo_echo]}, {applications, []}]}.',
    );
    await node.eval('ok = application:load(demo).');
  });
  afterAll(async () => {
    await node.stop();
  });

  it.each(['load', 'none'] as const)(
    'one in a file is named, loaded when asked for, and run (agent: %s)',
    async (agent) => {
      await node.eval('begin code:purge(demo_echo), code:delete(demo_echo), code:purge(demo_echo), ok end.');
      const runtime = await connectTo(node, agent);
      const before = await found(runtime, true);
      expect(before.operations).toEqual([]);
      expect(before.unloaded).toEqual([{ node: node.node, module: 'demo_echo' }]);
      expect(await node.eval('erlang:module_loaded(demo_echo).')).toBe('false');
      const loaded = await runtime.port.operations.load({ node: node.node, modules: ['demo_echo'] }, inTime());
      expect(valueOf(loaded)).toEqual({ loaded: ['demo_echo'], failed: [] });
      const ran = valueOf(await execute(runtime, 'demo_echo', { text: 'grüß', who: 'init' }));
      expect(ran).toMatchObject({ value: { said: 'grüß', who: 'init' }, output: 'grüß init\n' });
      const noisy = await execute(runtime, 'demo_echo', { text: 'x'.repeat(5_000) });
      expect(valueOf(noisy).output).toMatch(/^x{20,200}/);
      expect(valueOf(noisy).output.length).toBeLessThanOrEqual(200);
      expect(
        errorOf(await execute(runtime, 'demo_echo', { text: 'x', who: 'no_such_atom_here' })).details?.['problems'],
      ).toEqual([{ pointer: '/who', message: 'is no atom that the node knows' }]);
      await runtime.close();
    },
  );

  it('those of an application that lies beside OTP, as in a release with its own ERTS, are named too', async () => {
    const root = fs.mkdtempSync(path.join(freshLeaseDir(), 'release-'));
    const otp = JSON.parse(await node.eval('code:root_dir().')) as string;
    fs.mkdirSync(path.join(root, 'lib'));
    for (const each of fs.readdirSync(path.join(otp, 'lib'))) {
      fs.symlinkSync(path.join(otp, 'lib', each), path.join(root, 'lib', each));
    }
    fs.cpSync(path.join(folder, 'demo-1'), path.join(root, 'lib', 'demo-1'), { recursive: true });
    // A release has an `erl` of its own, which says where it is.
    const bin = path.join(root, 'bin');
    fs.mkdirSync(bin);
    const erts = fs.readdirSync(otp).find((each) => each.startsWith('erts-')) ?? '';
    const own = ['#!/bin/sh', `export ROOTDIR='${root}' BINDIR='${otp}/${erts}/bin' EMU=beam PROGNAME=erl`];
    fs.writeFileSync(path.join(bin, 'erl'), [...own, 'exec "$BINDIR/erlexec" ${1+"$@"}', ''].join('\n'), {
      mode: 0o755,
    });
    const start = ['-boot', path.join(otp, 'bin', 'start_clean')];
    const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
    const released = await startErlang({ name: 'ops_release', cookie: 'ops', args: start, env });
    await released.eval('ok = application:load(demo).');
    expect(await released.eval('code:lib_dir().')).toBe(JSON.stringify(path.join(root, 'lib')));
    const runtime = await connectTo(released);
    expect((await found(runtime, true)).unloaded).toEqual([{ node: released.node, module: 'demo_echo' }]);
    await runtime.close();
    await released.stop();
  });

  it('a look at what is loaded costs the node little, and is not repeated when nothing changed', async () => {
    expect(isMethodName('operations.find')).toBe(true);
    const runtime = await connectTo(node);
    const first = await found(runtime);
    await node.eval('begin erlang:trace_pattern({demo_echo, name, 0}, true, [call_count]), ok end.');
    expect((await found(runtime)).operations).toEqual(first.operations);
    expect(await node.eval('erlang:trace_info({demo_echo, name, 0}, call_count).')).toBe('{call_count,0}');
    await runtime.close();
  });
});
