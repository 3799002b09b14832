/**
 * Moving a server to a supervisor on another node by its state, in two processes of ours: one on the node that it leaves, which leads,
 * one on the node that it goes to (migrateIn.ts). Until the switch all can be undone, and is when the two lose each other; at the
 * switch the old process becomes a forwarder, which sends on what waited for it and what still comes, in order.
 *
 * On a BEAM nobody can know on which side of the switch a lost partner is. Here the two sides share one {@link Decision}, because the
 * simulated cluster is looked at from outside: a move is done or undone, never unknown.
 */
import { notSupervisor } from '../../errors.ts';
import {
  handoverRefused,
  noCounterpart,
  nodesNotConnected,
  notDone,
  sameNode,
  supervisorElsewhere,
} from '../../handoverErrors.ts';
import type { Failure, Migrated, ProcessRef, Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { CallOptions, Params } from '../../port.ts';
import type { Pid, Ref, Value } from '../../term/values.ts';
import { a, Atom, Pid as PidValue, tup } from '../../term/values.ts';
import { globalTables } from '../cluster/globalTables.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import { fun } from '../kernel/localFun.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Process } from '../kernel/process.ts';
import type { Self } from '../kernel/self.ts';
import { elementsOf, samePid, tagged } from '../kernel/values.ts';
import { genAtoms } from '../otp/gen.ts';
import type { SupervisorView } from '../otp/supervisorState.ts';
import { supervisorAt } from '../otp/supervisorState.ts';
import { isParentExit } from '../otp/systemMessages.ts';
import type { ChildForm, Home } from './children.ts';
import { formFor, homeOf, removeChild } from './children.ts';
import { command, spawnOn } from './commands.ts';
import type { Context } from './context.ts';
import { isProtected, protectedProcess, refOf, termOf } from './context.ts';
import type { Holdings } from './holdings.ts';
import type { Decision } from './migrateIn.ts';
import { isDown, migrationWords, receiveServer } from './migrateIn.ts';
import { moveGlobalName } from './nameMoves.ts';
import { keepRefused, resumed, suspendedState } from './restart.ts';
import { digestOf, pidsOn, sysLimit } from './serverState.ts';

const what = 'Moving it';

/** What is known before anything is done. */
type Move = {
  readonly process: Process;
  readonly here: KernelNode;
  readonly there: KernelNode;
  readonly home: Home;
  readonly supervisor: SupervisorView;
  readonly form: ChildForm;
  readonly params: Params<'processes.migrate'>;
  readonly limitMs: number;
};

/** See `processes.migrate`. */
export async function migrateProcess(
  context: Context,
  holdings: Holdings,
  params: Params<'processes.migrate'>,
  options: CallOptions,
): Promise<Result<Migrated>> {
  const planned = plan(context, params, sysLimit(options));
  if (!planned.ok) return planned;
  const move = planned.value;
  const decision: Decision = { is: 'open' };
  const arriving = spawnOn(move.there, {
    initialCall: { module: 'arsenal', function: 'migrate_in', arity: 0 },
    parent: null,
    body: {
      is: 'flow',
      run: (self) =>
        receiveServer(self, { decision, supervisor: move.supervisor.pid, form: move.form, limitMs: move.limitMs }),
    },
  });
  if (!arriving.ok) return arriving;
  const work = (self: Self): Flow<Result<Migrated>> =>
    lead(self, context, holdings, move, arriving.value.pid, decision);
  return command(context, move.here, options.signal, work, 'finished_apart');
}

function plan(context: Context, params: Params<'processes.migrate'>, limitMs: number): Result<Move> {
  const { pid, node } = params;
  const found = context.process(pid);
  if (!found.ok) return found;
  const { process, node: here } = found.value;
  if (isProtected(process)) return protectedProcess(pid, process);
  if (pid.node === node) return sameNode(pid);
  const there = context.node(node);
  if (!there.ok) return there;
  if (!context.cluster.network.connectedTo(here).includes(node)) return nodesNotConnected(pid.node, node);
  const refused = keepRefused(process);
  if (refused !== null) return refused;
  const home = homeOf(process, what);
  if (!home.ok) return home;
  const supervisor = supervisorThere(context, params, home.value, there.value);
  if (!supervisor.ok) return supervisor;
  const form = formFor(home.value, supervisor.value, what);
  if (!form.ok) return form;
  const move = { process, here, there: there.value, home: home.value, supervisor: supervisor.value, form: form.value };
  return ok({ ...move, params, limitMs });
}

/** The supervisor that was chosen, or the one on the other node that is registered as its own is here. */
function supervisorThere(
  context: Context,
  { pid, node, supervisor }: Params<'processes.migrate'>,
  home: Home,
  there: KernelNode,
): Result<SupervisorView> {
  if (supervisor !== undefined) {
    if (supervisor.node !== node) return supervisorElsewhere(supervisor, node);
    const found = context.process(supervisor);
    if (!found.ok) return found;
    const view = supervisorAt(found.value.process.pid);
    return view === null ? notSupervisor(pidText(supervisor), node) : ok(view);
  }
  const name = context.cluster.find(home.supervisor.pid)?.name ?? null;
  const counterpart = name === null ? undefined : there.names.get(name);
  const view = counterpart === undefined ? null : supervisorAt(counterpart.pid);
  return view === null ? noCounterpart(pid, name, node) : ok(view);
}

