import { describe, expect, it } from 'vitest';
import { severities } from '../../runtime/port.ts';
import { accessLevels } from '../protocol/connection.ts';
import { roles } from '../protocol/operation.ts';
import { checkAccess, checkRole, defaultRole, graverRole, isAtLeast } from './authorization.ts';
import { admin, errorOf } from './testKit.ts';

describe('roles', () => {
  // @row AU-04
  it('has a least role for every severity', () => {
    expect(severities.map(defaultRole)).toEqual(['viewer', 'operator', 'operator', 'admin']);
  });

  it('orders roles', () => {
    const allowed = roles.map((role) => roles.filter((least) => isAtLeast(role, least)).length);
    expect(allowed).toEqual([1, 2, 3]);
    expect([graverRole('viewer', 'admin'), graverRole('admin', 'viewer')]).toEqual(['admin', 'admin']);
  });

  it('refuses a role that does not suffice, and says which would', () => {
    const error = errorOf(checkRole({ ...admin, role: 'viewer' }, 'kill_process', 'admin'));
    expect(error).toMatchObject({ class: 'authorization', code: 'role.insufficient', effect: 'none' });
    expect(error.details).toEqual({ needs: 'admin', has: 'viewer' });
    expect(checkRole(admin, 'kill_process', 'admin').ok).toBe(true);
  });
});

describe('checkAccess', () => {
  it('decides for every access and severity', () => {
    const codes = accessLevels.map((access) =>
      severities.map((severity) => {
        const checked = checkAccess(access, severity, 'shop@h');
        return checked.ok ? 'ok' : checked.error.code;
      }),
    );
    expect(codes).toEqual([
      ['ok', 'ok', 'connection.read_only', 'connection.read_only'],
      ['ok', 'ok', 'connection.confirm_writes', 'connection.confirm_writes'],
      ['ok', 'ok', 'ok', 'ok'],
    ]);
    expect(errorOf(checkAccess('read_only', 'change', 'shop@h')).remedy).toContain('--allow-writes');
  });
});
