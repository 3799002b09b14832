/** What proc_lib reported of processes that crashed, by node, as the kernel told it. */
import type { Crash, NodeName, WallTime } from '../../model.ts';
import type { Pid, Value } from '../../term/values.ts';
import { a, Atom, toTerm } from '../../term/values.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { mfaText } from '../kernel/module.ts';
import { asValue, elementsOf, isList, itemsOf, partsOf } from '../kernel/values.ts';
import { fieldsOf } from '../otp/checkSpec.ts';
import { refOf } from './context.ts';
import { limitTerm } from './terms.ts';

/** Kept for each node; older ones make room. */
const mostCrashes = 1000;
/** Larger reasons are cut. */
const mostReasonBytes = 10_000;

export class CrashHistory {
  readonly #since: WallTime;
  readonly #crashes = new Map<NodeName, Crash[]>();

  constructor(cluster: Cluster, wallNow: () => WallTime) {
    this.#since = wallNow();
    cluster.listen((event) => {
      if (event.is !== 'report' || event.kind !== 'crash_report') return;
      const crash = readCrash(event.report, event.pid, wallNow());
      if (crash === null) return;
      const known = this.#crashes.get(event.pid.node) ?? [];
      this.#crashes.set(event.pid.node, [...known.slice(1 - mostCrashes), crash]);
    });
  }

  /** The latest crashes of a node, newest first, and since when they are known. */
  of(node: NodeName, limit: number): { readonly crashes: readonly Crash[]; readonly since: WallTime } {
    const known = this.#crashes.get(node) ?? [];
    return { crashes: known.slice(-Math.max(1, limit)).toReversed(), since: this.#since };
  }
}

/** `#{label => {proc_lib, crash}, report => [Own, Linked]}` */
function readCrash(report: Value, pid: Pid, at: WallTime): Crash | null {
  const parts = fieldsOf(report)?.get('report');
  const [own] = itemsOf(parts);
  if (!isList(own)) return null;
  const info = new Map(own.map((pair) => [elementsOf(pair)?.[0], elementsOf(pair)?.[1]] as const));
  const [kind, reason, stack] = partsOf(info.get(a('error_info')));
  const name = info.get(a('registered_name'));
  const [module, call, args] = partsOf(info.get(a('initial_call')));
  const term = toTerm(asValue(reason), { maxDepth: 20 });
  return {
    at,
    pid: refOf(pid),
    registeredName: name instanceof Atom ? name.name : null,
    initialCall:
      module instanceof Atom && call instanceof Atom && isList(args)
        ? mfaText({ module: module.name, function: call.name, arity: args.length })
        : null,
    kind: kindOf(kind),
    reason: term.ok ? limitTerm(term.value, mostReasonBytes) : { t: 'elided', was: 'depth', size: 0 },
    stack: itemsOf(stack).flatMap(frameOf),
  };
}

function kindOf(kind: unknown): Crash['kind'] {
  if (kind === a('exit')) return 'exit';
  return kind === a('throw') ? 'throw' : 'error';
}

/** `{Module, Function, ArityOrArgs, Location}`: there are no files and lines. */
function frameOf(frame: unknown): Crash['stack'] {
  const [module, name, args] = partsOf(frame);
  if (!(module instanceof Atom) || !(name instanceof Atom)) return [];
  const arity = isList(args) ? args.length : Number(args);
  return [{ call: mfaText({ module: module.name, function: name.name, arity }), file: null, line: null }];
}
