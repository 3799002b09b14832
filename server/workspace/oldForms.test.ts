/** Modules in the forms of the original's behaviour, and what a module can get at beside what it needs. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildWorker, testWorkspace } from './testWorkspace.ts';

let built: Awaited<ReturnType<typeof buildWorker>>;
let workspace: ReturnType<typeof testWorkspace>;
beforeAll(async () => {
  built = await buildWorker();
}, 60_000);
afterAll(() => built.remove());
beforeEach(() => {
  workspace = testWorkspace(built.folder);
});
afterEach(() => workspace.close());

const predecessor = `
export function rest_config() {
  return {
    method: 'get', path: '/api/v1/words/count', summary: 'Counts words',
    parameters: [{ name: 'text', type: 'string', required: true, description: 'What to count in' }],
  };
}
export function validate_params(params: { text: string }) {
  return params.text === '' ? ['error', 'there is nothing to count'] : ['ok', { text: params.text.trim() }];
}
export function execute({ text }: { text: string }) { return ['ok', text.split(' ').length]; }
export function format_response(count: number) { return { data: { count } }; }
`;

describe('an older form', { timeout: 60_000 }, () => {
  // @row PR-02
  it('with the four callbacks of the predecessor is an operation named after its file', async () => {
    await workspace.save('countWords.ts', predecessor);
    expect(workspace.problems).toEqual([]);
    expect(workspace.registry.find('count_words')?.entry).toMatchObject({
      title: 'Counts words',
      severity: 'read',
      needs: [],
      route: { method: 'GET', path: '/custom/words/count' },
      params: { properties: { text: { type: 'string', description: 'What to count in' } }, required: ['text'] },
    });
    expect(await workspace.run('count_words', { text: ' one two ' })).toEqual({
      ok: true,
      value: { data: { count: 2 } },
    });
    expect(await workspace.run('count_words', { text: '' })).toMatchObject({
      error: { class: 'validation', message: expect.stringContaining('nothing to count') },
    });
  });

  it('with the callbacks of the behaviour is one, as a class or an object, in camelCase too', async () => {
    await workspace.save(
      'greet.ts',
      `export class Greet {
        static name() { return 'greet_people'; }
        static category() { return 'custom'; }
        static description() { return 'Greets'; }
        static params_schema() { return { who: { type: 'string', required: true, max: 5 }, tone: { type: 'atom', in: ['kind', 'stern'] } }; }
        static metadata() { return { idempotent: true, timeout: 2000 }; }
        static execute({ who }: { who: string }) { return who === 'nobody' ? ['error', 'alone'] : { greeting: 'hello ' + who }; }
      }
      export const looks = {
        name: () => 'look_about', category: () => 'custom', description: () => 'Looks', paramsSchema: () => ({}),
        metadata: () => ({ severity: 'read', needs: ['cluster.nodes'] }),
        execute: (_params: object, context: { port: object }) => Object.keys(context.port),
      };`,
    );
    expect(workspace.problems).toEqual([]);
    expect(workspace.registry.find('greet_people')?.entry).toMatchObject({
      severity: 'change',
      idempotent: true,
      params: { properties: { who: { maxLength: 5 }, tone: { enum: ['kind', 'stern'] } } },
    });
    expect(await workspace.run('greet_people', { who: 'Ada' })).toEqual({ ok: true, value: { greeting: 'hello Ada' } });
    expect(await workspace.run('greet_people', { who: 'nobody' })).toMatchObject({
      error: { code: 'operation.failed' },
    });
    expect(await workspace.run('look_about')).toEqual({ ok: true, value: ['cluster'] });
  });

  it('cannot call itself less severe than what it needs, and says what else is wrong', async () => {
    const named = (metadata: string) => `
      export const a = { name: () => 'harmless', category: () => 'custom', description: () => 'x', params_schema: () => ({}),
        metadata: () => (${metadata}), execute: () => 1 };`;
    await workspace.save('a.ts', named(`{ severity: 'read', needs: ['processes.exit'] }`));
    await workspace.save('b.ts', named(`{ needs: ['fs.readFile'] }`));
    expect(workspace.registry.list()).toEqual([]);
    expect(workspace.problems).toEqual([
      expect.stringContaining('severity: is less than that of its needs'),
      expect.stringContaining('fs.readFile is no method of the port'),
    ]);
  });
});

describe('what a module can get at', { timeout: 60_000 }, () => {
  const trying = (expression: string) => `
    import { defineOperation, ok, Type } from 'arsenal-otp/operation';
    const attempt = (what: () => unknown) => { try { return String(what()); } catch (error) { return 'refused'; } };
    export const op = defineOperation({
      name: 'tries', title: 'T', description: 'D', category: 'custom', severity: 'read', idempotent: true, needs: [],
      params: Type.Object({}), result: Type.Any(), examples: [],
      async execute(context: any) { return ok(attempt(() => ${expression})); },
    });`;

  it.each([
    ['what it is handed', `context.constructor.constructor('return process')()`],
    ['a function that it is handed', `context.options.constructor('return process')()`],
    ['an asynchronous function', `context.emit.constructor('return process')()`],
    ['what it imports', `ok.constructor('return process')()`],
    ['what the language server gave it', `setTimeout.constructor('return process')()`],
    [
      'an error of the worker',
      `(() => { try { structuredClone(() => 1); } catch (error) { return error.constructor.constructor('return process')(); } })()`,
    ],
    ['its own eval', `eval('1')`],
    ['its own Function', `new Function('return 1')()`],
    ['the prototype of a function', `Object.getPrototypeOf(ok).constructor('return process')()`],
  ])('is not the worker, by way of %s', async (_way, expression) => {
    await workspace.save('x.ts', trying(expression));
    expect(await workspace.run('tries')).toEqual({ ok: true, value: 'refused' });
  });

  it('is no module of the machine, imported at run time either', async () => {
    const importing = trying(`0`).replace(
      'return ok(attempt(() => 0))',
      `try { return ok(Object.keys(await import('node:fs'))); } catch { return ok('refused'); }`,
    );
    await workspace.save('x.ts', importing);
    expect(await workspace.run('tries')).toEqual({ ok: true, value: 'refused' });
  });
});
