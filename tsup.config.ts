import { defineConfig } from 'tsup';

export default defineConfig([
  {
    entry: { index: 'src/index.ts', node: 'src/node.ts' },
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
  },
]);
