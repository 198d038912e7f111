// Compiles assembly/ to build/kernels.wasm and writes two TypeScript modules: the wasm as base64, so that
// loaders and bundlers need no second file, and the sizes that it exports (assembly/layout.ts), so that
// memory can be laid out before the module is instantiated. Does nothing while the inputs are unchanged: an
// optimising run takes seconds.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc, { version } from 'assemblyscript/asc';

const WASM = 'build/kernels.wasm';
const STAMP = 'build/kernels.sha256';
const WASM_MODULE = 'src/kernels/wasm.generated.ts';
const LAYOUT_MODULE = 'src/kernels/layout.generated.ts';
/** Printed when the optimiser's last round enlarged the code; the compiler then keeps the round before. */
const HARMLESS = 'Last converge was suboptimal.\n';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const digest = digestOfInputs();
if (!isCurrent()) {
  await compile();
  const wasm = readFileSync(WASM);
  writeFileSync(WASM_MODULE, `export const KERNELS_BASE64 =\n  '${wasm.toString('base64')}';\n`);
  writeFileSync(LAYOUT_MODULE, layoutModule(wasm));
  writeFileSync(STAMP, digest);
}

function digestOfInputs() {
  const hash = createHash('sha256').update(version);
  const sources = readdirSync('assembly', { recursive: true }).filter((name) => name.endsWith('.ts'));
  const inputs = [...sources.sort().map((name) => join('assembly', name)), 'asconfig.json'];
  for (const file of [...inputs, fileURLToPath(import.meta.url)])
    hash.update(`\n${file}\n`).update(readFileSync(file));
  return hash.digest('hex');
}

function isCurrent() {
  const outputs = [WASM, WASM_MODULE, LAYOUT_MODULE, STAMP];
  return outputs.every((file) => existsSync(file)) && readFileSync(STAMP, 'utf8') === digest;
}

async function compile() {
  mkdirSync('build', { recursive: true });
  const { error, stdout, stderr } = await asc.main(['assembly/index.ts', '--target', 'release']);
  process.stdout.write(stdout.toString());
  process.stderr.write(stderr.toString().replace(HARMLESS, ''));
  if (error) process.exit(1);
}

function layoutModule(wasm) {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } });
  const sizes = Object.entries(exports).filter(([, value]) => value instanceof WebAssembly.Global);
  const lines = [['HEAP_BASE', { value: exports.heapBase() }], ...sizes].map(
    ([name, { value }]) => `  ${name}: ${value},\n`,
  );
  return `export const LAYOUT = {\n${lines.join('')}} as const;\n`;
}
