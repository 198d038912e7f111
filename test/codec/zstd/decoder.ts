// The zstd decoder between canaries, with its input at the end of the memory, and libzstd through the FFI as
// the cross-check.
import { createRequire } from 'node:module';
import { ZSTD_LAYOUT } from '../../../src/kernels/layout.generated.js';
import type { ZstdExports } from '../../../src/kernels/zstd-exports.js';
import { createZstdKernels } from '../../../testing/zstd-kernels.js';
import { zstdDecodeReference } from '../../reference/zstd.js';
import { ZstdDefect } from '../../reference/zstd-readers.js';

const CANARY = 0xa5;
const BAND_BYTES = 128;
const SLACK = 64;

export interface TestDecoder {
  readonly run: ZstdExports;
  readonly bytes: Uint8Array;
  readonly scratch: number;
  /**
   * Decode to at most `capacity` bytes; return them or the status. The input ends where a read past its slack
   * would trap. Throws when something outside the slots was written.
   */
  decode(input: Uint8Array, capacity: number, maxWindowBytes?: number): Uint8Array | number;
}

/** Return a decoder for inputs and outputs of at most `maxBytes` bytes each. */
export async function testDecoder(maxBytes: number): Promise<TestDecoder> {
  const scratch = 64 + BAND_BYTES;
  const scratchEnd = scratch + ZSTD_LAYOUT.ZSTD_DECODE_SCRATCH_BYTES;
  const out = Math.ceil((scratchEnd + 2 * BAND_BYTES) / 64) * 64;
  const pages = Math.ceil((out + 2 * maxBytes + 2 * BAND_BYTES + SLACK) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const run = await createZstdKernels(memory);
  const bytes = new Uint8Array(memory.buffer);
  let dirt = 0;
  const decode = (input: Uint8Array, capacity: number, maxWindowBytes = 2 ** 32 - 1) => {
    const src = bytes.length - SLACK - input.length;
    bytes.set(input, src);
    // What is in the slack and in the output must not matter.
    dirt = (dirt + 77) & 255;
    bytes.fill(dirt, src + input.length);
    const to = out + (dirt & 63);
    bytes.fill(dirt, to, to + Math.min(capacity, 4096));
    const guards = [scratch - BAND_BYTES, scratchEnd, to - BAND_BYTES, to + capacity];
    for (const at of guards) bytes.fill(CANARY, at, at + BAND_BYTES);
    const result = run.zstdDecode(src, input.length, to, capacity, maxWindowBytes, scratch);
    for (const at of guards)
      if (bytes.subarray(at, at + BAND_BYTES).some((byte) => byte !== CANARY))
        throw new Error(`wrote outside its slots: ${input.length} bytes, capacity ${capacity}`);
    if (Buffer.compare(bytes.subarray(src, src + input.length), input) !== 0)
      throw new Error('wrote to its input');
    return result < 0 ? result : bytes.slice(to, to + result);
  };
  return { run, bytes, scratch, decode };
}

/** Return what the reference implementation makes of an input: its content, or why it is not valid. */
export function reference(input: Uint8Array, capacity: number, maxWindowBytes?: number): Uint8Array | string {
  try {
    return zstdDecodeReference(input, capacity, maxWindowBytes);
  } catch (error) {
    if (error instanceof ZstdDefect) return error.message;
    throw error;
  }
}

/** Return whether two outcomes are the same bytes, or both refusals. */
export function agree(a: Uint8Array | string | number, b: Uint8Array | string | number): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array
    ? Buffer.compare(a, b) === 0
    : !(a instanceof Uint8Array) && !(b instanceof Uint8Array);
}

interface CompressOptions {
  readonly checksum?: boolean;
  /** Do not state the content's size. */
  readonly unsized?: boolean;
  /** Log of the window; above 27 with the search of long distances. */
  readonly windowLog?: number;
  /** Upper limit of a block's coded bytes, so that there are many. */
  readonly blockBytes?: number;
}

/** libzstd. */
export interface Libzstd {
  readonly version: string;
  compress(content: Uint8Array, level: number, options?: CompressOptions): Uint8Array;
  /** Decode in one call; the content, or the error's name. */
  decompress(input: Uint8Array, capacity: number): Uint8Array | string;
  /** Decode a stream that comes in pieces of `pieceBytes` bytes. */
  decompressPieces(input: Uint8Array, capacity: number, pieceBytes: number): Uint8Array | string;
}

