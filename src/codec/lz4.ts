import type { Kernels } from '../kernels/kernels.js';
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
 * length's top bit marks a block that is stored uncompressed because LZ4 does not shrink it. The segment is
 * `count` runs, of which address and length are two words each at `runs`. `block`: 64 KiB for the bytes of a
 * block that is not in one run. The capacity at `out` is `packedLz4Capacity` of the segment's bytes.
 */
export function packLz4Runs(
  { kernels, lz4Scratch }: CodecContext,
  runs: number,
  count: number,
  out: number,
  block: number,
): number {
  const { words } = kernels;
  const end = (runs >>> 2) + 2 * count;
  let run = runs >>> 2;
  /** Bytes of the run that are packed, and of the block that were copied. */
  let done = 0;
  let collected = 0;
  let to = out;
  while (run < end) {
    const address = words[run]! + done;
    const left = words[run + 1]! - done;
    if (collected === 0 && left >= LZ4_BLOCK_BYTES) {
      to = packBlock(kernels, lz4Scratch, address, LZ4_BLOCK_BYTES, to);
      done += LZ4_BLOCK_BYTES;
    } else {
      const copied = Math.min(left, LZ4_BLOCK_BYTES - collected);
      kernels.run.copyBytes(block + collected, address, copied);
      collected += copied;
      done += copied;
      if (collected === LZ4_BLOCK_BYTES) {
        to = packBlock(kernels, lz4Scratch, block, collected, to);
        collected = 0;
      }
    }
    if (done === words[run + 1]!) {
      run += 2;
      done = 0;
    }
  }
  if (collected > 0) to = packBlock(kernels, lz4Scratch, block, collected, to);
  return to - out;
}

/** Pack a segment that is in one piece; as `packLz4Runs`. */
export function packLz4(
  { kernels, lz4Scratch }: CodecContext,
  segment: number,
  bytes: number,
  out: number,
): number {
  let to = out;
  for (let done = 0; done < bytes; done += LZ4_BLOCK_BYTES)
    to = packBlock(kernels, lz4Scratch, segment + done, Math.min(LZ4_BLOCK_BYTES, bytes - done), to);
  return to - out;
}

/** Pack one block and return the end of its bytes. */
function packBlock(
  { run, bytes }: Kernels,
  scratch: number,
  block: number,
  size: number,
  to: number,
): number {
  let coded = run.lz4Encode(block, size, to + 4, size - 1, scratch);
  let length = coded;
  if (coded < 0) {
    run.copyBytes(to + 4, block, size);
    coded = size;
    length = (STORED | size) >>> 0;
  }
  writeU32(bytes, to, length);
  return to + 4 + coded;
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
      kernels.run.copyBytes(out + done, next, coded);
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
