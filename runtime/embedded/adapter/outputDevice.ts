/**
 * A group leader that keeps the beginning of what is printed, for whoever called a function from outside (stdlib, "The Erlang I/O Protocol",
 * output only).
 */
import type { Value } from '../../term/values.ts';
import { a, ImproperList, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, errorTuple, isList, itemsOf, partsOf, tagged } from '../kernel/values.ts';

const words = {
  ioRequest: a('io_request'),
  ioReply: a('io_reply'),
  putChars: a('put_chars'),
  requests: a('requests'),
  getopts: a('getopts'),
  setopts: a('setopts'),
  getGeometry: a('get_geometry'),
  enotsup: a('enotsup'),
  eof: a('eof'),
} as const;

/** What was printed, up to `room` characters; `isWhole` until more came. */
export class Printed {
  #room: number;
  #text = '';
  #isWhole = true;

  constructor(room: number) {
    this.#room = room;
  }
  get text(): string {
    return this.#text;
  }
  get isWhole(): boolean {
    return this.#isWhole;
  }

  add(text: string): void {
    // A character is one or two of JavaScript's.
    const characters = Array.from(text.slice(0, 2 * this.#room)).slice(0, this.#room);
    const kept = characters.join('');
    if (kept.length < text.length) this.#isWhole = false;
    this.#text += kept;
    this.#room -= characters.length;
  }
}

/** Keeps what is printed, and answers whoever prints, for as long as there is somebody to lead. */
export function* keepOutput(self: Self, led: Pid, printed: Printed): Flow<void> {
  const watch = self.monitor(led);
  for (;;) {
    const message = yield* receive({});
    if (tagged(message, atoms.down, 5)?.[1] === watch) return;
    const [, from, replyAs, request] = partsOf(tagged(message, words.ioRequest, 4) === null ? null : message);
    if (from instanceof Pid) self.send(from, tup(words.ioReply, asValue(replyAs), serve(asValue(request), printed)));
  }
}

/** Does one request, and answers its reply. */
function serve(request: Value, printed: Printed): Value {
  if (request === words.getopts) return [];
  const [name, ...args] = partsOf(request);
  switch (name) {
    case words.putChars: {
      // `{put_chars, Encoding, Chars}`, or as before OTP R13 without the encoding; there is no module to make the text with.
      const text = args.length === 1 || args.length === 2 ? textOf(args.at(-1)) : null;
      if (text === null) return errorTuple(words.putChars);
      printed.add(text);
      return atoms.ok;
    }
    case words.requests: {
      let reply: Value = atoms.ok;
      for (const one of itemsOf(args[0])) {
        reply = serve(one, printed);
        // The first that fails is the last that is done.
        if (tagged(reply, atoms.error, 2) !== null) break;
      }
      return reply;
    }
    case words.setopts:
    case words.getGeometry:
      return errorTuple(words.enotsup);
    default:
      return request === words.getGeometry ? errorTuple(words.enotsup) : words.eof;
  }
}

/** Chardata as text: characters, binaries of UTF-8 and strings in lists of lists; null for anything else. */
function textOf(chardata: Value): string | null {
  const pieces: string[] = [];
  const left: Value[] = [chardata];
  while (left.length > 0) {
    const piece = left.pop();
    if (typeof piece === 'string') pieces.push(piece);
    else if (piece instanceof Uint8Array) {
      const text = utf8(piece);
      if (text === null) return null;
      pieces.push(text);
    } else if (typeof piece === 'number') {
      if (!isCharacter(piece)) return null;
      pieces.push(String.fromCodePoint(piece));
    } else if (isList(piece)) {
      for (let at = piece.length - 1; at >= 0; at -= 1) left.push(asValue(piece[at]));
    } else if (piece instanceof ImproperList) left.push(piece.tail, ...piece.items.toReversed());
    else return null;
  }
  return pieces.join('');
}

function isCharacter(code: number): boolean {
  return Number.isInteger(code) && code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
}

function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
