import type { Plugin } from 'esbuild';
import { defineConfig, type Options } from 'tsup';
import manifest from './package.json' with { type: 'json' };
// @ts-expect-error: a script, in plain JavaScript
import { licences } from './scripts/licences.mjs';

const LOADER = '@assemblyscript/loader';

/** The entries of package.json's `exports`: `pageferry/NAME` is built from `src/NAME.ts`. */
const entries = Object.fromEntries(
  Object.keys(manifest.exports)
    .filter((path) => !/\.(json|wasm)$/.test(path))
    .map((path) => (path === '.' ? 'index' : path.slice(2)))
    .map((name) => [name, `src/${name}.ts`]),
);

/** HTML reports and their chart library are a bundle of their own, which the CLI loads on demand. */
const separateReportPage: Plugin = {
  name: 'separate-report-page',
  setup: (bundler) =>
    bundler.onResolve({ filter: /\/report\/html\/pages\.js$/ }, () => ({
      path: './report-page.js',
      external: true,
    })),
};

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
  noExternal: [LOADER],
  removeNodeProtocol: false,
  shims: true,
  sourcemap: true,
};

const cli: Options = {
  // Threads that are started from files beside the program: to serve a mount, to fetch from a web server.
  entry: {
    cli: 'src/cli/main.ts',
    'mount-worker': 'src/mount/worker.ts',
    'http-worker': 'src/image/http/worker.ts',
  },
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  external: ['lmdb', 'koffi'],
  noExternal: [LOADER],
  removeNodeProtocol: false,
  banner: { js: '#!/usr/bin/env node' },
  esbuildPlugins: [separateReportPage],
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

/** JavaScript only: tsup.declarations.ts writes the declarations, in a process beside this one. */
export default defineConfig([library, cli, reportPage]);
