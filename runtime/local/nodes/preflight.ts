/**
 * Looks whether everything a local cluster needs is there, before anything is started, and builds the project into a folder of ours.
 * Each thing missing has an error of its own, with its remedy.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '../../errors.ts';
import type { Failure, LocalLauncher, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Toolchain } from './launch.ts';
import { buildEnvironment } from './launch.ts';
import { erlangString, mixScriptText, nodeModule, nodeModuleText } from './nodeProgram.ts';
import { findProgram, programFolders } from './program.ts';
import type { RunEnd } from './runProgram.ts';
import { runProgram } from './runProgram.ts';
import { removeStrays, straysOf } from './strays.ts';

export type PreflightOptions = {
  readonly project: string | null;
  /** null: by what stands in the folder. */
  readonly launcher: LocalLauncher | null;
  readonly env: { readonly [name: string]: string | undefined };
  readonly folders: PreflightFolders;
  /** Gets what compilers print. */
  readonly onOutput: (bytes: Buffer) => void;
  readonly signal: AbortSignal;
};
export type PreflightFolders = {
  /** For our own code: the module of nodeProgram.ts, compiled here. */
  readonly codeDir: string;
  readonly buildDir: string;
  readonly mixScript: string;
};
export type Prepared = { readonly launcher: LocalLauncher; readonly toolchain: Toolchain };

const askMs = 30_000;
const compileMs = 15 * 60_000;
/** Lines of a compiler's output that an error carries. */
const toldLines = 40;
/** Flags that would make our node another's, or show a cookie on a command line. */
const foreignFlags = /(^|\s)-(name|sname|setcookie|start_epmd|epmd_module|proto_dist)(\s|$)/;
const flagVariables = ['ERL_AFLAGS', 'ERL_FLAGS', 'ERL_ZFLAGS', 'ELIXIR_ERL_OPTIONS'];
const oldestRelease = 24;

/**
 * Errors: `local.no_project`, `local.no_mix_project`, `local.no_rebar_project`, `local.erl_flags`, `local.erl_missing`, `local.otp_too_old`,
 * `local.elixir_missing`, `local.rebar3_missing`, `local.deps_missing`, `local.no_rebar_lock`, `local.compile_failed`,
 * `local.compile_timeout`, `local.no_compiler`, `call.cancelled`.
 */
export async function preflight(options: PreflightOptions): Promise<Result<Prepared>> {
  const { env, folders } = options;
  const flagged = flagVariables.find((name) => foreignFlags.test(env[name] ?? ''));
  if (flagged !== undefined) {
    return failure(
      'validation',
      'local.erl_flags',
      `The environment variable ${flagged} names a node or sets its distribution.`,
      `Unset ${flagged}, or take -name, -sname, -setcookie, -start_epmd, -epmd_module and -proto_dist out of it.`,
    );
  }
  const launcher = await launcherOf(options);
  if (!launcher.ok) return launcher;
  await mkdir(folders.codeDir, { recursive: true, mode: 0o700 });
  await mkdir(folders.buildDir, { recursive: true, mode: 0o700 });
  await writeFile(folders.mixScript, mixScriptText);
  const erlang = await prepareErlang(options);
  if (!erlang.ok) return erlang;
  const strays = straysOf(launcher.value, options.project);
  const toolchain = await toolchainOf(launcher.value, erlang.value, options);
  await removeStrays(strays);
  return toolchain.ok ? ok({ launcher: launcher.value, toolchain: toolchain.value }) : toolchain;
}

async function toolchainOf(
  launcher: LocalLauncher,
  erlang: Pick<Toolchain, 'erlangBin' | 'otpRelease'>,
  options: PreflightOptions,
): Promise<Result<Toolchain>> {
  const tools = { ...erlang, elixirBin: null, rebar3: null, codePaths: [] };
  switch (launcher) {
    case 'erl':
      return ok({ ...tools, codePaths: await codePathsOf(options.project) });
    case 'mix': {
      const elixirBin = await prepareMix(options);
      return elixirBin.ok ? ok({ ...tools, elixirBin: elixirBin.value }) : elixirBin;
    }
    case 'rebar3': {
      const rebar3 = await prepareRebar3(options);
      return rebar3.ok ? ok({ ...tools, rebar3: rebar3.value }) : rebar3;
    }
  }
}

