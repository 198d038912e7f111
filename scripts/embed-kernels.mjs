// Writes build/kernels.wasm into a TypeScript module as base64, so that every loader and bundler carries it along.
import { readFileSync, writeFileSync } from 'node:fs';

const wasm = readFileSync(new URL('../build/kernels.wasm', import.meta.url));
const target = new URL('../src/kernels/wasm.generated.ts', import.meta.url);
writeFileSync(target, `export const KERNELS_BASE64 =\n  '${wasm.toString('base64')}';\n`);
process.stdout.write(`kernels: ${wasm.length} bytes of wasm\n`);
