/** Supervisors and their children, from the port's rows to what callers see. */
import { Type } from 'typebox';
import { childFields } from '../../runtime/listFields.ts';
import type { ChildRow, SupervisorFlags, SupervisorInfo } from '../../runtime/model.ts';
import { processId } from '../../runtime/model.ts';
import { kindsOf } from './chosenList.ts';
import { nullable, placementOfProcess, shownTermResult, supervisorFlagsResult } from './parameters.ts';
import { namedProcess } from './processRows.ts';
import { nameText, shownTerm } from './terms.ts';

export const supervisorFields = {
  name: 'text',
  kind: 'text',
  module: 'text',
  application: 'text',
  parent: 'text',
  strategy: 'text',
  intensity: 'number',
  periodSeconds: 'number',
  node: 'text',
  evidence: 'text',
} as const;

export const supervisorResult = {
  ...placementOfProcess,
  name: nullable(Type.String()),
  kind: Type.String(),
  module: nullable(Type.String()),
  application: nullable(Type.String({ description: 'The application whose root it is.' })),
  parent: nullable(Type.String({ description: 'The id of the supervisor above it.' })),
  strategy: nullable(Type.String({ description: 'null when it is not known.' })),
  intensity: nullable(Type.Integer({ description: 'Restarts it allows in a period; null when it is not known.' })),
  periodSeconds: nullable(Type.Number()),
  flags: nullable(supervisorFlagsResult),
  evidence: Type.String({ description: 'How it was recognised.' }),
};

/** The row of a supervisor. */
export function supervisorRow(info: SupervisorInfo) {
  return {
    ...namedProcess(info.supervisor),
    name: info.name === null ? null : nameText(info.name),
    kind: info.kind,
    module: info.module,
    application: info.application,
    parent: info.parent === null ? null : processId(info.parent),
    strategy: info.flags?.strategy ?? null,
    intensity: info.flags?.intensity ?? null,
    periodSeconds: info.flags?.periodSeconds ?? null,
    flags: info.flags,
    evidence: info.evidence,
  };
}

/** Flags for people: `one_for_one (1 in 5 s)`. */
export function flagsText({ strategy, intensity, periodSeconds, autoShutdown }: SupervisorFlags): string {
  const shutdown = autoShutdown === 'never' ? '' : `, auto shutdown ${autoShutdown}`;
  return `${strategy} (${String(intensity)} in ${String(periodSeconds)} s${shutdown})`;
}

/** A child's kind of supervisor and its printed id are told here, out of what its node sends. */
export const childKinds = { ...kindsOf(childFields), supervisor: 'text', childIdText: 'text' } as const;

export const childResult = {
  index: Type.Integer({ description: 'Position in start order.' }),
  childId: shownTermResult,
  childIdText: Type.String(),
  type: Type.Enum(['worker', 'supervisor']),
  modules: Type.Union([Type.Array(Type.String()), Type.Literal('dynamic')]),
  state: Type.Enum(['running', 'restarting', 'undefined']),
  pid: nullable(Type.String()),
  node: nullable(Type.String()),
  display: nullable(Type.String()),
  registeredName: nullable(Type.String()),
  supervisor: nullable(Type.String({ description: 'What kind of supervisor it is, if it surely is one.' })),
};

/** The row of a child. */
export function childRow(row: ChildRow) {
  const childId = shownTerm(row.childId);
  const process = row.state.is === 'running' ? namedProcess(row.state.pid) : { pid: null, node: null, display: null };
  return {
    index: row.index,
    childId,
    childIdText: childId.display,
    type: row.type,
    modules: row.modules === 'dynamic' ? row.modules : [...row.modules],
    state: row.state.is,
    ...process,
    registeredName: row.registeredName,
    supervisor: row.supervisor,
  };
}