/** The new process; `gapMs`: how long the global names of the old one stood for nobody, because it lent them for the start. */
type Begun = { readonly pid: Pid; readonly gapMs: number };
type Placed = { readonly is: 'placed'; readonly digest: string } | { readonly is: 'failed'; readonly why: string };

function* lead(
  self: Self,
  context: Context,
  holdings: Holdings,
  move: Move,
  arriving: Pid,
  decision: Decision,
): Flow<Result<Migrated>> {
  const { process, params, limitMs } = move;
  const beganMs = self.nowMs;
  const steps: Migrated['steps'][number][] = [];
  const step = (name: string): void => void steps.push({ step: name, atMs: self.nowMs - beganMs });
  const watch = self.monitor(arriving);
  const undo = function* (reason: string, refused: Failure | null = null): Flow<Result<Migrated>> {
    // The other side takes back what it has done; it hears of the end of this process, or of the connection.
    decision.is = 'undone';
    const lives = yield* resumed(self, process, limitMs);
    const failed = refused ?? notDone(what, params.pid, reason);
    if (lives) return failed;
    const message = `${pidText(params.pid)} ended while it was moved: ${reason}.`;
    const remedy = 'Its supervisor may have started it anew; the state it had is lost.';
    return { ok: false, error: { ...failed.error, message, remedy, effect: 'partial' } };
  };

  const pausedMs = self.nowMs;
  const kept = yield* suspendedState(self, process, params.maxBytes, limitMs);
  if (!kept.ok) {
    decision.is = 'undone';
    return kept;
  }
  step('suspended');
  const digest = digestOf(kept.value.is);
  const begun = yield* start(self, arriving, watch, process.pid, limitMs);
  if (begun === 'name_stays') return yield* undo(begun, handoverRefused(what, begun));
  if (typeof begun === 'string') return yield* undo(begun);
  step('started');
  const placed = yield* place(self, arriving, watch, kept.value.is, limitMs);
  if (placed.is === 'failed') return yield* undo(placed.why);
  step('placed');
  if (placed.digest !== digest) return yield* undo('the new process made another state of it');
  // Both sides may have heard that they have lost each other, this one not yet.
  if (decision.is === 'undone' || !process.alive) return yield* undo('the other node was lost');

  decision.is = 'switched';
  const name = process.name;
  const waited = process.mailbox.length;
  forwardTo(self, process, begun.pid);
  step('switched');
  self.send(arriving, tup(migrationWords.resume, watch));
  const answer = yield* receive({
    marker: watch,
    match: (message) => tagged(message, migrationWords.resumed, 2)?.[1] === watch || isDown(message, watch),
    afterMs: limitMs,
  });
  if (answer !== timedOut && !isDown(answer, watch)) step('resumed');
  const pauseMs = self.nowMs - pausedMs;
  self.demonitor(watch, { flush: true });
  const forwarder = keepForwarder(self, context, holdings, move);
  const names = [...localName(move, name, begun.pid), ...(yield* globalNames(self, process.pid, begun.pid))];
  return ok({
    pid: refOf(begun.pid),
    supervisor: refOf(move.supervisor.pid),
    digest,
    bytes: kept.value.bytes,
    pauseMs,
    waited,
    left: {
      localPids: pidsOn(params.pid.node, kept.value.is),
      monitors: process.monitors?.size ?? 0,
      // That to its supervisor is not counted: the new one has its own.
      links: [...(process.links ?? [])].filter((pid) => pid !== move.home.supervisor.pid).length,
    },
    names,
    namesGapMs: begun.gapMs,
    steps,
    forwarder,
  });
}

/** What the other side says next: `{Word, Ref, What}` with one of these words; null when it is lost or late. */
function* heard(watch: Ref, words: readonly Atom[], limitMs: number): Flow<readonly [Atom, unknown] | null> {
  const answer = yield* receive({
    marker: watch,
    match: (message) => words.some((word) => tagged(message, word, 3)?.[1] === watch) || isDown(message, watch),
    afterMs: 2 * limitMs,
  });
  const [word, , said] = elementsOf(answer) ?? [];
  return word instanceof Atom && words.includes(word) ? [word, said] : null;
}
const lost = 'the other node was lost, or did not answer';

/**
 * Has the other side start the server; a text says why it could not. One that registers itself globally cannot start while the old
 * one has the name: then the old one lends its names for the start.
 */
