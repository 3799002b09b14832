/** Which processes end with a supervisor: what a dry run says of an operation that ends one. */
import type { ChildRow, NodeName, ProcessRef } from '../../../runtime/model.ts';
import { pidText, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { mapLimited } from '../limited.ts';
import { collect } from '../streams.ts';
import { labelOf } from './failurePrediction.ts';

/** Supervisors asked at once, and in all: each is called, and is busy while it answers. */
const askedAtOnce = 8;
const mostAsked = 200;
const childrenNamed = 500;
/** In all, and a quarter of the call at most: one that is busy does not keep its own end from being planned. */
const patienceMs = 5_000;

type Touch = { readonly node: NodeName; readonly pid?: string; readonly what: string };
export type EndsWith = {
  /** Itself is not among them; each supervisor's in start order, level by level. */
  readonly touches: readonly Touch[];
  /** How many end with it, as far as it is known. */
  readonly processes: number;
  /** `at_least` when not all could be asked or counted. */
  readonly counted: 'all' | 'at_least';
};

/** Everything below a supervisor that runs now. One that does not say what is below it is told as such, not taken for empty. */
export async function endsWith(context: Context<'supervisors.children'>, supervisor: ProcessRef): Promise<EndsWith> {
  const touches: Touch[] = [];
  const asked = new Set<string>();
  let [processes, more] = [0, false];
  const until = performance.now() + Math.min(patienceMs, context.options().remainingMs / 4);
  let level: readonly ProcessRef[] = [supervisor];
  while (level.length > 0 && asked.size < mostAsked && performance.now() < until) {
    const now = level.slice(0, mostAsked - asked.size);
    more ||= now.length < level.length;
    for (const one of now) asked.add(processId(one));
    const answers = await mapLimited(now, askedAtOnce, async (one) => {
      const children = context.port.supervisors.children(
        { supervisor: one, offset: 0, limit: childrenNamed },
        context.options(Math.max(1, until - performance.now())),
      );
      return { one, answer: await collect(children, childrenNamed) };
    });
    const next: ProcessRef[] = [];
    for (const { one, answer } of answers) {
      if (!answer.ok) {
        more = true;
        touches.push({ node: one.node, what: `children of ${pidText(one)}, which it did not tell` });
        continue;
      }
      const { rows, end } = answer.value;
      const running = rows.flatMap((row) => runningIn(row));
      touches.push(...running.map((row) => touchOf(row, one)));
      const unnamed = end.total - rows.length;
      processes += running.length + unnamed;
      if (unnamed > 0) {
        more = true;
        touches.push({ node: one.node, what: `${String(unnamed)} further children of ${pidText(one)}` });
      }
      next.push(
        ...running.flatMap(({ pid, row }) => (row.supervisor === null || asked.has(processId(pid)) ? [] : [pid])),
      );
    }
    level = next;
  }
  return { touches, processes, counted: more || level.length > 0 ? 'at_least' : 'all' };
}

/** The same for a child, which may be no supervisor: then nothing ends with it. */
export async function endsWithChild(
  context: Context<'supervisors.children'>,
  { state, supervisor }: ChildRow,
): Promise<EndsWith> {
  if (state.is !== 'running' || supervisor === null) return { touches: [], processes: 0, counted: 'all' };
  return endsWith(context, state.pid);
}

/** For a summary: ` and the 12 processes below it`, and nothing where there are none. */
export function belowText({ processes, counted }: EndsWith): string {
  if (processes === 0) return counted === 'all' ? '' : ' and all below it';
  const many = processes === 1 ? 'process' : 'processes';
  return ` and the ${counted === 'all' ? '' : 'at least '}${String(processes)} ${many} below it`;
}

type Running = { readonly pid: ProcessRef; readonly row: ChildRow };

function runningIn(row: ChildRow): readonly Running[] {
  return row.state.is === 'running' ? [{ pid: row.state.pid, row }] : [];
}

function touchOf({ pid, row }: Running, parent: ProcessRef): Touch {
  return { node: pid.node, pid: processId(pid), what: `ends with it: ${labelOf(row)} under ${pidText(parent)}` };
}
