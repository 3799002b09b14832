/**
 * The methods `operations.*`: modules of the nodes' own that have the callbacks of an operation (agent/operations.erl). What they answer
 * is data of somebody else's code: read with care, shown, and never more than that.
 */
import { remainingNow } from '../../callOptions.ts';
import { failure, timedOut } from '../../errors.ts';
import type { NodeName, NodeOperation, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params } from '../../port.ts';
import { map } from '../../term/order.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom, list, text, tuple } from '../../term/term.ts';
import { answered, briefly, callFailure, strangeAnswer } from './callError.ts';
import { askEach } from './coverage.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, numberOf, propertiesOf, textOf, tupleOf } from './read.ts';
import { atomOnNode } from './safeTerm.ts';
import type { Session } from './session.ts';
import { jsonOfTerm, termOfJson } from './termJson.ts';
import { withElided } from './traceEvents.ts';

type Find = Params<'operations.find'>;
type Run = Params<'operations.execute'>;
type Found = { readonly operations: readonly NodeOperation[]; readonly left: number };
/** One that has not described itself yet: asked again from `dueAt` on (milliseconds of `performance.now()`). */
type Late = { readonly version: string; readonly tries: number; readonly dueAt: number };
type Known = Found & { readonly digest: Term; readonly late: ReadonlyMap<string, Late> };

/** Modules in files that are read at most, a node and a look; and those that are read in one go. */
const mostOnDisk = 20_000;
const onDiskAtOnce = 500;
/** For one module to describe itself, and for all of a node; where somebody asks for just that, one has more. */
const describingMs = { each: 1_000, eachOnDemand: 5_000, all: 5_000 } as const;
/** Who took too long is asked again after this, and twice as long after each further try. */
const firstRetryMs = 4_000;
const longestRetryMs = 300_000;
/** Kept back of the time that is left, so that the node's own deadline comes before ours and says more. */
const marginMs = 250;
const wordBytes = 8;

/** What each node said last, by its name and life. */
const lastSaid = new WeakMap<Session, Map<string, Known>>();

async function find(
  session: Session,
  { nodes, onDisk, slow = 'when_due' }: Find,
  options: CallOptions,
): Promise<Result<Answer<'operations.find'>>> {
  const found = await askEach(session, nodes, options, async (target) => {
    const loaded = await loadedOn(session, target, slow, options);
    if (!loaded.ok) return loaded;
    const files = onDisk ? await unloadedOn(target, options) : ok({ modules: [], left: 0 });
    return files.ok ? ok({ loaded: loaded.value, files: files.value }) : files;
  });
  return ok({
    nodes: found.nodes,
    operations: found.answers.flatMap(([, { loaded }]) => loaded.operations),
    unloaded: found.answers.flatMap(([node, { files }]) => files.modules.map((module) => ({ node, module }))),
    left: found.answers.flatMap(([node, { loaded, files }]) =>
      loaded.left + files.left === 0 ? [] : [{ node, loaded: loaded.left, onDisk: files.left }],
    ),
  });
}

/** Those that lie in files and are not loaded; as many as there is time for. */
async function unloadedOn(
  target: NodeTarget,
  options: CallOptions,
): Promise<Result<{ readonly modules: readonly string[]; readonly left: number }>> {
  const enoughMs = remainingNow(options) / 2;
  const modules: string[] = [];
  let after = '';
  for (let read = 0; ; read += onDiskAtOnce) {
    const asked = await target.run('ops_unloaded', [text(after), integer(onDiskAtOnce)], options);
    const said = answered(asked, target.node, 'The list of modules');
    if (!said.ok) return said;
    const [found, next, waiting] = tupleOf(said.value, 3) ?? [];
    modules.push(...listOf(found).flatMap((term) => atomName(term) ?? []));
    const left = numberOf(waiting) ?? 0;
    if (left === 0 || read + onDiskAtOnce >= mostOnDisk || remainingNow(options) < enoughMs)
      return ok({ modules, left });
    after = textOf(next) ?? after;
  }
}

