// The bundle of what a user's tests import: `arsenal-otp/testing` and `arsenal-otp/cluster`.
import { inProject, projectRoot } from './paths.mjs';

/**
 * Both in one build, so that both know the same atoms, tuples and pids.
 *
 * @param {string} outdir
 * @returns {import('esbuild').BuildOptions}
 */
export function apiBundle(outdir) {
  return {
    absWorkingDir: projectRoot,
    entryPoints: {
      testing: inProject('server', 'testing.ts'),
      cluster: inProject('runtime', 'embedded', 'clusterFile', 'api.ts'),
    },
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    splitting: true,
    keepNames: true,
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
    metafile: true,
    // Some of what is bundled asks for Node's own modules by `require`.
    banner: {
      js: "import { createRequire as requireHere } from 'node:module'; const require = requireHere(import.meta.url);",
    },
  };
}
