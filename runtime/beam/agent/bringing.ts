/**
 * Bringing the agent's code to a node: object code made for the oldest release we serve, else compiled there, else none: its texts are
 * interpreted. Which way it went, and why not a better one, is told.
 */
import { binary, bytesFromBase64 } from '../../term/binary.ts';
import { printTerm } from '../../term/print.ts';
import type { Term } from '../../term/term.ts';
import { atom, charlist, integer, isAtom, list, tuple } from '../../term/term.ts';
import type { DistResult } from '../dist/errors.ts';
import { success } from '../dist/errors.ts';
import type { AgentFunctionName } from './agentCode.ts';
import { agentExports, agentModule, agentObjectCodeBase64, agentSources } from './agentCode.ts';
import type { AgentTier } from './nodeAgent.ts';

/** The agent as it is brought. */
export type AgentImage = {
  readonly module: string;
  readonly objectCode: Uint8Array;
  readonly texts: readonly string[];
  /** `name/arity` */
  readonly exports: readonly string[];
};

let whole: AgentImage | null = null;

/** The agent of this build. */
export function agentImage(): AgentImage {
  whole ??= {
    module: agentModule,
    objectCode: bytesFromBase64(agentObjectCodeBase64) ?? new Uint8Array(),
    texts: [...agentSources.values()].map(({ text }) => text),
    exports: agentExports,
  };
  return whole;
}

/** How a node is asked before anything of ours is there. */
export type Bare = {
  readonly call: (module: string, name: string, args: readonly Term[]) => Promise<DistResult<Term>>;
  readonly interpret: (name: AgentFunctionName, args: readonly Term[]) => Promise<DistResult<Term>>;
};

export type Brought = { readonly tier: AgentTier; readonly why: string };

/** Errors: those of a call. That the code cannot be loaded is none: then its texts are interpreted. */
export async function bringAgent(node: Bare, image: AgentImage): Promise<DistResult<Brought>> {
  const module = atom(image.module);
  const [isThere, running] = await Promise.all([
    node.call('erlang', 'function_exported', [module, atom('main_started'), integer(2)]),
    node.call('erlang', 'whereis', [module]),
  ]);
  if (!isThere.ok) return isThere;
  if (!running.ok) return running;
  if (isAtom(isThere.value, 'true')) return success(loaded);
  if (running.value.t === 'pid') {
    return success({ tier: 'interpreted', why: othersInterpret });
  }
  const prebuilt = await node.interpret('loader_load', [module, binary(image.objectCode)]);
  if (!prebuilt.ok) return isLost(prebuilt) ? prebuilt : success(interpreted('Loading code failed there.'));
  if (isAtom(prebuilt.value, 'loaded')) return success(loaded);
  const compiled = await node.interpret('loader_compile', [module, exportList(image), list(image.texts.map(charlist))]);
  if (!compiled.ok) return isLost(compiled) ? compiled : success(interpreted('Compiling failed there.'));
  if (isAtom(compiled.value, 'loaded')) {
    return success({
      tier: 'agent',
      why: `Compiled there, as its object code was refused: ${reason(prebuilt.value)}.`,
    });
  }
  return success(
    interpreted(`Its object code was refused: ${reason(prebuilt.value)}; compiling it: ${reason(compiled.value)}.`),
  );
}

/** Why an agent is interpreted where it could be loaded. */
export const othersInterpret = 'Another window runs the agent there without loading it.';

const loaded: Brought = { tier: 'agent', why: '' };

function interpreted(why: string): Brought {
  return { tier: 'interpreted', why };
}

/** Whether the question was not answered, rather than answered with a failure. */
function isLost(result: DistResult<unknown>): boolean {
  return !result.ok && result.error.kind !== 'exception';
}

function exportList(image: AgentImage): Term {
  return list(
    image.exports.map((key) => {
      const [name = '', arity = ''] = key.split('/');
      return tuple(atom(name), integer(Number(arity)));
    }),
  );
}

/** What stands in {error, Why}. */
function reason(term: Term): string {
  const why = term.t === 'tuple' ? term.e[1] : undefined;
  return printTerm(why ?? term, { syntax: 'erlang', maxLength: 100, maxDepth: 3 });
}
