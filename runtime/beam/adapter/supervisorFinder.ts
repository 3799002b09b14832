/**
 * Finding supervisors without asking anybody whether it is one.
 *
 * Whatever proc_lib started keeps its initial call in its dictionary; a supervisor's is `{supervisor, Module, 1}`, which Elixir's
 * dynamic supervisors set too. That never changes while a process lives, so a process is looked at once (twice while it is young:
 * Elixir's set it only when they begin), and a later look costs the list of processes and little else.
 */
import type { NodeName, ProcessRef, Result, SupervisorFlags, SupervisorInfo, SupervisorKind } from '../../model.ts';
import { ok, processId } from '../../model.ts';
import { callOptions, childOptions } from '../../callOptions.ts';
import type { CallOptions } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { integer, list } from '../../term/term.ts';
import { answered } from './callError.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { allProcesses, chunkOfPids } from './processReader.ts';
import { atomName, listOf, pidOf, processOf, tupleOf } from './read.ts';
import { kindByModule, readLayout } from './supervisorLayout.ts';

/** What is kept of a supervisor as long as it lives. */
type Found = {
  readonly pid: ProcessRef;
  readonly module: string;
  kind: SupervisorKind;
  flags: SupervisorFlags | null;
  layout: 'unread' | 'read';
};

/** The state of a supervisor is copied within the node to read its flags; a larger one is let be. */
const mostStateBytes = 1_000_000;
/** A supervisor that is starting a slow child answers late; the view does not wait for it. */
const layoutMs = 100;
const layoutsPerCall = 20;
/** Long enough for the first look at a node with very many processes. */
const findMs = 30_000;

/** The finders of a connection: one for each life of each node. */
export class SupervisorFinders {
  readonly #finders = new Map<NodeName, { readonly creation: number; readonly finder: SupervisorFinder }>();

  of(target: NodeTarget): SupervisorFinder {
    const known = this.#finders.get(target.node);
    if (known?.creation === target.creation) return known.finder;
    const finder = new SupervisorFinder();
    this.#finders.set(target.node, { creation: target.creation, finder });
    return finder;
  }
}

type Description = {
  readonly pid: ProcessRef;
  readonly name: string | null;
  readonly ancestors: readonly ProcessRef[];
  readonly application: string | null;
};

/** Remembers, for one life of one node, which processes are supervisors. */
export class SupervisorFinder {
  /** Processes that are none, by number: `young` were seen once, `settled` will not be looked at again. */
  #young = new Set<string>();
  #settled = new Set<string>();
  readonly #found = new Map<string, Found>();
  #running: Promise<Result<readonly SupervisorInfo[]>> | null = null;

