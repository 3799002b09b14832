import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LiveNode } from '../../../test/harness/erlang.ts';
import { startErlang, stopAll } from '../../../test/harness/erlang.ts';
import { binary, binaryBytes } from '../../term/binary.ts';
import { decodeTerm } from '../../term/decode.ts';
import { encodeTerm } from '../../term/encode.ts';
import { compareTerms } from '../../term/order.ts';
import { printTerm } from '../../term/print.ts';
import type { Term } from '../../term/term.ts';
import { atom, charlist, list, listElements, termKey, text, tuple } from '../../term/term.ts';
import { sizeEdges, termArbitrary } from '../../term/termArbitrary.ts';
import type { Connection } from './connection.ts';
import { inflate } from './inflate.ts';
import { HiddenNode } from './node.ts';

const scope = 'test';
let erlang: LiveNode;
let node: HiddenNode;
let connection: Connection;

beforeAll(async () => {
  erlang = await startErlang({ name: 'codec', cookie: 'crumbs' });
  node = new HiddenNode({ name: 'codec-js@localhost', cookie: 'crumbs', nameIsLeased: true });
  const options = { timeoutMs: 5000, signal: new AbortController().signal };
  const connected = await node.connect({ node: erlang.node, epmdPort: erlang.epmdPort }, options);
  if (!connected.ok) throw new Error(connected.error.message);
  connection = connected.value;
});

afterAll(() => {
  node.close();
  stopAll();
});

async function call(module: string, name: string, args: readonly Term[]): Promise<Term> {
  const options = { timeoutMs: 30_000, signal: new AbortController().signal };
  const result = await connection.call(module, name, args, options);
  if (!result.ok) throw new Error(`${module}:${name} ${JSON.stringify(result.error).slice(0, 500)}`);
  return result.value;
}

/** Evaluates Erlang expressions on the node, with `Given` bound. */
async function evaluate(source: string, given: Term): Promise<Term> {
  const tokens = await call('erl_scan', 'string', [charlist(source)]);
  const parsed = await call('erl_parse', 'parse_exprs', [elementOf(tokens, 1)]);
  const value = await call('erl_eval', 'exprs', [elementOf(parsed, 1), list([tuple(atom('Given'), given)])]);
  return elementOf(value, 1);
}

function elementOf(term: Term, at: number): Term {
  const element = term.t === 'tuple' ? term.e[at] : undefined;
  if (element === undefined) throw new Error(`No element ${at} in ${termKey(term).slice(0, 200)}`);
  return element;
}

function elementsOf(term: Term): readonly Term[] {
  const elements = listElements(term);
  if (elements === null) throw new Error(`No list: ${termKey(term).slice(0, 200)}`);
  return elements;
}

function external(term: Term): Term {
  const encoded = encodeTerm(term, { scope });
  if (!encoded.ok) throw new Error(encoded.error.message);
  return binary(encoded.bytes);
}

function decodedOf(bytes: Term): Term {
  const decoded = decodeTerm(binaryBytes(bytes) ?? new Uint8Array(), { scope, inflate });
  if (!decoded.ok) throw new Error(decoded.error.message);
  return decoded.term;
}

/**
 * For each `{Bytes, Live, Source}`: whether the term of our bytes is `=:=` to the same term sent as a message, and to what the node
 * builds itself from the source; and the node's own bytes of it, plain, compressed and in the form of older releases.
 */
const compareOnNode = `
  [begin
     Decoded = binary_to_term(Bytes),
     Built = case Source of
       none -> Decoded;
       _ -> {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Source)),
            {ok, Expressions} = erl_parse:parse_exprs(Tokens),
            {value, Value, _} = erl_eval:exprs(Expressions, []),
            Value
     end,
     {Decoded =:= Live, Decoded =:= Built, term_to_binary(Decoded), term_to_binary(Live, [compressed]), term_to_binary(Built, [{minor_version, 0}])}
   end || {Bytes, Live, Source} <- Given].`;

