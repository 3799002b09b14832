import { describe, expect, it } from 'vitest';
import { atom } from '../term/term.ts';
import { connectError, isWorthRetrying } from './connectError.ts';
import type { DistError } from './dist/errors.ts';

const message = 'said by the distribution';
const node = 'shop@box';
const errors: readonly DistError[] = [
  { kind: 'epmd_unreachable', message, host: 'box', port: 4369, why: 'refused' },
  { kind: 'epmd_refused', message, host: 'box', port: 4369 },
  { kind: 'no_such_node', message, node, host: 'box' },
  { kind: 'host_unresolved', message, host: 'box' },
  { kind: 'connect_refused', message, host: 'box', port: 1 },
  { kind: 'connect_timeout', message, phase: 'epmd' },
  { kind: 'connect_timeout', message, phase: 'connect' },
  { kind: 'connect_timeout', message, phase: 'handshake' },
  { kind: 'not_allowed', message, node },
  { kind: 'name_in_use', message, name: 'arsenal_0_abcdef@box' },
  { kind: 'bad_cookie', message, node },
  { kind: 'name_type', message, expected: node, actual: 'shop@box.local' },
  { kind: 'wrong_node', message, expected: node, actual: 'till@box' },
  ...(['old_protocol', 'missing_flags', 'tls_expected', 'garbage', 'closed', 'name'] as const).map(
    (what): DistError => ({ kind: 'protocol', message, what }),
  ),
  { kind: 'dynamic_name', message, node },
  ...(
    [
      'unknown_ca',
      'expired',
      'not_yet_valid',
      'revoked',
      'wrong_host',
      'wrong_purpose',
      'client_certificate_required',
      'client_certificate_refused',
      'own_files',
      'version',
      'refused',
      'not_tls',
      'silent',
      'closed',
    ] as const
  ).map((what): DistError => ({ kind: 'tls', message, what, host: 'box', code: 'CODE' })),
  ...['ssh_missing', 'ssh_ended', 'ssh_timeout', 'ssh_host'].map((code): DistError => ({
    kind: 'route',
    message,
    host: 'box',
    port: 4369,
    code,
    detail: 'Permission denied',
  })),
  { kind: 'noconnection', message, why: 'closed' },
  { kind: 'timeout', message, timeoutMs: 1 },
  { kind: 'cancelled', message },
  { kind: 'exception', message, class: 'error', reason: atom('undef'), stack: null },
  { kind: 'down', message, reason: atom('noproc') },
  { kind: 'spawn_failed', message, reason: 'system_limit' },
  { kind: 'busy', message, queuedBytes: 1 },
];

describe('the error of a failed connection', () => {
  it('has a code, a remedy and no effect, whatever the cause', () => {
    for (const error of errors) {
      const said = connectError(error, node);
      expect(said.code, error.kind).toMatch(/^(connect|call)\.[a-z_]+$/);
      expect(said.remedy.length, error.kind).toBeGreaterThan(10);
      expect(said, error.kind).toMatchObject({ effect: 'none', node });
      expect(said.class, error.kind).not.toBe('system');
    }
  });

  it('tells name type, EPMD, cookie and host apart', () => {
    const codes = errors
      .filter(({ kind }) =>
        ['name_type', 'epmd_unreachable', 'no_such_node', 'bad_cookie', 'host_unresolved', 'connect_refused'].includes(
          kind,
        ),
      )
      .map((error) => connectError(error, node).code);
    expect(new Set(codes).size).toBe(6);
  });

  it('has a code of its own for each thing that TLS or ssh can lack, and says what ssh said', () => {
    const reached = errors.filter(({ kind }) => kind === 'tls' || kind === 'route');
    expect(new Set(reached.map((error) => connectError(error, node).code)).size).toBe(reached.length);
    const ssh = reached.find(({ kind }) => kind === 'route');
    if (ssh !== undefined) expect(connectError(ssh, node).message).toContain('Permission denied');
  });

  it('names what EPMD knows instead', () => {
    const error: DistError = { kind: 'no_such_node', message, node, host: 'box' };
    expect(connectError(error, node, ['till', 'stock']).message).toContain('till, stock');
    expect(connectError(error, node, []).message).toContain('none');
  });

  it('is tried again only when that costs the node nothing', () => {
    const isClosed = (error: DistError) => error.kind === 'protocol' && error.what === 'closed';
    const again = new Set(errors.filter((error) => !isClosed(error) && isWorthRetrying(error)).map(({ kind }) => kind));
    expect(isWorthRetrying({ kind: 'tls', message, what: 'unknown_ca', host: 'box', code: '' })).toBe(false);
    expect(isWorthRetrying({ kind: 'route', message, host: 'box', port: 1, code: 'ssh_host', detail: '' })).toBe(false);
    expect(isWorthRetrying({ kind: 'protocol', message, what: 'closed' })).toBe(true);
    for (const kind of ['bad_cookie', 'not_allowed', 'name_type', 'name_in_use', 'protocol', 'wrong_node'] as const) {
      expect(again.has(kind), kind).toBe(false);
    }
    for (const kind of ['epmd_unreachable', 'no_such_node', 'connect_refused', 'connect_timeout'] as const) {
      expect(again.has(kind), kind).toBe(true);
    }
  });
});
