/** What became of each node in an answer that speaks of several. */
import type { ArsenalError, Coverage, NodeCoverage, NodeName, Result } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { NodeTarget } from './nodeTarget.ts';
import type { Session } from './session.ts';

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
}

/** Asks every node at once; what each answered, in their order, and what became of each. */
export async function askEach<T>(
  session: Session,
  nodes: readonly NodeName[],
  options: CallOptions,
  ask: (target: NodeTarget) => Promise<Result<T>>,
): Promise<{ readonly answers: readonly (readonly [NodeName, T])[]; readonly nodes: Coverage }> {
  const book = new CoverageBook();
  const results = await Promise.all(
    nodes.map(async (node) => {
      const target = await session.reach(node, options);
      return [node, target.ok ? await ask(target.value) : target] as const;
    }),
  );
  const answers: (readonly [NodeName, T])[] = [];
  for (const [node, result] of results) {
    if (result.ok) {
      answers.push([node, result.value]);
      book.reached(node);
    } else book.failed(node, result.error);
  }
  return { answers, nodes: book.all };
}
