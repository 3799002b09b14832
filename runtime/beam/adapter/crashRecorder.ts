/**
 * What supervisors and proc_lib reported on a node since it is recorded there: one task of the agent for all windows
 * (agent/crashes.erl), of which this keeps a copy. Recording begins with the first question and ends with the connection.
 */
import { callOptions, longestMs } from '../../callOptions.ts';
import type { Crash, NodeName, ProcessRef, Result, WallTime } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { isAtom, termKey } from '../../term/term.ts';
import type { AgentTask } from '../agent/nodeAgent.ts';
import { strangeAnswer } from './callError.ts';
import type { DirectTarget } from './nodeTarget.ts';
import { atomName, functionText, listOf, numberOf, processOf, textOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';
import { TaskFrames } from './taskFrames.ts';

/** The node keeps as many of all kinds. */
const mostReports = 1_000;
const credit = 8;
/** Recording goes on for so long after the last window left, or lost its connection. */
const lingerMs = 3_000;

/** What a supervisor said of a child. `childId` is the start function `{Module, Function}` where children have no ids. */
export type ChildReport = {
  readonly at: WallTime;
  readonly supervisor: ProcessRef;
  /** `child_terminated`, `start_error`, `shutdown`, … (stdlib, supervisor). */
  readonly context: string;
  readonly childId: Term;
  readonly isRestarted: boolean;
  readonly reason: Term;
};

export type Recording = {
  readonly since: WallTime;
  readonly children: readonly ChildReport[];
  readonly crashes: readonly Crash[];
};

/** One life of one node. */
class Recorder {
  since: WallTime = 0;
  children: readonly ChildReport[] = [];
  crashes: readonly Crash[] = [];

  /** Answers when it has what the node kept until now, and goes on by itself. */
  async follow(task: AgentTask, node: NodeName, options: CallOptions): Promise<Result<null>> {
    const frames = new TaskFrames(task, node);
    const first = await frames.next(options);
    if (!first.ok || first.value === null || !this.#take(first.value)) {
      void task.stop(options);
      return first.ok ? strangeAnswer(node, 'The reports') : first;
    }
    void this.#follow(frames);
    return ok(null);
  }

  async #follow(frames: TaskFrames): Promise<void> {
    for (;;) {
      const frame = await frames.next(callOptions(longestMs));
      if (!frame.ok || frame.value === null) return;
      this.#take(frame.value);
    }
  }

  /** `{all, Since, Now, Reports}`, or `{more, Now, Reports}`; the node's clock is only compared with itself. */
  #take(frame: Term): boolean {
    const parts = tupleOf(frame) ?? [];
    const isAll = isAtom(parts[0], 'all');
    const [now, reports] = isAll ? [parts[2], parts[3]] : [parts[1], parts[2]];
    const nowUs = numberOf(now);
    if (nowUs === null || reports === undefined) return false;
    const receivedAt = Date.now();
    const wallTime = (us: number): WallTime => receivedAt - (nowUs - us) / 1_000;
    if (isAll) {
      this.since = wallTime(numberOf(parts[1]) ?? nowUs);
      this.children = [];
      this.crashes = [];
    }
    const told = listOf(reports);
    // The node has forgotten what was before the oldest, if it keeps no more than these.
    if (isAll && told.length >= mostReports) {
      this.since = wallTime(numberOf(tupleOf(told[0], 2)?.[0]) ?? nowUs);
    }
    for (const report of told) this.#keep(report, wallTime);
    return true;
  }

  #keep(report: Term, wallTime: (us: number) => WallTime): void {
    const [atUs, what] = tupleOf(report, 2) ?? [];
    const us = numberOf(atUs);
    if (us === null || what === undefined) return;
    const child = readChildReport(what, wallTime(us));
    if (child !== null) this.children = this.#latest([...this.children, child]);
    const crash = readCrash(what, wallTime(us));
    if (crash !== null) this.crashes = this.#latest([...this.crashes, crash]);
  }

  /** What is dropped is not known any more: what is kept is complete only from its oldest on. */
  #latest<T extends { readonly at: WallTime }>(reports: readonly T[]): readonly T[] {
    const kept = reports.slice(-mostReports);
    if (kept.length < reports.length) this.since = Math.max(this.since, kept[0]?.at ?? 0);
    return kept;
  }
}

