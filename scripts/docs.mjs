// Writes every generated document, or with --check fails where one does not say what its source says.
import process from 'node:process';
import { inProject, projectRoot } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';

const check = process.argv.includes('--check') ? ['--check'] : [];
let code = 0;
for (const script of ['mission.mjs', 'conformance.mjs', 'diagrams.mjs', 'catalogueDocs.mjs', 'paletteCommands.mjs']) {
  const result = await run(process.execPath, [inProject('scripts', script), ...check], { cwd: projectRoot });
  if (result.code !== 0) code = 1;
}
// The agent's object code is not a document, and is made only where there is an Erlang: here it is only checked.
if (check.length > 0) {
  const result = await run(process.execPath, [inProject('scripts', 'agent.mjs'), ...check], { cwd: projectRoot });
  if (result.code !== 0) code = 1;
}
process.exitCode = code;
