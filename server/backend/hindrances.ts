/** What keeps an operation from being run on a connection: for greying a menu, and for whoever asks why. */
import { notConnected, unsupported } from '../../runtime/errors.ts';
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

/** All that keeps `caller` from running it on a connection, each as the error that a call would end with. */
export function hindrances(
  entry: CatalogueEntry,
  caller: Caller,
  connection: ConnectionId | null,
  services: HindranceServices,
): readonly ArsenalError[] {
  const { name, role, needs, severity, title } = entry;
  const found: Result<unknown>[] = [checkRole(caller, name, role)];
  const behind = connection === null ? null : services.connection(connection);
  if (behind === null) {
    if (needs.length > 0) found.push(notConnected());
  } else if (!behind.ok) {
    found.push(behind);
  } else if (connection !== null) {
    const { value } = behind;
    const capability = capabilityOf(entry, connection, value.runtime, (id, operation) => services.isOn(id, operation));
    found.push(checkAccess(value.access(caller.via), severity, value.label));
    if (!capability.can) found.push(unsupported(title, capability.why, capability.remedy));
  }
  return found.flatMap((result) => (result.ok ? [] : [result.error]));
}
