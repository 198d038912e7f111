// Native peers: our own C (`bench/native/`) and the distribution's libraries, called through an FFI package
// on the kernels' own memory, once for a whole set of pages. Compiled when the bench starts; what cannot be
// had is skipped, with the reason.
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
const AS_FAST_AS_IT_GOES = ['-O3', '-march=native'];
/** V8 has 128-bit vectors; so have these. */
const AS_WIDE_AS_WASM = ['-O3', '-msse2', '-mno-avx'];

/**
 * One entry a file of `bench/native/`: how it is compiled, what it is called in tables, its functions'
 * prototypes.
 */
const SOURCES = {
  scan: { flags: AS_WIDE_AS_WASM, functions: { scan_pages: `uint32_t (${BATCH}, void *classes)` } },
  'xxh3-sse2': {
    flags: AS_WIDE_AS_WASM,
    functions: { xxh3_64_pages: `void (${BATCH}, void *out)`, xxh3_128_pages: `void (${BATCH}, void *out)` },
  },
  rle: { flags: AS_FAST_AS_IT_GOES, functions: codec('rle') },
  'zero-aware': { flags: AS_FAST_AS_IT_GOES, functions: codec('zero_aware') },
  wkdm: { flags: AS_FAST_AS_IT_GOES, functions: codec('wkdm') },
  xbzrle: {
    flags: AS_FAST_AS_IT_GOES,
    functions: { xbzrle_encode: `void (const void *base, ${ENCODE})`, xbzrle_decode: `int32_t (${DECODE})` },
  },
  libc: {
    flags: AS_FAST_AS_IT_GOES,
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
  libzstd: { flags: ['-O2', '-l:libzstd.so.1'], functions: codec('libzstd') },
};

/**
 * Compiles and loads all of them. `functions` are those that could be had, by name; `skipped` tells of the
 * others why; `close` takes the compiled files away.
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
    const library = koffi.load(join(folder, `${name}.so`));
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

/** Undefined, or why it could not be done. */
function compile(compiler, name, flags, folder) {
  return compileC(compiler, name, join(folder, `${name}.so`), ['-shared', '-fPIC', ...flags]);
}

export const NO_COMPILER = 'no C compiler (cc, gcc or clang)';

export function findCompiler() {
  return ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
}

/** Compiles a file of `bench/native/`. Undefined, or why it could not be done. */
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
