/** Operations that nodes have, in a house on a scripted cluster: what they are told to be, and who may run them. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nodeUnavailable } from '../../../runtime/errors.ts';
import { answering, failing, scriptedRuntime } from '../../../runtime/fake/scriptedRuntime.ts';
import type { Json, NodeOperation, NodeOperationRun } from '../../../runtime/model.ts';
import type { MethodTable } from '../../../runtime/port.ts';
import type { House } from '../../backend/testKit.ts';
import { at, houseOn, listAt } from '../../backend/testKit.ts';
import { errorOf, looking, textWith, valueOf } from '../../core/testKit.ts';
import { late, nodeInfo as info } from '../../operations/testKit.ts';
import { describedOperation } from './described.ts';
import { paramsSchemaOf } from './paramsSchema.ts';

vi.setConfig({ testTimeout: 60_000 });

type Answers = { readonly [callback: string]: Json };

function operation(module: string, answers: Answers, change: Partial<NodeOperation> = {}): NodeOperation {
  return { node: 'a@h', module, version: 'AA00', form: 'operation', told: { is: 'told', answers }, ...change };
}

const sum = (answers: Answers = {}, change: Partial<NodeOperation> = {}) =>
  operation(
    'Elixir.Shop.Sum',
    {
      name: 'shop_sum',
      category: 'custom',
      description: 'Adds',
      params_schema: { of: { type: 'list', required: true } },
      ...answers,
    },
    change,
  );

const here = { node: 'a@h', status: 'ok' } as const;
const there = { node: 'b@h', status: 'ok' } as const;
const silent = { node: 'b@h', status: 'missing', error: nodeUnavailable('b@h').error } as const;
const ran: NodeOperationRun = { value: [3], version: 'AA00', output: 'adding\n', tookUs: 12 };

function finding(
  operations: readonly NodeOperation[],
  nodes: readonly (typeof here | typeof there | typeof silent)[] = [here],
) {
  return answering({ operations, nodes, unloaded: [], left: [] });
}

/** Two nodes that are up; `a@h` is the connected one. */
const both: MethodTable = { 'cluster.nodes': answering({ nodes: [info('a@h'), info('b@h')] }) };
let runtime = scriptedRuntime();
const script = (methods: MethodTable) => {
  runtime.script({ ...both, ...methods });
};
let house: House | null = null;
afterEach(async () => {
  await house?.close();
  house = null;
});

/** A house on nodes that have these, all of which it has found. */
async function houseWith(methods: MethodTable, trustedOperations: readonly string[] = []): Promise<House> {
  runtime = scriptedRuntime({ ...both, ...methods });
  house = await houseOn(runtime, { policy: { trustedOperations: [...trustedOperations] } });
  await look(house);
  return house;
}
async function look({ backend, options }: House): Promise<void> {
  valueOf(await backend.discover(backend.connections()[0]?.id ?? '', options));
}
const entryOf = (name: string) => house?.backend.registry.find(name)?.entry;

