/** Calling any function of a node, as `erpc:call/4` does, with what it writes. */
import { remainingNow } from '../../callOptions.ts';
import type { Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params } from '../../port.ts';
import type { RawTerm, TermKind } from '../../term/cursor.ts';
import { readRaw, termOf } from '../../term/cursor.ts';
import type { Term } from '../../term/term.ts';
import { callFailure, strangeAnswer } from './callError.ts';
import { calledOnNode } from './processStart.ts';
import type { Session } from './session.ts';

/**
 * Runs the function in a process of its own, whose group leader is ours. Errors: `process.undef`, `term.unknown_atom`; effect `unknown`
 * when it did not come to its end in time, or the link was lost.
 */
async function callFunction(
  session: Session,
  params: Params<'code.call'>,
  options: CallOptions,
): Promise<Result<Answer<'code.call'>>> {
  const callable = await calledOnNode(session, params, options);
  if (!callable.ok) return callable;
  const { target, module, name, args } = callable.value;
  const printed = new Output(params.maxOutputChars);
  const called = await target.connection.callRaw(module, name, args, {
    timeoutMs: remainingNow(options),
    signal: options.signal,
    groupLeader: 'ours',
    onOutput: (text) => {
      printed.take(text);
    },
  });
  if (called.ok) {
    const value = withinBytes(called.value, params.maxBytes);
    if (value === null) return strangeAnswer(target.node, 'The value');
    return ok({ became: { is: 'returned', value }, ...printed.result() });
  }
  if (called.error.kind !== 'exception') {
    return callFailure(called.error, { node: target.node, what: 'The function', effect: 'unknown' });
  }
  const { class: raised, reason } = called.error;
  return ok({ became: { is: 'raised', class: raised, reason }, ...printed.result() });
}

class Output {
  readonly #most: number;
  #text = '';
  #isWhole = true;

  constructor(most: number) {
    this.#most = most;
  }

  take(text: string): void {
    const room = this.#most - this.#text.length;
    this.#text += text.slice(0, Math.max(0, room));
    this.#isWhole &&= text.length <= room;
  }

  result(): { readonly output: string; readonly outputWhole: boolean } {
    return { output: this.#text, outputWhole: this.#isWhole };
  }
}

const elidedAs: { readonly [kind in TermKind]?: 'binary' | 'list' | 'tuple' | 'map' } = {
  binary: 'binary',
  bits: 'binary',
  list: 'list',
  bytelist: 'list',
  tuple: 'tuple',
  map: 'map',
};

/** The value, or what stands for one that is too large; null for damaged bytes. */
function withinBytes(raw: RawTerm, maxBytes: number): Term | null {
  const bytes = raw.bytes.length - raw.at;
  if (bytes <= maxBytes) {
    const term = termOf(raw);
    return term.ok ? term.value : null;
  }
  const kind = readRaw(raw, (cursor) => cursor.kind());
  return kind.ok && kind.value !== null ? { t: 'elided', was: elidedAs[kind.value] ?? 'depth', size: bytes } : null;
}

export function codeMethods(session: Session): MethodTable {
  return { 'code.call': (params, options) => callFunction(session, params, options) };
}
