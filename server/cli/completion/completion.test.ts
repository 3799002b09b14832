/** Completion: what is offered where, what the shells themselves make of it, and what a running gateway adds. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ok } from '../../../runtime/model.ts';
import { fakeShop, houseOn } from '../../backend/testKit.ts';
import type { House } from '../../backend/testKit.ts';
import { startGateway } from '../../gateway/gateway.ts';
import type { Gateway } from '../../gateway/gateway.ts';
import { commandsOf } from '../program.ts';
import { cli, surroundings } from '../testCli.ts';
import { testBackend } from '../../gateway/testBackend.ts';
import { forBash, splitLine } from './line.ts';
import { completionScripts, shells } from './scripts.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let house: House;
beforeAll(async () => {
  house = await houseOn(fakeShop());
});
afterAll(() => house.close());

/** What `arsenal __complete` answers a shell that hands over words: how, and the candidates without what is said of them. */
async function completed(words: readonly string[], env: { readonly [name: string]: string } = {}) {
  const around = surroundings(testBackend(), env);
  const io = { ...around.io, liveBoundMs: 60_000, createBackend: () => Promise.resolve(ok(sharedBackend())) };
  const program = commandsOf(io, () => undefined);
  await program.parseAsync(['__complete', 'zsh', '--', ...words], { from: 'user' });
  const [how = '', ...lines] = around.out().split('\n').slice(0, -1);
  return { how, words: lines.map((line) => line.split('\t')[0] ?? ''), lines };
}

/** The real catalogue, kept open from one test to the next. */
function sharedBackend() {
  return { ...testBackend(), catalogue: () => house.backend.catalogue() };
}

describe('completion', () => {
  // @row T024.d1
  it('offers commands, and operations once a letter is written', async () => {
    const none = await completed(['']);
    expect(none.words).toEqual(expect.arrayContaining(['run', 'operations', 'serve', 'completion', 'help']));
    expect(none.words).not.toContain('kill_process');
    expect(none.words).not.toContain('__complete');
    expect((await completed(['cluster_he'])).words).toEqual(['cluster_health']);
    expect((await completed(['cluster', ''])).words).toContain('partition');
    expect((await completed(['help', 'cluster', 'st'])).words).toEqual(['start', 'status', 'stop']);
  });

  // @row OP-51
  it('offers every operation of the catalogue, and every alias', async () => {
    for (const command of ['run', 'describe', 'help']) {
      const { words } = await completed([command, '']);
      for (const { name, aliases } of house.backend.catalogue()) {
        expect(words).toEqual(expect.arrayContaining([name, ...aliases.map((alias) => alias.name)]));
      }
    }
  });

  it('offers every parameter of every operation once, and every choice and flag of it', async () => {
    for (const entry of house.backend.catalogue()) {
      const properties = Object.keys(Object(entry.params['properties']));
      const { words } = await completed(['run', entry.name, '']);
      expect(words.map((word) => word.replace(/[=.]$/, '')).toSorted(), entry.name).toEqual(properties.toSorted());
    }
    const rest = await completed(['run', 'list_processes', 'limit=5', 'li']);
    expect(rest).toMatchObject({ how: 'words', words: [] });
    expect(await completed(['run', 'list_processes', 'so'])).toMatchObject({ how: 'open', words: ['sort='] });
    expect((await completed(['list_processes', 'sort=-mem'])).words).toEqual(['sort=-memory']);
    expect((await completed(['kill_process', 'dryRun='])).words).toEqual(['dryRun=true', 'dryRun=false']);
    expect((await completed(['run', 'describe_operation', 'operation=kill_pro'])).words).toEqual([
      'operation=kill_process',
      'operation=kill_processes',
    ]);
  });

  it('reaches into objects and goes on in lists', async () => {
    expect(await completed(['list_processes', 'filter.memory.g'])).toMatchObject({
      how: 'open',
      words: ['filter.memory.gt=', 'filter.memory.ge='],
    });
    expect((await completed(['list_processes', 'fi'])).words).toEqual(['filter.', 'fields=']);
    expect((await completed(['list_processes', 'fields=memory,status,mem'])).words).toEqual([]);
    expect((await completed(['list_processes', 'fields=status,mem'])).words).toEqual(['fields=status,memory']);
  });

  it('offers options that are not given yet, and their values', async () => {
    const { words } = await completed(['run', 'kill_process', '--json', '--']);
    expect(words).toEqual(expect.arrayContaining(['--dry-run', '--connect', '--policy']));
    expect(words).not.toContain('--json');
    expect((await completed(['run', '--runtime', 'sim'])).words).toEqual(['simulated']);
    expect((await completed(['run', '--runtime=l'])).words).toEqual(['--runtime=local-cluster']);
    expect((await completed(['operations', '--category', ''])).words).toContain('process');
    expect((await completed(['completion', ''])).words).toEqual([...shells]);
    expect((await completed(['watch', 'no'])).words).toEqual(['nodes']);
    expect((await completed(['run', 'x', '--cookie-file', ''])).how).toBe('files');
    expect((await completed(['serve', '--project', ''])).how).toBe('folders');
    // A value that is a free text is left to its writer.
    expect(await completed(['run', 'kill_process', '--connect', ''])).toMatchObject({ how: 'words', words: [] });
  });

  it('asks for the operations of the folder it is run in, too', async () => {
    const around = surroundings(testBackend());
    const program = commandsOf({ ...around.io, liveBoundMs: 60_000 }, () => undefined);
    await program.parseAsync(['__complete', 'fish', '--', 'run', 'list_proc'], { from: 'user' });
    expect(around.out()).toBe('words\nlist_processes\tTitle of list_processes\n');
    expect(around.made.map(({ workspace }) => workspace)).toEqual([process.cwd()]);
    expect(around.closed()).toBe(1);
  });

  it('offers nothing for what there is none of, and never fails', async () => {
    for (const words of [[], ['nothing', ''], ['run', 'no_such', 'x'], ['run', 'kill_process', 'x.y.z='], ['--', '']]) {
      expect((await completed(words)).words.filter((word) => word.startsWith('x'))).toEqual([]);
    }
  });
});

