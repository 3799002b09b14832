/** Who may do what: a role by severity, and what the connection lets be changed. Both must allow. */
import { failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Severity } from '../../runtime/port.ts';
import type { Access } from '../protocol/connection.ts';
import type { Role } from '../protocol/operation.ts';
import { roles } from '../protocol/operation.ts';
import type { Caller } from './context.ts';

/** The least role for each severity; a table by operation name overrides it. */
const roleBySeverity = {
  read: 'viewer',
  diagnose: 'operator',
  change: 'operator',
  destroy: 'admin',
} as const satisfies Record<Severity, Role>;

export type RoleTable = { readonly [operation: string]: Role };

/** The least role that may call an operation of this severity. */
export function defaultRole(severity: Severity): Role {
  return roleBySeverity[severity];
}

/** Whether `role` is at least `least`. */
export function isAtLeast(role: Role, least: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(least);
}

/** The one of two roles that may do more. */
export function graverRole(a: Role, b: Role): Role {
  return isAtLeast(a, b) ? a : b;
}

/** Whether the caller's role suffices. Error: `authorization` `role.insufficient`. */
export function checkRole(caller: Caller, operation: string, least: Role): Result<null> {
  if (isAtLeast(caller.role, least)) return ok(null);
  return failure(
    'authorization',
    'role.insufficient',
    `${operation} needs the role ${least}; you have ${caller.role}.`,
    `Ask an admin for the role ${least}, or to run it for you.`,
    { details: { needs: least, has: caller.role } },
  );
}

/**
 * Whether the connection lets this caller do something of that severity. Errors, class `authorization`: `connection.read_only`, and
 * `connection.confirm_writes` where the user has not been asked yet.
 */
export function checkAccess(access: Access, severity: Severity, connection: string): Result<null> {
  if (severity === 'read' || severity === 'diagnose' || access === 'full') return ok(null);
  if (access === 'confirm') {
    return failure(
      'authorization',
      'connection.confirm_writes',
      `Nothing may be changed through ${connection} until you agree to it.`,
      'Allow writes on this connection, then run it again.',
    );
  }
  return failure(
    'authorization',
    'connection.read_only',
    `The connection ${connection} is read-only.`,
    'Allow writes: with --allow-writes on the command line, or on the connection in the editor.',
  );
}