describe('an operation of a node', () => {
  it('is described by its own word, and counts as a change at least', async () => {
    await houseWith({ 'operations.find': finding([sum({ metadata: { severity: 'read', timeout: 2_500 } })]) });
    expect(entryOf('shop_sum')).toMatchObject({
      title: 'Shop sum',
      description: 'Adds\n\nElixir.Shop.Sum on a@h.',
      severity: 'change',
      role: 'operator',
      idempotent: false,
      origin: { from: 'node', node: 'a@h' },
      params: { required: ['of'], properties: { of: { type: 'array', maxItems: 10_000 }, node: { type: 'string' } } },
    });
  });

  it('is planned, and run as it was planned', async () => {
    const { run } = await houseWith({
      'operations.find': finding([sum()]),
      'operations.execute': answering(ran),
    });
    const plan = valueOf(await run('shop_sum', { of: [1, 2] }, { mode: 'dry_run' }));
    expect(plan).toMatchObject({
      plan: {
        summary: 'Run shop_sum (Elixir.Shop.Sum) on a@h',
        touches: [{ node: 'a@h', what: 'Elixir.Shop.Sum' }],
        severity: 'change',
        undo: 'no',
      },
    });
    expect(runtime.asked('operations.execute')).toEqual([]);
    expect(valueOf(await run('shop_sum', { of: [1, 2] }))).toMatchObject({
      result: { node: 'a@h', module: 'Elixir.Shop.Sum', ...ran },
    });
    expect(runtime.asked('operations.execute')).toMatchObject([
      { node: 'a@h', module: 'Elixir.Shop.Sum', version: 'AA00', params: { of: [1, 2] }, caller: { role: 'admin' } },
    ]);
  });

  it('runs on the node that is named; one that cannot be asked, or has it not, says so', async () => {
    const { run } = await houseWith({
      'operations.find': ({ nodes }) =>
        nodes === 'all' ? finding([sum(), sum({}, { node: 'b@h' })], [here, there])() : finding([], [silent])(),
      'operations.execute': answering(ran),
    });
    expect(errorOf(await run('shop_sum', { of: [], node: 'b@h' }))).toMatchObject({
      class: 'unavailable',
      node: 'b@h',
    });
    script({ 'operations.find': finding([]), 'operations.execute': answering(ran) });
    expect(errorOf(await run('shop_sum', { of: [], node: 'a@h' })).code).toBe('operation.not_here');
    script({ 'operations.find': failing(late), 'operations.execute': answering(ran) });
    expect(errorOf(await run('shop_sum', { of: [] })).code).toBe('call.timeout');
    const failed = { 'operations.find': finding([sum()]), 'operations.execute': failing(late) };
    script(failed);
    expect(errorOf(await run('shop_sum', { of: [] })).code).toBe('call.timeout');
  });

  it('asks the other nodes only where the connected one has it not, and leaves time to run it', async () => {
    const find: MethodTable['operations.find'] = ({ nodes: asked }, options) => {
      left.push([String(asked), options.remainingMs]);
      return asked === 'all' ? finding([sum({}, { node: 'b@h' })], [here, there])() : finding(on('a@h'), [here])();
    };
    const left: (readonly [string, number])[] = [];
    let on = (_node: string): readonly NodeOperation[] => [sum()];
    const { run } = await houseWith({
      'operations.find': find,
      'operations.execute': answering(ran),
    });
    left.length = 0;
    valueOf(await run('shop_sum', { of: [] }));
    expect(left.map(([asked]) => asked)).toEqual(['a@h']);
    on = () => [];
    left.length = 0;
    expect(valueOf(await run('shop_sum', { of: [] }))).toMatchObject({ result: { node: 'b@h' } });
    expect(left.map(([asked]) => asked)).toEqual(['a@h', 'all']);
    expect(left[1]?.[1]).toBeLessThanOrEqual((left[0]?.[1] ?? 0) / 3);
  });

  it('gives its own parameters the names that it has', async () => {
    const params_schema = { node: { type: 'atom', in: ['up', 'down'] } };
    const { run } = await houseWith({
      'operations.find': finding([sum({ params_schema })]),
      'operations.execute': answering(ran),
    });
    valueOf(await run('shop_sum', { node: 'up', onNode: 'a@h' }));
    expect(runtime.asked('operations.find').at(-1)).toEqual({ nodes: ['a@h'], onDisk: false });
    expect(runtime.asked('operations.execute')).toMatchObject([{ node: 'a@h', params: { node: 'up' } }]);
  });

  it('is as grave as the version that runs', async () => {
    const execute = { 'operations.execute': answering(ran) };
    const { run } = await houseWith({ 'operations.find': finding([sum()]), ...execute });
    script({ 'operations.find': finding([sum({ metadata: { dangerous: true } })]), ...execute });
    const plan = valueOf(await run('shop_sum', { of: [] }, { mode: 'dry_run' }));
    expect(plan).toMatchObject({ plan: { severity: 'destroy' } });
  });
});

describe('one that the user trusts', () => {
  it('only looks when it says so itself, and not when the node says otherwise by then', async () => {
    const looks = sum({ rest_config: { method: 'get' } });
    const { run } = await houseWith({ 'operations.find': finding([looks]), 'operations.query': answering(ran) }, [
      'shop_sum',
    ]);
    expect(entryOf('shop_sum')).toMatchObject({
      severity: 'diagnose',
      needs: ['cluster.nodes', 'operations.find', 'operations.query'],
    });
    expect(valueOf(await run('shop_sum', { of: [] }))).toMatchObject({ result: { value: [3] } });
    script({ 'operations.find': finding([sum()]), 'operations.query': answering(ran) });
    expect(errorOf(await run('shop_sum', { of: [] })).code).toBe('operation.changed');
    script({ 'operations.find': failing(late), 'operations.query': answering(ran) });
    expect(errorOf(await run('shop_sum', { of: [] })).code).toBe('call.timeout');
  });
});