/**
 * Those whose code is loaded; described anew only when the set of them, or the code of one, is another than last time. One that took too
 * long, or whose turn did not come, is asked again when it is due; with `slow` `now`, at once and with more time.
 */
async function loadedOn(
  session: Session,
  target: NodeTarget,
  slow: NonNullable<Find['slow']>,
  options: CallOptions,
): Promise<Result<Found>> {
  const all = lastSaid.get(session) ?? new Map<string, Known>();
  lastSaid.set(session, all);
  const life = `${target.node} ${String(target.creation)}`;
  const known = all.get(life);
  const eachMs = slow === 'now' ? describingMs.eachOnDemand : describingMs.each;
  const halfMs = remainingNow(options) / 2;
  const allMs = Math.max(1, Math.floor(slow === 'now' ? halfMs : Math.min(describingMs.all, halfMs)));
  const due = [...(known?.late ?? [])].flatMap(([module, { dueAt }]) =>
    slow === 'now' || dueAt <= performance.now() ? [text(module)] : [],
  );
  const args = [known?.digest ?? atom('none'), list(due), tuple(integer(Math.min(eachMs, allMs)), integer(allMs))];
  const said = answered(await target.run('ops_find', args, options), target.node, 'The list of operations');
  if (!said.ok) return said;
  if (isAtom(said.value, 'same') && known !== undefined) return ok(known);
  const [first, rows, left] = tupleOf(said.value) ?? [];
  if (first === undefined || rows === undefined) return strangeAnswer(target.node, 'The list of operations');
  const described = listOf(rows).flatMap((row) => readOperation(row, target.node));
  const before = isAtom(first, 'same') ? known : undefined;
  const anew = new Set(described.map(({ operation }) => operation.module));
  const now: Known = {
    digest: before?.digest ?? first,
    left: before?.left ?? numberOf(left) ?? 0,
    operations:
      before === undefined
        ? described.map(({ operation }) => operation)
        : before.operations.map(
            (one) => described.find(({ operation }) => operation.module === one.module)?.operation ?? one,
          ),
    late: new Map([
      ...[...(before?.late ?? [])].filter(([module]) => !anew.has(module)),
      ...described.flatMap((one) => lateOf(one, known?.late)),
    ]),
  };
  for (const other of all.keys()) if (other.startsWith(`${target.node} `)) all.delete(other);
  all.set(life, now);
  return ok(now);
}

type Described = { readonly operation: NodeOperation; readonly was: 'in_time' | 'too_slow' | 'not_asked' };

/** When it is asked again: the time grows with each try of the same code. */
function lateOf(
  { operation: { module, version }, was }: Described,
  before: Known['late'] | undefined,
): readonly (readonly [string, Late])[] {
  if (was === 'in_time') return [];
  const last = before?.get(module);
  const tries = (last?.version === version ? last.tries : 0) + (was === 'too_slow' ? 1 : 0);
  const waitMs = was === 'too_slow' ? Math.min(longestRetryMs, firstRetryMs * 2 ** (tries - 1)) : 0;
  return [[module, { version, tries, dueAt: performance.now() + waitMs }]];
}

/** `{Module, Md5, Form, Said}` */
function readOperation(row: Term, node: NodeName): readonly Described[] {
  const [moduleTerm, md5, form, said] = tupleOf(row, 4) ?? [];
  const module = atomName(moduleTerm);
  const version = textOf(md5);
  if (module === null || version === null || said === undefined) return [];
  const [tag, reason] = tupleOf(said, 2) ?? [];
  const why = isAtom(tag, 'broken') ? reason : isAtom(said, 'later') ? said : undefined;
  const told: NodeOperation['told'] =
    why === undefined
      ? {
          is: 'told',
          answers: Object.fromEntries(
            [...propertiesOf(said)].map(([name, answer]) => [name, jsonOfTerm(withElided(answer))]),
          ),
        }
      : { is: 'broken', why: whyBroken(why) };
  const was = isAtom(why, 'timeout') ? 'too_slow' : isAtom(why, 'later') ? 'not_asked' : 'in_time';
  return [
    {
      operation: { node, module, version, form: isAtom(form, 'predecessor') ? 'predecessor' : 'operation', told },
      was,
    },
  ];
}

