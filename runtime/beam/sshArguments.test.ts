import { describe, expect, it } from 'vitest';
import { checkSsh, isForwardable, sshArguments } from './sshArguments.ts';

describe('what ssh is called with', () => {
  it('forwards one port of loopback, asks nothing, and ends with where to', () => {
    const args = sshArguments({ target: 'ops@gate' }, 5000, { host: 'box', port: 4369 });
    expect(args.slice(0, 4)).toEqual(['-N', '-T', '-L', '127.0.0.1:5000:box:4369']);
    expect(args).toContain('BatchMode=yes');
    expect(args).toContain('ExitOnForwardFailure=yes');
    expect(args.slice(-2)).toEqual(['--', 'ops@gate']);
    expect(sshArguments({ target: 'gate' }, 1, { host: '::1', port: 2 })[3]).toBe('127.0.0.1:1:[::1]:2');
  });

  it.each([
    'gate',
    'ops@gate',
    'me@corp.example@gate.example',
    'ssh://ops@gate:2222',
    'ssh://[::1]:2222',
    'fe80::1',
    '10.0.0.5',
    'a_host-1',
  ])('takes the target %s', (target) => {
    expect(checkSsh({ target })).toMatchObject({ ok: true });
  });

  it.each([
    '',
    '-v',
    '-oProxyCommand=x',
    'me@-v',
    '-me@gate',
    'a b',
    'a;b',
    'a$(b)',
    'a`b`',
    "a'b",
    'a"b',
    'a|b',
    'a\nb',
    'a/b',
    'a'.repeat(301),
  ])('refuses the target %j', (target) => {
    expect(checkSsh({ target })).toMatchObject({ error: { code: 'connect.bad_ssh_target', class: 'validation' } });
  });

  it('forwards to names and addresses, and to nothing that ssh reads otherwise', () => {
    for (const host of ['box', 'box.example', '10.0.0.5', '::1', 'fe80::1'])
      expect(isForwardable(host), host).toBe(true);
    for (const host of ['', '-x', '*', '/run/x', 'a:b', '[::1]', 'a b', '$(x)', 'a\n', 'a'.repeat(300)]) {
      expect(isForwardable(host), host).toBe(false);
    }
  });
});
