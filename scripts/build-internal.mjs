// Bundles testing/internal.ts into build/internal.mjs, from which benches and scripts import. Needs the
// kernels and the worker.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

await build({
  absWorkingDir: fileURLToPath(new URL('..', import.meta.url)),
  entryPoints: ['testing/internal.ts'],
  outfile: 'build/internal.mjs',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  sourcemap: true,
  logOverride: { 'empty-import-meta': 'silent' },
});
