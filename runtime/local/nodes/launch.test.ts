import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LaunchPlan } from './launch.ts';
import { launchOf } from './launch.ts';

const secret = 'ab12secret';
const plan: LaunchPlan = {
  launcher: 'mix',
  toolchain: {
    otpRelease: '25',
    erlangBin: '/otp/bin',
    elixirBin: '/elixir/bin',
    rebar3: '/bin/rebar3',
    codePaths: ['/shop/ebin'],
  },
  node: 'shop2@127.0.0.1',
  number: 2,
  topology: ['shop1@127.0.0.1', 'shop2@127.0.0.1'],
  nodeDir: '/home/of "it"',
  codeDir: '/code of\\ours',
  mixScript: '/start.exs',
  buildDir: '/build',
  project: '/shop',
  epmdPort: 4444,
  lifeline: { port: 5555, token: secret },
  applications: ['a_b', "odd'one"],
  netTicktimeSeconds: 4,
  preventOverlappingPartitions: false,
  userEnv: {
    HOME: '/home/me',
    PATH: '/usr/bin',
    ERL_AFLAGS: '-kernel shell_history enabled',
    MIX_ENV: 'test',
    ELECTRON_RUN_AS_NODE: '1',
  },
  extraEnv: { PORT: '400{n}' },
};

describe('a node', () => {
  it('gets its flags before the user’s own, in quotes where words have spaces', () => {
    const { env } = launchOf(plan);
    expect(env['ERL_AFLAGS']).toBe(
      '-name shop2@127.0.0.1 -start_epmd false -kernel inet_dist_use_interface {127,0,0,1} -kernel net_ticktime 4 ' +
        '-kernel prevent_overlapping_partitions false -pa "/code of\\\\ours" -s arsenal_local start -kernel shell_history enabled',
    );
  });

  it('has the user’s environment with what was added, and gets back what starting it had changed', () => {
    const { env, facts } = launchOf(plan);
    expect(env).toMatchObject({
      MIX_ENV: 'test',
      MIX_BUILD_PATH: '/build',
      PORT: '4002',
      ERL_EPMD_PORT: '4444',
      HOME: plan.nodeDir,
    });
    expect(env['PATH']).toBe(['/otp/bin', '/elixir/bin', '/usr/bin'].join(path.delimiter));
    expect(env['ELECTRON_RUN_AS_NODE']).toBeUndefined();
    expect(facts).toContain('{"HOME", "/home/me"}');
    expect(facts).toContain('{"ARSENAL_LOCAL_NODE", unset}');
    expect(facts).toContain('{"ERL_AFLAGS", "-kernel shell_history enabled"}');
    expect(facts).not.toContain('MIX_ENV');
  });

  it('has its secret in its file of facts and nowhere else', () => {
    for (const launcher of ['erl', 'mix', 'rebar3'] as const) {
      const { facts, ...rest } = launchOf({ ...plan, launcher });
      expect(facts).toContain(secret);
      expect(JSON.stringify(rest)).not.toContain(secret);
    }
  });

  it('is told names as atoms that Erlang reads back', () => {
    const { facts } = launchOf(plan);
    expect(facts).toContain("{applications, ['a_b', 'odd\\'one']}.");
    expect(facts).toContain("{nodes, ['shop1@127.0.0.1', 'shop2@127.0.0.1']}.");
  });

  it('is started by the program of its project', () => {
    const programs = (['erl', 'mix', 'rebar3'] as const).map((launcher) => {
      const { file, args } = launchOf({ ...plan, launcher });
      return [path.basename(file), ...args].join(' ');
    });
    expect(programs).toEqual([
      'erl -noshell -pa /shop/ebin',
      'elixir --no-halt -S mix run --no-compile --no-deps-check --no-start /start.exs',
      'rebar3 shell',
    ]);
    expect(launchOf({ ...plan, launcher: 'rebar3' }).env).toMatchObject({
      REBAR_BASE_DIR: '/build',
      REBAR_GLOBAL_CONFIG_DIR: '/home/me',
      REBAR_CACHE_DIR: path.join('/home/me', '.cache', 'rebar3'),
    });
    expect(launchOf({ ...plan, project: null }).cwd).toBe(plan.nodeDir);
  });
});
