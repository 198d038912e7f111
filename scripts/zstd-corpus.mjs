// Runs the zstd decoder on zstd's own tests: thousands of frames of its generator `decodecorpus`, its golden
// files (good and damaged), and mutated frames against a libzstd whose Huffman decoders check everything. All
// of it is built from zstd's sources, of which nothing is in this repository.
//
//   node scripts/zstd-corpus.mjs [--zstd CHECKOUT] [--frames N] [--mutations N] [--seed N]
//
// Without a checkout the sources are cloned (git, network). Needs cc and make, and `npm run build:internal`.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import koffi from 'koffi';
import { seeded } from '../bench/seeded.mjs';
import { createZstdKernels, ZSTD_LAYOUT } from '../build/internal.mjs';

const SOURCES = 'https://github.com/facebook/zstd';
const SLOT_BYTES = 32 << 20;
const MAX_WINDOW_BYTES = 2 ** 31;
const MAX_WINDOW_LOG = 100;
const RESET_ALL = 3;
/**
 * One symbol a look-up and no fast loop: libzstd's other Huffman decoders let streams pass that end too early
 * or too late.
 */
const STRICT = ['-DHUF_FORCE_DECOMPRESS_X1', '-DHUF_DISABLE_FAST_DECODE', '-DZSTD_LEGACY_SUPPORT=0'];

const { values } = parseArgs({
  options: {
    zstd: { type: 'string' },
    frames: { type: 'string', default: '3000' },
    mutations: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});
const work = mkdtempSync(join(tmpdir(), 'pageferry-zstd-'));
const failures = [];
try {
  const checkout = values.zstd ? resolve(values.zstd) : clone();
  const decode = await ourDecoder();
  const strict = strictDecoder(checkout);
  const frames = runFrames(checkout, decode);
  runGolden(checkout, decode, strict);
  runMutations(frames, decode, strict);
} finally {
  rmSync(work, { recursive: true, force: true });
}
for (const failure of failures.slice(0, 20)) process.stderr.write(`FAILED ${failure}\n`);
if (failures.length > 0) process.exitCode = 1;

function clone() {
  const folder = join(work, 'zstd');
  execFileSync('git', ['clone', '-q', '--depth', '1', SOURCES, folder], { stdio: 'inherit' });
  return folder;
}

/** Return our decoder: the content or a status. */
async function ourDecoder() {
  const scratch = 64;
  const src = scratch + ZSTD_LAYOUT.ZSTD_DECODE_SCRATCH_BYTES + 64;
  const out = src + SLOT_BYTES;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((out + SLOT_BYTES) / 65536) });
  const { zstdDecode } = await createZstdKernels(memory);
  const bytes = new Uint8Array(memory.buffer);
  return (frame, capacity) => {
    bytes.set(frame, src);
    const result = zstdDecode(src, frame.length, out, capacity, MAX_WINDOW_BYTES, scratch);
    return result < 0 ? result : Buffer.from(bytes.slice(out, out + result));
  };
}

/**
 * Build libzstd and return its decoder: the content or an error's name. Both of its decoders have to accept:
 * that of streams keeps the limits of blocks, that of one call compares the content's size also after an
 * empty last block.
 */
function strictDecoder(checkout) {
  const file = join(work, 'libzstd-strict.so');
  const sources = ['common', 'decompress'].flatMap((folder) =>
    readdirSync(join(checkout, 'lib', folder))
      .filter((name) => name.endsWith('.c'))
      .map((name) => join(checkout, 'lib', folder, name)),
  );
  execFileSync('cc', ['-O2', '-shared', '-fPIC', '-DZSTD_DISABLE_ASM', ...STRICT, ...sources, '-o', file]);
  const library = koffi.load(file);
  const buffer = koffi.struct({ at: 'void*', size: 'size_t', position: 'size_t' });
  const inOut = koffi.inout(koffi.pointer(buffer));
  const stream = library.func('ZSTD_decompressStream', 'size_t', ['void*', inOut, inOut]);
  const isError = library.func('uint ZSTD_isError(size_t)');
  const errorName = library.func('const char* ZSTD_getErrorName(size_t)');
  const context = library.func('void* ZSTD_createDCtx()')();
  const decompress = library.func('size_t ZSTD_decompressDCtx(void*, void*, size_t, const void*, size_t)');
  const reset = library.func('size_t ZSTD_DCtx_reset(void*, int)');
  const set = library.func('size_t ZSTD_DCtx_setParameter(void*, int, int)');
  return (frame, capacity) => {
    reset(context, RESET_ALL);
    const content = Buffer.alloc(capacity + 1);
    const bytes = decompress(context, content, capacity, frame, frame.length);
    if (isError(bytes)) return errorName(bytes);
    reset(context, RESET_ALL);
    set(context, MAX_WINDOW_LOG, 31);
    const out = { at: Buffer.alloc(capacity + 1), size: capacity, position: 0 };
    let hint = 0;
    // Not in one piece: it would then decode the frame in one call, which is less strict.
    const cuts = [0, Math.max(0, frame.length - 1), frame.length];
    for (let i = 0; i < 2; i++) {
      const piece = Buffer.from(frame.subarray(cuts[i], cuts[i + 1]));
      const from = { at: piece, size: piece.length, position: 0 };
      while (from.position < piece.length) {
        const before = from.position + out.position;
        const result = stream(context, out, from);
        if (isError(result)) return errorName(result);
        hint = Number(result);
        if (from.position + out.position === before) return 'output full';
      }
    }
    return hint === 0 ? content.subarray(0, Number(bytes)) : 'truncated';
  };
}

