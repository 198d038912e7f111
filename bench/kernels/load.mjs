// The sources as they are shipped, for benches that look closer than the public API lets them: bundled in
// memory, run at once. Needs what `npm run build` has generated.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * The kernels with a memory of their own, exactly those of the package: `{ run, bytes, words, memoryBytes,
 * reserve }`.
 */
export async function loadKernels(memoryBytes, module) {
  const { loadKernels: load } = await bundled('src/kernels/kernels.ts');
  return load(memoryBytes, module);
}

const modules = new Map();

/** The exports of one of our TypeScript files, by its path from the repository's root. Bundled once. */
export function bundled(path) {
  if (!modules.has(path)) modules.set(path, bundle(path));
  return modules.get(path);
}

async function bundle(path) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../../${path}`, import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    write: false,
    logLevel: 'silent',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