/** `{supervisor, Supervisor, Context, ChildId, Pid, RestartType, Reason}` */
function readChildReport(term: Term, at: WallTime): ChildReport | null {
  const [kind, who, context, childId, , restartType, reason] = tupleOf(term, 7) ?? [];
  const supervisor = processOf(who);
  if (!isAtom(kind, 'supervisor') || supervisor === null || childId === undefined || reason === undefined) return null;
  return {
    at,
    supervisor,
    context: atomName(context) ?? 'unknown',
    childId,
    isRestarted: !isAtom(restartType, 'temporary'),
    reason,
  };
}

/** `{process, Pid, {M, F, A}, Name, Class, Reason, [{M, F, A, {File, Line}}]}` */
function readCrash(term: Term, at: WallTime): Crash | null {
  const [kind, who, call, name, crashClass, reason, stack] = tupleOf(term, 7) ?? [];
  const pid = processOf(who);
  const how = (['error', 'exit', 'throw'] as const).find((known) => isAtom(crashClass, known));
  if (!isAtom(kind, 'process') || pid === null || how === undefined || reason === undefined) return null;
  return {
    at,
    pid,
    registeredName: atomName(name),
    initialCall: functionText(call),
    kind: how,
    reason,
    stack: listOf(stack).flatMap((frame) => {
      const [module, fun, arity, where] = tupleOf(frame, 4) ?? [];
      const [file, line] = tupleOf(where, 2) ?? [];
      if (module === undefined || fun === undefined || arity === undefined) return [];
      const text = functionText({ t: 'tuple', e: [module, fun, arity] });
      const lineNumber = numberOf(line);
      return text === null
        ? []
        : [
            {
              call: text,
              file: isAtom(file, 'none') ? null : textOf(file),
              line: lineNumber === 0 ? null : lineNumber,
            },
          ];
    }),
  };
}

export class CrashRecorders {
  readonly #recorders = new Map<string, Promise<Result<Recorder>>>();

  /** What is recorded on the node so far. Errors: `unsupported` where nothing of ours may stay on nodes, those of an agent. */
  async of(session: Session, node: NodeName, options: CallOptions): Promise<Result<Recording>> {
    const target = await session.reachDirectly(node, options);
    if (!target.ok) return target;
    const key = `${node} ${String(target.value.creation)}`;
    const begun =
      this.#recorders.get(key) ?? this.#begin(session, target.value, () => this.#recorders.delete(key), options);
    this.#recorders.set(key, begun);
    const recorder = await begun;
    if (!recorder.ok) {
      // The attempt of a caller that had too little time is nobody else's.
      if (this.#recorders.get(key) === begun) this.#recorders.delete(key);
      return recorder;
    }
    const { since, children, crashes } = recorder.value;
    return ok({ since, children, crashes });
  }

  async #begin(
    session: Session,
    { connection, node }: DirectTarget,
    ended: () => void,
    options: CallOptions,
  ): Promise<Result<Recorder>> {
    const agent = await session.agents.agentOn(connection, options);
    if (!agent.ok) return agent;
    const task = await agent.value.task(
      { kind: 'crashes', args: [], shared: 'crashes', holding: null, credit, lingerMs },
      options,
    );
    if (!task.ok) return task;
    void task.value.ended.then(ended);
    const recorder = new Recorder();
    const followed = await recorder.follow(task.value, node, options);
    return followed.ok ? ok(recorder) : followed;
  }
}

/** How often each child was restarted before, this time included. */
export function counted(
  reports: readonly ChildReport[],
): readonly { readonly at: WallTime; readonly childId: Term; readonly reason: Term; readonly count: number }[] {
  const counts = new Map<string, number>();
  return reports.map(({ at, childId, reason }) => {
    const key = termKey(childId);
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return { at, childId, reason, count };
  });
}
