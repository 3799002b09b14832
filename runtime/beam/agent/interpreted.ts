/**
 * Functions of the agent on a node where no code of ours is loaded: their text is parsed there and run by stdlib's erl_eval, in the
 * process of the call. What was parsed comes back to us as an opaque fun, so that nothing stays on the node.
 *
 * One text runs loaded and interpreted: the parts (`*.erl`) use no macro, no record and no `fun name/arity`.
 */
import type { FunTerm, Term } from '../../term/term.ts';
import { atom, charlist, integer, list, nil, tuple } from '../../term/term.ts';
import type { DistResult } from '../dist/errors.ts';
import { failure, success } from '../dist/errors.ts';
import type { AgentFunctionName } from './agentCode.ts';
import { agentSources } from './agentCode.ts';

/** A call of an exported function on the node, by whichever way it is reached. */
export type NodeCall = (module: string, name: string, args: readonly Term[]) => Promise<DistResult<Term>>;

/**
 * Parses texts of functions and answers a fun of one argument, the list of arguments of one of them; or, given {args, List}, what that
 * answers. Calls among them go through
 * `Call`, the local function handler of erl_eval (stdlib, erl_eval:expr/5), whose calls are tail calls, so that an endless loop
 * takes no stack.
 *
 * To make a fun of clauses erl_eval looks through all of them for variables, which takes longer than most calls do. So each is made
 * once in a process and kept in its dictionary, where `arsenal_funs` is a map: in processes of ours, and in nobody else's, which may
 * come to run a fun of ours too.
 */
const maker = `
fun(Texts, Name, Args) ->
  Clauses = maps:from_list([begin
    {ok, Tokens, _} = erl_scan:string(Text),
    {ok, {function, _, N, A, Cs}} = erl_parse:parse_form(Tokens),
    {{N, A}, {'fun', 1, {clauses, Cs}}}
  end || Text <- Texts]),
  Call = fun Call(N, Values) ->
    Key = {N, length(Values)},
    case get(arsenal_funs) of
      #{Key := Fun} -> apply(Fun, Values);
      Known ->
        {value, Fun, _} = erl_eval:expr(maps:get(Key, Clauses), erl_eval:new_bindings(), {value, Call}, none),
        is_map(Known) andalso put(arsenal_funs, Known#{Key => Fun}),
        apply(Fun, Values)
    end
  end,
  Begin = fun(Values) -> put(arsenal_funs, #{}), Call(Name, Values) end,
  case Args of {args, Values} -> Begin(Values); none -> Begin end
end.`;

/** The texts of a function and of all it calls. */
export function textsOf(name: AgentFunctionName, arity: number): readonly string[] {
  const texts = new Map<string, string>();
  const visit = (key: string): void => {
    const source = agentSources.get(key);
    if (source === undefined || texts.has(key)) return;
    texts.set(key, source.text);
    source.calls.forEach(visit);
  };
  visit(`${name}/${String(arity)}`);
  return [...texts.values()];
}

/** Makes functions on one node. The funs are valid for the connection they came over. */
export class Interpreter {
  readonly #made = new Map<string, Promise<DistResult<FunTerm>>>();

  /** A fun of one argument, the list of the arguments of `name` with that arity; made over `call` when it is not there yet. */
  async fun(name: AgentFunctionName, arity: number, call: NodeCall): Promise<DistResult<FunTerm>> {
    return this.#once(`${name}/${String(arity)}`, () => this.#make(name, arity, call));
  }

  /** What was made as `key`, by whoever asked first. An attempt of somebody who gave up, or had too little time, is nobody else's. */
  async #once(key: string, make: () => Promise<DistResult<FunTerm>>): Promise<DistResult<FunTerm>> {
    const before = this.#made.get(key);
    const known = before === undefined ? null : await before;
    if (known?.ok === true) return known;
    const made = make();
    this.#made.set(key, made);
    const result = await made;
    if (!result.ok && this.#made.get(key) === made) this.#made.delete(key);
    return result;
  }

  /** Runs a function that is not likely to be run again: a fun of it, which would hold all it calls, does not go to and fro. */
  once(name: AgentFunctionName, args: readonly Term[], call: NodeCall): Promise<DistResult<Term>> {
    return this.#apply(name, args.length, tuple(atom('args'), list(args)), call);
  }

  async #make(name: AgentFunctionName, arity: number, call: NodeCall): Promise<DistResult<FunTerm>> {
    return funOf(await this.#apply(name, arity, atom('none'), call));
  }

  async #apply(name: AgentFunctionName, arity: number, args: Term, call: NodeCall): Promise<DistResult<Term>> {
    const made = await this.#once('maker', () => makeMaker(call));
    if (!made.ok) return made;
    const texts = list(textsOf(name, arity).map((text) => charlist(text)));
    return call('erlang', 'apply', [made.value, list([texts, atom(name), args])]);
  }
}

async function makeMaker(call: NodeCall): Promise<DistResult<FunTerm>> {
  const scanned = await call('erl_scan', 'string', [charlist(maker)]);
  if (!scanned.ok) return scanned;
  const tokens = scanned.value.t === 'tuple' ? scanned.value.e[1] : undefined;
  const parsed = await call('erl_parse', 'parse_exprs', [tokens ?? nil]);
  if (!parsed.ok) return parsed;
  const expressions = parsed.value.t === 'tuple' ? parsed.value.e[1] : undefined;
  const evaluated = await call('erl_eval', 'exprs', [expressions ?? nil, nil]);
  if (!evaluated.ok) return evaluated;
  const { value } = evaluated;
  return funOf(success(value.t === 'tuple' ? (value.e[1] ?? integer(0)) : value));
}

function funOf(result: DistResult<Term>): DistResult<FunTerm> {
  if (!result.ok) return result;
  return result.value.t === 'fun'
    ? success(result.value)
    : failure({ kind: 'protocol', what: 'garbage', message: 'The node made no function of the text it was sent.' });
}
