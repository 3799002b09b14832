/**
 * A conversation with an Erlang node of any release: what we read of nodes, once each, one after the other, so that it can be recorded
 * (recording.ts); and what must be true of the answers, whichever release gave them. Add at the end: recordings of releases that you do
 * not have are valid up to there, and fail beyond, until somebody records them anew.
 */
import { expect } from 'vitest';
import { rowsOn } from '../../runtime/beam/adapter/nameRows.ts';
import { DirectTarget } from '../../runtime/beam/adapter/nodeTarget.ts';
import { processOf, tupleOf, listOf, numberOf, atomName } from '../../runtime/beam/adapter/read.ts';
import { readProcesses, valueOf as fieldOf } from '../../runtime/beam/adapter/processReader.ts';
import { tableList } from '../../runtime/beam/adapter/tableMethods.ts';
import { readSpec } from '../../runtime/beam/adapter/childSpecs.ts';
import { SupervisorFinder } from '../../runtime/beam/adapter/supervisorFinder.ts';
import { statsOf } from '../../runtime/beam/adapter/systemMethods.ts';
import type { AgentFunctionName } from '../../runtime/beam/agent/agentCode.ts';
import type { Connection } from '../../runtime/beam/dist/connection.ts';
import type { DistError, DistResult } from '../../runtime/beam/dist/errors.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import { map } from '../../runtime/term/order.ts';
import type { Term } from '../../runtime/term/term.ts';
import { atom, charlist, integer, list, listElements, text, tuple } from '../../runtime/term/term.ts';
import { valueOf } from '../port/results.ts';

/** A term of every kind that is the same wherever it is made, and as the node must send it. */
const source = `{1.5, -0.25, -1, 256, 1 bsl 70, -(1 bsl 70), <<1:3>>, <<255>>, <<"x">>, fun erlang:node/0, #{a => [b | c], 1 => []},
  [], "text", [1, 2, 300], 'an atom', '\u00e4t\u00f6m \u{1f642}', true}.`;
const made = tuple(
  { t: 'float', v: 1.5 },
  { t: 'float', v: -0.25 },
  integer(-1),
  integer(256),
  integer(2n ** 70n),
  integer(-(2n ** 70n)),
  { t: 'bits', base64: 'IA==', lastBits: 3 },
  { t: 'bits', base64: '/w==', lastBits: 8 },
  text('x'),
  { t: 'export', module: 'erlang', function: 'node', arity: 0 },
  map([
    [atom('a'), { t: 'list', e: [atom('b')], tail: atom('c') }],
    [integer(1), list([])],
  ]),
  list([]),
  charlist('text'),
  list([integer(1), integer(2), integer(300)]),
  atom('an atom'),
  atom('\u00e4t\u00f6m \u{1f642}'),
  atom('true'),
);

