import type { Plugin } from 'esbuild';
import { defineConfig } from 'tsup';
// @ts-expect-error: a script, in plain JavaScript
import { notices } from './scripts/notices.mjs';

/** The pages of `--html` and their charts' libraries: a file of its own, which the program loads when it is wanted. */
const pageApart: Plugin = {
  name: 'page-apart',
  setup: (bundler) =>
    bundler.onResolve({ filter: /\/report\/pages\.js$/ }, () => ({
      path: './report-page.js',
      external: true,
    })),
};

/** The charts' document never reads a style sheet: what would parse one (200 KB) stays out. */
const noStyleSheets: Plugin = {
  name: 'no-style-sheets',
  setup(bundler) {
    bundler.onResolve({ filter: /^cssomnom\// }, () => ({ path: 'parse', namespace: 'no-style-sheets' }));
    bundler.onLoad({ filter: /./, namespace: 'no-style-sheets' }, () => ({
      contents: 'export const parse = () => ({ cssRules: [] });',
    }));
  },
};

export default defineConfig([
  {
    entry: { index: 'src/index.ts', node: 'src/node.ts', simulate: 'src/simulate.ts' },
    format: ['esm', 'cjs'],
    target: 'es2022',
    platform: 'neutral',
    external: [/^node:/, '@bokuweb/zstd-wasm'],
    noExternal: ['@assemblyscript/loader'],
    removeNodeProtocol: false,
    shims: true,
    dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
    clean: true,
    sourcemap: true,
  },
  {
    entry: { cli: 'src/cli/main.ts' },
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    external: ['@bokuweb/zstd-wasm'],
    noExternal: ['@assemblyscript/loader'],
    removeNodeProtocol: false,
    banner: { js: '#!/usr/bin/env node' },
    esbuildPlugins: [pageApart],
  },
  {
    entry: { 'report-page': 'src/report/html/pages.ts' },
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    noExternal: [/./],
    removeNodeProtocol: false,
    minify: true,
    splitting: false,
    esbuildPlugins: [noStyleSheets, notices('dist/report-page.licenses.txt')],
  },
]);