describe('the catalogue', () => {
  it('says when versions differ, and which module has a name', async () => {
    const two = [
      sum(),
      sum({}, { node: 'b@h', version: 'BB11' }),
      operation('shop_sum', { name: 'shop_sum', category: 'c', description: 'd', params_schema: {} }),
    ];
    const { result } = await houseWith({ 'operations.find': finding(two, [here, there]) });
    expect(entryOf('shop_sum')?.description).toContain('versions differ: aa00 on a@h; bb11 on b@h.');
    const found = await result('discover_operations');
    expect(
      listAt(found, 'operations').map((row) => [at(row, 'module'), at(row, 'operation'), at(row, 'problem')]),
    ).toEqual([
      ['Elixir.Shop.Sum', 'shop_sum', null],
      ['Elixir.Shop.Sum', 'shop_sum', null],
      ['shop_sum', null, 'the name shop_sum belongs to Elixir.Shop.Sum on a@h.'],
    ]);
  });

  it('keeps what a silent node had, moves to another node that has it, and forgets what no node has', async () => {
    const own = await houseWith({ 'operations.find': finding([sum({}, { node: 'b@h' })], [here, there]) });
    script({ 'operations.find': finding([], [here, silent]) });
    await look(own);
    expect(entryOf('shop_sum')?.origin).toEqual({ from: 'node', node: 'b@h' });
    script({ 'operations.find': finding([sum()], [here, there]) });
    await look(own);
    expect(entryOf('shop_sum')?.origin).toEqual({ from: 'node', node: 'a@h' });
    script({ 'operations.find': finding([sum({}, { node: 'b@h' })], [here, there]) });
    await look(own);
    script({ 'operations.find': finding([], [here]) });
    await look(own);
    expect(entryOf('shop_sum')).toBeUndefined();
  });

  it('refuses a builtin name, a later version that cannot be one, and what cannot describe itself', async () => {
    const broken = sum({}, { module: 'b', told: { is: 'broken', why: 'it is broken.' } });
    const { result } = await houseWith({
      'operations.find': finding([sum({ name: 'kill_process' }), sum({ name: 'Not One' }, { module: 'c' }), broken]),
    });
    const problems = async () =>
      listAt(await result('discover_operations'), 'operations').map((row) => at(row, 'problem'));
    expect(await problems()).toEqual([
      textWith('belongs to another operation'),
      textWith('snake_case'),
      'it is broken.',
    ]);
    expect(entryOf('kill_process')?.origin).toEqual({ from: 'builtin' });
  });

  it('keeps an operation whose route belongs to another: it is run by its name', async () => {
    const rest_config = { method: 'get', path: '/sums' };
    await houseWith({
      'operations.find': finding([
        sum({ rest_config }),
        sum({ name: 'other_sum', rest_config }, { module: 'Elixir.Shop.Other' }),
      ]),
    });
    expect(entryOf('shop_sum')?.route).toEqual({ method: 'GET', path: '/custom/sums' });
    expect(entryOf('other_sum')).toMatchObject({ route: null });
  });

  it('gives an operation its route, and its name, as soon as whoever had it has gone', async () => {
    const theirs = { from: 'workspace', file: 'carts.ts' } as const;
    const { backend, result } = await houseWith({ 'operations.find': finding([]) });
    valueOf(
      backend.registry.register(looking({ name: 'theirs', route: { method: 'GET', path: '/custom/sums' } }), theirs),
    );
    valueOf(backend.registry.register(looking({ name: 'other_sum' }), theirs));
    const routed = sum({ rest_config: { method: 'get', path: '/sums' } });
    script({ 'operations.find': finding([routed, sum({ name: 'other_sum' }, { module: 'Elixir.Shop.Other' })]) });
    const notes = async () => listAt(await result('discover_operations'), 'operations').map((row) => at(row, 'notes'));
    expect(await notes()).toEqual([['The route GET /custom/sums can mean theirs.'], []]);
    expect(entryOf('shop_sum')?.route).toBeNull();
    const heard: string[] = [];
    backend.registry.onChange(({ is, entry }) => heard.push(`${is} ${entry.name}`));
    backend.registry.unregister('theirs', theirs);
    backend.registry.unregister('other_sum', theirs);
    await vi.waitFor(() => expect(entryOf('other_sum')?.origin).toEqual({ from: 'node', node: 'a@h' }));
    expect(entryOf('shop_sum')?.route).toEqual({ method: 'GET', path: '/custom/sums' });
    // Whoever listens hears that it has gone before he hears that it is there again.
    expect(heard.filter((each) => each.endsWith('other_sum'))).toEqual(['removed other_sum', 'registered other_sum']);
    expect(await notes()).toEqual([[], []]);
  });

  it('gives an operation the route that another of the nodes has given up, whichever stands first', async () => {
    const on = (path: string) => ({ rest_config: { method: 'get', path } });
    const other = (path: string) => sum({ name: 'a_sum', ...on(path) }, { module: 'Elixir.Shop.Other' });
    const own = await houseWith({ 'operations.find': finding([sum(on('/sums')), other('/sums')]) });
    expect([entryOf('shop_sum')?.route?.path, entryOf('a_sum')?.route]).toEqual(['/custom/sums', null]);
    script({ 'operations.find': finding([other('/sums'), sum(on('/totals'))]) });
    await look(own);
    expect([entryOf('shop_sum')?.route?.path, entryOf('a_sum')?.route?.path]).toEqual([
      '/custom/totals',
      '/custom/sums',
    ]);
  });

  it('says what a module asks for that is left out', async () => {
    const metadata = { timeout: -1, cache: 'long', retry: 0, severity: 'low' };
    const { result } = await houseWith({
      'operations.find': finding([sum({ metadata, rest_config: { method: 'get', path: '/sums/:id' } })]),
    });
    expect(listAt(await result('discover_operations'), 'operations').map((row) => at(row, 'notes'))).toEqual([
      [
        'its route /sums/:id is left out: id is no parameter of it.',
        'its metadata has a cache that is none, and is left out.',
        'its metadata has a retry that is none, and is left out.',
        'its metadata has a timeout that is none, and is left out.',
        'its metadata has a severity that is none, and is left out.',
      ],
    ]);
  });

  it('answers one that only looks from memory as long as it says, and asks again what was not reached', async () => {
    const looks = sum({
      metadata: { severity: 'read', idempotent: true, cache: 60_000, retry: { times: 2, delay: 1 } },
    });
    const { run } = await houseWith({ 'operations.find': finding([looks]), 'operations.query': answering(ran) }, [
      'shop_sum',
    ]);
    valueOf(await run('shop_sum', { of: [1] }));
    expect(valueOf(await run('shop_sum', { of: [1] }))).toMatchObject({
      result: { value: [3] },
      ageMs: expect.any(Number),
    });
    expect(runtime.asked('operations.query')).toHaveLength(1);
    valueOf(await run('shop_sum', { of: [2] }));
    expect(runtime.asked('operations.query')).toHaveLength(2);
    let failures = 0;
    script({
      'operations.find': finding([looks]),
      'operations.query': () => (failures++ < 2 ? Promise.resolve(nodeUnavailable('a@h')) : answering(ran)()),
    });
    expect(valueOf(await run('shop_sum', { of: [3] }))).toMatchObject({ result: { value: [3] } });
    expect(failures).toBe(3);
  });

  it('tells of connections that have it not, and forgets it with its connection', async () => {
    const { backend, options } = await houseWith({
      'operations.find': finding([sum()]),
      'operations.execute': answering(ran),
    });
    const can = (connection: string) =>
      valueOf(backend.availability(connection)).find((one) => one.operation === 'shop_sum')?.capability.can;
    const [first] = backend.connections();
    expect(can(first?.id ?? '')).toBe(true);
    script({ 'operations.find': finding([]), 'operations.execute': answering(ran) });
    const second = valueOf(await backend.connect({ kind: 'simulated' }, options));
    valueOf(await backend.discover(second.id, options));
    expect(can(second.id)).toBe(false);
    valueOf(await backend.disconnect(first?.id ?? '', options));
    expect(entryOf('shop_sum')).toBeUndefined();
    expect(errorOf(await backend.discover(first?.id ?? '', options)).code).toBe('connection.not_found');
  });

  it('takes in a name that is called before it was looked for', async () => {
    const { run } = await houseWith({ 'operations.find': finding([]) });
    script({ 'operations.find': finding([sum()]), 'operations.execute': answering(ran) });
    expect(valueOf(await run('shop_sum', { of: [] }))).toMatchObject({ result: { value: [3] } });
  });
});

