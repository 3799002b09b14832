/**
 * Loads a user's TypeScript or JavaScript modules inside a worker: types stripped, imports turned into `require`. They can import what
 * is given by name (`arsenal-otp/operation`) and their own files below the root; nothing else.
 */
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { transform } from 'sucrase';

const extensions = ['.ts', '.mts', '.js', '.mjs'];
const mostBytes = 1_000_000;

/** Where in a file something is wrong; both counted from 1. */
export type Place = { readonly file: string; readonly line: number; readonly column: number };
/** Path → text. */
export type Sources = { readonly [file: string]: string };

export type SourceModulesOptions = {
  /** The folder outside of which nothing is loaded. */
  readonly root: string;
  /** What can be imported by name. */
  readonly imports: { readonly [specifier: string]: object };
  /**
   * The names beside the language's own. `own_realm`: a context that has nothing else, and objects of its own. `this_realm`: the
   * worker's own context, where they stand before the worker's; for code that exchanges objects with the worker and is trusted.
   */
  readonly globals: { readonly [name: string]: unknown };
  readonly realm: 'own_realm' | 'this_realm';
  /** Given, nothing is read from disk. */
  readonly sources?: Sources;
};

/** What is wrong with a module, and where. */
export class ModuleError extends Error {
  readonly at: Place;

  constructor(message: string, at: Place) {
    super(message);
    this.at = at;
  }
}

type ModuleRecord = { readonly exports: object };

export class SourceModules {
  private readonly modules = new Map<string, ModuleRecord>();
  private readonly maps = new Map<string, TraceMap>();
  private readonly root: string;
  private readonly imports: SourceModulesOptions['imports'];
  private readonly context: vm.Context | null;
  /** Names and values that stand before the worker's own. */
  private readonly shadows: readonly (readonly [string, unknown])[];
  /** Stands before the first line of each module's code and moves its columns. */
  private readonly wrapper: string;

  /** What was read, by path. */
  private readonly read = new Map<string, string>();
  private readonly given: Sources | null;

  constructor({ root, imports, globals, realm, sources }: SourceModulesOptions) {
    this.root = sources === undefined ? fs.realpathSync(root) : root;
    this.given = sources ?? null;
    this.imports = imports;
    const isOwn = realm === 'own_realm';
    this.context = isOwn ? vm.createContext({ ...globals }, { codeGeneration: { strings: false, wasm: false } }) : null;
    this.shadows = isOwn ? [] : Object.entries(globals);
    this.wrapper = `(function (${['exports', 'require', 'module', ...this.shadows.map(([name]) => name)].join(', ')}) {`;
  }

  /** Every file that was read, whether it could be loaded or not. */
  get sources(): Sources {
    return Object.fromEntries(this.read);
  }

  /** The exports of `file`. Throws {@link ModuleError} with the place of what is wrong. */
  load(file: string): object {
    try {
      return this.evaluate(file);
    } catch (thrown) {
      throw thrown instanceof ModuleError ? thrown : this.locate(thrown, file);
    }
  }

  /** The place in a user's file that is nearest to where `stack` was made; null when none of them is on it. */
  placeOf(stack: string): Place | null {
    for (const line of stack.split('\n')) {
      for (const [file, map] of this.maps) {
        const found = positionAfter(line, file);
        if (found !== null) return this.original(map, file, found.line, found.column);
      }
    }
    return null;
  }

  private evaluate(file: string): object {
    const known = this.modules.get(file);
    // Two modules that import each other see what there is so far, as with any CommonJS.
    if (known !== undefined) return known.exports;
    const code = this.compile(file);
    const record: ModuleRecord = { exports: {} };
    this.modules.set(file, record);
    const script = new vm.Script(`${this.wrapper}${code}\n})`, { filename: file });
    const body: unknown = this.context === null ? script.runInThisContext() : script.runInContext(this.context);
    if (typeof body === 'function') {
      const require = (specifier: unknown) => this.require(String(specifier), file);
      Reflect.apply(body, undefined, [record.exports, require, record, ...this.shadows.map(([, value]) => value)]);
    }
    return record.exports;
  }

  private compile(file: string): string {
    const source = this.text(file);
    // Known before it is transformed, so that a file that cannot be read as TypeScript is watched all the same.
    this.maps.set(file, new TraceMap({ version: 3, sources: [file], names: [], mappings: '' }));
    try {
      const { code, sourceMap } = transform(source, {
        transforms: /\.m?ts$/.test(file) ? ['typescript', 'imports'] : ['imports'],
        filePath: file,
        sourceMapOptions: { compiledFilename: file },
        disableESTransforms: true,
        preserveDynamicImport: true,
      });
      if (sourceMap !== undefined) this.maps.set(file, new TraceMap({ ...sourceMap, version: 3, file }));
      return code;
    } catch (thrown) {
      // What went wrong, without the path and the place that are told beside it.
      const prefix = `Error transforming ${file}: `;
      const message = messageOf(thrown).replace(/ \(\d+:\d+\)$/, '');
      const what = message.startsWith(prefix) ? message.slice(prefix.length) : message;
      throw new ModuleError(what, placeOfSyntaxError(thrown, file));
    }
  }

