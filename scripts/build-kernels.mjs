// Compiles assembly/ to build/kernels.wasm and build/zstd.wasm, and writes TypeScript modules: each wasm
// deflated and as base64, so that loaders and bundlers need no second file, and the sizes that they export
// (assembly/layout.ts), so that memory can be laid out before a module is instantiated. Does nothing while
// the inputs are unchanged: an optimising run takes seconds.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import asc, { version } from 'assemblyscript/asc';

const MODULES = [
  {
    entry: 'assembly/index.ts',
    name: 'kernels',
    embedded: 'src/kernels/wasm.generated.ts',
    constant: 'KERNELS_WASM',
  },
  {
    entry: 'assembly/zstd.ts',
    name: 'zstd',
    embedded: 'src/kernels/zstd.generated.ts',
    constant: 'ZSTD_WASM',
  },
];
const STAMP = 'build/kernels.sha256';
const LAYOUT_MODULE = 'src/kernels/layout.generated.ts';
/** Printed when the optimiser's last round enlarged the code; the compiler then keeps the round before. */
const HARMLESS = 'Last converge was suboptimal.\n';
const DATA_SECTION = 11;
const ZSTD_LEVELS = Array.from({ length: 30 }, (_, i) => i - 7);
/** Levels above it choose among matches by their prices, which takes ten times the memory. */
const MAX_SMALL_LEVEL = 15;
/** Segments that a thread packs in one step; larger ones have memory of their own. */
const MAX_SEGMENT_BYTES = 9 << 20;
const MAX_INPUT_BYTES = 2 ** 30;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const digest = digestOfInputs();
if (!isCurrent()) {
  mkdirSync('build', { recursive: true });
  for (const module of MODULES) await compile(module);
  for (const { name, embedded, constant } of MODULES) {
    const deflated = deflateRawSync(readFileSync(wasmOf(name)), { level: 9, memLevel: 9 });
    writeFileSync(embedded, `export const ${constant} =\n  '${deflated.toString('base64')}';\n`);
  }
  writeFileSync(LAYOUT_MODULE, layoutModule());
  writeFileSync(STAMP, digest);
}

function wasmOf(name) {
  return `build/${name}.wasm`;
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
  const outputs = [
    ...MODULES.flatMap(({ name, embedded }) => [wasmOf(name), embedded]),
    LAYOUT_MODULE,
    STAMP,
  ];
  return outputs.every((file) => existsSync(file)) && readFileSync(STAMP, 'utf8') === digest;
}

async function compile({ entry, name }) {
  const files = ['--outFile', wasmOf(name), '--textFile', `build/${name}.wat`];
  const { error, stdout, stderr } = await asc.main([entry, '--target', 'release', ...files]);
  process.stdout.write(stdout.toString());
  process.stderr.write(stderr.toString().replace(HARMLESS, ''));
  if (error) process.exit(1);
}

function layoutModule() {
  const [kernels, zstd] = MODULES.map(({ name }) => readFileSync(wasmOf(name)));
  if (hasSection(zstd, DATA_SECTION)) {
    process.stderr.write(
      'build/zstd.wasm has static data, which would overwrite that of build/kernels.wasm\n',
    );
    process.exit(1);
  }
  const exports = exportsOf(kernels);
  const zstdExports = exportsOf(zstd);
  const sizes = [['HEAP_BASE', exports.heapBase()], ...constantsOf(exports)];
  return (
    `export const LAYOUT = {\n${lines(sizes)}} as const;\n\n` +
    `export const ZSTD_LAYOUT = {\n${lines([...constantsOf(zstdExports), ...encodeScratch(zstdExports)])}} as const;\n`
  );
}

/** Scratch that encoding needs: of a segment at levels up to 15, at any level, of an input of any size. */
function encodeScratch({ zstdEncodeScratchBytes }) {
  const largest = (bytes, maxLevel = ZSTD_LEVELS.at(-1)) =>
    Math.max(
      ...ZSTD_LEVELS.filter((level) => level <= maxLevel).map((level) =>
        zstdEncodeScratchBytes(level, bytes),
      ),
    );
  return [
    ['ZSTD_SMALL_SCRATCH_BYTES', largest(MAX_SEGMENT_BYTES, MAX_SMALL_LEVEL)],
    ['ZSTD_SMALL_SCRATCH_MAX_LEVEL', MAX_SMALL_LEVEL],
    ['ZSTD_ENCODE_SCRATCH_BYTES', largest(MAX_SEGMENT_BYTES)],
    ['ZSTD_WIDE_SCRATCH_BYTES', largest(MAX_INPUT_BYTES)],
  ];
}

function exportsOf(wasm) {
  const memory = new WebAssembly.Memory({ initial: 1 });
  return new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } }).exports;
}

function constantsOf(exports) {
  return Object.entries(exports)
    .filter(([, value]) => value instanceof WebAssembly.Global)
    .map(([name, { value }]) => [name, value]);
}

function lines(constants) {
  return constants.map(([name, value]) => `  ${name}: ${value},\n`).join('');
}

/** Whether a module has a section of this id: an id, its bytes as LEB128, its content. */
function hasSection(wasm, id) {
  for (let at = 8; at < wasm.length; ) {
    if (wasm[at++] === id) return true;
    let bytes = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = wasm[at++];
      bytes |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += bytes;
  }
  return false;
}
