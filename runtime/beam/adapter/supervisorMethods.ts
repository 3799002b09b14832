/** The methods `supervisors.*`. */
import { childOptions } from '../../callOptions.ts';
import { childNotFound } from '../../childErrors.ts';
import { unsupported } from '../../errors.ts';
import type { ChildSpec, ProcessRef, Result, SupervisorFlags } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, Frame, MethodTable, Params, StreamEnd, StreamItem } from '../../port.ts';
import { atom, isAtom, tuple } from '../../term/term.ts';
import { strangeAnswer } from './callError.ts';
import { readSpec } from './childSpecs.ts';
import { askEach } from './coverage.ts';
import { tupleOf } from './read.ts';
import { safeTerm } from './safeTerm.ts';
import type { Session } from './session.ts';
import { deleteChild, flagsNow, restartChild, setFlags, startChild, terminateChild } from './supervisorActs.ts';
import { callSupervisor, longestCallMs, supervisorAt } from './supervisorCalls.ts';
import { countChildren, streamChildren } from './supervisorChildren.ts';
import { startSupervisor } from './supervisorStart.ts';
import { stopSupervisor } from './supervisorStop.ts';
import { answersChildSpec } from './supervisorLayout.ts';

const rowsPerFrame = 500;

type FindItem = StreamItem<Frame<'supervisors.find'>, StreamEnd<'supervisors.find'>>;

async function* find(
  session: Session,
  params: Params<'supervisors.find'>,
  options: CallOptions,
): AsyncGenerator<FindItem> {
  const found = await askEach(session, params.nodes, options, (target) => session.finders.of(target).find(target));
  let total = 0;
  for (const [, supervisors] of found.answers) {
    total += supervisors.length;
    for (let at = 0; at < supervisors.length; at += rowsPerFrame) {
      yield { is: 'frame', frame: supervisors.slice(at, at + rowsPerFrame) };
    }
  }
  yield { is: 'end', result: ok({ total, nodes: found.nodes }) };
}

async function flags(session: Session, pid: ProcessRef, options: CallOptions): Promise<Result<SupervisorFlags>> {
  const known = await supervisorAt(session, pid, options);
  if (!known.ok) return known;
  const now = await flagsNow(known.value, childOptions(options, longestCallMs));
  if (now.ok) session.finders.of(known.value.target).learn(pid, now.value);
  return now;
}

async function childSpec(
  session: Session,
  params: Params<'supervisors.childSpec'>,
  options: CallOptions,
): Promise<Result<ChildSpec>> {
  const known = await supervisorAt(session, params.supervisor, options);
  if (!known.ok) return known;
  if (!answersChildSpec(known.value.kind)) {
    return unsupported(
      'Reading a child specification',
      'a dynamic supervisor of Elixir does not answer it.',
      'Look at the code that starts the child.',
    );
  }
  const childId = await safeTerm(known.value.target, params.childId, '/childId', options);
  const unknownId = !childId.ok && childId.error.code === 'term.unknown_atom';
  if (!childId.ok && !unknownId) return childId;
  const said = childId.ok
    ? await callSupervisor(known.value, tuple(atom('get_childspec'), childId.value), options)
    : null;
  if (said !== null && !said.ok) return said;
  const [verdict, spec] = tupleOf(said?.value, 2) ?? [];
  if (verdict === undefined || isAtom(verdict, 'error')) {
    return childNotFound(params.supervisor.node);
  }
  const read = readSpec(spec);
  return read === null ? strangeAnswer(known.value.target.node, 'The child specification') : ok(read);
}

export function supervisorMethods(session: Session): MethodTable {
  return {
    'supervisors.find': (params, options) => find(session, params, options),
    'supervisors.children': (params, options) => streamChildren(session, params, options),
    'supervisors.count': ({ supervisor }, options) => countChildren(session, supervisor, options),
    'supervisors.flags': ({ supervisor }, options) => flags(session, supervisor, options),
    'supervisors.childSpec': (params, options) => childSpec(session, params, options),
    'supervisors.start': (params, options) => startSupervisor(session, params, options),
    'supervisors.startChild': (params, options) => startChild(session, params, options),
    'supervisors.terminateChild': (params, options) => terminateChild(session, params, options),
    'supervisors.restartChild': (params, options) => restartChild(session, params, options),
    'supervisors.deleteChild': (params, options) => deleteChild(session, params, options),
    'supervisors.setFlags': (params, options) => setFlags(session, params, options),
    'supervisors.stop': (params, options) => stopSupervisor(session, params, options),
  };
}