  /**
   * All supervisors of the node now. Those who ask while it is being worked out share the answer, so it is worked out in a time of
   * its own, not in that of whoever asked first.
   */
  find(target: NodeTarget): Promise<Result<readonly SupervisorInfo[]>> {
    this.#running ??= this.#find(target, callOptions(findMs)).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #find(target: NodeTarget, options: CallOptions): Promise<Result<readonly SupervisorInfo[]>> {
    const living = await allProcesses(target, options);
    if (!living.ok) return living;
    const looked = await this.#lookAtNew(target, living.value, options);
    if (!looked.ok) return looked;
    const described = await this.#describe(target, options);
    if (!described.ok) return described;
    await this.#readLayouts(target, options);
    return ok(this.#rows(described.value));
  }

  /** Whether `pid` is surely a supervisor, and of which kind, looked up now. Null: it is not, or it has ended. */
  async identify(
    target: NodeTarget,
    pid: ProcessRef,
    options: CallOptions,
  ): Promise<Result<{ readonly kind: SupervisorKind; readonly module: string } | null>> {
    const known = this.#found.get(keyOf(pid));
    const found = known === undefined ? await this.#lookAt(target, [pid], options) : ok([known]);
    if (!found.ok) return found;
    const [supervisor] = found.value;
    if (supervisor === undefined) return ok(null);
    if (supervisor.layout === 'unread') await this.#readLayouts(target, options);
    return ok({ kind: supervisor.kind, module: supervisor.module });
  }

  /** Its flags may be others by now: they are read anew when they are asked for next. */
  reread(pid: ProcessRef): void {
    const found = this.#found.get(keyOf(pid));
    if (found !== undefined) found.layout = 'unread';
  }

  /** Its flags, as somebody else has just read them. */
  learn(pid: ProcessRef, flags: SupervisorFlags): void {
    const found = this.#found.get(keyOf(pid));
    if (found !== undefined) found.flags = flags;
  }

  /** The kinds of those of `pids` that are surely supervisors. */
  async kindsOf(
    target: NodeTarget,
    pids: readonly ProcessRef[],
    options: CallOptions,
  ): Promise<ReadonlyMap<string, SupervisorKind>> {
    const unknown = pids.filter((pid) => !this.#found.has(keyOf(pid)));
    if (unknown.length > 0) {
      await this.#lookAt(target, unknown, options);
      await this.#readLayouts(target, options);
    }
    return new Map(
      pids.flatMap((pid) => {
        const found = this.#found.get(keyOf(pid));
        return found === undefined ? [] : [[processId(pid), found.kind] as const];
      }),
    );
  }

  async #lookAtNew(target: NodeTarget, living: readonly ProcessRef[], options: CallOptions): Promise<Result<null>> {
    const keys = new Set(living.map(keyOf));
    for (const key of this.#found.keys()) if (!keys.has(key)) this.#found.delete(key);
    const fresh = living.filter((pid) => !this.#settled.has(keyOf(pid)) && !this.#found.has(keyOf(pid)));
    for (let at = 0; at < fresh.length; at += chunkOfPids) {
      const looked = await this.#lookAt(target, fresh.slice(at, at + chunkOfPids), options);
      if (!looked.ok) return looked;
    }
    const settled = new Set<string>();
    const young = new Set<string>();
    for (const key of keys) {
      if (this.#found.has(key)) continue;
      if (this.#settled.has(key) || this.#young.has(key)) settled.add(key);
      else young.add(key);
    }
    this.#settled = settled;
    this.#young = young;
    return ok(null);
  }

  async #lookAt(
    target: NodeTarget,
    pids: readonly ProcessRef[],
    options: CallOptions,
  ): Promise<Result<readonly Found[]>> {
    const said = await target.run('sup_among', [list(pids.map(pidOf))], options);
    const answer = answered(said, target.node, 'The initial calls');
    if (!answer.ok) return answer;
    const found: Found[] = [];
    for (const pair of listOf(answer.value)) {
      const [who, what] = tupleOf(pair, 2) ?? [];
      const pid = processOf(who);
      const module = atomName(what);
      if (pid === null || module === null) continue;
      const supervisor: Found = { pid, module, kind: kindByModule(module), flags: null, layout: 'unread' };
      this.#found.set(keyOf(pid), supervisor);
      found.push(supervisor);
    }
    return ok(found);
  }

  async #describe(target: NodeTarget, options: CallOptions): Promise<Result<readonly Description[]>> {
    const pids = list([...this.#found.values()].map(({ pid }) => pidOf(pid)));
    const said = await target.run('sup_describe', [pids], options);
    const answer = answered(said, target.node, 'The supervisors');
    return answer.ok ? ok(listOf(answer.value).flatMap(descriptionOf)) : answer;
  }

  /** Kind and flags of those not read yet; who does not answer in time is asked again next time. */
  async #readLayouts(target: NodeTarget, options: CallOptions): Promise<void> {
    const unread = [...this.#found.values()].filter(({ layout }) => layout === 'unread');
    for (let at = 0; at < unread.length; at += layoutsPerCall) {
      const pids = list(unread.slice(at, at + layoutsPerCall).map(({ pid }) => pidOf(pid)));
      const within = childOptions(options, layoutMs * (layoutsPerCall + 5));
      const said = await target.run('sup_flags', [pids, integer(mostStateBytes), integer(layoutMs)], within);
      if (said.ok) for (const pair of listOf(said.value)) this.#keepLayout(pair);
    }
  }

  #keepLayout(pair: Term): void {
    const [who, what] = tupleOf(pair, 2) ?? [];
    const pid = processOf(who);
    const found = pid === null ? undefined : this.#found.get(keyOf(pid));
    if (found === undefined || what === undefined || atomName(what) === 'timeout') return;
    found.layout = 'read';
    const layout = readLayout(what, found.module);
    if (layout === null) return;
    found.kind = layout.kind;
    found.flags = layout.flags;
  }

  #rows(descriptions: readonly Description[]): readonly SupervisorInfo[] {
    return descriptions.flatMap(({ pid, name, ancestors, application }) => {
      const found = this.#found.get(keyOf(pid));
      if (found === undefined) return [];
      const parent = ancestors.find((ancestor) => this.#found.has(keyOf(ancestor))) ?? null;
      return [
        {
          supervisor: pid,
          name: name === null ? null : { in: 'local', node: pid.node, name },
          kind: found.kind,
          module: found.module === defaultModule ? null : found.module,
          application: parent === null ? application : null,
          parent,
          flags: found.flags,
          evidence: 'initial_call',
        },
      ];
    });
  }
}

/** What stands where an Elixir supervisor was started without a module of its own. */
const defaultModule = 'Elixir.Supervisor.Default';

function descriptionOf(term: Term): Description[] {
  const [who, name, ancestors, application] = tupleOf(term, 4) ?? [];
  const pid = processOf(who);
  if (pid === null) return [];
  return [
    {
      pid,
      name: atomName(name),
      ancestors: listOf(ancestors).flatMap((ancestor) => processOf(ancestor) ?? []),
      application: atomName(tupleOf(application, 2)?.[1]),
    },
  ];
}

/** A process within one life of one node. */
function keyOf(pid: ProcessRef): string {
  return `${String(pid.id)}.${String(pid.serial)}`;
}