function* start(self: Self, arriving: Pid, watch: Ref, old: Pid, limitMs: number): Flow<Begun | string> {
  const first = yield* startOnce(self, arriving, watch, limitMs);
  if (first === null || first[0] !== migrationWords.taken) return begunBy(first, 0);
  if (!(first[1] instanceof PidValue) || !samePid(first[1], old))
    return 'there is such a child there already, or its name is taken there';
  const names = namesHeldBy(self, old);
  if (names.length === 0) return 'name_stays';
  const lentMs = self.nowMs;
  for (const [name] of names) yield* self.apply('global', 'unregister_name', [name]);
  const second = yield* startOnce(self, arriving, watch, limitMs);
  for (const [name, { method }] of names) yield* self.apply('global', 're_register_name', [name, old, method]);
  const gapMs = self.nowMs - lentMs;
  return second?.[0] === migrationWords.taken ? 'its name was taken meanwhile' : begunBy(second, gapMs);
}

/** The names of `global` that stand for a process, as its node has them, each with its way to resolve conflicts. */
function namesHeldBy(self: Self, holder: Pid) {
  return [...(globalTables(self.home)?.names.entries() ?? [])].filter(([, { pid }]) => samePid(pid, holder));
}

function* startOnce(self: Self, arriving: Pid, watch: Ref, limitMs: number): ReturnType<typeof heard> {
  self.send(arriving, tup(migrationWords.start, self.pid, watch));
  const { started, taken, failed } = migrationWords;
  return yield* heard(watch, [started, taken, failed], limitMs);
}

function begunBy(answer: readonly [Atom, unknown] | null, gapMs: number): Begun | string {
  if (answer === null) return lost;
  const [, said] = answer;
  if (said instanceof PidValue) return { pid: said, gapMs };
  return typeof said === 'string' ? said : 'the new process was not started';
}

/** Has the other side give the new process the state. */
function* place(self: Self, arriving: Pid, watch: Ref, state: Value, limitMs: number): Flow<Placed> {
  self.send(arriving, tup(migrationWords.place, watch, state));
  const answer = yield* heard(watch, [migrationWords.placed, migrationWords.failed], limitMs);
  const said = answer?.[1];
  if (answer === null || typeof said !== 'string') return { is: 'failed', why: lost };
  return answer[0] === migrationWords.placed ? { is: 'placed', digest: said } : { is: 'failed', why: said };
}

type NameMoved = Migrated['names'][number];

/** The new process has the local name that the old one has, where it is free there. */
function localName({ there, params }: Move, name: string | null, to: Pid): readonly NameMoved[] {
  if (name === null) return [];
  const next = there.find(to);
  const moved = next !== undefined && (next.name === name || there.register(name, next));
  return [{ name: { in: 'local', node: params.node, name }, moved }];
}

/** Its names of `global` stand for the new process. Those in registries of one node are their holder's to give. */
function* globalNames(self: Self, from: Pid, to: Pid): Flow<readonly NameMoved[]> {
  const moved: NameMoved[] = [];
  for (const [name] of namesHeldBy(self, from)) {
    moved.push({ name: { in: 'global', name: termOf(name) }, moved: yield* moveGlobalName(self, name, from, to) });
  }
  return moved;
}

/** Makes a suspended server send on to another process all that waits for it and all that comes. */
function forwardTo(self: Self, process: Process, to: Pid): void {
  const parent = process.parent;
  const forward = fun('arsenal', 'forward', 1, function* (old, state): Flow<Value> {
    for (;;) {
      const message = yield* receive({ at: 'arsenal:forward/2' });
      if (message === timedOut) continue;
      if (parent !== null && isParentExit(message, parent)) {
        // Back in its own loop it ends as its supervisor wants it to.
        old.send(old.pid, message);
        return state;
      }
      old.send(to, message);
    }
  });
  self.send(process.pid, tup(genAtoms.system, tup(self.pid, self.makeRef()), tup(a('replace_state'), forward)));
}

/** The old process forwards for a time, or until the holding is released; then its supervisor ends and forgets it. */
function keepForwarder(
  self: Self,
  context: Context,
  holdings: Holdings,
  { process, home, here, params }: Move,
): string {
  const { forwardMs, owner, lingerMs } = params;
  const target: ProcessRef = refOf(process.pid);
  const caretaker = self.spawnBody(
    {
      is: 'flow',
      *run(own): Flow<void> {
        const watch = own.monitor(process.pid);
        const ended = yield* receive({ afterMs: forwardMs });
        if (!isDown(ended, watch)) yield* removeChild(own, home.supervisor.pid, home.form, process.pid);
      },
    },
    { module: 'arsenal', function: 'forwarder', arity: 0 },
  );
  const { id } = holdings.add(
    { kind: 'process', at: { node: target.node, creation: target.creation }, target, owner, lingerMs },
    {
      undo: ({ signal }) =>
        command(context, here, signal, function* (releasing): Flow<Result<null>> {
          const watch = releasing.monitor(caretaker);
          releasing.send(caretaker, a('release'));
          yield* receive({ marker: watch, match: (message) => isDown(message, watch) });
          return ok(null);
        }),
      endsWith: (event) =>
        (event.is === 'exited' && event.pid === process.pid) || (event.is === 'node_down' && event.node === here.name),
    },
  );
  return id;
}
