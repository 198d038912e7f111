// A block (RFC 8878, 3.1.1.2): a header of three bytes, then raw content, one byte repeated, or literals and
// sequences.

import { xxh64Update } from "../../../hash/xxh64";
import { BAD_TOKEN, OUTPUT_FULL, TRUNCATED } from "../../../status";
import { decodeLiterals } from "./literals";
import {
  HASH_STATE,
  PRODUCED,
  ZSTD_BLOCK_IS_LAST,
  ZSTD_FRAME_HAS_CHECKSUM,
  ZSTD_FRAME_MAX_BLOCK_BYTES,
} from "./scratch";
import { decodeSequences } from "./sequences";

const HEADER_BYTES: u32 = 3;
const RAW: u32 = 0;
const REPEATED: u32 = 1;
const COMPRESSED: u32 = 2;

/**
 * Return the bytes of the block whose header is at `src`, header included, and set ZSTD_BLOCK_IS_LAST; or a
 * status.
 */
export function zstdBlockBytes(src: usize, srcBytes: u32, scratch: usize): i32 {
  if (srcBytes < HEADER_BYTES) return TRUNCATED;
  const header = load<u32>(src);
  const kind = (header >> 1) & 3;
  const bytes = (header & 0xffffff) >> 3;
  if (kind > COMPRESSED || bytes > load<u32>(scratch, ZSTD_FRAME_MAX_BLOCK_BYTES)) return BAD_TOKEN;
  store<u32>(scratch, header & 1, ZSTD_BLOCK_IS_LAST);
  return HEADER_BYTES + (kind === REPEATED ? 1 : bytes);
}

/**
 * Decode the block at `src`, all of whose bytes are there. `historyBytes`: the frame's bytes before `out`
 * that matches may use. Return the decoded bytes or a status.
 */
export function zstdDecodeBlock(
  src: usize,
  srcBytes: u32,
  out: usize,
  capacity: u32,
  historyBytes: u32,
  scratch: usize,
): i32 {
  const blockBytes = zstdBlockBytes(src, srcBytes, scratch);
  if (blockBytes < 0) return blockBytes;
  if (<u32>blockBytes > srcBytes) return TRUNCATED;
  const header = load<u32>(src);
  const kind = (header >> 1) & 3;
  let bytes: i32 = (header & 0xffffff) >> 3;
  const content = src + HEADER_BYTES;
  if (kind === COMPRESSED) {
    bytes = decodeCompressed(content, src + blockBytes, out, capacity, historyBytes, scratch);
    if (bytes < 0) return bytes;
  } else {
    if (<u32>bytes > capacity) return OUTPUT_FULL;
    if (kind === RAW) memory.copy(out, content, bytes);
    else memory.fill(out, load<u8>(content), bytes);
  }
  store<u64>(scratch, load<u64>(scratch, PRODUCED) + bytes, PRODUCED);
  if (load<u32>(scratch, ZSTD_FRAME_HAS_CHECKSUM) !== 0) xxh64Update(scratch + HASH_STATE, out, bytes);
  return bytes;
}

function decodeCompressed(
  src: usize,
  end: usize,
  out: usize,
  capacity: u32,
  historyBytes: u32,
  scratch: usize,
): i32 {
  const maxBytes = load<u32>(scratch, ZSTD_FRAME_MAX_BLOCK_BYTES);
  const literals = decodeLiterals(src, end, maxBytes, scratch);
  if (literals < 0) return literals;
  const limit = out + min(capacity, maxBytes);
  return decodeSequences(src + literals, end, out, limit, out + capacity, out - historyBytes, scratch);
}