function whyBroken(why: Term): string {
  if (isAtom(why, 'timeout')) {
    return 'its callbacks took too long to describe it; discover_operations asks them again, with more time.';
  }
  if (isAtom(why, 'later')) return 'those before it took all the time there was; it is asked at the next look.';
  const [what, detail] = tupleOf(why, 2) ?? [];
  if (isAtom(what, 'missing')) {
    const names = listOf(detail).flatMap((name) => atomName(name) ?? []);
    return `it names the behaviour and does not export ${names.map((name) => `${name}/0`).join(', ')}.`;
  }
  if (isAtom(what, 'ended')) return 'describing it took too much memory.';
  return `a callback that describes it raised ${briefly(why)}.`;
}

async function load(
  session: Session,
  { node, modules }: Params<'operations.load'>,
  options: CallOptions,
): Promise<Result<Answer<'operations.load'>>> {
  const target = await session.reachDirectly(node, options);
  if (!target.ok) return target;
  const said = await target.value.run('ops_load', [list(modules.map(text))], options);
  if (!said.ok) return callFailure(said.error, { node, what: 'Loading the modules', effect: 'unknown' });
  const results = listOf(said.value).flatMap((row) => {
    const [module, how] = tupleOf(row, 2) ?? [];
    const name = atomName(module);
    return name === null || how === undefined ? [] : [{ module: name, how }];
  });
  return ok({
    loaded: results.flatMap(({ module, how }) => (isAtom(how, 'loaded') ? [module] : [])),
    failed: results.flatMap(({ module, how }) => (isAtom(how, 'loaded') ? [] : [{ module, why: briefly(how) }])),
  });
}

