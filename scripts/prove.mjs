// `npm run prove`: the long forms of what `npm test` shows in short: fuzz, soak, kill counts. Suites read ARSENAL_PROVE.
import process from 'node:process';
import { inProject, projectRoot } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';

const result = await run(process.execPath, [inProject('scripts', 'test.mjs'), '--only', 'unit,beam'], {
  cwd: projectRoot,
  env: { ARSENAL_PROVE: '1' },
});
// Ten thousand seeds on three releases of Node.js: the same events on each.
const replayed = await run(process.execPath, [inProject('scripts', 'replay.mjs')], { cwd: projectRoot });
process.exitCode = result.code === 0 ? replayed.code : result.code;