async function launcherOf({ project, launcher }: PreflightOptions): Promise<Result<LocalLauncher>> {
  if (project === null) {
    if (launcher === null || launcher === 'erl') return ok('erl');
    return failure(
      'validation',
      'local.no_project',
      `Nodes cannot be started with ${launcher} without a project.`,
      'Name the folder of the project.',
    );
  }
  const found = await stat(project).catch(() => null);
  if (found === null || !found.isDirectory()) {
    return failure(
      'validation',
      'local.no_project',
      `There is no folder ${project}.`,
      'Name the folder of a project, or none for plain Erlang nodes.',
    );
  }
  const hasMix = existsSync(path.join(project, 'mix.exs'));
  const hasRebar = existsSync(path.join(project, 'rebar.config'));
  if (launcher === 'mix' && !hasMix) return noBuildFile('local.no_mix_project', project, 'mix.exs');
  if (launcher === 'rebar3' && !hasRebar) return noBuildFile('local.no_rebar_project', project, 'rebar.config');
  return ok(launcher ?? (hasMix ? 'mix' : hasRebar ? 'rebar3' : 'erl'));
}

function noBuildFile(code: string, project: string, file: string): Failure {
  return failure(
    'validation',
    code,
    `There is no ${file} in ${project}.`,
    'Name the project’s own folder, or leave the launcher out to start plain Erlang nodes there.',
  );
}

/** Where Erlang really is, its release, and our module compiled by it. */
async function prepareErlang({
  env,
  folders,
  signal,
}: PreflightOptions): Promise<Result<Pick<Toolchain, 'erlangBin' | 'otpRelease'>>> {
  const source = path.join(folders.codeDir, `${nodeModule}.erl`);
  await writeFile(source, nodeModuleText);
  const program = [
    'io:format("~ts~n~ts~n", [erlang:system_info(otp_release), code:root_dir()]),',
    'case code:which(compile) of non_existing -> halt(3); _ -> ok end,',
    `case compile:file(${erlangString(source)}, [{outdir, ${erlangString(folders.codeDir)}}, report]) of`,
    '{ok, _} -> halt(0); _ -> halt(4) end.',
  ].join(' ');
  const ran = await runProgram('erl', ['-noshell', '-noinput', '-boot', 'start_clean', '-eval', program], {
    cwd: folders.codeDir,
    env,
    timeoutMs: askMs,
    signal,
  });
  if (isStopped(signal)) return stopped();
  const [otpRelease = '', root = ''] = ran.is === 'ended' ? ran.stdout.split('\n') : [];
  if (ran.is !== 'ended' || root === '') {
    return failure(
      'unavailable',
      'local.erl_missing',
      'Erlang cannot be run: the program erl is missing or does not start.',
      'Install Erlang/OTP 24 or later (https://www.erlang.org/downloads) and see that `erl` runs in a terminal.',
      { details: { printed: ran.is === 'ended' ? lastLines(ran.output) : '' } },
    );
  }
  if (Number(otpRelease) < oldestRelease) {
    return failure(
      'unsupported',
      'local.otp_too_old',
      `This is Erlang/OTP ${otpRelease}.`,
      `Install Erlang/OTP ${oldestRelease} or later.`,
    );
  }
  if (ran.code !== 0) {
    return failure(
      'unavailable',
      'local.no_compiler',
      'This Erlang/OTP has no compiler, or it could not compile our module.',
      'Install the application `compiler` of Erlang/OTP (packages: erlang-base, erlang-dev).',
      { details: { printed: lastLines(ran.output) } },
    );
  }
  return ok({ otpRelease, erlangBin: path.join(root, 'bin') });
}

/** Folders `ebin` of the project and of what stands beside it, for `-pa`. */
async function codePathsOf(project: string | null): Promise<readonly string[]> {
  if (project === null) return [];
  const ebins = [path.join(project, 'ebin')];
  for (const shelf of ['lib', 'apps', 'deps']) {
    const apps = await readdir(path.join(project, shelf)).catch(() => []);
    ebins.push(...apps.map((app) => path.join(project, shelf, app, 'ebin')));
  }
  return ebins.filter((folder) => existsSync(folder));
}

