/** Where a cookie comes from: text a person gave, or a file as OTP writes it. Never from argv. */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Failure, Result } from '../model.ts';
import { ok } from '../model.ts';
import { failure } from '../errors.ts';

/** `file`: a path; `text`: the cookie itself; `home`: the places where OTP itself looks. */
export type CookieSource = { readonly file: string } | { readonly text: string } | { readonly home: string };

/** OTP refuses longer atoms, and a cookie is an atom there. */
const longestCookie = 255;
/** A cookie file is one line; anything of this size is another file. */
const largestFileBytes = 4096;

/**
 * The places where OTP looks for the cookie of a user (OTP manual, Distributed Erlang): `~/.erlang.cookie`, then
 * `$XDG_CONFIG_HOME/erlang/.erlang.cookie` (OTP 25).
 */
export function defaultCookieFiles(home: string = homedir(), environment: NodeJS.ProcessEnv = process.env): string[] {
  const given = environment['XDG_CONFIG_HOME'] ?? '';
  // XDG Base Directory Specification: empty is as unset, and a relative path is to be ignored.
  const configHome = path.isAbsolute(given) ? given : path.join(home, '.config');
  return [path.join(home, '.erlang.cookie'), path.join(configHome, 'erlang', '.erlang.cookie')];
}

/**
 * The cookie from `source`, without surrounding white space (as OTP trims a cookie file's). Errors: `cookie.not_found`,
 * `cookie.unreadable`, `cookie.empty`, `cookie.malformed`. No error repeats any part of the cookie.
 */
export async function readCookie(source: CookieSource = { home: homedir() }): Promise<Result<string>> {
  if ('text' in source) return checkCookie(source.text, 'The cookie given');
  if ('file' in source) return readCookieFile(source.file);
  const files = defaultCookieFiles(source.home);
  for (const file of files) {
    const read = await readCookieFile(file);
    if (read.ok || read.error.code !== 'cookie.not_found') return read;
  }
  return notFound(files.join(' and '));
}

async function readCookieFile(file: string): Promise<Result<string>> {
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > largestFileBytes) {
      return failure(
        'validation',
        'cookie.malformed',
        `${file} is not a cookie file.`,
        'Name the file .erlang.cookie of the user who runs the node.',
      );
    }
    return checkCookie(await readFile(file, 'utf8'), `The cookie in ${file}`);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return notFound(file);
    return failure(
      'validation',
      'cookie.unreadable',
      `The cookie file ${file} cannot be read.`,
      'Run as the user who owns it, or give the cookie itself.',
      { details: { system: systemCode(error) } },
    );
  }
}

function checkCookie(raw: string, what: string): Result<string> {
  const cookie = raw.trim();
  if (cookie === '') {
    return failure(
      'validation',
      'cookie.empty',
      `${what} is empty.`,
      'Give the cookie that the node was started with.',
    );
  }
  if (cookie.length > longestCookie || !/^[\x20-\x7e\xa1-\xff]+$/.test(cookie)) {
    return failure(
      'validation',
      'cookie.malformed',
      `${what} is not one line of at most ${String(longestCookie)} printable Latin-1 characters.`,
      'Give the cookie as erlang:get_cookie() prints it on the node.',
    );
  }
  return ok(cookie);
}

function notFound(where: string): Failure {
  return failure(
    'not_found',
    'cookie.not_found',
    `There is no cookie file at ${where}.`,
    'Name the cookie file of the user who runs the node, or give the cookie itself.',
  );
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
