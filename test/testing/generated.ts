/** Writes what `arsenal generate operation` would. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { scaffoldFiles } from '../../server/language/scaffold.ts';
import type { ScaffoldParams } from '../../server/protocol/lsp.ts';
import { valueOf } from '../port/results.ts';

/** The files, relative to the folder, and the next steps. The types are those that the build made. */
export function writeGenerated(params: ScaffoldParams): {
  readonly files: readonly string[];
  readonly notes: readonly string[];
} {
  const options = { typesFolder: path.resolve('dist', 'types'), isTaken: () => false };
  const { files, notes } = valueOf(scaffoldFiles(params, options));
  const written = files.map(({ uri, text }) => {
    const file = fileURLToPath(uri);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    return path.relative(params.workspaceFolder, file);
  });
  return { files: written, notes };
}
