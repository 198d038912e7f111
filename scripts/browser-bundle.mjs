// Bundles what `pageferry` itself exports, as it was built, for a browser: an import of any of Node's modules
// is an error there.
import { build } from 'esbuild';

export async function browserBundle() {
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
  return outputFiles[0].contents;
}
