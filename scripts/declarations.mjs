// Rolls the types of `arsenal-otp/operation`, TypeBox's included, into the one file that scaffolding writes into a workspace, so that
// an editor knows them without an install.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateDtsBundle } from 'dts-bundle-generator';
import { inProject } from './lib/paths.mjs';

/**
 * Writes the declarations, if a source has changed since: a compiler reads them all, which takes seconds.
 *
 * @param {string} file
 */
export function writeDeclarations(file) {
  if (isCurrent(file)) return;
  const [text] = generateDtsBundle(
    [
      {
        filePath: inProject('server', 'operation.ts'),
        libraries: { inlinedLibraries: ['typebox'] },
        output: { noBanner: true, exportReferencedTypes: false },
      },
    ],
    // What is wrong in our sources, `npm run check` says.
    { preferredConfigPath: inProject('server', 'tsconfig.declarations.json') },
  );
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(
    file,
    `// The types of arsenal-otp/operation. Made by Arsenal; written anew with every version.\n${text}`,
  );
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
