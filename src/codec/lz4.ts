import { STATUS } from '../kernels/status.js';
import type { CodecContext, PageCodec } from './codec.js';

/** Largest block: matches reach across the pages of a block. */
const LZ4_BLOCK_BYTES = 65536;
const STORED = 0x80000000;

/**
 * The LZ4 block format (`docs/codecs/lz4.md`). `encode` codes one page alone; in a stream, a segment of many
 * pages is packed in blocks of up to 64 KiB (`packLz4`).
 */
export const lz4 = {
  name: 'lz4',
  wireId: 10,
  family: 'packing',
  operands: { bytes: 'own' },
  base: 'none',
  costRank: 7,
  pageClass: 'packed',
  label: 'packed in groups',
  encode: ({ kernels, lz4Scratch }, page, pageBytes, out, capacity) =>
    kernels.run.lz4Encode(page, pageBytes, out, capacity, lz4Scratch),
  decode: ({ kernels }, coded, codedBytes, page, pageBytes) =>
    kernels.run.lz4Decode(coded, codedBytes, page, pageBytes),
} as const satisfies PageCodec;

/** Return the capacity that `packLz4` needs: every block stored uncompressed after its length. */
export function packedLz4Capacity(bytes: number): number {
  return bytes + 4 * Math.ceil(bytes / LZ4_BLOCK_BYTES);
}

/**
 * Pack a segment and return the packed bytes: for each 64 KiB of it `u32 length | LZ4 block`, where the
 * length's top bit marks a block that is stored uncompressed because LZ4 does not shrink it. The capacity at
 * `out` is `packedLz4Capacity(bytes)`.
 */
export function packLz4(
  { kernels, lz4Scratch }: CodecContext,
  segment: number,
  bytes: number,
  out: number,
): number {
  let end = out;
  for (let done = 0; done < bytes; done += LZ4_BLOCK_BYTES) {
    const blockBytes = Math.min(LZ4_BLOCK_BYTES, bytes - done);
    const block = segment + done;
    let coded = kernels.run.lz4Encode(block, blockBytes, end + 4, blockBytes - 1, lz4Scratch);
    let length = coded;
    if (coded < 0) {
      kernels.bytes.copyWithin(end + 4, block, block + blockBytes);
      coded = blockBytes;
      length = (STORED | blockBytes) >>> 0;
    }
    writeU32(kernels.bytes, end, length);
    end += 4 + coded;
  }
  return end - out;
}

/** Unpack a segment of exactly `bytes` bytes; return `bytes` or a negative STATUS. */
export function unpackLz4(
  { kernels }: CodecContext,
  packed: number,
  packedBytes: number,
  out: number,
  bytes: number,
): number {
  let left = packedBytes;
  let next = packed;
  for (let done = 0; done < bytes; done += LZ4_BLOCK_BYTES) {
    if (left < 4) return STATUS.TRUNCATED;
    const length = readU32(kernels.bytes, next);
    const coded = length & ~STORED;
    next += 4;
    left -= 4;
    if (coded > left) return STATUS.TRUNCATED;
    const blockBytes = Math.min(LZ4_BLOCK_BYTES, bytes - done);
    if (length >= STORED) {
      if (coded !== blockBytes) return STATUS.BAD_TOKEN;
      kernels.bytes.copyWithin(out + done, next, next + coded);
    } else {
      const status = kernels.run.lz4Decode(next, coded, out + done, blockBytes);
      if (status < 0) return status;
    }
    next += coded;
    left -= coded;
  }
  return left === 0 ? bytes : STATUS.TRAILING;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
