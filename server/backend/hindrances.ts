/** What keeps an operation from being run on a connection: for greying a menu, and for whoever asks why. */
import { unsupported } from '../../runtime/errors.ts';
import type { ArsenalError, ConnectionId, Result } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { checkAccess, checkRole } from '../core/authorization.ts';
import type { CallConnection } from '../core/calls.ts';
import type { Caller } from '../core/context.ts';
import type { Availability, CatalogueEntry } from '../protocol/operation.ts';

export type HindranceServices = {
  connection(id: ConnectionId): Result<CallConnection>;
  /** Whether a node of the connection has the operation of that name. */
  isOn(connection: ConnectionId, operation: string): boolean;
};

const onOtherNodes: Availability['capability'] = {
  can: false,
  why: 'no node of this connection has it.',
  remedy: 'Load its module on one of them, or choose the connection that has it.',
};

/** Whether the system behind a connection can do it. */
export function capabilityOf(
  { name, needs, origin }: CatalogueEntry,
  connection: ConnectionId,
  { capabilities }: Runtime,
  isOn: (connection: ConnectionId, operation: string) => boolean,
): Availability['capability'] {
  const missing = needs.map((need) => capabilities.runtime[need]).find(({ can }) => !can);
  return missing ?? (origin.from === 'node' && !isOn(connection, name) ? onOtherNodes : { can: true });
}

/**
 * All that keeps `caller` from running it on a connection, each as the error that a call would end with. Without a connection it is the
 * role alone: nothing is known of the system it would be run on.
 */
export function hindrances(
  entry: CatalogueEntry,
  caller: Caller,
  connection: ConnectionId | null,
  services: HindranceServices,
): readonly ArsenalError[] {
  const { name, role, severity, title } = entry;
  const found: Result<unknown>[] = [checkRole(caller, name, role)];
  if (connection === null) return errorsIn(found);
  const behind = services.connection(connection);
  found.push(behind);
  if (behind.ok) {
    const { runtime, label } = behind.value;
    const capability = capabilityOf(entry, connection, runtime, (id, operation) => services.isOn(id, operation));
    found.push(checkAccess(behind.value.access(caller.via), severity, label));
    if (!capability.can) found.push(unsupported(title, capability.why, capability.remedy));
  }
  return errorsIn(found);
}

function errorsIn(results: readonly Result<unknown>[]): readonly ArsenalError[] {
  return results.flatMap((result) => (result.ok ? [] : [result.error]));
}
