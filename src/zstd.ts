/**
 * `pageferry/zstd`: Zstandard (RFC 8878) in WebAssembly, for Node and browsers, without a dependency. The
 * same kernels as the page codec's. See docs/zstd.md.
 */
import { type ByteTransform, byteTransform } from './codec/zstd/byte-coder.js';
import { compressed } from './codec/zstd/compress.js';
import { type DecompressLimits, decompressed } from './codec/zstd/decompress.js';
import { compressNow, decompressNow } from './codec/zstd/one-shot.js';
import { loadZstdKernels } from './kernels/zstd-now.js';
import { checkBytes } from './page/check-bytes.js';
import { badArgument } from './page/error.js';
import { checkOptions, type OptionTypes } from './page/options.js';

export type { ByteTransform } from './codec/zstd/byte-coder.js';
export { type ErrorCode, PageferryError } from './page/error.js';

const DEFAULT_LEVEL = 3;
const MIN_LEVEL = -7;
const MAX_LEVEL = 22;
const GIB = 2 ** 30;
/** As zstd's own tools: 128 MiB. */
const DEFAULT_WINDOW_BYTES = 128 << 20;
const MIN_WINDOW_BYTES = 1024;
const MAX_WINDOW_BYTES = 2 * GIB;

/** Options of compression. */
export interface CompressOptions {
  /**
   * Speed against size, -7 … 22; default 3. Levels of 5 and more take several times the time of level 3 for
   * a few per cent fewer bytes, those of 16 and more a hundred times.
   */
  readonly level?: number;
  /** Whether a frame ends with a checksum of its content, 4 bytes; default false. */
  readonly checksum?: boolean;
}

/** Options of decompression. */
export interface DecompressOptions {
  /** Most bytes of output; default 1 GiB for `decompress`, no limit for streams. */
  readonly maxBytes?: number;
  /**
   * Largest window of a frame, in bytes: what a stream's decoder needs memory for; default 128 MiB for
   * streams, as zstd's own tools, and 2 GiB for `decompress`. The window of a frame of one segment is its
   * content.
   */
  readonly maxWindowBytes?: number;
}

const COMPRESS_TYPES: OptionTypes<CompressOptions> = { level: 'number', checksum: 'boolean' };
const DECOMPRESS_TYPES: OptionTypes<DecompressOptions> = { maxBytes: 'number', maxWindowBytes: 'number' };

/**
 * Compile the module. Needed once before `compress` and `decompress` outside of Node; Node compiles it at the
 * first call. Streams need no call.
 */
export function ready(): Promise<void> {
  return loadZstdKernels();
}

/**
 * Compress `bytes` (up to 1 GiB) into one frame that declares its content size. The same input and options
 * give the same bytes everywhere.
 * @throws PageferryError `bad-argument`; `limit` for more than 1 GiB or too little address space;
 *   `unsupported` outside of Node before `ready`
 */
export function compress(bytes: Uint8Array, options: CompressOptions = {}): Uint8Array<ArrayBuffer> {
  const { level, checksum } = compressSettings('compress', options);
  checkBytes('compress', bytes);
  return compressNow(bytes, level, checksum);
}

/**
 * Decompress all frames of `bytes`; skippable frames are skipped. Memory is taken as output arrives, not by
 * the sizes that frames declare.
 * @throws PageferryError `bad-stream` for input that is truncated, damaged or followed by other bytes;
 * `limit`
 *   above `maxBytes`; `unsupported` for a dictionary, or outside of Node before `ready`
 */
export function decompress(bytes: Uint8Array, options: DecompressOptions = {}): Uint8Array<ArrayBuffer> {
  const limits = decompressLimits('decompress', options, GIB, MAX_WINDOW_BYTES);
  checkBytes('decompress', bytes);
  return decompressNow(bytes, limits);
}

/**
 * Return a pair of web streams that compresses into one frame, for `pipeThrough`. Memory: a window of 2 MiB,
 * or 8 MiB from level 5 on, and tables. @throws PageferryError `bad-argument`
 */
export function createCompressStream(options: CompressOptions = {}): ByteTransform {
  const { level, checksum } = compressSettings('createCompressStream', options);
  return byteTransform(() => ready().then(() => compressed(level, checksum)));
}

/**
 * Return a pair of web streams that decompresses, for `pipeThrough`: one frame or several. Both sides fail
 * with the error. @throws PageferryError `bad-argument`
 */
export function createDecompressStream(options: DecompressOptions = {}): ByteTransform {
  const limits = decompressLimits('createDecompressStream', options, Infinity, DEFAULT_WINDOW_BYTES);
  return byteTransform(() => ready().then(() => decompressed(limits)));
}

function decompressLimits(
  call: string,
  options: DecompressOptions,
  defaultBytes: number,
  defaultWindowBytes: number,
): DecompressLimits {
  checkOptions(call, options, DECOMPRESS_TYPES);
  const { maxBytes = defaultBytes, maxWindowBytes = defaultWindowBytes } = options;
  if (!(maxBytes >= 0)) throw badArgument(`maxBytes: expected a number of bytes, got ${maxBytes}`);
  return {
    maxBytes,
    maxWindowBytes: checkInteger('maxWindowBytes', maxWindowBytes, MIN_WINDOW_BYTES, MAX_WINDOW_BYTES),
  };
}

function compressSettings(call: string, options: CompressOptions) {
  checkOptions(call, options, COMPRESS_TYPES);
  const { level = DEFAULT_LEVEL, checksum = false } = options;
  return { level: checkInteger('level', level, MIN_LEVEL, MAX_LEVEL), checksum };
}

function checkInteger(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw badArgument(`${name}: expected a whole number, ${min} … ${max}, got ${value}`);
}
