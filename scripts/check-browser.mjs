// What `pageferry` itself exports runs in a browser: its built file is bundled for one, where an import of any of Node's modules
// is an error. Prints how large that makes it.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const { outputFiles } = await build({
  entryPoints: ['dist/index.js'],
  bundle: true,
  write: false,
  minify: true,
  format: 'esm',
  platform: 'browser',
  // Optional: whoever wants zstd in a browser installs it beside.
  external: ['@bokuweb/zstd-wasm'],
});
const [{ contents }] = outputFiles;
process.stdout.write(`browser bundle: ${contents.length} bytes, ${gzipSync(contents).length} with gzip\n`);
