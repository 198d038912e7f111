// Bundles the packing worker into one script and writes it into a TypeScript module as a string, so that no
// file is needed at run time.
import { writeFileSync } from 'node:fs';
import { build } from 'esbuild';

/** The worker receives the compiled modules from its parent: the wasm need not be in its script too. */
const withoutWasm = {
  name: 'without-wasm',
  setup(bundler) {
    bundler.onLoad({ filter: /(wasm|zstd)\.generated\.ts$/ }, () => ({
      contents: "export const KERNELS_WASM = ''; export const ZSTD_WASM = '';",
    }));
  },
};

const { outputFiles } = await build({
  entryPoints: ['src/engine/threads/worker.ts'],
  bundle: true,
  write: false,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  minify: true,
  plugins: [withoutWasm],
});
const source = JSON.stringify(outputFiles[0].text);
writeFileSync('src/engine/threads/worker.generated.ts', `export const WORKER_SOURCE =\n  ${source};\n`);