/** Decode generated frames, small and large ones; return the small ones. */
function runFrames(checkout, decode) {
  const tests = join(checkout, 'tests');
  if (!existsSync(join(tests, 'decodecorpus')))
    execFileSync('make', ['-s', '-C', tests, 'decodecorpus'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [frames, contents] = ['frames', 'contents'].map((name) => join(work, name));
  for (const folder of [frames, contents]) mkdirSync(folder);
  const small = [];
  let count = 0;
  for (const [part, log] of [12, 16, 20].entries()) {
    const seed = `-s${Number(values.seed) + part}`;
    const options = [seed, `-n${Math.ceil(Number(values.frames) / 3)}`, `--max-content-size-log=${log}`];
    execFileSync(join(tests, 'decodecorpus'), [...options, `-p${frames}`, `-o${contents}`], {
      stdio: 'ignore',
    });
    for (const name of readdirSync(frames)) {
      const frame = readFileSync(join(frames, name));
      const content = readFileSync(join(contents, name.replace(/\.zst$/, '')));
      const decoded = decode(frame, content.length);
      if (!isEqual(decoded, content)) failures.push(`decodecorpus ${seed} ${name}: ${outcome(decoded)}`);
      if (content.length <= 4096) small.push({ frame, bytes: content.length });
      count++;
      rmSync(join(frames, name));
    }
  }
  process.stdout.write(`decodecorpus: ${count} frames decoded, ${failures.length} wrong\n`);
  return small;
}

/** Compare with libzstd on the golden files, good and damaged. */
function runGolden(checkout, decode, strict) {
  for (const folder of ['golden-decompression', 'golden-decompression-errors']) {
    const names = readdirSync(join(checkout, 'tests', folder)).filter((name) => name.endsWith('.zst'));
    for (const name of names) {
      const frame = readFileSync(join(checkout, 'tests', folder, name));
      const capacity = 4 << 20;
      const [ours, theirs] = [decode(frame, capacity), strict(frame, capacity)];
      const isGood = folder === 'golden-decompression';
      if (!isEqual(ours, theirs) || isGood !== Buffer.isBuffer(ours))
        failures.push(`${folder}/${name}: ${outcome(ours)}, libzstd: ${outcome(theirs)}`);
    }
    process.stdout.write(`${folder}: ${names.length} files\n`);
  }
}

/**
 * Flip bits of generated frames, which use every kind of table: both must accept the same, with the same
 * bytes.
 */
function runMutations(frames, decode, strict) {
  const next = seeded(Number(values.seed));
  const total = Number(values.mutations);
  let accepted = 0;
  for (let number = 0; number < total; number++) {
    const { frame, bytes } = frames[next() % frames.length];
    let input = Uint8Array.from(frame);
    for (let left = 1 + (next() % 3); left > 0; left--)
      input[next() % input.length] ^= next() % 4 ? 1 << (next() % 8) : next() & 255;
    if (next() % 8 === 0) input = input.subarray(0, next() % input.length);
    const capacity = bytes + (next() % 300);
    const [ours, theirs] = [decode(input, capacity), strict(input, capacity)];
    if (Buffer.isBuffer(ours)) accepted++;
    if (!isEqual(ours, theirs))
      failures.push(`mutation ${number}: ${outcome(ours)}, libzstd: ${outcome(theirs)}`);
  }
  process.stdout.write(`mutated frames: ${total}, accepted ${accepted}\n`);
}

/** Whether two outcomes are the same bytes, or both refusals. */
function isEqual(a, b) {
  if (!Buffer.isBuffer(a) || !Buffer.isBuffer(b)) return !Buffer.isBuffer(a) && !Buffer.isBuffer(b);
  return Buffer.compare(a, b) === 0;
}

function outcome(result) {
  return Buffer.isBuffer(result) ? `${result.length} bytes` : String(result);
}
