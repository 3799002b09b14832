/** Writing what was scaffolded. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Result } from '../../runtime/model.ts';
import type { ScaffoldAnswer } from '../protocol/lsp.ts';

/** Writes what was scaffolded; answers the files, as they are seen from `folder`. Errors: `scaffold.cannot_write`. */
export function writeScaffold({ files }: ScaffoldAnswer, folder: string): Result<readonly string[]> {
  const written: string[] = [];
  for (const { uri, text } of files) {
    const file = fileURLToPath(uri);
    try {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      const remedy = 'See that the folder may be written, and that its disk is not full.';
      return failure('system', 'scaffold.cannot_write', `${file} cannot be written: ${why}`, remedy, {
        effect: written.length === 0 ? 'none' : 'partial',
        details: { written },
      });
    }
    written.push(path.relative(folder, file));
  }
  return ok(written);
}
