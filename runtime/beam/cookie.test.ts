import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { defaultCookieFiles, readCookie } from './cookie.ts';

const root = mkdtempSync(join(tmpdir(), 'arsenal-cookie-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(root, 'home-'));
});

function cookieFile(content: string, name = '.erlang.cookie'): string {
  const file = join(home, name);
  writeFileSync(file, content);
  return file;
}

describe('a cookie', () => {
  it('is what stands in the file, without the line’s end', async () => {
    expect(await readCookie({ file: cookieFile('SECRET_1\n') })).toEqual({ ok: true, value: 'SECRET_1' });
    expect(await readCookie({ text: '  monster ' })).toEqual({ ok: true, value: 'monster' });
  });

  it('is looked for where OTP looks for it: at home, then in the configuration folder', async () => {
    const [first = '', second = ''] = defaultCookieFiles(home, { XDG_CONFIG_HOME: join(home, 'config') });
    expect([first, second]).toEqual([join(home, '.erlang.cookie'), join(home, 'config', 'erlang', '.erlang.cookie')]);
    for (const environment of [{}, { XDG_CONFIG_HOME: '' }, { XDG_CONFIG_HOME: 'config' }]) {
      expect(defaultCookieFiles(home, environment)[1]).toBe(join(home, '.config', 'erlang', '.erlang.cookie'));
    }
    cookieFile('at_home');
    expect(await readCookie({ home })).toEqual({ ok: true, value: 'at_home' });
  });

  it('is said to be missing, with the places looked at', async () => {
    for (const source of [{ file: join(home, 'nothing') }, { file: join(cookieFile('x'), 'below') }]) {
      expect(await readCookie(source)).toMatchObject({ error: { code: 'cookie.not_found', class: 'not_found' } });
    }
  });

  it('is refused when it is empty, not one printable line, or no cookie file at all, and never repeated', async () => {
    const long = 'x'.repeat(256);
    for (const [content, code] of [
      ['', 'cookie.empty'],
      [' \n', 'cookie.empty'],
      ['two\nlines_of_secret', 'cookie.malformed'],
      ['with\u0000nul_of_secret', 'cookie.malformed'],
      [`${long}_of_secret`, 'cookie.malformed'],
      [`${long.repeat(20)}_of_secret`, 'cookie.malformed'],
    ] as const) {
      const result = await readCookie({ file: cookieFile(content) });
      expect(result).toMatchObject({ ok: false, error: { code, class: 'validation', effect: 'none' } });
      expect(JSON.stringify(result)).not.toContain('of_secret');
    }
    mkdirSync(join(home, 'folder'));
    expect(await readCookie({ file: join(home, 'folder') })).toMatchObject({ error: { code: 'cookie.malformed' } });
  });
});
