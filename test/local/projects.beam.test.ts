/** Clusters of projects: what is built where, what stays as it was, and what is said when something is missing. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import type { ArsenalError } from '../../runtime/model.ts';
import { errorOf, named } from '../beam/shop.ts';
import { valueOf } from '../port/results.ts';
import { LocalBench } from './support.ts';

const fixture = path.join(import.meta.dirname, '..', 'fixtures', 'elixir-shop');

let bench: LocalBench;
let folder = '';
beforeAll(async () => {
  bench = await LocalBench.open();
});
afterEach(() => bench.stopAll());
afterAll(async () => {
  await bench.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** A folder of the test's own with these files. */
function project(name: string, files: { readonly [file: string]: string } = {}): string {
  if (folder === '') folder = mkdtempSync(path.join(tmpdir(), 'arsenal-projects-'));
  const made = path.join(folder, name);
  mkdirSync(made, { recursive: true });
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(made, file)), { recursive: true });
    writeFileSync(path.join(made, file), text);
  }
  return made;
}

/** Every file below a folder with what it holds and when it was written. */
function contents(of: string): readonly string[] {
  return readdirSync(of, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const file = path.join(parentPath, name);
      const hash = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12);
      return `${path.relative(of, file)} ${hash} ${statSync(file).mtimeMs}`;
    })
    .sort();
}

/** What a program had printed, as an error tells it. */
function printedIn({ details }: ArsenalError): string {
  const printed = details?.['printed'];
  return typeof printed === 'string' ? printed : '';
}

/** Programs that stand for those of the PATH: only what is named is found. */
function pathWith(programs: readonly string[]): string {
  const bin = project(`bin-${programs.join('-')}`);
  for (const name of programs) {
    const real = execFileSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    if (!existsSync(path.join(bin, name))) symlinkSync(real, path.join(bin, name));
  }
  return bin;
}

/** Starts with a changed environment; the owner inherits it. */
async function withEnv<T>(change: { readonly [name: string]: string }, work: () => Promise<T>): Promise<T> {
  const before = Object.keys(change).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, change);
  try {
    return await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
}

