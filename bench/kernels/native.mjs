// Native peers: C code in `bench/native/` and the distribution's libraries, called through koffi on the
// kernels' memory, once for a whole set of pages. Compiled when the suite starts; unavailable ones are
// skipped with a reason.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BATCH = 'const void *src, uint32_t pages, uint32_t page_bytes';
const ENCODE = `${BATCH}, void *out, uint32_t capacity, void *lens`;
const DECODE = 'const void *in, const void *lens, uint32_t pages, uint32_t page_bytes, void *out';
const codec = (name) => ({
  [`${name}_encode`]: `void (${ENCODE})`,
  [`${name}_decode`]: `int32_t (${DECODE})`,
});
const OPTIMISED = ['-O3', '-march=native'];
/** Vectors of 128 bits, as in WebAssembly. */
const VECTORS_128 = ['-O3', '-msse2', '-mno-avx'];

/** One entry per file of `bench/native/`: compiler flags and the prototypes of its functions. */
const SOURCES = {
  scan: { flags: VECTORS_128, functions: { scan_pages: `uint32_t (${BATCH}, void *classes)` } },
  'xxh3-sse2': {
    flags: VECTORS_128,
    functions: { xxh3_64_pages: `void (${BATCH}, void *out)`, xxh3_128_pages: `void (${BATCH}, void *out)` },
  },
  rle: { flags: OPTIMISED, functions: codec('rle') },
  'zero-aware': { flags: OPTIMISED, functions: codec('zero_aware') },
  wkdm: { flags: OPTIMISED, functions: codec('wkdm') },
  xbzrle: {
    flags: OPTIMISED,
    functions: { xbzrle_encode: `void (const void *base, ${ENCODE})`, xbzrle_decode: `int32_t (${DECODE})` },
  },
  libc: {
    flags: OPTIMISED,
    functions: {
      memcmp_pages: `uint32_t (const void *a, const void *b, uint32_t pages, uint32_t page_bytes)`,
    },
  },
  libxxhash: {
    flags: ['-O2', '-l:libxxhash.so.0'],
    functions: {
      libxxhash_64_pages: `void (${BATCH}, void *out)`,
      libxxhash_128_pages: `void (${BATCH}, void *out)`,
    },
  },
  liblz4: { flags: ['-O2', '-l:liblz4.so.1'], functions: codec('liblz4') },
  libzstd: {
    flags: ['-O2', '-l:libzstd.so.1'],
    functions: { ...codec('libzstd'), ...codec('libzstd3') },
  },
};

/**
 * Compile and load all of them. `functions` has those available, by name; `skipped` the reasons for the
 * others; `close` removes the compiled files.
 */
export async function openNative() {
  const skipped = {};
  const functions = {};
  const compiler = findCompiler();
  const koffi = await import('koffi').then(
    ({ default: loaded }) => loaded,
    (error) => ({ missing: error.message.split('\n')[0] }),
  );
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-native-'));
  for (const [name, { flags, functions: prototypes }] of Object.entries(SOURCES)) {
    const reason = koffi.missing ?? (compiler ? compile(compiler, name, flags, folder) : NO_COMPILER);
    if (reason) {
      skipped[name] = reason;
      continue;
    }
    // A library's own symbols come first: Node 22.15 and later exports a libzstd of another version.
    const library = koffi.load(join(folder, `${name}.so`), { deep: true });
    for (const [symbol, prototype] of Object.entries(prototypes))
      functions[symbol] = library.func(prototype.replace(' (', ` ${symbol}(`));
  }
  const version = compiler
    ? spawnSync(compiler, ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0]
    : undefined;
  return {
    functions,
    skipped,
    compiler: version,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Compile a shared library. Returns the reason if that fails. */
function compile(compiler, name, flags, folder) {
  return compileC(compiler, name, join(folder, `${name}.so`), ['-shared', '-fPIC', ...flags]);
}

export const NO_COMPILER = 'no C compiler (cc, gcc or clang)';

export function findCompiler() {
  return ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
}

/** Compile a file of `bench/native/`. Returns the reason if that fails. */
export function compileC(compiler, name, out, flags) {
  const source = fileURLToPath(new URL(`../native/${name}.c`, import.meta.url));
  const libraries = flags.filter((flag) => flag.startsWith('-l'));
  const options = flags.filter((flag) => !flag.startsWith('-l'));
  const args = [...options, '-std=gnu11', '-o', out, source, ...libraries];
  const { status, stderr, error } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  const lines = (error?.message ?? stderr).split('\n');
  return (lines.find((line) => /error|cannot find/.test(line)) ?? lines[0]).trim();
}