describe('completion of a running gateway', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    const started = await startGateway({
      backend: house.backend,
      defaultConnection: () => house.backend.connections()[0]?.id ?? null,
    });
    if (!started.ok) throw new Error(started.error.message);
    gateway = started.value;
  });
  afterAll(() => gateway.close(50));

  it('has its nodes and registered names, wherever the command line says where it is', async () => {
    const env = { ARSENAL_URL: gateway.url, ARSENAL_KEY: gateway.key };
    const nodes = await completed(['run', 'list_processes', 'node='], env);
    expect(nodes.words).toEqual(['node=shop1@h', 'node=shop2@h']);
    const processes = await completed(['run', 'kill_process', 'pid=Elixir.Shop.C'], env);
    expect(processes.words).toEqual(['pid=Elixir.Shop.Catalog']);
    const named = await completed(['run', '--url', gateway.url, '--key', gateway.key, 'list_processes', 'node=']);
    expect(named.words).toEqual(nodes.words);
  });

  it('says nothing of what does not answer', async () => {
    const gone = { ARSENAL_URL: 'http://127.0.0.1:9', ARSENAL_KEY: 'k' };
    expect(await completed(['run', 'list_processes', 'node='], gone)).toMatchObject({ how: 'words', words: [] });
    expect((await completed(['run', 'list_proc'], gone)).words).toEqual(['list_processes']);
    const wrong = { ARSENAL_URL: gateway.url, ARSENAL_KEY: 'wrong' };
    expect((await completed(['run', 'list_processes', 'node='], wrong)).words).toEqual([]);
  });
});

describe('a line in bash', () => {
  it.each([
    ['arsenal run x', ['arsenal', 'run', 'x'], ''],
    ['arsenal  run ', ['arsenal', 'run', ''], ''],
    ['arsenal "a b', ['arsenal', 'a b'], '"'],
    [String.raw`arsenal a\ b 'c d'e`, ['arsenal', 'a b', 'c de'], ''],
    [String.raw`arsenal "a\"b" '\'`, ['arsenal', 'a"b', '\\'], ''],
    ["arsenal ''", ['arsenal', ''], ''],
  ])('%j has the words %j', (line, words, quote) => {
    expect(splitLine(line)).toMatchObject({ words, quote });
  });

  it('takes back only what stands behind its word breaks, and escaped', () => {
    const breaks = ' \t\n"\'><=;|&(:';
    expect(forBash('sort=-memory', splitLine('arsenal run x sort=-m'), breaks)).toBe('-memory');
    expect(forBash('pid=<0.1.0>', splitLine('arsenal run x pid='), breaks)).toBe(String.raw`\<0.1.0\>`);
    expect(forBash('pid=<0.1.0>', splitLine('arsenal run x pi'), '')).toBe(String.raw`pid=\<0.1.0\>`);
    expect(forBash('a b', splitLine('arsenal "a'), breaks)).toBe('a b');
    expect(forBash('pid=Shop', splitLine('arsenal run x pid="Sh'), breaks)).toBe('Shop');
    expect(forBash('name=\u{1f6d2}', splitLine('arsenal run x name='), breaks)).toBe('\\\u{1f6d2}');
  });

  it.runIf(has('bash')).each(['', '"', "'"] as const)(
    'lets nothing of a hostile name be run, in the quote %j either (skipped where there is no bash)',
    (quote) => {
      const name = `evil$(echo run)\`echo run\`"; echo run; '; echo run; *!x\\`;
      const written = forBash(name, splitLine(`arsenal ${quote}evil`), '');
      expect(inShell('bash', ['--norc', '-c'], `printf %s ${quote}${written}${quote}`)).toBe(name);
    },
  );
});

