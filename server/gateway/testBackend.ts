/** A backend for the gateway's and the command line's tests: a small catalogue, scripted answers, and every call counted. */
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Json, Result } from '../../runtime/model.ts';
import { buildCapabilities } from '../../runtime/portFacade.ts';
import { WatchSource } from '../../runtime/watch.ts';
import type { Backend, BackendCallOptions } from '../backend/backend.ts';
import { findEntry } from './catalogueRoutes.ts';
import type { ConnectionInfo } from '../protocol/connection.ts';
import type { CatalogueEntry, OperationAnswer, OperationCall } from '../protocol/operation.ts';

/** A catalogue entry with what is given instead of the plain defaults. */
export function testEntry(name: string, change: Partial<CatalogueEntry> = {}): CatalogueEntry {
  return {
    name,
    aliases: [],
    title: `Title of ${name}`,
    description: `What ${name} does.`,
    category: 'process',
    version: 1,
    severity: 'read',
    idempotent: true,
    role: 'viewer',
    needs: ['processes.info'],
    params: { type: 'object', properties: {} },
    result: { type: 'object' },
    route: null,
    examples: [],
    errors: [],
    origin: { from: 'builtin' },
    ...change,
  };
}

const pid = { type: 'string', description: 'A process.' };

/** Operations with the routes of the real ones. */
export const testCatalogue: readonly CatalogueEntry[] = [
  testEntry('list_processes', {
    params: {
      type: 'object',
      properties: {
        limit: { type: 'integer' },
        after: { type: 'string' },
        sort: { type: 'string' },
        filter: { type: 'object', properties: { status: { type: 'string' } } },
        fields: { type: 'array', items: { type: 'string' } },
        node: { type: 'string' },
      },
    },
    route: { method: 'GET', path: '/api/v1/processes' },
    aliases: [{ name: 'process_list', preset: {} }],
    examples: [
      { title: 'The first five', params: { limit: 5 } },
      { title: 'By status', params: { filter: { status: "it's" } } },
    ],
  }),
  testEntry('start_process', { severity: 'change', route: { method: 'POST', path: '/api/v1/processes' } }),
  testEntry('get_process_info', {
    params: { type: 'object', required: ['pid'], properties: { pid, timeoutMs: { type: 'integer' } } },
    route: { method: 'GET', path: '/api/v1/processes/:pid' },
  }),
  testEntry('kill_process', {
    severity: 'destroy',
    params: { type: 'object', required: ['pid'], properties: { pid, reason: {} } },
    route: { method: 'DELETE', path: '/api/v1/processes/:pid' },
  }),
  testEntry('execute_batch', { category: 'batch', needs: [], route: { method: 'POST', path: '/batch' } }),
  testEntry('search_operations', {
    category: 'registry',
    needs: [],
    params: { type: 'object', properties: { query: pid } },
  }),
];

export type TestBackend = Backend & {
  /** Every call of any method, in order: what a request must not cause when it is refused. */
  readonly touched: string[];
  readonly calls: { readonly call: OperationCall; readonly options: BackendCallOptions }[];
  /** What `execute` does; by default it answers with its own parameters. */
  answer: (call: OperationCall, options: BackendCallOptions) => Promise<Result<OperationAnswer>>;
  readonly nodes: WatchSource;
  readonly releasedWatches: { count: number };
};

/** The answer of a run. */
export function ran(result: Json): Result<OperationAnswer> {
  return ok({ mode: 'run', result, durationMs: 1.5, correlationId: 'test' });
}

/** A backend with one simulated connection, `sim`, that is ready. */
export function testBackend(state: ConnectionInfo['state'] = { is: 'ready', epoch: 'e1' }): TestBackend {
  const touched: string[] = [];
  const calls: TestBackend['calls'] = [];
  const releasedWatches = { count: 0 };
  const nodes = new WatchSource({ fidelity: { is: 'exact' }, epoch: 'e1' });
  nodes.set([['a@h', { node: 'a@h', status: 'up' }]]);
  const connection: ConnectionInfo = {
    id: 'sim',
    kind: 'simulated',
    label: 'Simulated cluster',
    access: 'full',
    state,
    capabilities: buildCapabilities(1, {}, { otherwise: { why: 'Not in this test.', remedy: 'None.' } }),
  };
  const notHere = (): Result<never> => failure('unsupported', 'test.unsupported', 'Not in this test.', 'None.');
  const backend: TestBackend = {
    touched,
    calls,
    nodes,
    releasedWatches,
    answer: (call) => Promise.resolve(ran(call.params)),
    connect: () => Promise.resolve(ok(connection)),
    disconnect: () => Promise.resolve(ok(null)),
    retry: () => Promise.resolve(ok(connection)),
    setAccess: () => ok(connection),
    connections: () => {
      touched.push('connections');
      return [connection];
    },
    catalogue: () => {
      touched.push('catalogue');
      return testCatalogue;
    },
    registered: () => testCatalogue,
    discover: () => Promise.resolve(ok(null)),
    availability: notHere,
    execute: (call, options) => {
      touched.push('execute');
      calls.push({ call, options });
      if (findEntry(testCatalogue, call.operation) === undefined) {
        return Promise.resolve(failure('not_found', 'operation.not_found', 'There is none.', 'See the catalogue.'));
      }
      return backend.answer(call, options);
    },
    outcome: (requestId) => {
      touched.push('outcome');
      return Promise.resolve(
        requestId === 'known'
          ? ok({ state: 'done', operation: 'kill_process', result: ok({ killed: true }) })
          : ok({ state: 'never_seen' }),
      );
    },
    openWatch: (topic) => {
      touched.push('openWatch');
      if (topic.of !== 'runtime') return Promise.resolve(notHere());
      return Promise.resolve(
        ok({
          source: nodes,
          release: () => {
            releasedWatches.count += 1;
          },
        }),
      );
    },
    metricsText: () => ({ type: 'text/plain', text: 'figures\n' }),
    onEvent: () => ({ dispose: () => undefined }),
    close: () => Promise.resolve(),
  };
  return backend;
}
