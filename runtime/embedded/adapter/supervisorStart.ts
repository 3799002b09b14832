/** Starting a supervisor: under another one, or held by a process of ours, with whose end it ends. */
import { childRefused } from '../../childErrors.ts';
import { failure, unsupported } from '../../errors.ts';
import type { Failure, ProcessRef, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, Params } from '../../port.ts';
import type { Value, Pid } from '../../term/values.ts';
import { a, Atom, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, okTuple, tagged } from '../kernel/values.ts';
import type { Spec } from '../otp/childSpec.ts';
import { childSpec, flagsValue, specValue } from '../otp/childSpec.ts';
import { valueAt } from '../otp/gen.ts';
import { checkChildSpecs } from '../otp/checkSpec.ts';
import { startedPid, startForm, kindOf } from './children.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { isProtected, protectedProcess, refOf, termJson, termOf } from './context.ts';
import type { Holdings } from './holdings.ts';
import { nameTaken } from './processes.ts';
import { specFrom, supervisorOf } from './supervisors.ts';

/** The callback module of the supervisors that are started from outside: what it is given is what it answers. */
const callback: CodeModule = {
  name: 'arsenal_supervisor',
  behaviours: ['supervisor'],
  functions: { 'init/1': (_self, answer) => answer },
};

type Start = Params<'supervisors.start'>;

/** See `supervisors.start`. */
export async function startSupervisor(
  context: Context,
  holdings: Holdings,
  params: Start,
  options: CallOptions,
): Promise<Result<ProcessRef>> {
  const node = context.node(params.node);
  if (!node.ok) return node;
  const { name, children, flags } = params;
  if (name !== undefined && node.value.names.has(name)) return nameTaken(name, params.node);
  const specs = children.map((spec) => specValue(specFrom(spec)));
  const checked = checkChildSpecs(specs, a(flags.autoShutdown));
  if (checked !== atoms.ok) return badSpecs(params.node, checked);
  if (flags.strategy === 'simple_one_for_one' && children.length !== 1) {
    return badSpecs(params.node, tup(atoms.error, a('bad_start_spec')));
  }
  context.cluster.code.load(callback);
  const told = okTuple(tup(flagsValue(flags), specs));
  const args = [...(name === undefined ? [] : [tup(a('local'), a(name))]), a(callback.name), told];
  if (params.parent !== undefined) return underParent(context, params, params.parent, args, options);
  const keeping: Keeping = { keeper: null };
  const begun = await command(context, node.value, options.signal, function* (self): Flow<Result<Kept>> {
    return yield* keepSupervisor(self, args, keeping);
  });
  if (!begun.ok) {
    endUnheld(node.value, keeping);
    return begun;
  }
  const { keeper, pid } = begun.value;
  const target = refOf(pid);
  const { owner, lingerMs } = params;
  holdings.add(
    { kind: 'process', at: { node: target.node, creation: target.creation }, target, owner, lingerMs },
    {
      undo: ({ signal }) =>
        command(context, node.value, signal, function* (self): Flow<Result<null>> {
          const watch = self.monitor(pid);
          self.send(keeper, a('release'));
          yield* receive({ marker: watch, match: (message) => tagged(message, atoms.down, 5)?.[1] === watch });
          return ok(null);
        }),
      endsWith: (event) =>
        (event.is === 'exited' && event.pid === pid) || (event.is === 'node_down' && event.node === params.node),
    },
  );
  return ok(target);
}

type Kept = { readonly keeper: Pid; readonly pid: Pid };
type Keeping = { keeper: Pid | null };

/** Nobody waits for it any more: a supervisor that is still starting a child hears nothing else, nor does its parent. */
function endUnheld(node: KernelNode, { keeper }: Keeping): void {
  const parent = keeper === null ? undefined : node.find(keeper);
  if (parent === undefined) return;
  const starting = [...(parent.links ?? [])].flatMap((pid) => node.find(pid) ?? []);
  for (const process of [parent, ...starting]) node.end(process, atoms.killed);
}

/** A process that is the supervisor's parent until it is told to release it, or the supervisor ends. */
function* keepSupervisor(self: Self, args: readonly Value[], keeping: Keeping): Flow<Result<Kept>> {
  const ref = self.makeRef();
  const asker = self.pid;
  const keeper = self.spawnBody(
    {
      is: 'flow',
      *run(own): Flow<void> {
        own.trapExit(true);
        const answer = yield* own.apply('supervisor', 'start_link', args);
        own.send(asker, tup(ref, answer));
        const pid = startedPid(answer);
        if (pid === null) return;
        const watch = own.monitor(pid);
        yield* receive({
          match: (message) => message === a('release') || tagged(message, atoms.down, 5)?.[1] === watch,
        });
        own.exit(atoms.shutdown);
      },
    },
    { module: 'arsenal', function: 'supervisor', arity: 0 },
  );
  keeping.keeper = keeper;
  const said = elementsOf(yield* receive({ marker: ref, match: (message) => elementsOf(message)?.[0] === ref }));
  const answer = asValue(said?.[1]);
  const pid = startedPid(answer);
  return pid === null ? refused(answer, self.node) : ok({ keeper, pid });
}

async function underParent(
  context: Context,
  { node, name }: Start,
  parent: ProcessRef,
  args: readonly Value[],
  options: CallOptions,
): Promise<Result<ProcessRef>> {
  if (parent.node !== node) {
    return failure('validation', 'supervisor.other_node', 'The parent is on another node.', 'Choose one there.', {
      pointer: '/parent',
    });
  }
  const found = supervisorOf(context, parent);
  if (!found.ok) return found;
  const { process, supervisor: view } = found.value;
  if (isProtected(process)) return protectedProcess(parent, process);
  const kind = kindOf(view);
  if (kind === 'simple') {
    return unsupported(
      'Starting a supervisor there',
      'the parent is of simple_one_for_one, and starts children of its own specification only.',
      'Choose another parent.',
    );
  }
  return command(context, found.value.node, options.signal, function* (self): Flow<Result<ProcessRef>> {
    const id = name === undefined ? tup(a('supervisor'), self.makeRef()) : a(name);
    const spec: Spec = childSpec(id, ['supervisor', 'start_link', args], { type: 'supervisor' });
    const answer = yield* startForm(self, process.pid, { kind, spec });
    const pid = startedPid(answer);
    return pid === null ? refused(answer, node) : ok(refOf(pid));
  });
}

function badSpecs(node: string, answer: Value): Failure {
  const reason = termJson(termOf(asValue(tagged(answer, atoms.error, 2)?.[1] ?? answer)));
  return failure(
    'validation',
    'child.bad_spec',
    'These are no child specifications for it.',
    'See supervisor:child_spec() of stdlib; simple_one_for_one takes exactly one.',
    { pointer: '/children', node, details: { reason } },
  );
}

function refused(answer: Value, node: string): Failure {
  const error = tagged(answer, atoms.error, 2);
  const reason = error === null ? answer : valueAt(error, 1);
  const head = elementsOf(reason)?.[0] ?? reason;
  return childRefused(head instanceof Atom ? head.name : null, termJson(termOf(reason)), node);
}
