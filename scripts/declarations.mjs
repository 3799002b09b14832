// Rolls the types of `arsenal-otp/operation`, TypeBox's included, into the one file that scaffolding writes into a workspace, so that
// an editor knows them without an install: dist/types/operation.d.ts.
//
//   node scripts/declarations.mjs
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { generateDtsBundle } from 'dts-bundle-generator';
import { inProject } from './lib/paths.mjs';

/** Writes the declarations; takes about two seconds. */
export function writeDeclarations() {
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
  const file = inProject('dist', 'types', 'operation.d.ts');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(
    file,
    `// The types of arsenal-otp/operation. Made by Arsenal; written anew with every version.\n${text}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeDeclarations();
