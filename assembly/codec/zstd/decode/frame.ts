// Frames (RFC 8878, 3.1): header, blocks, checksum. A caller decodes all frames of a slot in one call, or
// header, blocks and end one by one.

import { xxh64Digest, xxh64Init } from "../../../hash/xxh64";
import {
  BAD_CHECKSUM,
  BAD_HEADER,
  DICTIONARY,
  OVERRUN,
  SHORT,
  TRUNCATED,
  WINDOW_LIMIT,
} from "../../../status";
import { ZSTD_MAGIC, ZSTD_MAX_BLOCK_BYTES } from "../format";
import { zstdBlockBytes, zstdDecodeBlock } from "./block";
import { prepareScratch } from "./constants";
import {
  HAS_TABLES,
  HASH_STATE,
  HUFFMAN_BITS,
  LAST_OFFSETS,
  PRODUCED,
  ZSTD_BLOCK_IS_LAST,
  ZSTD_FRAME_CONTENT_BYTES,
  ZSTD_FRAME_HAS_CHECKSUM,
  ZSTD_FRAME_IS_SKIPPABLE,
  ZSTD_FRAME_MAX_BLOCK_BYTES,
  ZSTD_FRAME_WINDOW_BYTES,
} from "./scratch";

const SKIPPABLE_MAGIC: u32 = 0x184d2a50;
const SKIPPABLE_HEADER_BYTES: u32 = 8;
/** Magic number and descriptor. */
const MIN_HEADER_BYTES: u32 = 5;
/** libzstd's largest window is 2^31 bytes and, as eighths are added, less than 2^32. */
const MAX_WINDOW_LOG: u32 = 31;
const MIN_WINDOW_LOG: u32 = 10;
const UNKNOWN: u64 = 0xffffffffffffffff;
const CHECKSUM_BYTES: u32 = 4;

/** Decode all frames of `src` to `out`; return the decoded bytes or a status. */
export function zstdDecode(
  src: usize,
  srcBytes: u32,
  out: usize,
  capacity: u32,
  maxWindowBytes: u32,
  scratch: usize,
): i32 {
  let ip = src;
  const end = src + srcBytes;
  let op = out;
  const outEnd = out + capacity;
  while (ip < end) {
    const headerBytes = zstdDecodeHeader(ip, <u32>(end - ip), maxWindowBytes, scratch);
    if (headerBytes < 0) return headerBytes;
    ip += headerBytes;
    if (load<u32>(scratch, ZSTD_FRAME_IS_SKIPPABLE) !== 0) {
      const skipped = load<u64>(scratch, ZSTD_FRAME_CONTENT_BYTES);
      if (skipped > <u64>(end - ip)) return TRUNCATED;
      ip += <u32>skipped;
      continue;
    }
    const start = op;
    do {
      const bytes = zstdDecodeBlock(ip, <u32>(end - ip), op, <u32>(outEnd - op), <u32>(op - start), scratch);
      if (bytes < 0) return bytes;
      op += bytes;
      ip += zstdBlockBytes(ip, <u32>(end - ip), scratch);
    } while (load<u32>(scratch, ZSTD_BLOCK_IS_LAST) === 0);
    const endBytes = zstdDecodeEnd(ip, <u32>(end - ip), scratch);
    if (endBytes < 0) return endBytes;
    ip += endBytes;
  }
  return <i32>(op - out);
}

/**
 * Read the header of a frame at `src` and prepare the scratch for its blocks. Return the header's bytes, or a
 * status: TRUNCATED when more bytes are needed, which 18 are always enough for.
 */