/** Answers the release and the emulator's version. */
export async function converse(
  connection: Connection,
): Promise<{ readonly release: string; readonly emulator: string }> {
  const options = callOptions(30_000);
  const wait = { timeoutMs: 10_000, signal: options.signal };
  const target = new DirectTarget(connection);
  const { node, creation } = connection;
  const call = async (module: string, name: string, args: readonly Term[] = []): Promise<Term> =>
    answer(await target.call(module, name, args, options));
  const run = async (name: AgentFunctionName, args: readonly Term[]): Promise<Term> =>
    answer(await target.run(name, args, options));

  // Who it is: what the handshake said is what it says itself.
  const release = String(await target.release(options));
  const emulator = String.fromCharCode(
    ...(listElements(await call('erlang', 'system_info', [atom('version')])) ?? []).map((c) => numberOf(c) ?? 0),
  );
  expect(Number(release)).toBeGreaterThanOrEqual(24);
  expect(atomName(await call('erlang', 'node'))).toBe(node);
  expect(numberOf(await call('erlang', 'system_info', [atom('creation')]))).toBe(creation);
  const bits = answer(await target.pidLimits(options));
  expect(bits.id).toBeGreaterThanOrEqual(2 ** 15 - 1);

  // Terms of every kind.
  const scanned = tupleOf(await call('erl_scan', 'string', [charlist(source)]), 3)?.[1];
  const parsed = tupleOf(await call('erl_parse', 'parse_exprs', [scanned ?? list([])]), 2)?.[1];
  const evaluated = tupleOf(await call('erl_eval', 'exprs', [parsed ?? list([]), list([])]), 3)?.[1];
  expect(evaluated).toEqual(made);
  // What went there comes back: there are tags that only one of two releases writes.
  expect(await call('erlang', 'hd', [list([made])])).toEqual(made);
  expect(await call('erlang', 'make_ref')).toMatchObject({ t: 'ref', node, creation });
  const [port] = listOf(await call('erlang', 'ports'));
  expect(port).toMatchObject({ t: 'port', node, creation });
  expect(await call('erlang', 'hd', [list([port ?? made])])).toEqual(port);

  // More than fits one fragment.
  const large = await call('binary', 'copy', [text('fragments '), integer(20_000)]);
  expect(large.t === 'text' && large.v === 'fragments '.repeat(20_000)).toBe(true);

  // What goes wrong.
  expect(errorOf(await connection.call('erlang', 'hd', [list([])], wait))).toMatchObject({
    kind: 'exception',
    class: 'error',
    reason: atom('badarg'),
  });
  expect(errorOf(await connection.call('arsenal_nobody', 'f', [], wait))).toMatchObject({ reason: atom('undef') });
  expect(errorOf(await connection.call('erlang', 'exit', [atom('over')], wait))).toMatchObject({ class: 'exit' });

  // Servers: asked, monitored, and not there.
  const children = listOf(answer(await connection.genCall('kernel_sup', atom('which_children'), wait)));
  expect(children.map((child) => atomName(tupleOf(child, 4)?.[0]))).toEqual(expect.arrayContaining(['rex', 'net_sup']));
  expect(errorOf(await connection.genCall('arsenal_nobody', atom('x'), wait))).toMatchObject({
    kind: 'down',
    reason: atom('noproc'),
  });
  const gone = await new Promise<Term>((resolve) => {
    connection.monitor('arsenal_nobody', resolve);
  });
  expect(gone).toEqual(atom('noproc'));

  // What the adapter reads of processes, supervisors, names and tables.
  const kernelSup = processOf(await call('erlang', 'whereis', [atom('kernel_sup')]));
  const init = processOf(await call('erlang', 'whereis', [atom('init')]));
  if (kernelSup === null || init === null) throw new Error('There is no kernel_sup, or no init.');
  expect([kernelSup.node, kernelSup.creation, init.id]).toEqual([node, creation, 0]);
  const keys = [
    'registered_name',
    'initial_call',
    'status',
    'current_function',
    'memory',
    'links',
    'ancestors',
  ] as const;
  const read = valueOf(await readProcesses(target, [init, kernelSup], { keys, realCalls: true }, options));
  expect(read.processes.map((process) => [fieldOf(process, 'registered_name'), fieldOf(process, 'status')])).toEqual([
    ['init', 'waiting'],
    ['kernel_sup', 'waiting'],
  ]);
  // init has no ancestors.
  for (const process of read.processes.slice(1)) {
    for (const key of keys) expect(fieldOf(process, key), key).not.toBeNull();
  }

  const supervisors = valueOf(await new SupervisorFinder().find(target));
  expect(supervisors.find(({ supervisor }) => supervisor.id === kernelSup.id)).toMatchObject({
    kind: 'supervisor',
    name: { name: 'kernel_sup' },
    application: 'kernel',
    flags: { strategy: 'one_for_all', intensity: 0, periodSeconds: 1, autoShutdown: 'never' },
  });
  // Whatever the record is in that release, it was read.
  expect(supervisors.filter(({ flags }) => flags === null)).toEqual([]);
  const spec = await call('supervisor', 'get_childspec', [atom('kernel_sup'), atom('net_sup')]);
  expect(readSpec(tupleOf(spec, 2)?.[1])).toMatchObject({
    childId: atom('net_sup'),
    restart: 'permanent',
    shutdown: 'infinity',
    type: 'supervisor',
    significant: false,
  });

  const stats = valueOf(await statsOf(target, options));
  for (const [key, value] of Object.entries(stats)) expect(value, key).not.toBeNull();
  const names = valueOf(await rowsOn(target, { rows: 'local' }, options));
  expect(names.length).toBeGreaterThan(20);
  const listed = tableList(node);
  const first = tuple(list([]), atom('true'), tuple(atom('first'), integer(1_000)));
  const [matched, tables] =
    tupleOf(await run('list_chosen', [listed.what, list(listed.items.map(atom)), first]), 2) ?? [];
  expect(numberOf(matched)).toBe(listOf(tables).length);
  expect(numberOf(matched)).toBeGreaterThan(10);
  for (const table of listOf(tables)) {
    const values = new Map(listOf(tupleOf(table, 2)?.[1]).map((value, at) => [listed.items[at], value] as const));
    const atoms = ['name', 'type', 'protection', 'named_table', 'compressed', 'read_concurrency', 'write_concurrency'];
    expect(atoms.map((item) => atomName(values.get(item)))).not.toContain(null);
    expect(processOf(values.get('owner'))?.creation).toBe(creation);
    expect(['size', 'bytes', 'keypos'].map((item) => numberOf(values.get(item)))).not.toContain(null);
    const [row] = listed.read(table);
    expect(values.get('owner_name')).toEqual(row?.ownerName === null ? list([]) : atom(row?.ownerName ?? ''));
  }
  return { release, emulator };
}

function answer<T>(result: DistResult<T>): T {
  if (result.ok) return result.value;
  throw new Error(JSON.stringify(result.error).slice(0, 1_000));
}

function errorOf(result: DistResult<unknown>): DistError {
  if (!result.ok) return result.error;
  throw new Error('It succeeded.');
}