describe('a name that nobody knows', () => {
  /** Nodes that never say which operations they have; `asked` resolves when they are asked. */
  function silence(): { readonly methods: MethodTable; readonly asked: Promise<void> } {
    let isAsked = () => {};
    const asked = new Promise<void>((resolve) => (isAsked = resolve));
    return { methods: { 'operations.find': () => (isAsked(), new Promise<never>(() => undefined)) }, asked };
  }

  it('is looked for as long as the call may take, and no longer', async () => {
    const own = await houseWith({ 'operations.find': finding([]) });
    script(silence().methods);
    const call = { requestId: 'r1', connection: own.backend.connections()[0]?.id ?? '', mode: 'run' } as const;
    const unknown = { ...call, operation: 'shop_sum' };
    const answer = await own.backend.execute({ ...unknown, params: {} }, { ...own.options, timeoutMs: 20 });
    expect(errorOf(answer).code).toBe('operation.not_found');
    const inParams = { ...unknown, requestId: 'r2', params: { timeoutMs: 20 } };
    expect(errorOf(await own.backend.execute(inParams, own.options)).code).toBe('operation.not_found');
  });

  it('is looked for no more when the call is given up', async () => {
    const own = await houseWith({ 'operations.find': finding([]) });
    const { methods, asked } = silence();
    script(methods);
    const giveUp = new AbortController();
    const connection = own.backend.connections()[0]?.id ?? '';
    const call = { requestId: 'r1', connection, operation: 'shop_sum', params: {}, mode: 'run' } as const;
    const answer = own.backend.execute(call, { ...own.options, signal: giveUp.signal });
    await asked;
    giveUp.abort();
    expect((await answer).ok).toBe(false);
  });
});

