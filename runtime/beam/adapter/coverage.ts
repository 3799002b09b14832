/** What became of each node in an answer that speaks of several. */
import { childOptions, longestMs, remainingNow } from '../../callOptions.ts';
import type { ArsenalError, Coverage, NodeCoverage, NodeName, Result } from '../../model.ts';
import { fail } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { NodeTarget } from './nodeTarget.ts';
import type { Session, WhoToAsk } from './session.ts';
import { silent } from './session.ts';

/** A node that does not answer one small question in this time is left out of an answer that others have a part in. */
const longestSilenceMs = 5_000;

export class CoverageBook {
  readonly #nodes = new Map<NodeName, NodeCoverage>();

  reached(node: NodeName): void {
    this.#nodes.set(node, { node, status: 'ok' });
  }

  /** `partial` when some of the node's answer was already given. */
  failed(node: NodeName, error: ArsenalError, status: 'partial' | 'missing' = 'missing'): void {
    this.#nodes.set(node, { node, status, error });
  }

  get all(): Coverage {
    return [...this.#nodes.values()];
  }

  /** What became of these, in their order, though they were asked at once. */
  inOrder(nodes: readonly NodeName[]): Coverage {
    return [...new Set(nodes)].flatMap((node) => this.#nodes.get(node) ?? []);
  }
}

/**
 * Options for one question to one of several nodes that are asked in turn: when it falls silent in the middle, there has to be time
 * left for the others. A node that is asked alone has all the time there is.
 */
export function questionOptions(options: CallOptions, { ask, missing }: WhoToAsk): CallOptions {
  const isAlone = ask.length + missing.length === 1;
  return isAlone ? options : childOptions(options, Math.min(longestSilenceMs, remainingNow(options) / 2));
}

/** Asks every node at once; what each answered, in their order, and what became of each. */
export async function askEach<T>(
  session: Session,
  nodes: readonly NodeName[] | 'all',
  options: CallOptions,
  ask: (target: NodeTarget) => Promise<Result<T>>,
): Promise<{ readonly answers: readonly (readonly [NodeName, T])[]; readonly nodes: Coverage }> {
  const who = await session.whoToAsk(nodes, options);
  const isAlone = who.ask.length + who.missing.length === 1;
  // Their answers are put together before the time is up.
  const within = childOptions(options, isAlone ? longestMs : remainingNow(options) * 0.8);
  const results = await Promise.all(
    who.ask.map(async (node) => {
      const target = await session.reach(node, within);
      return [node, target.ok ? await inTime(node, ask(target.value), within) : target] as const;
    }),
  );
  const book = new CoverageBook();
  const answers: (readonly [NodeName, T])[] = [];
  for (const [node, result] of results) {
    if (result.ok) {
      answers.push([node, result.value]);
      book.reached(node);
    } else book.failed(node, result.error);
  }
  for (const { node, error } of who.missing) book.failed(node, error);
  return { answers, nodes: book.all };
}

/** The answer, or that the node is silent. What it was asked may be of use to others, and goes on. */
async function inTime<T>(node: NodeName, answer: Promise<Result<T>>, options: CallOptions): Promise<Result<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Result<T>>((resolve) => {
    timer = setTimeout(() => {
      resolve(fail(silent(node)));
    }, remainingNow(options));
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
