import type { Plugin } from 'esbuild';
import { defineConfig, type Options } from 'tsup';
import manifest from './package.json' with { type: 'json' };
// @ts-expect-error: a script, in plain JavaScript
import { licences } from './scripts/licences.mjs';

/** The entries of package.json's `exports`: `pageferry/NAME` is built from `src/NAME.ts`. */
const entries = Object.fromEntries(
  Object.keys(manifest.exports)
    .filter((path) => !/\.(json|wasm)$/.test(path))
    .map((path) => (path === '.' ? 'index' : path.slice(2)))
    .map((name) => [name, `src/${name}.ts`]),
);

/** The charts' document never reads a style sheet: its parser (200 KB) is left out. */
const withoutStyleSheets: Plugin = {
  name: 'without-style-sheets',
  setup(bundler) {
    bundler.onResolve({ filter: /^cssomnom\// }, () => ({
      path: 'parse',
      namespace: 'without-style-sheets',
    }));
    bundler.onLoad({ filter: /./, namespace: 'without-style-sheets' }, () => ({
      contents: 'export const parse = () => ({ cssRules: [] });',
    }));
  },
};

export const library: Options = {
  entry: entries,
  format: ['esm', 'cjs'],
  target: 'es2022',
  platform: 'neutral',
  external: [/^node:/, 'lmdb', 'koffi'],
  removeNodeProtocol: false,
  shims: true,
  sourcemap: true,
};

const reportPage: Options = {
  entry: { 'report-page': 'src/report/html/pages.ts' },
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  noExternal: [/./],
  removeNodeProtocol: false,
  minify: true,
  splitting: false,
  esbuildPlugins: [withoutStyleSheets, licences('dist/report-page.licenses.txt')],
};

/**
 * JavaScript only: tsup.declarations.ts writes the declarations, in a process beside this one, and
 * scripts/build-cli.mjs the command line.
 */
export default defineConfig([library, reportPage]);