async function compare(terms: readonly Term[], source: (term: Term) => Term): Promise<void> {
  const given = terms.map((term) => tuple(external(term), term, source(term)));
  const answers = elementsOf(await evaluate(compareOnNode, list(given)));
  expect(answers).toHaveLength(terms.length);
  for (const [at, answer] of answers.entries()) {
    const term = terms[at] ?? atom('missing');
    const shown = printTerm(term, { syntax: 'erlang', maxLength: 300 });
    expect([shown, elementOf(answer, 0), elementOf(answer, 1)]).toEqual([shown, atom('true'), atom('true')]);
    expect(termKey(decodedOf(elementOf(answer, 2)))).toBe(termKey(term));
    expect(termKey(decodedOf(elementOf(answer, 3)))).toBe(termKey(term));
    const old = decodedOf(elementOf(answer, 4));
    expect(termKey(old)).toBe(termKey(term));
  }
}

function literal(term: Term): Term {
  return text(`${printTerm(term, { syntax: 'erlang', maxLength: 10_000_000 })}.`);
}

/** The same terms in every run, so that a change of ours is what changes the verdict; ARSENAL_SEED gives others. */
const seed = Number(process.env['ARSENAL_SEED'] ?? 25);

describe('against a live node, with =:=', () => {
  it('10,000 random terms are what the node builds from their text, and come back the same', async () => {
    const terms = fc.sample(termArbitrary({ identities: 'none' }), { numRuns: 10_000, seed });
    for (let at = 0; at < terms.length; at += 500) await compare(terms.slice(at, at + 500), literal);
  });

  it('random pids, ports and references, alone and inside terms, come back the same', async () => {
    const terms = fc.sample(termArbitrary(), { numRuns: 3000, seed });
    for (let at = 0; at < terms.length; at += 500) await compare(terms.slice(at, at + 500), () => atom('none'));
  });

  it('terms around the sizes where tags change are what the node builds', async () => {
    const terms = sizeEdges();
    for (const term of terms)
      await compare([term], (one) => (termKey(one).length < 20_000 ? literal(one) : atom('none')));
  });

  it('the order of terms is the order of lists:sort/1', async () => {
    const release = await call('erlang', 'system_info', [atom('otp_release')]);
    const how = release.t === 'bytelist' && Number(release.latin1) < 27 ? 'arithmetic_before_27' : 'arithmetic';
    for (let round = 0; round < 20; round++) {
      const terms = fc.sample(termArbitrary(), { numRuns: 300, seed: seed + round });
      const sorted = elementsOf(await call('lists', 'usort', [list([atom('first'), ...terms])]));
      for (let at = 1; at < sorted.length; at++) {
        const [before, here] = [sorted[at - 1], sorted[at]];
        if (before === undefined || here === undefined) throw new Error('A hole in a list.');
        const pair = [before, here].map((term) => termKey(term).slice(0, 300));
        expect([...pair, compareTerms(before, here, how) < 0]).toEqual([...pair, true]);
        expect([...pair, compareTerms(here, before, how) > 0]).toEqual([...pair, true]);
      }
    }
  });

  it('funs of the node, local and external, come back as what they are and can be called', async () => {
    const funs = await evaluate(
      'N = 41, {fun(X) -> X + N end, fun lists:map/2, fun(X) -> {X, Given, <<N>>, [N, 300]} end}.',
      atom('hello'),
    );
    expect(await call('erlang', 'apply', [elementOf(funs, 0), list([{ t: 'int', v: 1 }])])).toEqual({
      t: 'int',
      v: 42,
    });
    expect(elementOf(funs, 1)).toEqual({ t: 'export', module: 'lists', function: 'map', arity: 2 });
    const third = await call('erlang', 'apply', [elementOf(funs, 2), list([atom('x')])]);
    expect(elementOf(third, 1)).toEqual(atom('hello'));
    const same = await evaluate('{A, B} = Given, A =:= B.', tuple(elementOf(funs, 0), elementOf(funs, 0)));
    expect(same).toEqual(atom('true'));
  });
});