async function prepareMix(options: PreflightOptions): Promise<Result<string>> {
  const { project, env, folders, signal } = options;
  const cwd = project ?? folders.buildDir;
  const asked = await runProgram('elixir', ['-e', 'IO.puts(:code.lib_dir(:elixir))'], {
    cwd,
    env,
    timeoutMs: askMs,
    signal,
  });
  if (isStopped(signal)) return stopped();
  const lib = asked.is === 'ended' && asked.code === 0 ? (asked.stdout.trim().split('\n').at(-1) ?? '') : '';
  const bin = path.join(lib, '..', '..', 'bin');
  if (lib === '' || findProgram('elixir', [bin]) === null || findProgram('mix', [bin]) === null) {
    return failure(
      'unavailable',
      'local.elixir_missing',
      'The project is built with mix, and Elixir cannot be run: elixir or mix is missing or does not start.',
      'Install Elixir 1.12 or later (https://elixir-lang.org/install.html) and see that `elixir` and `mix` run in a terminal.',
      { details: { printed: asked.is === 'ended' ? lastLines(asked.output) : '' } },
    );
  }
  const building = {
    cwd,
    env: { ...env, ...buildEnvironment('mix', folders.buildDir) },
    timeoutMs: compileMs,
    signal,
    onOutput: options.onOutput,
  };
  const compiled = await runProgram('mix', ['compile'], building);
  if (isStopped(signal)) return stopped();
  if (compiled.is === 'ended' && compiled.code === 0) return ok(bin);
  // Which of the two it is, mix says by its exit code when it is asked for the dependencies alone.
  const loaded = await runProgram('mix', ['deps.loadpaths', '--no-compile'], building);
  if (isStopped(signal)) return stopped();
  if (compiled.is === 'ended' && loaded.is === 'ended' && loaded.code !== 0) {
    return failure(
      'execution',
      'local.deps_missing',
      'Dependencies of the mix project are missing or not as mix.lock says, or its mix.exs cannot be loaded.',
      `Run \`mix deps.get\` in ${cwd}.`,
      { details: { printed: lastLines(loaded.output) } },
    );
  }
  return notCompiled('mix compile', cwd, compiled);
}

async function prepareRebar3(options: PreflightOptions): Promise<Result<string>> {
  const { project, env, folders, signal } = options;
  const cwd = project ?? folders.buildDir;
  const program = findProgram('rebar3', programFolders(env));
  if (program === null) {
    return failure(
      'unavailable',
      'local.rebar3_missing',
      'The project is built with rebar3, and there is no program rebar3.',
      'Install rebar3 (https://rebar3.org/docs/getting-started) so that it is found in PATH.',
    );
  }
  const deps = await runProgram('erl', ['-noshell', '-noinput', '-eval', hasUnlockedDeps], {
    cwd,
    env,
    timeoutMs: askMs,
    signal,
  });
  if (deps.is === 'ended' && deps.code === 5) {
    return failure(
      'validation',
      'local.no_rebar_lock',
      'The project has dependencies and no rebar.lock; rebar3 would write one into it.',
      `Run \`rebar3 lock\` in ${cwd} first.`,
    );
  }
  await copyDependencies(cwd, folders.buildDir);
  const compiled = await runProgram(program, ['compile'], {
    cwd,
    env: { ...env, ...buildEnvironment('rebar3', folders.buildDir) },
    timeoutMs: compileMs,
    signal,
    onOutput: options.onOutput,
  });
  if (isStopped(signal)) return stopped();
  return compiled.is === 'ended' && compiled.code === 0 ? ok(program) : notCompiled('rebar3 compile', cwd, compiled);
}

/** Ends with 5 when rebar.config names dependencies and there is no lock. */
const hasUnlockedDeps = [
  'Deps = case file:consult("rebar.config") of {ok, Terms} -> proplists:get_value(deps, Terms, []); _ -> [] end,',
  'halt(case Deps =/= [] andalso not filelib:is_file("rebar.lock") of true -> 5; false -> 0 end).',
].join(' ');

/** What rebar3 has fetched already is not fetched again: a copy of it stands in our build folder, the user's stays as it is. */
async function copyDependencies(project: string, buildDir: string): Promise<void> {
  for (const shelf of ['lib', 'plugins']) {
    const from = path.join(project, '_build', 'default', shelf);
    const to = path.join(buildDir, 'default', shelf);
    if (!existsSync(from) || existsSync(to)) continue;
    await cp(from, to, { recursive: true, verbatimSymlinks: false, dereference: true, preserveTimestamps: true });
  }
}

function notCompiled(command: string, project: string, ran: RunEnd): Failure {
  if (ran.is === 'late') {
    return failure(
      'timeout',
      'local.compile_timeout',
      `\`${command}\` did not end within ${compileMs / 60_000} minutes.`,
      `Run it in ${project} yourself, to see what it waits for.`,
    );
  }
  return failure(
    'execution',
    'local.compile_failed',
    `The project does not compile: \`${command}\` failed.`,
    `Mend what it says, or run it in ${project} to see more.`,
    { details: { printed: ran.is === 'ended' ? lastLines(ran.output) : '' } },
  );
}

/** Read anew each time: it changes while a program runs. */
function isStopped(signal: AbortSignal): boolean {
  return signal.aborted;
}

function stopped(): Failure {
  return failure(
    'cancelled',
    'call.cancelled',
    'The cluster was stopped while it was being prepared.',
    'Start it again.',
  );
}

function lastLines(output: string): string {
  return output.trimEnd().split('\n').slice(-toldLines).join('\n');
}
