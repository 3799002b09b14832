/** The state as the operations about calls look at it. */
import type { Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Caller } from '../../core/context.ts';
import type {
  CallFigures,
  CallRow,
  CallState,
  StatePersistence,
  Stats,
  StatsQuery,
} from '../../operations/analytics/state.ts';
import type { Cell } from './buckets.ts';
import { Figures } from './buckets.ts';
import type { CellKey } from './kinds.ts';
import { relativeError } from './sketch.ts';
import type { StateManager } from './stateManager.ts';
import type { KnownCall } from './stateStore.ts';

export class CallStateOf implements CallState {
  readonly #state: StateManager;

  constructor(state: StateManager) {
    this.#state = state;
  }

  async history(caller: Caller): Promise<readonly CallRow[]> {
    return (await this.#state.calls(caller)).map(rowOf);
  }

  async stats(caller: Caller, query: StatsQuery): Promise<Stats> {
    const cells = await this.#state.store.cells(query.since, query.until);
    const own = caller.role === 'admin' ? cells : cells.filter(({ key }) => key.principal === caller.principal);
    const asked = own.filter(({ key }) => isAsked(key, query));
    const groups = mergedBy(asked, ({ key }) => groupOf(key, query.groupBy));
    const points = query.points ? mergedBy(asked, ({ at, spanMs }) => `${at} ${spanMs}`) : new Map<string, Figures>();
    return {
      relativeError,
      total: figuresOf(mergedBy(asked, () => '').get('') ?? new Figures()),
      groups: [...groups].map(([key, figures]) => ({ key, ...figuresOf(figures) })),
      points: [...points]
        .map(([span, figures]) => {
          const [at = 0, spanMs = 0] = span.split(' ').map(Number);
          return { at, spanMs, ...figuresOf(figures) };
        })
        .toSorted((a, b) => a.at - b.at || a.spanMs - b.spanMs),
    };
  }

  persistence(): StatePersistence {
    return this.#state.store.persistence;
  }

  cancel(requestId: string, caller: Caller): Result<{ readonly operation: string }> {
    const cancelled = this.#state.cancel(requestId, caller);
    return cancelled.ok ? ok({ operation: cancelled.value.operation }) : cancelled;
  }
}

/** Written out: there may be a hundred thousand of them, and to spread one object into another costs ten times as much. */
function rowOf({ state, call }: KnownCall): CallRow {
  const ended = state === 'ended' ? call : null;
  return {
    requestId: call.requestId,
    parent: call.parent,
    operation: call.operation,
    category: call.category,
    connection: call.connection,
    principal: call.principal,
    via: call.via,
    mode: call.mode,
    outcome: state !== 'ended' ? state : call.error === null ? 'ok' : 'failed',
    code: ended?.error?.code ?? null,
    effect: ended?.error?.effect ?? null,
    startedAt: call.startedAt,
    durationMs: ended?.durationMs ?? null,
    cpuMs: ended?.cpuMs ?? null,
    correlationId: call.correlationId,
    params: call.params,
    background: call.background === true,
  };
}

function isAsked(key: CellKey, { operation, category, connection, principal, via, background }: StatsQuery): boolean {
  return (
    (background || key.background !== true) &&
    (operation === undefined || key.operation === operation) &&
    (category === undefined || key.category === category) &&
    (connection === undefined || key.connection === connection) &&
    (principal === undefined || key.principal === principal) &&
    (via === undefined || key.via === via)
  );
}

function groupOf(key: CellKey, by: StatsQuery['groupBy']): string {
  switch (by) {
    case 'operation':
      return key.operation;
    case 'category':
      return key.category;
    case 'connection':
      return key.connection ?? '(none)';
    case 'caller':
      return key.principal;
    case 'via':
      return key.via;
  }
}

function mergedBy(cells: readonly Cell[], keyOf: (cell: Cell) => string): Map<string, Figures> {
  const merged = new Map<string, Figures>();
  for (const cell of cells) {
    const key = keyOf(cell);
    const figures = merged.get(key) ?? new Figures();
    merged.set(key, figures);
    figures.merge(cell.figures);
  }
  return merged;
}

function figuresOf({ calls, failures, durations, sumMs, maxMs, cpuCalls, cpuMs }: Figures): CallFigures {
  const failed = [...failures.values()].reduce((sum, times) => sum + times, 0);
  const at = (q: number) => durations.quantile(q);
  return {
    calls,
    failures: failed,
    errorRate: calls === 0 ? 0 : failed / calls,
    failuresByCode: Object.fromEntries(failures),
    durationMs: {
      mean: calls === 0 ? null : sumMs / calls,
      max: calls === 0 ? null : maxMs,
      p50: at(0.5),
      p90: at(0.9),
      p95: at(0.95),
      p99: at(0.99),
    },
    cpuMs: { calls: cpuCalls, mean: cpuCalls === 0 ? null : cpuMs / cpuCalls },
  };
}
