// Where things stand on this disk. Everything else asks here, so that a move is made in one place.
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** The project's top folder, absolute. */
export const projectRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Downloads and the workbench made of them. `ARSENAL_CACHE` moves it, so that several clones can share one. */
export const cacheDir = path.resolve(process.env['ARSENAL_CACHE'] ?? path.join(projectRoot, '.cache'));

/**
 * Joins parts to an absolute path below the project's top folder.
 *
 * @param {...string} parts
 * @returns {string}
 */
export function inProject(...parts) {
  return path.join(projectRoot, ...parts);
}
