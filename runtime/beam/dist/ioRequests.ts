/**
 * The device side of Erlang's I/O protocol (STDLIB User's Guide, "The Erlang I/O Protocol"): what a group leader answers. Only
 * output: there is nobody here to read from.
 */
import { binaryBytes, latin1FromBytes } from '../../term/binary.ts';
import type { PidTerm, Term } from '../../term/term.ts';
import { atom, isAtom, listElements, tuple } from '../../term/term.ts';

/** Calls a function on the node that sent the request. */
export type CallBack = (module: string, name: string, args: readonly Term[]) => Promise<Term | null>;

export type IoRequest = { readonly from: PidTerm; readonly replyAs: Term; readonly request: Term };

/** `{io_request, From, ReplyAs, Request}`, or null for another message. */
export function readIoRequest(message: Term): IoRequest | null {
  if (message.t !== 'tuple' || message.e.length !== 4) return null;
  const [head, from, replyAs, request] = message.e;
  if (!isAtom(head, 'io_request') || from?.t !== 'pid' || replyAs === undefined || request === undefined) return null;
  return { from, replyAs, request };
}

/** `{io_reply, ReplyAs, Reply}` */
export function ioReply(replyAs: Term, reply: Term): Term {
  return tuple(atom('io_reply'), replyAs, reply);
}

/**
 * The text of `unicode:chardata()`, or with `latin1` of `iodata()`; null when the term is neither. Binaries that are not UTF-8 count
 * as Latin-1, as terminals show them.
 */
export function textOfCharacters(term: Term, encoding: 'unicode' | 'latin1'): string | null {
  switch (term.t) {
    case 'text': {
      const bytes = encoding === 'latin1' ? binaryBytes(term) : null;
      return bytes === null ? term.v : latin1FromBytes(bytes);
    }
    case 'bits': {
      const bytes = term.lastBits === 8 ? binaryBytes(term) : null;
      return bytes === null ? null : latin1FromBytes(bytes);
    }
    case 'bytelist':
      return term.latin1;
    case 'int':
      return term.v >= 0 && term.v <= 0x10ffff ? String.fromCodePoint(term.v) : null;
    case 'list': {
      const parts: string[] = [];
      for (const part of term.tail === undefined ? term.e : [...term.e, term.tail]) {
        const text = textOfCharacters(part, encoding);
        if (text === null) return null;
        parts.push(text);
      }
      return parts.join('');
    }
    default:
      return null;
  }
}

const ok = atom('ok');
const enotsup = tuple(atom('error'), atom('enotsup'));

function failed(request: Term): Term {
  return tuple(atom('error'), request);
}

function encodingOf(term: Term | undefined): 'unicode' | 'latin1' | null {
  if (isAtom(term, 'unicode')) return 'unicode';
  return isAtom(term, 'latin1') ? 'latin1' : null;
}

/**
 * Carries out one request and answers its reply. Text goes to `output`. What has to be formatted is formatted by the node that
 * sent it, with functions of `io_lib` and nothing else.
 */
export async function carryOut(request: Term, output: (text: string) => void, callBack: CallBack): Promise<Term> {
  if (isAtom(request, 'getopts')) return { t: 'list', e: [] };
  if (request.t !== 'tuple') return failed(atom('request'));
  const [head, ...rest] = request.e;
  if (isAtom(head, 'requests')) return carryOutAll(rest[0], output, callBack);
  if (isAtom(head, 'get_geometry')) return enotsup;
  if (isAtom(head, 'setopts')) return enotsup;
  if (!isAtom(head, 'put_chars')) return isInput(head) ? atom('eof') : failed(atom('request'));
  // Without an encoding it is the form of before OTP 16, in Latin-1.
  const encoding = encodingOf(rest[0]);
  const body = encoding === null ? rest : rest.slice(1);
  const characters = body.length === 1 ? body[0] : await formatted(body, callBack);
  const text = characters === undefined ? null : textOfCharacters(characters, encoding ?? 'latin1');
  if (text === null) return failed(atom('put_chars'));
  output(text);
  return ok;
}

function isInput(head: Term | undefined): boolean {
  return ['get_line', 'get_chars', 'get_until', 'get_password'].some((name) => isAtom(head, name));
}

async function formatted(body: readonly Term[], callBack: CallBack): Promise<Term | undefined> {
  const [module, name, args] = body;
  const elements = args === undefined ? null : listElements(args);
  if (!isAtom(module, 'io_lib') || name?.t !== 'atom' || elements === null) return undefined;
  return (await callBack('io_lib', name.v, elements)) ?? undefined;
}

/** In order, to the first that fails, whose reply is the reply to all. */
async function carryOutAll(
  requests: Term | undefined,
  output: (text: string) => void,
  callBack: CallBack,
): Promise<Term> {
  const elements = requests === undefined ? null : listElements(requests);
  if (elements === null) return failed(atom('requests'));
  let reply: Term = ok;
  for (const request of elements) {
    reply = await carryOut(request, output, callBack);
    if (reply.t === 'tuple' && isAtom(reply.e[0], 'error')) return reply;
  }
  return reply;
}

/** A group leader: carries out requests one after the other, and answers each with `reply`. What is no request is passed over. */
export function outputDevice(
  output: (text: string) => void,
  callBack: CallBack,
  reply: (to: PidTerm, message: Term) => void,
): (message: Term) => void {
  let before: Promise<void> = Promise.resolve();
  return (message) => {
    const io = readIoRequest(message);
    if (io === null) return;
    before = before.then(async () => {
      reply(io.from, ioReply(io.replyAs, await carryOut(io.request, output, callBack)));
    });
  };
}