describe('a mix project', () => {
  // @row R1.3
  it('runs on every node as built in a folder of ours, and stays as it was', async () => {
    const shop = project('shop');
    cpSync(fixture, shop, { recursive: true, filter: (from) => !from.includes('_build') });
    // What the user has built stays, though it is none of this project's.
    mkdirSync(path.join(shop, '_build', 'dev'), { recursive: true });
    writeFileSync(path.join(shop, '_build', 'dev', 'theirs'), 'theirs');
    const before = contents(shop);
    const cluster = await bench.cluster({ project: shop, env: { PORT: '400{n}' } });
    expect(cluster.first).toMatchObject({ launcher: 'mix', project: shop });
    expect(cluster.names).toEqual(['shop1@127.0.0.1', 'shop2@127.0.0.1', 'shop3@127.0.0.1']);
    expect(await cluster.seen()).toEqual([
      [2, 3],
      [1, 3],
      [1, 2],
    ]);
    for (const node of cluster.names) {
      // A process of its supervision tree: the application runs.
      const supervisor = await named(cluster.runtime, node, 'Elixir.Shop.Supervisor');
      expect(supervisor.node).toBe(node);
    }
    expect(await cluster.print(cluster.names[1]!, 'os:getenv("PORT").')).toBe('"4002"');
    expect(await cluster.print(cluster.names[0]!, "code:which('Elixir.Shop.Cart').")).toContain(bench.home);
    expect(contents(shop)).toEqual(before);
  }, 120_000);

  it('that is an umbrella runs all its applications, with the configuration of each node', async () => {
    const places = 'build_path: "../../_build", config_path: "../../config/config.exs", lockfile: "../../mix.lock"';
    const app = (name: string, module: string, deps: string) => ({
      [`apps/${name}/mix.exs`]: `defmodule ${module}.MixProject do
  use Mix.Project
  def project, do: [app: :${name}, version: "0.1.0", ${places}, deps: [${deps}]]
  def application, do: [mod: {${module}, []}]
end
`,
      [`apps/${name}/lib/${name}.ex`]: `defmodule ${module} do
  use Application
  def start(_, _), do: Agent.start_link(fn -> Application.get_env(:${name}, :word) end, name: ${module}.State)
end
`,
    });
    const umbrella = project('umbrella', {
      'mix.exs': `defmodule Umbrella.MixProject do
  use Mix.Project
  def project, do: [apps_path: "apps", version: "0.1.0", deps: []]
end
`,
      'config/config.exs': 'import Config\nconfig :one, word: :built\n',
      'config/runtime.exs': 'import Config\nconfig :two, word: System.get_env("WORD")\n',
      ...app('one', 'One', ''),
      ...app('two', 'Two', '{:one, in_umbrella: true}'),
    });
    const before = contents(umbrella);
    const cluster = await bench.cluster({ project: umbrella, nodes: 2, env: { WORD: 'number {n}' } });
    const words = (node: string) =>
      cluster.print(node, "['Elixir.Agent':get(A, fun(W) -> W end) || A <- ['Elixir.One.State', 'Elixir.Two.State']].");
    expect(await words(cluster.names[0]!)).toBe('[built,<<"number 1">>]');
    expect(await words(cluster.names[1]!)).toBe('[built,<<"number 2">>]');
    expect(contents(umbrella)).toEqual(before);
  }, 120_000);

  it('that lacks dependencies, or does not compile, is not started, and the reason is told', async () => {
    const mix = (deps: string) => `defmodule Bad.MixProject do
  use Mix.Project
  def project, do: [app: :bad, version: "1.0.0", deps: [${deps}]]
end
`;
    const lacking = project('lacking', { 'mix.exs': mix('{:not_there, path: "not_there"}') });
    expect(errorOf(await bench.start({ project: lacking }))).toMatchObject({
      code: 'local.deps_missing',
      effect: 'none',
    });
    const broken = project('broken', { 'mix.exs': mix(''), 'lib/x.ex': 'defmodule X do def y, do: nowhere() end' });
    const error = errorOf(await bench.start({ project: broken }));
    expect(error.code).toBe('local.compile_failed');
    expect(printedIn(error)).toContain('nowhere');
    expect(readdirSync(broken).sort()).toEqual(['lib', 'mix.exs']);
    expect(errorOf(await bench.start({ project: folder, launcher: 'mix' })).code).toBe('local.no_mix_project');
  }, 120_000);

  it('whose application does not start is told with what it printed, and no node is left', async () => {
    const failing = project('failing', {
      'mix.exs': `defmodule Failing.MixProject do
  use Mix.Project
  def project, do: [app: :failing, version: "1.0.0"]
  def application, do: [mod: {Failing, []}]
end
`,
      'lib/failing.ex': 'defmodule Failing do\n  def start(_, _), do: raise("planted failure")\nend\n',
    });
    const error = errorOf(await bench.start({ project: failing }));
    expect(error.code).toBe('local.node_failed');
    expect(printedIn(error)).toContain('planted failure');
  }, 120_000);
});

describe('what is missing', () => {
  it('is named, each with its remedy, before anything is started', async () => {
    const mixed = project('mixed', { 'mix.exs': '', 'rebar.config': '{deps, []}.' });
    const shell = ['sh', 'dirname', 'readlink', 'sed'];
    const without = async (programs: readonly string[], launcher: 'erl' | 'mix' | 'rebar3') =>
      withEnv({ PATH: pathWith([...shell, ...programs]) }, async () =>
        errorOf(await bench.start({ project: mixed, launcher })),
      );
    const errors = [await without([], 'erl'), await without(['erl'], 'mix'), await without(['erl'], 'rebar3')];
    expect(errors.map(({ code }) => code)).toEqual([
      'local.erl_missing',
      'local.elixir_missing',
      'local.rebar3_missing',
    ]);
    for (const { remedy } of errors) expect(remedy).toContain('Install');
    expect(errorOf(await bench.start({ project: path.join(mixed, 'nowhere') })).code).toBe('local.no_project');
    expect(errorOf(await bench.start({ project: null, launcher: 'mix' })).code).toBe('local.no_project');
  }, 60_000);

  it('flags of the user’s that would make our node another’s are refused', async () => {
    const flagged = await withEnv({ ERL_FLAGS: '-kernel shell_history enabled -setcookie secret' }, () =>
      bench.start(),
    );
    expect(errorOf(flagged)).toMatchObject({ code: 'local.erl_flags' });
    expect(JSON.stringify(flagged)).not.toContain('secret');
  });
});