/** Tags that a node uses inside its own tables, and reads from outside too: its peculiarity, not the format's. */
const internalTags = new Set([73, 74, 75, 76, 78, 121]);

/** The node writes a fun in bytes of its own, so that tokens differ and mean the same. */
function comparable(term: Term): string {
  return termKey(term).replaceAll(/"token":"[^"]*"/g, '');
}

/**
 * OTP 25 takes some impossible values without looking (a reference without words, an arity above 255) and sends them on as they came.
 * We refuse them, in the message and in its echo alike.
 */
function isTakenUnseen(ours: ReturnType<typeof decodeTerm>, answer: Term): boolean {
  if (ours.ok || ours.error.code !== 'malformed') return false;
  if (answer.t === 'atom') return answer.v === 'fun_without_pid';
  const echo = decodeTerm(binaryBytes(answer) ?? new Uint8Array(), { scope, inflate });
  return !echo.ok && echo.error.code === 'malformed';
}

/**
 * What the node makes of each message. OTP 25 takes a fun whose creator is no pid, and ends with a segmentation fault when it encodes it
 * (`term_to_binary/1`, or sending it to another node); so it is looked at before. We refuse such a fun, and cannot make one.
 */
const acceptOnNode = `
  Sound = fun Sound(F) when is_function(F) ->
        case erlang:fun_info(F, type) of
          {type, external} -> true;
          {type, local} ->
            {pid, Creator} = erlang:fun_info(F, pid),
            {env, Variables} = erlang:fun_info(F, env),
            is_pid(Creator) andalso Sound(Variables)
        end;
      Sound([Head | Tail]) -> Sound(Head) andalso Sound(Tail);
      Sound(Tuple) when is_tuple(Tuple) -> Sound(tuple_to_list(Tuple));
      Sound(Map) when is_map(Map) -> Sound(maps:to_list(Map));
      Sound(_) -> true
    end,
  [try binary_to_term(Bytes) of
     Term -> case Sound(Term) of true -> term_to_binary(Term); false -> fun_without_pid end
   catch error:badarg -> refused
   end || Bytes <- Given].`;

describe('what is accepted', () => {
  it('damaged messages are accepted and refused as binary_to_term/1 does, with the same meaning', async () => {
    const terms = fc.sample(termArbitrary({ scope }), { numRuns: 3000, seed });
    const damage = fc.sample(fc.tuple(fc.nat(), fc.nat(255)), { numRuns: terms.length, seed });
    const messages = terms.map((term, at) => {
      const bytes = binaryBytes(external(term))?.slice() ?? new Uint8Array();
      const [place, byte] = damage[at] ?? [0, 0];
      // Its own internal tags can end the node: what they point to is not looked at.
      bytes[1 + (place % (bytes.length - 1))] = internalTags.has(byte) ? 0 : byte;
      return bytes;
    });
    const answers = elementsOf(await evaluate(acceptOnNode, list(messages.map(binary))));
    const differences: string[] = [];
    for (const [at, answer] of answers.entries()) {
      const bytes = messages[at] ?? new Uint8Array();
      const ours = decodeTerm(bytes, { scope, inflate });
      if (isTakenUnseen(ours, answer)) continue;
      const theirs = answer.t === 'atom' ? answer.v : comparable(decodedOf(answer));
      const mine = ours.ok ? comparable(ours.term) : 'refused';
      const peculiar = !ours.ok && ours.error.code === 'unknown_tag' && internalTags.has(bytes[ours.error.at] ?? 0);
      if (mine !== theirs && !peculiar) {
        const why = ours.ok ? '' : ours.error.message;
        differences.push(
          [Buffer.from(bytes).toString('hex'), mine, why, theirs].map((part) => part.slice(0, 200)).join('\n'),
        );
      }
    }
    expect(differences.slice(0, 10), `seed ${seed}`).toEqual([]);
  });
});
