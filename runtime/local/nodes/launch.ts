/** The program, arguments and environment that start one node of a project. Nothing is run here. */
import path from 'node:path';
import type { LocalLauncher } from '../../model.ts';
import { findProgram } from './program.ts';
import { erlangAtom, erlangString, nodeModule } from './nodeProgram.ts';

/** What preflight found: where the programs really are, past version managers' shims, which need the user's own HOME. */
export type Toolchain = {
  readonly otpRelease: string;
  /** Folder of `erl` and `escript`. */
  readonly erlangBin: string;
  /** Folder of `elixir`; null where no Elixir is needed. */
  readonly elixirBin: string | null;
  /** The program `rebar3`; null where it is not needed. */
  readonly rebar3: string | null;
  /** Folders of compiled code for a plain Erlang node. */
  readonly codePaths: readonly string[];
};

export type LaunchPlan = {
  readonly launcher: LocalLauncher;
  readonly toolchain: Toolchain;
  readonly node: string;
  /** Counts from 1, for `{n}` in the user's environment values. */
  readonly number: number;
  /** All nodes of the cluster, as they are planned now. */
  readonly topology: readonly string[];
  /** The node's own folder: HOME with the cookie file, and the facts file. */
  readonly nodeDir: string;
  /** The compiled {@link nodeModule}. */
  readonly codeDir: string;
  readonly mixScript: string;
  /** Build folder of ours: the user's `_build` stays as it is. */
  readonly buildDir: string;
  readonly project: string | null;
  readonly epmdPort: number;
  readonly lifeline: { readonly port: number; readonly token: string };
  readonly applications: readonly string[];
  readonly netTicktimeSeconds: number | null;
  readonly preventOverlappingPartitions: boolean | null;
  readonly userEnv: { readonly [name: string]: string | undefined };
  readonly extraEnv: { readonly [name: string]: string };
};

export type Launch = {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: { readonly [name: string]: string | undefined };
  /** The text of the facts file, which holds the lifeline's secret. */
  readonly facts: string;
  readonly factsFile: string;
};

/** Variables that the owner has only because an editor started it. */
const editorVariables = ['ELECTRON_RUN_AS_NODE', 'NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE'];

/** How a node is started. Nothing secret is among the arguments or in the environment. */
export function launchOf(plan: LaunchPlan): Launch {
  const { toolchain, nodeDir } = plan;
  const factsFile = path.join(nodeDir, 'facts');
  const added = {
    ...buildEnvironment(plan.launcher, plan.buildDir),
    ...rebar3Folders(plan),
    ...Object.fromEntries(
      Object.entries(plan.extraEnv).map(([name, value]) => [name, value.replaceAll('{n}', String(plan.number))]),
    ),
  };
  // Until the node runs: after that its environment is the user's again, see `environment` in the facts.
  const forStart = {
    // OTP reads the cookie from here and from nowhere else that is not an argument.
    ...homeAt(nodeDir),
    PATH: [toolchain.erlangBin, toolchain.elixirBin, plan.userEnv['PATH']]
      .filter((folder) => folder !== null && folder !== undefined)
      .join(path.delimiter),
    ERL_AFLAGS: [...emulatorFlags(plan), plan.userEnv['ERL_AFLAGS'] ?? ''].join(' ').trim(),
    ARSENAL_LOCAL_NODE: factsFile,
  };
  const env: { [name: string]: string | undefined } = {
    ...plan.userEnv,
    // A crash dump would be written into the project.
    ERL_CRASH_DUMP: plan.userEnv['ERL_CRASH_DUMP'] ?? path.join(nodeDir, 'erl_crash.dump'),
    ...added,
    ERL_EPMD_PORT: String(plan.epmdPort),
    ...forStart,
  };
  for (const name of editorVariables) env[name] = undefined;
  return {
    ...programOf(plan),
    cwd: plan.project ?? nodeDir,
    env,
    factsFile,
    facts: factsOf(plan, Object.keys(forStart)),
  };
}

