// Bundles everything that runs: the extension, its server, the command line, workers, webviews, and the in-editor
// tests. Types are checked elsewhere (`npm run check`), so a build takes a second or two.
//
//   node scripts/build.mjs [--watch] [--production] [--no-tests] [--out DIR]
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import * as esbuild from 'esbuild';
import { writeDeclarations } from './declarations.mjs';
import { apiBundle } from './lib/apiBundle.mjs';
import { noticesFor } from './notices.mjs';
import { inProject, projectRoot } from './lib/paths.mjs';

const { values: flags } = parseArgs({
  options: {
    watch: { type: 'boolean', default: false },
    production: { type: 'boolean', default: false },
    'no-tests': { type: 'boolean', default: false },
    out: { type: 'string', default: inProject('dist') },
  },
});
const dist = path.resolve(flags.out);

/** @type {esbuild.BuildOptions} */
const shared = {
  absWorkingDir: projectRoot,
  bundle: true,
  logLevel: 'warning',
  metafile: true,
  minify: flags.production,
  sourcemap: flags.production ? false : 'linked',
  // Function names are part of what users read in stack traces, and of what we send to sandboxes.
  keepNames: true,
};

/** @type {esbuild.BuildOptions} */
const forNode = {
  ...shared,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
};

/** @type {esbuild.BuildOptions} */
const forBrowser = {
  ...shared,
  platform: 'browser',
  format: 'iife',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  loader: { '.svg': 'text' },
};

const testSources = fs
  .readdirSync(inProject('test', 'editor'))
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  .filter((name) => name === 'index.ts' || name.endsWith('.test.ts'))
  .map((name) => `test/editor/${name}`);

/** @type {esbuild.BuildOptions[]} */
const bundles = [
  { ...forNode, entryPoints: ['client/extension.ts'], outfile: path.join(dist, 'client.js'), external: ['vscode'] },
  { ...forNode, entryPoints: ['server/main.ts'], outfile: path.join(dist, 'server.js') },
  {
    ...forNode,
    entryPoints: ['server/cli/main.ts'],
    outfile: path.join(dist, 'cli.js'),
    banner: { js: '#!/usr/bin/env node' },
  },
  { ...forNode, entryPoints: ['server/operation.ts'], outfile: path.join(dist, 'operation.js') },
  { ...apiBundle(path.join(dist, 'api')), minify: flags.production, sourcemap: flags.production ? false : 'linked' },
  { ...forNode, entryPoints: ['server/workspace/worker.ts'], outfile: path.join(dist, 'operationWorker.js') },
  { ...forNode, entryPoints: ['runtime/embedded/worker.ts'], outfile: path.join(dist, 'simulatedWorker.js') },
  { ...forNode, entryPoints: ['runtime/embedded/sandbox/child.ts'], outfile: path.join(dist, 'sandboxChild.js') },
  { ...forNode, entryPoints: ['runtime/local/owner/main.ts'], outfile: path.join(dist, 'localCluster.js') },
  { ...forBrowser, entryPoints: ['webview/cluster/main.tsx'], outfile: path.join(dist, 'webview/cluster.js') },
];
/** @type {esbuild.BuildOptions[]} */
const testBundles = [
  {
    ...forNode,
    entryPoints: testSources,
    outdir: 'out/test/editor',
    // Mocha is loaded from node_modules: each test file has to meet the same one.
    external: ['vscode', 'mocha'],
    minify: false,
    sourcemap: 'linked',
  },
  {
    ...forNode,
    entryPoints: ['test/runElectron.ts'],
    outfile: 'out/test/runElectron.js',
    external: ['@vscode/test-electron'],
    minify: false,
  },
];

// Its parts are named by their content: those of earlier builds would be shipped, too.
fs.rmSync(path.join(dist, 'api'), { recursive: true, force: true });
// What "Create Cluster File" writes: the documented examples, as they are tested.
fs.cpSync(inProject('docs', 'examples'), path.join(dist, 'examples'), { recursive: true });
const startedAt = Date.now();
const all = flags['no-tests'] ? bundles : [...bundles, ...testBundles];
if (flags.watch) {
  for (const options of all) {
    const context = await esbuild.context({ ...options, logLevel: 'info' });
    await context.watch();
  }
  console.log('Watching. End with Ctrl-C.');
} else {
  const results = await Promise.allSettled(all.map((options) => esbuild.build(options)));
  const failed = all.filter((_, index) => results[index]?.status === 'rejected');
  if (failed.length > 0) {
    const names = failed.map((options) => options.outfile ?? options.outdir).join(', ');
    console.error(`The build failed (${names}). The first error above names the file and line to mend.`);
    process.exitCode = 1;
  } else {
    const built = results
      .slice(0, bundles.length)
      .flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    const metafiles = built.flatMap(({ metafile }) => metafile ?? []);
    fs.writeFileSync(path.join(dist, 'THIRD-PARTY-NOTICES.txt'), noticesFor(metafiles));
    const declared = writeDeclarations(path.join(dist, 'types'), {
      operation: inProject('server', 'operation.ts'),
      testing: inProject('server', 'testing.ts'),
      cluster: inProject('runtime', 'embedded', 'clusterFile', 'api.ts'),
    });
    if (!declared) process.exitCode = 1;
    fs.chmodSync(path.join(dist, 'cli.js'), 0o755);
    const place = path.relative(process.cwd(), dist) || dist;
    console.log(`Built ${all.length} bundles in ${Date.now() - startedAt} ms: ${place}/`);
  }
}