describe('modules that are not loaded', () => {
  it('are named, and loaded when asked for', async () => {
    const module = 'Elixir.Shop.Sum';
    const { run, result } = await houseWith({
      'operations.find': answering({ operations: [], nodes: [here], unloaded: [{ node: 'a@h', module }], left: [] }),
      'operations.load': answering({ loaded: [module], failed: [] }),
    });
    expect(await result('discover_operations', { onDisk: true })).toMatchObject({
      unloaded: [{ node: 'a@h', module }],
    });
    const plan = await run('load_operations', { node: 'a@h', modules: ['other'] }, { mode: 'dry_run' });
    expect(valueOf(plan)).toMatchObject({ plan: { summary: 'Load nothing on a@h', touches: [] } });
    expect(await result('load_operations', { node: 'a@h' })).toMatchObject({
      loaded: [module],
      failed: [],
      operations: [],
    });
    expect(runtime.asked('operations.load')).toEqual([{ node: 'a@h', modules: [module] }]);
  });

  it('that cannot be looked for or loaded say why', async () => {
    const { run } = await houseWith({ 'operations.find': finding([]) });
    script({ 'operations.find': failing(late), 'operations.load': failing(late) });
    expect(errorOf(await run('discover_operations')).code).toBe('call.timeout');
    expect(errorOf(await run('load_operations', { node: 'a@h' })).code).toBe('call.timeout');
    const unloaded = [{ node: 'a@h', module: 'm' }];
    script({
      'operations.find': answering({ operations: [], nodes: [here], unloaded, left: [] }),
      'operations.load': failing(late),
    });
    expect(errorOf(await run('load_operations', { node: 'a@h' })).code).toBe('call.timeout');
  });
});

