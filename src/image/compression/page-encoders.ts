import type { Compression } from './decompress.js';
import { LzoEncoder, MAX_LZO_BYTES } from './lzo-encoder.js';
import { MAX_SNAPPY_BYTES, SnappyEncoder } from './snappy-encoder.js';
import { FastDeflate, MAX_DEFLATED_BYTES } from './zlib/deflate-fast.js';

/** Compresses a page to the bytes that a library writes, always the same. */
export interface PageEncoder {
  /** Write to `out`, which has 2 x content + 64 bytes. Returns the number of bytes. */
  encode(content: Uint8Array, out: Uint8Array): number;
}

interface KnownEncoder {
  /** Number in a container; never reused. */
  readonly id: number;
  readonly compression: Compression;
  readonly maxBytes: number;
  create(): PageEncoder;
}

const ENCODERS: readonly KnownEncoder[] = [
  { id: 1, compression: 'zlib', maxBytes: MAX_DEFLATED_BYTES, create: () => new FastDeflate() },
  { id: 2, compression: 'lzo', maxBytes: MAX_LZO_BYTES, create: () => new LzoEncoder() },
  { id: 3, compression: 'snappy', maxBytes: MAX_SNAPPY_BYTES, create: () => new SnappyEncoder('shift') },
  { id: 4, compression: 'snappy', maxBytes: MAX_SNAPPY_BYTES, create: () => new SnappyEncoder('mask') },
];

/** Encoders of pages of `bytes` bytes, by number; empty if no library's output is known. */
export function encodersOf(compression: Compression, bytes: number): readonly KnownEncoder[] {
  return ENCODERS.filter((encoder) => encoder.compression === compression && bytes <= encoder.maxBytes);
}

/** Undefined for a number that is not known, or pages that are too large for it. */
export function encoderById(id: number, bytes: number): PageEncoder | undefined {
  return ENCODERS.find((encoder) => encoder.id === id && bytes <= encoder.maxBytes)?.create();
}