/** What makes a folder the emulator's home (erlexec): HOME, on Windows its own two variables. */
function homeAt(folder: string, platform: NodeJS.Platform = process.platform): { readonly [name: string]: string } {
  if (platform !== 'win32') return { HOME: folder };
  const { root } = path.parse(folder);
  return { HOME: folder, HOMEDRIVE: root.replace(/\\$/, ''), HOMEPATH: `\\${folder.slice(root.length)}` };
}

/** Where a build tool puts what it makes: a folder of ours. */
export function buildEnvironment(launcher: LocalLauncher, buildDir: string): { readonly [name: string]: string } {
  switch (launcher) {
    case 'mix':
      return { MIX_BUILD_PATH: buildDir };
    case 'rebar3':
      return { REBAR_BASE_DIR: buildDir };
    case 'erl':
      return {};
  }
}

/** rebar3 looks for its settings and its cache in the emulator's home, which is the node's folder. */
function rebar3Folders({ launcher, userEnv }: LaunchPlan): { readonly [name: string]: string } {
  const home = userEnv['HOME'];
  if (launcher !== 'rebar3' || home === undefined) return {};
  return {
    REBAR_GLOBAL_CONFIG_DIR: userEnv['REBAR_GLOBAL_CONFIG_DIR'] ?? home,
    REBAR_CACHE_DIR: userEnv['REBAR_CACHE_DIR'] ?? path.join(home, '.cache', 'rebar3'),
  };
}

function programOf({ launcher, toolchain, mixScript }: LaunchPlan): Pick<Launch, 'file' | 'args'> {
  const { erlangBin, elixirBin, rebar3, codePaths } = toolchain;
  switch (launcher) {
    case 'erl':
      return {
        file: findProgram('erl', [erlangBin]) ?? path.join(erlangBin, 'erl'),
        args: ['-noshell', ...codePaths.flatMap((folder) => ['-pa', folder])],
      };
    case 'mix':
      // As `iex -S mix` starts it, but for the shell: nobody sits before it.
      return {
        file: findProgram('elixir', [elixirBin ?? '']) ?? path.join(elixirBin ?? '', 'elixir'),
        args: ['--no-halt', '-S', 'mix', 'run', '--no-compile', '--no-deps-check', '--no-start', mixScript],
      };
    case 'rebar3':
      return { file: rebar3 ?? 'rebar3', args: ['shell'] };
  }
}

/** Flags that go before the program's own: read by `erlexec` from `ERL_AFLAGS`, whichever program starts it. */
function emulatorFlags(plan: LaunchPlan): readonly string[] {
  return [
    '-name',
    plan.node,
    '-start_epmd false',
    '-kernel inet_dist_use_interface {127,0,0,1}',
    ...(plan.netTicktimeSeconds === null ? [] : [`-kernel net_ticktime ${plan.netTicktimeSeconds}`]),
    ...(plan.preventOverlappingPartitions === null
      ? []
      : [`-kernel prevent_overlapping_partitions ${plan.preventOverlappingPartitions}`]),
    '-pa',
    flagWord(plan.codeDir),
    `-s ${nodeModule} start`,
  ];
}

/** One word in a flags variable (erl(1), ERL_AFLAGS): in quotes, with backslashes before what would end it. */
function flagWord(text: string): string {
  return `"${text.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`;
}

/** Erlang terms for `file:consult/1`. `changed` are the variables that get the user's value back once the node runs. */
function factsOf(plan: LaunchPlan, changed: readonly string[]): string {
  const environment = changed.map((name) => {
    const value = plan.userEnv[name];
    return `{${erlangString(name)}, ${value === undefined ? 'unset' : erlangString(value)}}`;
  });
  return [
    `{launcher, ${plan.launcher}}.`,
    `{lifeline, {${plan.lifeline.port}, ${erlangString(plan.lifeline.token)}}}.`,
    `{nodes, [${plan.topology.map(erlangAtom).join(', ')}]}.`,
    `{applications, [${plan.applications.map(erlangAtom).join(', ')}]}.`,
    `{environment, [${environment.join(', ')}]}.`,
    '',
  ].join('\n');
}
