// Rolls the types of what users import (`arsenal-otp/operation`, …), TypeBox's included, into one file each: scaffolding writes them into
// a workspace, so that an editor knows them without an install, and the package ships them.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateDtsBundle } from 'dts-bundle-generator';
import { inProject } from './lib/paths.mjs';

/**
 * Writes `NAME.d.ts` of each source, if a source has changed since: a compiler reads them all, which takes seconds.
 *
 * @param {string} folder
 * @param {{ readonly [name: string]: string }} sources by the NAME of `arsenal-otp/NAME`
 * @returns {boolean} whether they are there; else it has said why not
 */
export function writeDeclarations(folder, sources) {
  const files = Object.keys(sources).map((name) => path.join(folder, `${name}.d.ts`));
  if (files.every(isCurrent)) return true;
  /** @type {string[]} */
  let texts;
  try {
    texts = generateDtsBundle(
      Object.values(sources).map((filePath) => ({
        filePath,
        libraries: { inlinedLibraries: ['typebox'] },
        output: { noBanner: true, exportReferencedTypes: false },
      })),
      { preferredConfigPath: inProject('server', 'tsconfig.declarations.json') },
    );
  } catch (thrown) {
    console.error(`The types for users could not be made: ${String(thrown)} What is wrong, npm run check says.`);
    return false;
  }
  fs.mkdirSync(folder, { recursive: true });
  for (const [at, name] of Object.keys(sources).entries()) {
    const head = `// The types of arsenal-otp/${name}. Made by Arsenal; written anew with every version.`;
    fs.writeFileSync(path.join(folder, `${name}.d.ts`), `${head}\n${texts[at] ?? ''}`);
  }
  return true;
}

/**
 * Whether the file is younger than everything it can be made of.
 *
 * @param {string} file
 */
function isCurrent(file) {
  if (!fs.existsSync(file)) return false;
  const madeAt = fs.statSync(file).mtimeMs;
  const rooms = [inProject('server'), inProject('runtime')].flatMap((room) =>
    fs
      .readdirSync(room, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => path.join(room, name)),
  );
  const others = [inProject('package-lock.json'), fileURLToPath(import.meta.url)];
  return [...rooms, ...others].every(
    (source) => (fs.statSync(source, { throwIfNoEntry: false })?.mtimeMs ?? 0) < madeAt,
  );
}