export function zstdDecodeHeader(src: usize, srcBytes: u32, maxWindowBytes: u32, scratch: usize): i32 {
  if (srcBytes < MIN_HEADER_BYTES) return TRUNCATED;
  const magic = load<u32>(src);
  if ((magic & 0xfffffff0) === SKIPPABLE_MAGIC) {
    if (srcBytes < SKIPPABLE_HEADER_BYTES) return TRUNCATED;
    store<u32>(scratch, 1, ZSTD_FRAME_IS_SKIPPABLE);
    store<u64>(scratch, load<u32>(src, 4), ZSTD_FRAME_CONTENT_BYTES);
    return SKIPPABLE_HEADER_BYTES;
  }
  const descriptor: u32 = load<u8>(src, 4);
  if (magic !== ZSTD_MAGIC || (descriptor & 8) !== 0) return BAD_HEADER;
  const isSingleSegment = (descriptor >> 5) & 1;
  const dictionaryBytes: u32 = (1 << (descriptor & 3)) >> 1;
  const sizeCode = descriptor >> 6;
  const sizeBytes: u32 = sizeCode === 0 ? isSingleSegment : 1 << sizeCode;
  const bytes = MIN_HEADER_BYTES + (1 - isSingleSegment) + dictionaryBytes + sizeBytes;
  if (srcBytes < bytes) return TRUNCATED;
  let at = src + MIN_HEADER_BYTES;
  let window: u64 = 0;
  if (isSingleSegment === 0) {
    const code: u32 = load<u8>(at++);
    const log = MIN_WINDOW_LOG + (code >> 3);
    if (log > MAX_WINDOW_LOG) return WINDOW_LIMIT;
    window = ((<u64>1) << log) + ((<u64>1) << (log - 3)) * (code & 7);
  }
  if (dictionaryBytes !== 0) {
    const unused = (4 - dictionaryBytes) << 3;
    if (load<u32>(at) << unused !== 0) return DICTIONARY;
    at += dictionaryBytes;
  }
  let content = UNKNOWN;
  if (sizeBytes === 1) content = load<u8>(at);
  else if (sizeBytes === 2) content = <u64>load<u16>(at) + 256;
  else if (sizeBytes === 4) content = load<u32>(at);
  else if (sizeBytes === 8) content = load<u64>(at);
  if (isSingleSegment !== 0) window = content;
  if (window > maxWindowBytes) return WINDOW_LIMIT;
  prepareScratch(scratch);
  startFrame(window, content, (descriptor >> 2) & 1, scratch);
  return bytes;
}

function startFrame(window: u64, content: u64, hasChecksum: u32, scratch: usize): void {
  store<u64>(scratch, window, ZSTD_FRAME_WINDOW_BYTES);
  store<u64>(scratch, content, ZSTD_FRAME_CONTENT_BYTES);
  store<u32>(scratch, 0, ZSTD_FRAME_IS_SKIPPABLE);
  store<u32>(scratch, <u32>min<u64>(window, ZSTD_MAX_BLOCK_BYTES), ZSTD_FRAME_MAX_BLOCK_BYTES);
  store<u32>(scratch, hasChecksum, ZSTD_FRAME_HAS_CHECKSUM);
  if (hasChecksum !== 0) xxh64Init(scratch + HASH_STATE, 0);
  store<u32>(scratch, 0, ZSTD_BLOCK_IS_LAST);
  store<u64>(scratch, 0, PRODUCED);
  store<u32>(scratch, 0, HUFFMAN_BITS);
  store<u32>(scratch, 0, HAS_TABLES);
  store<u32>(scratch, 1, LAST_OFFSETS);
  store<u32>(scratch, 4, LAST_OFFSETS + 4);
  store<u32>(scratch, 8, LAST_OFFSETS + 8);
}

/**
 * Check the frame's size and the checksum at `src`, which follows its last block. Return the checksum's bytes
 * (0 or 4) or a status.
 */
export function zstdDecodeEnd(src: usize, srcBytes: u32, scratch: usize): i32 {
  const content = load<u64>(scratch, ZSTD_FRAME_CONTENT_BYTES);
  const produced = load<u64>(scratch, PRODUCED);
  if (content !== UNKNOWN && content !== produced) return produced < content ? SHORT : OVERRUN;
  if (load<u32>(scratch, ZSTD_FRAME_HAS_CHECKSUM) === 0) return 0;
  if (srcBytes < CHECKSUM_BYTES) return TRUNCATED;
  return load<u32>(src) === <u32>xxh64Digest(scratch + HASH_STATE, 0) ? CHECKSUM_BYTES : BAD_CHECKSUM;
}
