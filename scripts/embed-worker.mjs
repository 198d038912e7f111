// Bundles the packing worker into one self-contained script and writes it as a string, so that it needs no file at run time.
import { writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const { outputFiles } = await build({
  entryPoints: ['src/engine/pack/worker.ts'],
  bundle: true,
  write: false,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  minify: true,
  plugins: [
    {
      // The worker is handed the compiled module: it need not carry the wasm a second time.
      name: 'no-inlined-wasm',
      setup(bundler) {
        bundler.onLoad({ filter: /wasm\.generated\.ts$/ }, () => ({
          contents: "export const KERNELS_BASE64 = '';",
        }));
      },
    },
  ],
  external: ['@bokuweb/zstd-wasm'],
  // It is told where the optional package is.
  logOverride: { 'empty-import-meta': 'silent' },
});
const source = outputFiles[0].text;
writeFileSync(
  'src/engine/pack/worker.generated.ts',
  `export const WORKER_SOURCE =\n  ${JSON.stringify(source)};\n`,
);
process.stdout.write(`worker: ${source.length} bytes\n`);