describe('a description', () => {
  it.each<[string, Answers, object]>([
    [
      'named after the module',
      { rest_config: { method: 'delete', summary: 'Ends it' } },
      { name: 'sum', title: 'Ends it', description: 'Ends it', severity: 'destroy' },
    ],
    [
      'of what admins may do',
      { name: 'x', metadata: { minimum_role: 'admin' } },
      { severity: 'destroy', description: 'The operation Elixir.Shop.Sum.' },
    ],
    [
      'with its own word',
      { name: 'x', category: 'No Category', metadata: { severity: 'diagnose', idempotent: true } },
      { severity: 'diagnose', category: 'custom', idempotent: true },
    ],
    ['with a time that is none', { name: 'x', metadata: { timeout: -1 } }, { timeoutMs: null, severity: 'change' }],
  ])('%s', (_what, answers, described) => {
    expect(describedOperation(operation('Elixir.Shop.Sum', answers))).toMatchObject(described);
  });

  // @row CB-02
  it.each<[string, Answers, object | null]>([
    ['of a path', { method: 'get', path: '/api/v1/carts/:cart_id' }, { method: 'GET', path: '/custom/carts/:cart_id' }],
    ['without the base', { method: 'put', path: 'carts/' }, { method: 'PUT', path: '/custom/carts' }],
    [
      'that looks like one of ours',
      { method: 'delete', path: '/processes' },
      { method: 'DELETE', path: '/custom/processes' },
    ],
    ['that every operation has', { method: 'post', path: '/api/v1/operations/x/execute' }, null],
    ['with a parameter it does not take', { method: 'get', path: '/carts/:other' }, null],
    ['that is none', { method: 'get', path: '/carts?x=1' }, null],
    ['that climbs', { method: 'get', path: '/../processes' }, null],
    ['of a method that is none', { method: 'trace', path: '/carts' }, null],
    ['of nothing', { method: 'get', path: '/' }, null],
  ])('has a route %s below a prefix of its own', (_what, rest_config, route) => {
    const answers = { name: 'x', rest_config, params_schema: { cart_id: { type: 'integer' } } };
    expect(describedOperation(operation('Elixir.Shop.Sum', answers))).toMatchObject({ route });
  });

  it.each<[Json, Json, object]>([
    [5_000, 2, { cache: { ttlMs: 5_000 }, retry: { times: 2 } }],
    [{ ttl: 10 }, { times: 99, delay: 20 }, { cache: { ttlMs: 10 }, retry: { times: 5, firstDelayMs: 20 } }],
    [-1, 'often', { cache: null, retry: null }],
    [1e12, { times: 1.5 }, { cache: null, retry: null }],
  ])('says with cache %j and retry %j how its answers are kept and asked for again', (cache, retry, said) => {
    const answers = { name: 'x', metadata: { cache, retry } };
    expect(describedOperation(operation('Elixir.Shop.Sum', answers))).toMatchObject(said);
  });

  it('has a schema with a bound for everything', () => {
    const said = {
      text: { type: 'string', min: 1, max: 20, description: 'words', default: 'x' },
      number: { type: 'integer', min: 0, max: 5 },
      float: { type: 'float' },
      flag: { type: 'boolean' },
      atom: { type: 'atom' },
      pid: { type: 'pid', required: true },
      map: { type: 'map' },
      list: { type: 'list', min: 1, max: 3 },
      any: {},
      odd: 'no rules',
    };
    expect(paramsSchemaOf(said)).toMatchObject({
      required: ['pid'],
      additionalProperties: false,
      properties: {
        text: { type: 'string', minLength: 1, maxLength: 20, description: 'words', examples: ['x'] },
        number: { type: 'integer', minimum: 0, maximum: 5 },
        float: { type: 'number' },
        flag: { type: 'boolean' },
        atom: { type: 'string', maxLength: 255 },
        pid: { type: 'string', maxLength: 512 },
        map: { type: 'object', 'x-maxBytes': 1_000_000 },
        list: { type: 'array', minItems: 1, maxItems: 3 },
        any: { 'x-maxBytes': 1_000_000 },
        odd: { 'x-maxBytes': 1_000_000 },
      },
    });
    expect(paramsSchemaOf([{ name: 'pid', type: 'string', required: true }, 'odd', { type: 'integer' }])).toMatchObject(
      {
        properties: { pid: { type: 'string' } },
        required: ['pid'],
      },
    );
    const strange = paramsSchemaOf({ few: { type: 'list', max: -1 }, some: { type: 'list', max: 2.5 } });
    expect(strange).toMatchObject({ properties: { few: { maxItems: 0 }, some: { maxItems: 2 } } });
    for (const none of [undefined, null, 'text', 7]) expect(paramsSchemaOf(none).properties).toEqual({});
  });
});
