// Writes build/kernels.wasm into a TypeScript module as base64, so that loaders and bundlers need no second file, and the sizes
// that it exports (assembly/layout.ts) into another, so that memory can be laid out before the module is instantiated.
import { readFileSync, writeFileSync } from 'node:fs';

const wasm = readFileSync(new URL('../build/kernels.wasm', import.meta.url));
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
  env: { memory: new WebAssembly.Memory({ initial: 1 }) },
});
const layout = Object.entries(exports).filter(([, value]) => value instanceof WebAssembly.Global);
const lines = layout.map(([name, { value }]) => `  ${name}: ${value},`);

write('wasm', `export const KERNELS_BASE64 =\n  '${wasm.toString('base64')}';\n`);
write(
  'layout',
  `export const LAYOUT = {\n  HEAP_BASE: ${exports.heapBase()},\n${lines.join('\n')}\n} as const;\n`,
);
process.stdout.write(`kernels: ${wasm.length} bytes of wasm\n`);

function write(name, text) {
  writeFileSync(new URL(`../src/kernels/${name}.generated.ts`, import.meta.url), text);
}
