// Bundles a built entry for a browser; an import of a Node module is an error.
import { build } from 'esbuild';

export async function browserBundle(entry = 'index') {
  const { outputFiles } = await build({
    entryPoints: [`dist/${entry}.js`],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    platform: 'browser',
    logLevel: 'error',
    // Optional dependency: for zstd in a browser, install it in addition.
    external: ['@bokuweb/zstd-wasm'],
  });
  return outputFiles[0].contents;
}