describe('plain Erlang nodes', () => {
  it('have the project’s code and start the applications named', async () => {
    const plain = project('plain', {
      'ebin/plain_thing.app': '{application, plain_thing, [{vsn, "1"}, {applications, [kernel, stdlib]}]}.',
    });
    const cluster = await bench.cluster({ project: plain, nodes: 2, applications: ['plain_thing', 'sasl'] });
    expect(cluster.first.launcher).toBe('erl');
    for (const node of cluster.names) {
      const running = await cluster.print(node, '[A || {A, _, _} <- application:which_applications()].');
      expect(running).toContain('plain_thing');
      expect(running).toContain('sasl');
    }
    const { nodes } = valueOf(await cluster.runtime.port.cluster.nodes({}, callOptions(5_000)));
    expect(nodes).toHaveLength(2);
  });

  it('obey other settings of the kernel', async () => {
    const cluster = await bench.cluster({ nodes: 3, preventOverlappingPartitions: false, netTicktimeSeconds: 8 });
    expect(cluster.first).toMatchObject({ preventsOverlap: false, netTicktimeSeconds: 8 });
    expect(await cluster.print(cluster.names[0]!, 'net_kernel:get_net_ticktime().')).toBe('8');
    // Without OTP's prevention a cut is literal: 1 and 3 lose each other, 2 keeps both.
    const [one = '', , three = ''] = cluster.names;
    const owner = { principal: 't', client: 't', operation: 't', requestId: 't' };
    const params = { islands: [[one], [three]], mode: 'cut', owner, lingerMs: 0 } as const;
    const held = valueOf(await cluster.runtime.port.faults.partition(params, callOptions(5_000)));
    expect(held.preventsOverlap).toBe(false);
    await expect.poll(() => cluster.seen()).toEqual([[2], [1, 3], [2]]);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await cluster.seen()).toEqual([[2], [1, 3], [2]]);
  });

  it('cannot be of a name that OTP does not take', async () => {
    expect(errorOf(await bench.start({ baseName: 'Not A Name' })).code).toBe('local.bad_name');
    expect(errorOf(await bench.start({ nodes: 0 })).code).toBe('local.too_many_nodes');
    expect(errorOf(await bench.start({ nodes: 99 })).code).toBe('local.too_many_nodes');
  });
});

const hasRebar3 = existsSync('/usr/bin/rebar3') || existsSync('/usr/local/bin/rebar3');
describe.skipIf(!hasRebar3)('a rebar3 project (rebar3 is not installed: skipped)', () => {
  it('runs in a rebar3 shell on every node, and stays as it was', async () => {
    const beam = project('beam_app', {
      'rebar.config': '{erl_opts, [debug_info]}.\n{shell, [{apps, [beam_app]}]}.\n',
      'src/beam_app.app.src':
        '{application, beam_app, [{vsn, "1.0.0"}, {mod, {beam_app, []}}, {applications, [kernel, stdlib]}]}.\n',
      'src/beam_app.erl': `-module(beam_app).
-export([start/2, stop/1]).
start(_, _) -> {ok, spawn_link(fun() -> register(beam_app_main, self()), receive stop -> ok end end)}.
stop(_) -> ok.
`,
    });
    const before = contents(beam);
    const cluster = await bench.cluster({ project: beam });
    expect(cluster.first.launcher).toBe('rebar3');
    for (const node of cluster.names) {
      expect(await cluster.print(node, 'is_pid(whereis(beam_app_main)).')).toBe('true');
    }
    expect(contents(beam)).toEqual(before);
    const node = cluster.names[2]!;
    valueOf(await cluster.runtime.port.faults.crashNode({ node }, callOptions(5_000)));
    valueOf(await cluster.runtime.port.faults.startNode({ node }, callOptions(30_000)));
    expect(contents(beam)).toEqual(before);
  }, 120_000);

  it('with dependencies and no lock is refused: rebar3 would write one into it', async () => {
    const unlocked = project('unlocked', { 'rebar.config': '{deps, [{jsx, "3.1.0"}]}.' });
    expect(errorOf(await bench.start({ project: unlocked })).code).toBe('local.no_rebar_lock');
    chmodSync(unlocked, 0o700);
    expect(readdirSync(unlocked)).toEqual(['rebar.config']);
  }, 60_000);
});