describe('the scripts', () => {
  it('are printed, each with how it is put to use', async () => {
    for (const shell of shells) {
      const printed = await cli(['completion', shell]);
      expect(printed).toMatchObject({ code: 0, out: completionScripts[shell], err: '' });
      expect(printed.out).toContain(`arsenal completion ${shell}`);
    }
  });
});

/** Whether a shell is here. */
function has(shell: string): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).status === 0;
}

/** The program itself, bundled as it ships, under its name on the path. */
let bin = '';
beforeAll(async () => {
  bin = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-bin-'));
  const outfile = path.join(bin, 'cli.cjs');
  await esbuild.build({
    entryPoints: ['server/cli/main.ts'],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    logLevel: 'error',
  });
  fs.writeFileSync(path.join(bin, 'arsenal'), `#!/bin/sh\nexec '${process.execPath}' '${outfile}' "$@"\n`, {
    mode: 0o755,
  });
}, 120_000);
afterAll(() => {
  fs.rmSync(bin, { recursive: true, force: true });
});
const env = () => ({
  ...process.env,
  PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}`,
  ARSENAL_HOME: path.join(bin, 'home'),
});

const scratch: string[] = [];
afterEach(() => {
  for (const each of scratch.splice(0)) fs.rmSync(each, { recursive: true, force: true });
});

/** Runs a script of a shell, in an empty folder. */
function inShell(shell: string, args: readonly string[], script: string): string {
  const cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-shell-'));
  scratch.push(cwd);
  fs.writeFileSync(path.join(cwd, 'a-file'), '');
  fs.mkdirSync(path.join(cwd, 'a folder'));
  return execFileSync(shell, [...args, script], { cwd, env: env(), encoding: 'utf8' });
}

describe('in the shells themselves', { timeout: 120_000 }, () => {
  /** What bash is answered for each of these lines, the cursor at the end; `begin` is run first, and how it was registered is the last. */
  function inBash(begin: string, lines: readonly string[]): readonly string[] {
    const script = `
      ${begin}
      eval "$(arsenal completion bash)"
      try() {
        local word="\${1##*[ =]}"
        COMP_LINE="$1" COMP_POINT=\${#1} COMP_WORDS=(arsenal "$word") COMP_CWORD=1 COMPREPLY=()
        _arsenal arsenal "$word" ''
        printf '%s|' "\${COMPREPLY[@]}"
        echo
      }
      ${lines.map((line) => `try '${line}'`).join('\n')}
      complete -p arsenal`;
    return inShell('bash', ['--norc', '-c'], script).trim().split('\n');
  }
  const lines = [
    'arsenal compl',
    'arsenal run list_pro',
    'arsenal list_processes sort=-mem',
    'arsenal list_processes so',
    'arsenal run x --cookie-file a-f',
    'arsenal run x --cookie-file a',
    'arsenal serve --project a',
  ];

  // @row T024.d1
  it.runIf(has('bash'))('bash completes commands, parameters and values (skipped where there is no bash)', () => {
    expect(inBash('compopt() { :; }', lines)).toEqual([
      'completion|',
      'list_processes|',
      '-memory|',
      'sort=|',
      'a-file|',
      'a folder|a-file|',
      'a folder|',
      'complete -F _arsenal arsenal',
    ]);
  });

  it.runIf(has('bash'))('the bash of macOS does, which has no compopt: it gets the blanks, too', () => {
    expect(inBash('enable -n compopt', [...lines, 'arsenal run x pid="Sh'])).toEqual([
      'completion |',
      'list_processes |',
      '-memory |',
      'sort=|',
      'a-file |',
      String.raw`a\ folder/|a-file |`,
      String.raw`a\ folder/|`,
      '|',
      'complete -o nospace -F _arsenal arsenal',
    ]);
  });

  it.runIf(has('zsh'))('zsh does (skipped where there is no zsh)', () => {
    const script = `
      compdef() { : }
      source <(arsenal completion zsh)
      compadd() { print -r -- "\${(j: :)values}" }
      _files() { print files }
      for line in 'arsenal compl' 'arsenal run list_pro' 'arsenal list_processes sort=-mem' 'arsenal run x --cookie-file a'; do
        words=("\${(@s: :)line}"); CURRENT=$#words; _arsenal
      done`;
    expect(inShell('zsh', ['-f', '-c'], script).trim().split('\n')).toEqual([
      'completion',
      'list_processes',
      'sort=-memory',
      'files',
    ]);
  });

  it.runIf(has('fish'))('fish does (skipped where there is no fish)', () => {
    const script = `
      arsenal completion fish | source
      for line in 'arsenal compl' 'arsenal run list_pro' 'arsenal list_processes sort=-mem'
        complete -C $line | string split -f 1 \\t
      end
      true`;
    expect(inShell('fish', ['--no-config', '-c'], script).trim().split('\n')).toEqual([
      'completion',
      'list_processes',
      'sort=-memory',
    ]);
  });
});
