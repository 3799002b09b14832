/** Names that move: with their process to another node, and from one process to another. */
import { afterEach, expect, test } from 'vitest';
import type { ChildSpec, NameRef, ProcessRef } from '../../model.ts';
import { pidText } from '../../model.ts';
import { atom, integer, tuple } from '../../term/term.ts';
import { a, tup, toValue } from '../../term/values.ts';
import { checkDefinition, defineCluster } from '../clusterFile/definition.ts';
import { globalTables } from '../cluster/globalTables.ts';
import { hordeName, hordeRegistry } from '../clusterFile/elixir.ts';
import { genServer, ok, reply, supervisor } from '../clusterFile/modules.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Simulation } from '../testing/simulation.ts';
import { startSimulation } from '../testing/simulation.ts';
import { codeOf, owner, patient, valueOf } from './adapterKit.ts';

const [one, two] = ['one@sim', 'two@sim'] as const;
const held = { owner, lingerMs: 60_000 } as const;

/** Says where it is, and counts how often it was asked. */
function porter(name: string, registered: Parameters<typeof genServer>[2]): CodeModule {
  return genServer<number>(
    name,
    {
      init: () => ok(0),
      handleCall: (self, _request, _from, asked) => reply(tup(a(self.node), asked + 1), asked + 1),
    },
    registered,
  );
}
const nobody = porter('nobody', { registered: null });
const local = porter('local_porter', {});
const global = porter('global_porter', { registered: tup(a('global'), a('porter')) });
/** Starts on its own node only. */
const settled = genServer<number>(
  'settled_porter',
  {
    init: (self) => (self.node === one ? ok(0) : self.exit(a('not_here'))),
    handleCall: (self, _request, _from, asked) => reply(tup(a(self.node), asked + 1), asked + 1),
  },
  { registered: tup(a('global'), a('porter')) },
);
const horde = porter('horde_porter', { registered: hordeName('names', a('porter')) });
const home = supervisor('home', { children: [] });
const top = supervisor('top', { children: [hordeRegistry('names'), { module: home }] });

let simulation: Simulation | null = null;
afterEach(async () => {
  await simulation?.runtime.close();
  simulation = null;
});

/** A cluster whose nodes share their names. */
async function started(): Promise<Simulation> {
  const definition = defineCluster({
    nodes: [one, two],
    modules: [nobody, local, global, settled, horde, home, top],
    applications: [{ name: 'app', module: top }],
  });
  const it = (simulation = startSimulation({
    id: 'sim',
    definition: valueOf(checkDefinition(definition)),
    seed: 1,
    schedule: 'fifo',
    choices: { by: 'seed' },
    file: null,
  }));
  const knows = (node: string, other: string): boolean => {
    const kernel = it.cluster.node(node);
    return kernel !== null && globalTables(kernel)?.known.has(other) === true;
  };
  while (!knows(one, two) || !knows(two, one)) await aMoment(it);
  return it;
}
const aMoment = (it: Simulation) => run(it, one, 'timer', 'sleep', '20');
async function holderOf({ runtime }: Simulation, name: NameRef, seenFrom: string): Promise<ProcessRef> {
  return valueOf(await runtime.port.names.resolve({ target: { name, seenFrom }, seenFrom }, patient())).pid;
}
async function child(it: Simulation, module: CodeModule, node: string = one): Promise<ProcessRef> {
  const at = await holderOf(it, { in: 'local', node, name: 'home' }, node);
  const spec: ChildSpec = {
    childId: atom(module.name),
    start: { module: module.name, function: 'start_link', args: [] },
    restart: 'permanent',
    shutdown: 5000,
    type: 'worker',
    significant: false,
  };
  const { pid } = valueOf(await it.runtime.port.supervisors.startChild({ supervisor: at, spec }, patient()));
  if (pid === null) throw new Error('not started');
  return pid;
}
async function run({ runtime }: Simulation, node: string, module: string, name: string, ...sources: readonly string[]) {
  const args = sources.map((source) => ({ source, syntax: 'erlang' }) as const);
  const call = { node, module, function: name, args, maxBytes: 10_000, maxOutputChars: 0 };
  const { became } = valueOf(await runtime.port.code.call(call, patient()));
  if (became.is !== 'returned') throw new Error('It raised.');
  return toValue(became.value);
}
const migrate = ({ runtime }: Simulation, pid: ProcessRef) =>
  runtime.port.processes.migrate({ pid, node: two, maxBytes: 10_000, forwardMs: 60_000, ...held }, patient());
const ask = ({ runtime }: Simulation, pid: ProcessRef) =>
  runtime.port.processes.send({ pid, how: 'call', message: { source: 'where', syntax: 'erlang' } }, patient());
const hordePorter = { in: 'via', module: 'Elixir.Horde.Registry', name: tuple(atom('names'), atom('porter')) } as const;
/** Who has the name; null for nobody. */
async function seenAs({ runtime }: Simulation, name: NameRef, node: string): Promise<ProcessRef | null> {
  const found = await runtime.port.names.resolve({ target: { name, seenFrom: node }, seenFrom: node }, patient());
  return found.ok ? found.value.pid : null;
}
const porterName = { in: 'global', name: atom('porter') } as const;

