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

  it('names what EPMD knows instead', () => {
    const error: DistError = { kind: 'no_such_node', message, node, host: 'box' };
    expect(connectError(error, node, ['till', 'stock']).message).toContain('till, stock');
    expect(connectError(error, node, []).message).toContain('none');
  });

  it('is tried again only when that costs the node nothing', () => {
    const again = new Set(errors.filter(isWorthRetrying).map(({ kind }) => kind));
    for (const kind of ['bad_cookie', 'not_allowed', 'name_type', 'name_in_use', 'protocol', 'wrong_node'] as const) {
      expect(again.has(kind), kind).toBe(false);
    }
    for (const kind of ['epmd_unreachable', 'no_such_node', 'connect_refused', 'connect_timeout'] as const) {
      expect(again.has(kind), kind).toBe(true);
    }
  });
});