async function run(session: Session, called: Run, options: CallOptions): Promise<Result<Answer<'operations.execute'>>> {
  const { node, params, caller } = called;
  const reached = await session.reachDirectly(node, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const module = await atomOnNode(target, called.module, options);
  if (!module.ok) return module;
  if (module.value === null) return gone(called);
  const leftMs = Math.floor(remainingNow(options));
  const limits = tuple(
    integer(Math.max(1, leftMs > 4 * marginMs ? leftMs - marginMs : Math.floor(leftMs * 0.75))),
    integer(Math.ceil(called.maxHeapBytes / wordBytes)),
    integer(called.maxBytes),
    integer(called.maxOutputChars),
  );
  const who = map([
    [atom('principal'), text(caller.principal)],
    [atom('role'), text(caller.role)],
  ]);
  const args = [module.value, text(called.version), termOfJson(params), who, limits];
  const said = await target.run('ops_execute', args, options);
  if (!said.ok) return callFailure(said.error, { node, what: `The operation ${called.module}`, effect: 'unknown' });
  if (isAtom(said.value, 'gone')) return gone(called);
  const [first, second] = tupleOf(said.value, 2) ?? [];
  if (isAtom(first, 'changed')) return changed(called);
  if (first === undefined) return strangeAnswer(node, 'The answer of the operation');
  return became(called, first, textOf(second) ?? '');
}

/** What the node says of a run (ops_execute/5). */
function became(called: Run, answer: Term, output: string): Result<Answer<'operations.execute'>> {
  const { node, version } = called;
  const [how, ...rest] = tupleOf(answer) ?? [answer];
  const [first, second, third] = rest;
  switch (atomName(how)) {
    case 'ok':
      return ok({
        value: first === undefined ? null : jsonOfTerm(withElided(first)),
        version,
        output,
        tookUs: numberOf(second) ?? 0,
      });
    case 'error':
      return failed(called, 'operation.failed', 'unknown', `It answered {error, ${shown(first)}}.`, output, first);
    case 'invalid':
      return invalid(called, first);
    case 'unauthorized':
      return failure(
        'authorization',
        'operation.refused',
        `The operation refused the caller: ${shown(first)}.`,
        'Ask whoever wrote it; its authorize says who may run it.',
        { node },
      );
    case 'refused':
      return failure(
        'conflict',
        'operation.refused',
        `The operation refused to be run: ${shown(first)}.`,
        'See what it says; its before_execute decides that.',
        { node },
      );
    case 'raised': {
      const place = placeOf(third === undefined ? undefined : rest[2]);
      const what = `It raised ${shown(first)} ${shown(second)}${place}.`;
      return failed(called, 'operation.threw', 'unknown', what, output, second);
    }
    case 'timeout':
      return timedOut(`The operation ${called.module}`, 'unknown', node);
    case 'ended':
      return failed(
        called,
        'operation.worker_ended',
        'unknown',
        `Its process was ended with ${shown(first)}; it may have taken more memory than it is given.`,
        output,
        first,
      );
    default:
      return strangeAnswer(node, 'The answer of the operation');
  }
}

function shown(term: Term | undefined): string {
  return term === undefined ? '' : briefly(term);
}

/** The innermost place of a stack that has a file: ` (lib/shop.ex:12)`. */
function placeOf(stack: Term | undefined): string {
  for (const frame of listOf(stack)) {
    const where = propertiesOf(tupleOf(frame, 4)?.[3]);
    const file = textOf(where.get('file'));
    const line = numberOf(where.get('line'));
    if (file !== null && line !== null) return ` (${file}:${String(line)})`;
  }
  return '';
}

function failed(
  { module, node }: Run,
  code: string,
  effect: 'unknown',
  what: string,
  output: string,
  reason: Term | undefined,
): Result<never> {
  return failure(
    'execution',
    code,
    `The operation ${module} failed on ${node}. ${what}`,
    'See what the reason says; what it had done by then stays done.',
    { effect, node, details: { reason: reason === undefined ? null : jsonOfTerm(withElided(reason)), output } },
  );
}

/** A map of parameters and what is wrong with each, as the original's validator answers, or any other reason. */
function invalid({ module, node }: Run, reason: Term | undefined): Result<never> {
  const problems =
    reason?.t === 'map'
      ? reason.e.map(([key, value]) => ({
          pointer: `/${(textOf(key) ?? briefly(key)).replaceAll('~', '~0').replaceAll('/', '~1')}`,
          message: textOf(value) ?? briefly(value),
        }))
      : [{ pointer: '', message: shown(reason) }];
  const [first] = problems;
  return failure(
    'validation',
    'params.invalid',
    problems.map(({ pointer, message }) => `${pointer === '' ? 'The parameters:' : pointer} ${message}`).join('; '),
    `Correct the parameters; ${module} refused them.`,
    { node, ...(first !== undefined && { pointer: first.pointer }), details: { problems } },
  );
}

function gone({ module, node }: Run): Result<never> {
  return failure(
    'not_found',
    'operation.gone',
    `${module} is not loaded on ${node} any more.`,
    'Load it there, or look with discover_operations which nodes have it.',
    { node },
  );
}

function changed({ module, node }: Run): Result<never> {
  return failure(
    'conflict',
    'operation.changed',
    `${module} was loaded anew on ${node} since it was looked at.`,
    'Run discover_operations, read what it does now, and run it again.',
    { node },
  );
}

export function userOperationMethods(session: Session): MethodTable {
  return {
    'operations.find': (params, options) => find(session, params, options),
    'operations.load': (params, options) => load(session, params, options),
    'operations.execute': (params, options) => run(session, params, options),
    'operations.query': (params, options) => run(session, params, options),
  };
}