  private text(file: string): string {
    const known = this.read.get(file) ?? this.given?.[file];
    if (known !== undefined) {
      this.read.set(file, known);
      return known;
    }
    const { size } = fs.statSync(file);
    if (size > mostBytes) {
      throw new ModuleError(`The file is larger than ${mostBytes} bytes.`, { file, line: 1, column: 1 });
    }
    const source = fs.readFileSync(file, 'utf8');
    this.read.set(file, source);
    return source;
  }

  private require(specifier: string, from: string): object {
    const given = Object.hasOwn(this.imports, specifier) ? this.imports[specifier] : undefined;
    if (given !== undefined) return given;
    const at = { file: from, ...placeOfImport(this.text(from), specifier) };
    if (!specifier.startsWith('./') && !specifier.startsWith('../')) {
      throw new ModuleError(
        `${specifier} cannot be imported: only ${Object.keys(this.imports)
          .map((name) => `'${name}'`)
          .join(', ')} and files beside this one can.`,
        at,
      );
    }
    const wanted = candidates(path.resolve(path.dirname(from), specifier));
    const sources = this.given;
    const found = wanted.find((file) => (sources === null ? isFile(file) : Object.hasOwn(sources, file)));
    if (found === undefined) throw new ModuleError(`There is no file ${specifier}.`, at);
    const real = sources === null ? fs.realpathSync(found) : found;
    if (path.relative(this.root, real).startsWith('..') || path.isAbsolute(path.relative(this.root, real))) {
      throw new ModuleError(`${specifier} lies outside of ${path.basename(this.root)}.`, at);
    }
    return this.load(real);
  }

  private locate(thrown: unknown, file: string): ModuleError {
    const stack = stackOf(thrown);
    // A syntax error is not on the stack as a call; its first line names file and line.
    const at = this.placeAtTop(stack, file, this.maps.get(file)) ?? this.placeOf(stack) ?? { file, line: 1, column: 1 };
    return new ModuleError(messageOf(thrown), at);
  }

  /** V8 heads the stack of a syntax error with `FILE:LINE`, the line itself, and a line of blanks and carets below the column. */
  private placeAtTop(stack: string, file: string, map: TraceMap | undefined): Place | null {
    const [top = '', , carets = ''] = stack.split('\n');
    if (!top.startsWith(`${file}:`) || map === undefined) return null;
    const line = Number(/^\d+/.exec(top.slice(file.length + 1))?.[0] ?? Number.NaN);
    if (!Number.isInteger(line)) return null;
    const column = Math.max(1, carets.indexOf('^') + 1);
    return this.original(map, file, line, column);
  }

  private original(map: TraceMap, file: string, line: number, column: number): Place {
    const generated = Math.max(0, column - 1 - (line === 1 ? this.wrapper.length : 0));
    const found = originalPositionFor(map, { line, column: generated });
    // Lines are kept by the transformation, so an unmapped position is at least on the right line.
    return { file, line: found.line ?? line, column: (found.column ?? 0) + 1 };
  }
}

function candidates(file: string): readonly string[] {
  return [
    file,
    ...extensions.map((extension) => file + extension),
    ...extensions.map((extension) => path.join(file, `index${extension}`)),
  ];
}

function isFile(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** Errors of another context are no instances of this one's classes: they are read by their shape. */
function messageOf(thrown: unknown): string {
  const message = typeof thrown === 'object' && thrown !== null && 'message' in thrown ? thrown.message : thrown;
  return String(message).slice(0, 2_000);
}

function stackOf(thrown: unknown): string {
  const stack = typeof thrown === 'object' && thrown !== null && 'stack' in thrown ? thrown.stack : '';
  return typeof stack === 'string' ? stack : '';
}

/** `FILE:LINE:COLUMN` somewhere in a line of a stack. */
function positionAfter(line: string, file: string): { line: number; column: number } | null {
  const from = line.indexOf(`${file}:`);
  if (from === -1) return null;
  const found = /^(\d+):(\d+)/.exec(line.slice(from + file.length + 1));
  return found === null ? null : { line: Number(found[1]), column: Number(found[2]) };
}

function placeOfSyntaxError(thrown: unknown, file: string): Place {
  const loc: unknown = typeof thrown === 'object' && thrown !== null && 'loc' in thrown ? thrown.loc : null;
  const [line, column] =
    typeof loc === 'object' && loc !== null && 'line' in loc && 'column' in loc ? [loc.line, loc.column] : [1, 1];
  return {
    file,
    line: typeof line === 'number' ? line : 1,
    column: typeof column === 'number' ? Math.max(1, column) : 1,
  };
}

function placeOfImport(source: string, specifier: string): { line: number; column: number } {
  const lines = source.split('\n');
  const line = lines.findIndex((text) => text.includes(`'${specifier}'`) || text.includes(`"${specifier}"`));
  return line === -1 ? { line: 1, column: 1 } : { line: line + 1, column: (lines[line]?.indexOf(specifier) ?? 0) + 1 };
}
