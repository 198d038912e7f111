import { badArgument, PageferryError } from '../page/error.js';
import type { PageCodec } from './codec.js';
import { unpackZstd } from './zstd/segment.js';

/**
 * Zstandard (`docs/codecs/zstd.md`). `encode` codes one page alone into one frame, by the kernels (choice
 * `zstd-page`); a segment of many pages is packed by the kernels or by Node's own zstd (22.15 on).
 */
export const zstd = {
  name: 'zstd',
  wireId: 11,
  family: 'packing',
  operands: { bytes: 'own' },
  base: 'none',
  costRank: 8,
  pageClass: 'packed',
  label: 'packed in groups',
  encode: ({ kernels, zstdScratch, zstdPageLevel }, page, pageBytes, out, capacity) =>
    kernels.zstd.zstdEncode(page, pageBytes, out, capacity, zstdPageLevel, 0, zstdScratch),
  decode: ({ kernels, zstdDecodeScratch }, coded, codedBytes, page, pageBytes) =>
    unpackZstd(kernels, zstdDecodeScratch, coded, codedBytes, page, pageBytes),
} as const satisfies PageCodec;

/** Bytes that are read piece by piece. */
interface Pieces {
  readonly bytes: number;
  /** Return the bytes from `from` on, up to `to`, in memory of their own. */
  read(from: number, to: number): Uint8Array;
}

/** A Zstandard implementation beside that of the kernels, as this package uses one. */
export interface Zstd {
  /** Which one: `node:zlib`, `pageferry`, or a name of yours. */
  readonly name: string;
  /** One whole zstd frame that declares its content size. */
  compress(bytes: Uint8Array, level: number): Uint8Array;
  /** The same off this thread, where the implementation can; `bytes` must not change until it is done. */
  compressAsync?(bytes: Uint8Array, level: number): Promise<Uint8Array>;
  /**
   * Compress a segment that is too large for one step into one frame whose window is the whole segment, off
   * this thread. Slow. Absent: `compress` has to do.
   */
  compressPieces?(pieces: Pieces, level: number, signal: AbortSignal): Promise<Uint8Array>;
  /** Exactly `contentBytes` bytes. @throws any error when the frame is not sound */
  decompress(frame: Uint8Array, contentBytes: number): Uint8Array;
  /**
   * The same to `into`, which has exactly the content's size, where the implementation can; returns the
   * number of bytes.
   */
  decompressInto?(frame: Uint8Array, into: Uint8Array): number;
}

/**
 * Let only a frame through that declares exactly this content size and no dictionary, so that no decoder
 * allocates more than was announced (RFC 8878, 3.1.1.1).
 */
export function checkedFrame(frame: Uint8Array, contentBytes: number): Uint8Array {
  const declared = frameContentBytes(frame);
  if (declared !== contentBytes)
    throw new PageferryError(
      'bad-stream',
      `zstd frame: expected a content of ${contentBytes} bytes, it declares ${declared ?? 'none'}`,
    );
  return frame;
}

/** Check what a caller's zstd returned for `bytes` bytes. @throws PageferryError `bad-argument` */
export function checkedResult({ name }: Zstd, frame: Uint8Array, bytes: number): Uint8Array {
  if (frame instanceof Uint8Array && frameContentBytes(frame) === bytes) return frame;
  throw badArgument(`zstd "${name}": compress returned no zstd frame that declares ${bytes} bytes`);
}

/** Return the content size that a frame declares, or undefined when it declares none or has a dictionary. */
export function frameContentBytes(frame: Uint8Array): number | undefined {
  if (frame.length < 6 || frame[0] !== 0x28 || frame[1] !== 0xb5 || frame[2] !== 0x2f || frame[3] !== 0xfd)
    return undefined;
  const descriptor = frame[4]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x0b) !== 0) return undefined;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
  const at = singleSegment ? 5 : 6;
  if (sizeBytes === 0 || at + sizeBytes > frame.length) return undefined;
  let size = 0;
  for (let i = sizeBytes - 1; i >= 0; i--) size = size * 256 + frame[at + i]!;
  return sizeBytes === 2 ? size + 256 : size;
}
