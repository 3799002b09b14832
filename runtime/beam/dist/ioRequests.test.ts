import { describe, expect, it } from 'vitest';
import { binary } from '../../term/binary.ts';
import type { Term } from '../../term/term.ts';
import { atom, charlist, integer, list, nil, text, tuple } from '../../term/term.ts';
import { carryOut, readIoRequest, textOfCharacters } from './ioRequests.ts';

async function carriedOut(
  request: Term,
): Promise<{ readonly reply: Term; readonly output: string; readonly calls: readonly string[] }> {
  let output = '';
  const calls: string[] = [];
  const reply = await carryOut(
    request,
    (piece) => (output += piece),
    (module, name) => {
      calls.push(`${module}:${name}`);
      return Promise.resolve(name === 'format' ? charlist('formatted') : null);
    },
  );
  return { reply, output, calls };
}

const put = (...rest: readonly Term[]): Term => tuple(atom('put_chars'), ...rest);
const ok = atom('ok');
const failed = (what: string): Term => tuple(atom('error'), atom(what));

describe('I/O requests', () => {
  it.each([
    ['characters in Unicode', put(atom('unicode'), text('hé')), ok, 'hé'],
    ['characters in Latin-1', put(atom('latin1'), binary(Uint8Array.of(0xe9))), ok, 'é'],
    ['UTF-8 that is declared Latin-1', put(atom('latin1'), text('é')), ok, 'Ã©'],
    ['the old form without an encoding', put(charlist('old')), ok, 'old'],
    [
      'nested characters',
      put(atom('unicode'), list([charlist('a'), { t: 'list', e: [integer(0x1f600)], tail: text('b') }, nil])),
      ok,
      'a\u{1f600}b',
    ],
    [
      'what is formatted on the node',
      put(atom('unicode'), atom('io_lib'), atom('format'), list([charlist('~p'), nil])),
      ok,
      'formatted',
    ],
    ['what cannot be formatted', put(atom('unicode'), atom('io_lib'), atom('write'), nil), failed('put_chars'), ''],
    [
      'a function outside io_lib',
      put(atom('unicode'), atom('os'), atom('cmd'), list([charlist('x')])),
      failed('put_chars'),
      '',
    ],
    ['what is no characters', put(atom('unicode'), atom('x')), failed('put_chars'), ''],
    ['a character that is none', put(atom('unicode'), list([integer(0x110000)])), failed('put_chars'), ''],
    ['a bitstring', put(atom('unicode'), { t: 'bits', base64: '4A==', lastBits: 3 }), failed('put_chars'), ''],
    [
      'several, to the first that fails',
      tuple(atom('requests'), list([put(charlist('one')), put(atom('x')), put(charlist('two'))])),
      failed('put_chars'),
      'one',
    ],
    ['several that are no list', tuple(atom('requests'), atom('x')), failed('requests'), ''],
    ['input, of which there is none', tuple(atom('get_line'), atom('unicode'), charlist('> ')), atom('eof'), ''],
    ['options', atom('getopts'), nil, ''],
    ['setting options', tuple(atom('setopts'), nil), failed('enotsup'), ''],
    ['geometry', tuple(atom('get_geometry'), atom('columns')), failed('enotsup'), ''],
    ['something else', tuple(atom('dance')), failed('request'), ''],
    ['no request', integer(1), failed('request'), ''],
  ])('%s', async (_name, request, reply, output) => {
    const result = await carriedOut(request);
    expect(result).toMatchObject({ reply, output });
    expect(result.calls.every((call) => call.startsWith('io_lib:'))).toBe(true);
  });

  it('are told from other messages', () => {
    const from: Term = { t: 'pid', node: 'a@h', creation: 1, id: 1, serial: 0 };
    expect(readIoRequest(tuple(atom('io_request'), from, integer(1), atom('getopts')))).toEqual({
      from,
      replyAs: integer(1),
      request: atom('getopts'),
    });
    expect(readIoRequest(tuple(atom('io_request'), atom('x'), integer(1), atom('getopts')))).toBeNull();
    expect(readIoRequest(atom('x'))).toBeNull();
    expect(textOfCharacters(tuple(), 'unicode')).toBeNull();
  });
});
