/** What the command line says of itself: pages of help, names that are misspelt, how it fits what it is written to. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import { houseOn, fakeShop } from '../backend/testKit.ts';
import { paramsFromText } from '../gateway/textParams.ts';
import { ran, testBackend, testEntry } from '../gateway/testBackend.ts';
import { pick } from '../gateway/testJson.ts';
import { commandLine, shellWord } from './commandLine.ts';
import { tableText, widthOf, wrapped } from './layout.ts';
import { resultText } from './report.ts';
import { operationHelp } from './operationHelp.ts';
import { parameterTexts } from './schemaText.ts';
import { didYouMean, nearest } from '../protocol/suggest.ts';
import { cli } from './testCli.ts';

vi.setConfig({ testTimeout: 120_000 });

const catalogue = await (async () => {
  const house = await houseOn(fakeShop());
  const entries = house.backend.catalogue();
  await house.close();
  return entries;
})();
const plain = { columns: null, colors: false };

describe('the page of help of every operation', () => {
  // @row T024.a1, CT-01
  it('says all that its entry says, on 80 columns and on 120', () => {
    expect(catalogue.length).toBeGreaterThan(80);
    for (const entry of catalogue) {
      for (const columns of [80, 120]) {
        const text = operationHelp(entry, { columns, colors: false });
        const said = text.replace(/\s+/g, ' ');
        for (const { name, type, meaning } of parameterTexts(entry)) {
          expect(said).toContain(name);
          expect(said, entry.name).toContain(type.replace(/\s+/g, ' '));
          expect(said, entry.name).toContain(meaning.replace(/\s+/g, ' ').trim());
        }
        for (const { code } of entry.errors) expect(said).toContain(code);
        for (const part of [entry.title, entry.category, entry.severity, entry.role]) expect(said).toContain(part);
        if (entry.route !== null) expect(said).toContain(entry.route.path);
        // What can be broken is; a command stands on one line, so that it can be taken as it is.
        const long = text.split('\n').filter((line) => widthOf(line) > columns && !line.includes('arsenal run'));
        expect(long, entry.name).toEqual([]);
      }
    }
  });

  // @row T024.d1
  it('has examples that a shell takes as they stand, and that mean the parameters of the example', () => {
    const commands = catalogue.flatMap((entry) =>
      entry.examples.map(({ params }) => ({ entry, params, line: commandLine(entry, params) })),
    );
    expect(commands.length).toBeGreaterThan(80);
    // One shell for all of them: what it takes for words, it says back.
    const say = String.raw`arsenal() { printf '%s\0' "$@"; printf '\n\0'; }`;
    const said = execFileSync('/bin/sh', ['-c', [say, ...commands.map(({ line }) => line)].join('\n')]).toString();
    const words = said.split('\n\0').map((part) => part.split('\0').slice(0, -1));
    for (const [at, { entry, params }] of commands.entries()) {
      const [run, name, ...rest] = words[at] ?? [];
      expect([run, name]).toEqual(['run', entry.name]);
      const [first, json = ''] = rest;
      const meant: unknown =
        first === '--params'
          ? JSON.parse(json)
          : paramsFromText(
              entry.params,
              rest.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
            );
      expect(meant, entry.name).toEqual(first === '--params' ? params : { ok: true, params });
    }
  });

  it('is had in every way that one looks for it', async () => {
    const page = (await cli(['describe', 'kill_process'])).out;
    expect(page).toContain('arsenal run kill_process pid=…');
    for (const args of [
      ['run', 'kill_process', '--help'],
      ['run', 'kill_process', 'pid=x', '-h'],
      ['kill_process', '--help'],
      ['help', 'kill_process'],
    ]) {
      expect(await cli(args), args.join(' ')).toMatchObject({ code: 0, out: page, err: '' });
    }
    const document = await cli(['kill_process', '--help', '--json']);
    expect(pick(document.json, 'data.id')).toBe('kill_process');
  });

  it('shows the role that is in force, and nothing that steers a terminal', () => {
    const entry = testEntry('own_one', {
      role: 'admin',
      title: 'T\u001b[31m',
      description: 'D\u202e',
      origin: { from: 'node', node: 'a\u001b@h' },
      examples: [{ title: 'E\u0007', params: {} }],
      errors: [{ code: 'c\u001b', remedy: 'R\u001b' }],
    });
    const text = operationHelp(entry, plain);
    expect(text).toContain('admin or above');
    expect(text).not.toMatch(/[\u001b\u202e\u0007]/);
  });
});

describe('an operation as a command of its own', () => {
  // @row T024.d1
  it('runs by its name alone', async () => {
    const run = await cli(['list_processes', 'limit=5', '--json']);
    expect([run.code, run.backend.calls[0]?.call]).toMatchObject([
      0,
      { operation: 'list_processes', params: { limit: 5 } },
    ]);
    expect((await cli(['process_list'])).code).toBe(0);
  });

  it('reads its parameters from standard input', async () => {
    const readStdin = () => Promise.resolve('{"limit":7}');
    const run = await cli(['list_processes', '--params', '-'], testBackend(), {}, { readStdin });
    expect([run.code, run.backend.calls[0]?.call.params]).toEqual([0, { limit: 7 }]);
    const broken = await cli(
      ['list_processes', '--params', '-'],
      testBackend(),
      {},
      { readStdin: () => Promise.resolve('{') },
    );
    expect([broken.code, broken.backend.calls]).toEqual([2, []]);
  });
});

describe('what is misspelt', () => {
  it.each([
    [['lst_processes'], 1, 'operation.not_found', 'Did you mean list_processes'],
    [['run', 'kil_process'], 1, 'operation.not_found', 'Did you mean kill_process'],
    [['describe', 'list_process'], 1, 'operation.not_found', 'list_processes'],
    [['list_processes', 'limt=5'], 1, 'params.unknown', 'Did you mean limit?'],
    [['operations', '--category', 'proces'], 1, 'category.not_found', 'Did you mean process?'],
    [['serv'], 2, 'cli.usage', 'Did you mean serve?'],
    [['keys', 'list'], 2, 'cli.usage', 'not in this version'],
    [['audit', 'verify'], 2, 'cli.usage', 'not in this version'],
    [['mcp', '--stdio'], 2, 'cli.usage', 'not in this version'],
    [['cluster', 'strat'], 2, 'cli.usage', 'strat'],
    [['serve', '--nonsense'], 2, 'cli.usage', 'nonsense'],
    [['watch', 'nothing'], 2, 'cli.usage', 'nodes'],
    [['completion', 'csh'], 2, 'cli.usage', 'bash'],
    [['run'], 2, 'cli.usage', 'No operation is named'],
    [['help', 'cluster', 'nothing'], 2, 'cli.usage', 'nothing'],
  ])('%j exits %i with %s and says what is near', async (args, code, expected, near) => {
    const words = await cli(args);
    expect([words.code, words.out]).toEqual([code, '']);
    expect(words.err).toContain(near);
    expect(words.err).toContain(`[${expected}]`);
    if (args[0] === 'help') return;
    // Whoever reads it as a program gets it on stdout, as every error.
    const document = await cli([...args, '--json']);
    expect([document.code, document.err, pick(document.json, 'errors.0.code')]).toEqual([code, '', expected]);
  });

  it('is near by letters, or by words; what is far is not named', () => {
    expect(nearest('kill_proces', ['kill_process', 'kill_processes', 'list_processes'])).toEqual([
      'kill_process',
      'kill_processes',
    ]);
    expect(nearest('process_kill', ['kill_process', 'list_processes'])).toEqual(['kill_process']);
    expect(nearest('ikll', ['kill'])).toEqual(['kill']);
    expect(didYouMean('x', ['kill_process'])).toBe('');
    expect(didYouMean('', ['kill_process'])).toBe('');
  });

  it('is said problem by problem where there are several', async () => {
    const backend = testBackend();
    const problems = [
      { pointer: '/pid', message: 'is missing' },
      { pointer: '/reason', message: 'is too long' },
    ];
    backend.answer = () =>
      Promise.resolve(failure('validation', 'params.invalid', 'pid; reason', 'Mend.', { details: { problems } }));
    expect((await cli(['kill_process', 'pid=a'], backend)).err).toBe(
      'arsenal: 2 things are wrong:\n  /pid: is missing\n  /reason: is too long\n  Mend.\n  [params.invalid]\n',
    );
  });
});

describe('tables and pages', () => {
  const head = ['pid', 'node', 'display', 'name', 'call', 'stats', 'memory'];
  const rows = [
    [
      'a@h~0.1.0~1',
      'a@h',
      '<0.1.0>',
      'a_registered_name_that_is_long',
      'some_module:some_function/3',
      '{"x":1}',
      '1512',
    ],
    ['a@h~0.2.0~1', 'a@h', '<0.2.0>', '', 'gen_server:loop/7', '{"x":22}', '7'],
  ];

  it('are whole in a pipe', () => {
    const { text, left } = tableText(head, rows, plain);
    expect(left).toEqual([]);
    for (const cell of rows.flat()) expect(text).toContain(cell);
  });

  it.each([30, 40, 60, 80, 100, 120])('fit a terminal of %i columns, and name what they leave out', (columns) => {
    const { text, left } = tableText(head, rows, { columns, colors: false });
    for (const line of text.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns);
    // What one row is told from another by, and the figures, are whole.
    for (const cell of ['a@h~0.1.0~1', 'a@h~0.2.0~1', '1512']) expect(text).toContain(cell);
    const [shown = ''] = text.split('\n');
    for (const name of head) expect(left.includes(name)).toBe(!shown.split(/\s+/).includes(name));
  });

  it('put what only repeats the first column, and whole objects, behind everything else', () => {
    expect(tableText(head, rows, { columns: 60, colors: false }).left).toEqual(['node', 'display', 'stats']);
  });

  it('say what has no room', async () => {
    const backend = testBackend();
    const items = [{ pid: 'a@h~0.1.0~1', node: 'a@h', initialCall: 'x'.repeat(60), currentFunction: 'y'.repeat(60) }];
    backend.answer = () => Promise.resolve(ran({ items, total: 1, next: null, nodes: [] }));
    const narrow = await cli(['list_processes'], backend, {}, { screen: { columns: 40, colors: false } });
    expect(narrow.out).toContain('Not shown for want of room: node');
    expect((await cli(['list_processes'], backend)).out).toContain('y'.repeat(60));
  });

  it('have as many rows, and as many lines, as there are', () => {
    const many = Array.from({ length: 200_000 }, (_, at) => `${at}`);
    for (const columns of [null, 80]) {
      const screen = { columns, colors: false };
      expect(
        tableText(
          ['n'],
          many.map((n) => [n]),
          screen,
        ).text.split('\n'),
      ).toHaveLength(many.length + 2);
      const object = Object.fromEntries(many.map((n) => [`k${n}`, n]));
      expect(resultText(object, screen).split('\n')).toHaveLength(many.length + 1);
    }
  });

  it('count the wide letters of East Asian scripts as two', () => {
    const { text } = tableText(
      ['name', 'n'],
      [
        ['進程', '1'],
        ['ab', '2'],
      ],
      plain,
    );
    expect(text).toBe('name  n\n進程  1\nab    2\n');
    expect(wrapped('進程 進程 進程', 12, 2)).toBe('  進程 進程\n  進程\n');
  });

  it('have colours only where they are wanted', async () => {
    const screen = { columns: 80, colors: true };
    const coloured = await cli(['lst_processes'], testBackend(), {}, { errorScreen: screen });
    expect(coloured.err).toContain('\u001b[31marsenal:\u001b[39m');
    const page = await cli(['kill_process', '--help'], testBackend(), {}, { screen });
    expect(page.out).toContain('\u001b[1mkill_process\u001b[22m');
    for (const args of [['kill_process', '--help'], ['operations'], ['help'], ['run', '--help'], ['nothing_there']]) {
      const { out, err } = await cli(args);
      expect(out + err).not.toContain('\u001b');
    }
  });
});

describe('words for a shell', () => {
  it('are quoted only where a shell would read them otherwise', () => {
    expect(['a@b~0.1.0', '<0.1.0>', "it's", '', '$x', '*'].map(shellWord)).toEqual([
      'a@b~0.1.0',
      "'<0.1.0>'",
      String.raw`'it'\''s'`,
      "''",
      "'$x'",
      "'*'",
    ]);
  });

  it('are JSON where words would mean something else', () => {
    const entry = testEntry('x', {
      params: {
        type: 'object',
        properties: { list: { type: 'array', items: { type: 'string' } }, any: {}, text: { type: 'string' } },
      },
    });
    expect(commandLine(entry, { list: ['a', 'b'] })).toBe('arsenal run x list=a,b');
    expect(commandLine(entry, { list: ['a,b'] })).toContain('--params');
    expect(commandLine(entry, { any: '5' })).toContain('--params');
    expect(commandLine(entry, { text: '5' })).toBe('arsenal run x text=5');
    expect(commandLine(entry, { any: { $term: '{a}' } })).toContain('--params');
    expect(commandLine(entry, {})).toBe('arsenal run x');
  });
});