test('A global name that was given afterwards goes along at once, on all nodes', async () => {
  const it = await started();
  const pid = await child(it, nobody);
  expect(await run(it, one, 'global', 'register_name', 'porter', pidText(pid))).toBe(a('yes'));
  valueOf(await ask(it, pid));
  const moved = valueOf(await migrate(it, pid));
  expect(moved).toMatchObject({ names: [{ name: porterName, moved: true }], namesGapMs: 0, pid: { node: two } });
  for (const node of [one, two]) expect(await holderOf(it, porterName, node)).toEqual(moved.pid);
  // With its state: this is the second time that it is asked.
  expect(valueOf(await ask(it, pid)).reply).toEqual(tuple(atom(two), integer(2)));
});

test('A process that takes its global name as it starts is lent it, and for how long nobody had it is said', async () => {
  const it = await started();
  const pid = await child(it, global);
  const moved = valueOf(await migrate(it, pid));
  expect(moved.names).toEqual([{ name: porterName, moved: true }]);
  expect(moved.namesGapMs).toBeGreaterThan(0);
  expect(moved.namesGapMs).toBeLessThan(moved.pauseMs);
  for (const node of [one, two]) expect(await holderOf(it, porterName, node)).toEqual(moved.pid);
  expect(valueOf(await ask(it, pid)).reply).toEqual(tuple(atom(two), integer(1)));
});

test('A move that is undone while the name was lent leaves it where it was', async () => {
  const it = await started();
  const pid = await child(it, settled);
  expect(codeOf(await migrate(it, pid))).toBe('process.not_done');
  for (const node of [one, two]) expect(await holderOf(it, porterName, node)).toEqual(pid);
  expect(valueOf(await ask(it, pid)).reply).toEqual(tuple(atom(one), integer(1)));
});

test('A local name goes along, and stays a name of its node', async () => {
  const it = await started();
  const pid = await child(it, local);
  const moved = valueOf(await migrate(it, pid));
  const name = { in: 'local', node: two, name: 'local_porter' } as const;
  expect(moved).toMatchObject({ names: [{ name, moved: true }], namesGapMs: 0 });
  expect(await holderOf(it, name, two)).toEqual(moved.pid);
});

test('A name of Horde that the process takes as it starts stays, and so does the process', async () => {
  const it = await started();
  const pid = await child(it, horde);
  while ((await seenAs(it, hordePorter, two)) === null) await aMoment(it);
  const refused = await migrate(it, pid);
  expect(refused).toMatchObject({ ok: false, error: { code: 'runtime.unsupported', effect: 'none' } });
  expect(refused.ok ? '' : refused.error.message).toContain('registers a name that spans nodes');
  expect(valueOf(await ask(it, pid)).reply).toEqual(tuple(atom(one), integer(1)));
});

test('A name of a Horde.Registry moves with its value, and its old holder lives', async () => {
  const it = await started();
  const from = await child(it, horde);
  const to = await child(it, nobody, two);
  const name = hordePorter;
  const seen = (node: string) => seenAs(it, name, node);
  while ((await seen(two)) === null) await aMoment(it);
  const move = (holder: ProcessRef) => it.runtime.port.names.move({ name, from: holder, to }, patient());
  expect(valueOf(await move(to))).toEqual({ moved: false, gapMs: 0 });
  const moved = valueOf(await move(from));
  expect(moved.moved).toBe(true);
  expect(moved.gapMs).toBeGreaterThan(0);
  while ((await seen(one))?.node !== two) await aMoment(it);
  for (const node of [one, two]) expect(await seen(node)).toEqual(to);
  expect(valueOf(await ask(it, from)).reply).toEqual(tuple(atom(one), integer(1)));
});

test('A name of a registry that gives to its callers only is refused, with why', async () => {
  const it = await started();
  const [from, to] = [await child(it, nobody), await child(it, local)];
  const name = { in: 'via', module: 'Elixir.Registry', name: tuple(atom('names'), atom('porter')) } as const;
  const refused = await it.runtime.port.names.move({ name, from, to }, patient());
  expect(refused).toMatchObject({ ok: false, error: { code: 'runtime.unsupported' } });
  expect(refused.ok ? '' : refused.error.message).toContain('gives and takes names of its caller only');
});

test('How a conflict over a global name is solved stays when it moves', async () => {
  const it = await started();
  const [from, to] = [await child(it, nobody), await child(it, local, two)];
  const resolver = 'fun global:notify_all_name/3';
  expect(await run(it, one, 'global', 'register_name', 'porter', pidText(from), resolver)).toBe(a('yes'));
  expect(valueOf(await it.runtime.port.names.move({ name: porterName, from, to }, patient())).moved).toBe(true);
  for (const node of [one, two]) {
    const kernel = it.cluster.node(node);
    const name = kernel === null ? undefined : globalTables(kernel)?.names.get(a('porter'));
    expect(name?.method).toMatchObject({ module: 'global', function: 'notify_all_name', arity: 3 });
  }
});
