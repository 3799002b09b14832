/** Loads the user's module in a sandbox, and calls its functions. */
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import type { Json } from '../../model.ts';
import type { FromChild, ToChild } from './messages.ts';
import { mostOutput } from './messages.ts';
import type { Output } from './output.ts';

/** The exports of a file, or of a text, each as CommonJS or as an ES module. */
export async function loadModule(source: Extract<ToChild, { m: 'load' }>): Promise<object> {
  if (source.from === 'module' && path.extname(source.value) === '.cjs') return commonJs(source.value);
  if (source.from === 'module') {
    const loaded: unknown = await import(pathToFileURL(source.value).href);
    return unwrapped(loaded);
  }
  return textModule(source.value);
}

function commonJs(file: string): object {
  const loaded: unknown = createRequire(pathToFileURL(file))(file);
  return typeof loaded === 'function' ? { default: loaded } : asObject(loaded);
}

async function textModule(text: string): Promise<object> {
  const module: { exports: unknown } = { exports: {} };
  let run: () => unknown;
  try {
    const compiled = vm.compileFunction(text, ['module', 'exports', 'require'], { filename: 'sandbox.js' });
    const require = createRequire(pathToFileURL(path.join(process.cwd(), 'sandbox.js')));
    run = () => Reflect.apply(compiled, undefined, [module, module.exports, require]);
  } catch (thrown) {
    // `import` and `export` are no syntax of a function: then it is an ES module.
    if (!(thrown instanceof Error) || thrown.name !== 'SyntaxError') throw thrown;
    const loaded: unknown = await import(`data:text/javascript;charset=utf-8,${encodeURIComponent(text)}`);
    return unwrapped(loaded);
  }
  run();
  return unwrapped(module.exports);
}

/** A CommonJS module seen through `import` has its exports under `default`. */
function unwrapped(loaded: unknown): object {
  const module = asObject(loaded);
  const inner: unknown = Reflect.get(module, 'default');
  const isWrapper = typeof inner === 'object' && inner !== null && functionsOf(module).length === 0;
  return isWrapper ? inner : module;
}

function asObject(value: unknown): object {
  if (typeof value === 'function') return { default: value };
  return typeof value === 'object' && value !== null ? value : {};
}

/** The names of the functions that a module exports. */
export function functionsOf(module: object): readonly string[] {
  return Object.keys(module).filter((name) => typeof Reflect.get(module, name) === 'function');
}

/** Calls an exported function; whatever it does becomes an answer. */
export async function callFunction(
  module: object,
  { id, function: name, args }: Extract<ToChild, { m: 'call' }>,
  output: Output,
): Promise<FromChild> {
  const found: unknown = Object.hasOwn(module, name) ? Reflect.get(module, name) : undefined;
  output.take();
  if (typeof found !== 'function') {
    return { m: 'threw', id, why: 'no_function', text: functionsOf(module).join(', '), output: '' };
  }
  let answer: unknown;
  try {
    answer = await Reflect.apply(found, undefined, [...args]);
  } catch (thrown) {
    return { m: 'threw', id, why: 'exception', text: textOf(thrown), output: output.take() };
  }
  try {
    return { m: 'value', id, value: jsonOf(answer), output: output.take() };
  } catch (thrown) {
    return { m: 'threw', id, why: 'not_json', text: textOf(thrown), output: output.take() };
  }
}

/** What the value is as JSON; throws for what JSON cannot say (a cycle, a bigint). */
function jsonOf(value: unknown): Json {
  const parse: (text: string) => Json = JSON.parse;
  // A function or a symbol has no text at all.
  const text: unknown = JSON.stringify(value);
  return typeof text === 'string' ? parse(text) : null;
}

/** What was thrown, with its stack where it has one. */
export function textOf(thrown: unknown): string {
  return (thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)).slice(0, mostOutput);
}
