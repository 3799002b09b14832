// Runs every example of every operation on the simulated cluster and on live nodes, and writes down what came of it
// (docs/data/operation-matrix.json), from which docs/operations/README.md is made.
import fs from 'node:fs';
import process from 'node:process';
import { inProject, projectRoot } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';

fs.writeFileSync(inProject('docs', 'data', 'operation-matrix.json'), '{}\n');
let code = 0;
for (const project of ['unit', 'beam']) {
  const vitest = [
    inProject('node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--project',
    project,
    'test/operations/matrix',
  ];
  const env = { ARSENAL_WRITE_MATRIX: '1' };
  const result = await run(process.execPath, vitest, { cwd: projectRoot, env });
  if (result.code !== 0) code = 1;
}
process.exitCode = code;