const LEVEL = 100;
const WINDOW_LOG = 101;
const LONG_DISTANCE = 160;
const CONTENT_SIZE = 200;
const CHECKSUM = 201;
const TARGET_BLOCK_BYTES = 1003;
const MAX_WINDOW_LOG = 100;
const RESET_ALL = 3;

/** Load libzstd, or return the reason why it cannot be used. */
export function loadLibzstd(): Libzstd | string {
  try {
    return bindings(createRequire(import.meta.url)('koffi'));
  } catch (error) {
    return `libzstd cannot be loaded: ${(error as Error).message}`;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the FFI package has no types for what it loads
function bindings(koffi: any): Libzstd {
  // Bound to itself: a Node that has zstd exports functions of the same names.
  const library = koffi.load('libzstd.so.1', { deep: true });
  const buffer = koffi.struct({ at: 'void*', size: 'size_t', position: 'size_t' });
  const isError = library.func('uint ZSTD_isError(size_t)');
  const errorName = library.func('const char* ZSTD_getErrorName(size_t)');
  const bound = library.func('size_t ZSTD_compressBound(size_t)');
  const compressor = library.func('void* ZSTD_createCCtx()')();
  const resetCompressor = library.func('size_t ZSTD_CCtx_reset(void*, int)');
  const setCompressor = library.func('size_t ZSTD_CCtx_setParameter(void*, int, int)');
  const compress2 = library.func('size_t ZSTD_compress2(void*, void*, size_t, const void*, size_t)');
  const decompress = library.func('size_t ZSTD_decompress(void*, size_t, const void*, size_t)');
  const decompressor = library.func('void* ZSTD_createDCtx()')();
  const resetDecompressor = library.func('size_t ZSTD_DCtx_reset(void*, int)');
  const setDecompressor = library.func('size_t ZSTD_DCtx_setParameter(void*, int, int)');
  const stream = library.func('ZSTD_decompressStream', 'size_t', [
    'void*',
    koffi.inout(koffi.pointer(buffer)),
    koffi.inout(koffi.pointer(buffer)),
  ]);
  const checked = (result: number) => {
    if (isError(result)) throw new Error(errorName(result));
    return Number(result);
  };
  return {
    version: library.func('const char* ZSTD_versionString()')(),
    compress(content, level, options = {}) {
      resetCompressor(compressor, RESET_ALL);
      const set = (parameter: number, value: number) => checked(setCompressor(compressor, parameter, value));
      set(LEVEL, level);
      set(CHECKSUM, options.checksum ? 1 : 0);
      set(CONTENT_SIZE, options.unsized ? 0 : 1);
      if (options.windowLog !== undefined) set(WINDOW_LOG, options.windowLog);
      if (options.windowLog !== undefined && options.windowLog > 24) set(LONG_DISTANCE, 1);
      if (options.blockBytes !== undefined) set(TARGET_BLOCK_BYTES, options.blockBytes);
      const out = Buffer.alloc(Number(bound(content.length)) + 1024);
      // A copy, and no Buffer: its `slice` would share the bytes.
      return new Uint8Array(
        out.subarray(0, checked(compress2(compressor, out, out.length, content, content.length))),
      );
    },
    decompress(input, capacity) {
      const out = Buffer.alloc(Math.max(1, capacity));
      const result = decompress(out, capacity, input, input.length);
      return isError(result) ? errorName(result) : out.subarray(0, Number(result));
    },
    decompressPieces(input, capacity, pieceBytes) {
      resetDecompressor(decompressor, RESET_ALL);
      checked(setDecompressor(decompressor, MAX_WINDOW_LOG, 31));
      const content = Buffer.alloc(Math.max(1, capacity));
      // The FFI package replaces `at` by a pointer.
      const out = { at: content, size: capacity, position: 0 };
      let hint = 0;
      for (let at = 0; at < input.length; at += pieceBytes) {
        const piece = Buffer.from(input.subarray(at, at + pieceBytes));
        const from = { at: piece, size: piece.length, position: 0 };
        while (Number(from.position) < piece.length) {
          const before = [from.position, out.position];
          const result = stream(decompressor, out, from);
          if (isError(result)) return errorName(result);
          hint = Number(result);
          if (Number(from.position) === Number(before[0]) && Number(out.position) === Number(before[1]))
            return 'output full';
        }
      }
      return hint === 0 ? content.subarray(0, Number(out.position)) : 'truncated';
    },
  };
}
