/** Inside a sandbox: says what keeps it apart, loads the user's module, and calls its functions when asked. */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import type { Isolation, Json } from '../../model.ts';
import type { FromChild, ToChild } from './messages.ts';
import { isToChild, mostOutput } from './messages.ts';

/** Serves the owner until it is gone. */
export function runSandbox(): void {
  let module: object = {};
  const output = captureOutput();
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message: unknown) => {
    if (!isToChild(message)) return;
    if (message.m === 'ping') say({ m: 'pong', n: message.n, memoryBytes: process.memoryUsage.rss() });
    else if (message.m === 'call') void callFunction(module, message, output).then(say);
    else {
      void load(message).then(
        (loaded) => {
          module = loaded;
          say({ m: 'loaded', functions: functionsOf(module) });
        },
        (thrown: unknown) => say({ m: 'failed', why: textOf(thrown) }),
      );
    }
  });
  void probeIsolation().then((isolation) => {
    say({ m: 'ready', isolation, memoryBytes: process.memoryUsage.rss() });
  });
}

function say(message: FromChild): void {
  if (process.connected) process.send?.(message);
}

/** Tries what should not be possible, and says whether it was. Memory is held by the heap's cap and the owner's eye on the rest. */
async function probeIsolation(): Promise<Isolation> {
  return {
    files: canOpenFiles() ? 'open' : 'denied',
    network: (await canConnect()) ? 'open' : 'denied',
    memory: 'enforced',
  };
}

function canOpenFiles(): boolean {
  try {
    fs.closeSync(fs.openSync(process.execPath, 'r'));
    return true;
  } catch (thrown) {
    return !isDenied(thrown);
  }
}

/** The discard port of this machine: whether anybody listens there or not, the attempt shows whether it is allowed. */
function canConnect(): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      const socket = net.connect({ host: '127.0.0.1', port: 9 });
      socket.on('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', (thrown) => resolve(!isDenied(thrown)));
    } catch (thrown) {
      resolve(!isDenied(thrown));
    }
  });
}

function isDenied(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_ACCESS_DENIED';
}

/** The exports of a file, or of a text, each as CommonJS or as an ES module. */
async function load(source: Extract<ToChild, { m: 'load' }>): Promise<object> {
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

function functionsOf(module: object): readonly string[] {
  return Object.keys(module).filter((name) => typeof Reflect.get(module, name) === 'function');
}

async function callFunction(
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

function textOf(thrown: unknown): string {
  return (thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)).slice(0, mostOutput);
}

type Output = { readonly take: () => string };

/** Keeps what the module prints, for the answer of the call that printed it; the oldest makes room. */
function captureOutput(): Output {
  let kept = '';
  const write = (chunk: unknown, ...more: unknown[]): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.isBuffer(chunk) ? chunk.toString('utf8') : '';
    kept = (kept + text).slice(-mostOutput);
    const written = more.find((one) => typeof one === 'function');
    if (typeof written === 'function') Reflect.apply(written, undefined, []);
    return true;
  };
  process.stdout.write = write;
  process.stderr.write = write;
  return {
    take: () => {
      const taken = kept;
      kept = '';
      return taken;
    },
  };
}
