// Frames: of one input whose size is known, and of a stream that is coded block by block. RFC 8878, 3.1.1.

import { xxh64Digest, xxh64Init, xxh64Update } from "../../../hash/xxh64";
import { OUTPUT_FULL } from "../../../status";
import { zstdChecksum } from "../checksum";
import { ZSTD_MAGIC, ZSTD_MAX_BLOCK_BYTES } from "../format";
import { encodeBlock, initState } from "./block";
import { initCodes } from "./codes";
import {
  blockBytesOf,
  CHECKSUM_STATE,
  matchTablesAt,
  STATE_HAS_CHECKSUM,
  STATE_LEVEL,
  STATE_POSITION,
  STATE_WINDOW,
} from "./layout";
import { MAX_WINDOW_BYTES, optimalBytes, tablesBytes } from "./levels";

const SINGLE_SEGMENT: u32 = 1 << 5;
const CHECKSUM: u32 = 1 << 2;
/** The smallest window that a frame can declare is 2^10 bytes. */
const MIN_WINDOW_LOG: u32 = 10;
const MAX_WINDOW_LOG: u32 = 31 - clz(MAX_WINDOW_BYTES);
const CHECKSUM_BYTES: u32 = 4;
const STREAM_HEAD_BYTES: u32 = 6;
/** Positions of a stream restart from here on, which drops the match finder's tables. */
const MAX_POSITION: u32 = 0x7fff0000;

/** Return the bytes of the scratch for an input, or for a stream with a window, of `srcBytes` bytes. */
export function zstdEncodeScratchBytes(level: i32, srcBytes: u32): i32 {
  const window = min(srcBytes, MAX_WINDOW_BYTES);
  return <i32>(
    (<u32>matchTablesAt(0, blockBytesOf(window)) +
      tablesBytes(level, window) +
      optimalBytes(level, window) +
      64)
  );
}

/** Encode one frame with its content size; return bytes or OUTPUT_FULL. */
export function zstdEncode(
  src: usize,
  srcBytes: u32,
  out: usize,
  capacity: u32,
  level: i32,
  checksum: i32,
  scratch: usize,
): i32 {
  const window = min(srcBytes, MAX_WINDOW_BYTES);
  const block = blockBytesOf(window);
  const hasChecksum = checksum !== 0;
  const headBytes = frameHeadBytes(srcBytes);
  if (capacity < headBytes) return OUTPUT_FULL;
  putFrameHead(out, srcBytes, hasChecksum);
  initCodes(scratch);
  initState(scratch, level);
  memory.fill(matchTablesAt(scratch, block), 0, tablesBytes(level, window));
  let done: u32 = 0;
  let written = headBytes;
  do {
    const bytes = min(srcBytes - done, ZSTD_MAX_BLOCK_BYTES);
    const isLast = done + bytes === srcBytes;
    // Clamped to the window at the end of the block.
    const skipped: u32 = done + bytes > window ? done + bytes - window : 0;
    const result = encodeBlock(
      scratch,
      src,
      src + skipped,
      src + done,
      bytes,
      block,
      window,
      level,
      isLast,
      out + written,
      capacity - written,
    );
    if (result < 0) return result;
    written += result;
    done += bytes;
  } while (done < srcBytes);
  if (!hasChecksum) return <i32>written;
  if (capacity - written < CHECKSUM_BYTES) return OUTPUT_FULL;
  store<u32>(out + written, zstdChecksum(src, srcBytes));
  return <i32>(written + CHECKSUM_BYTES);
}

function frameHeadBytes(srcBytes: u32): u32 {
  if (srcBytes > MAX_WINDOW_BYTES) return 4 + 1 + 1 + 4;
  return 4 + 1 + (srcBytes < 256 ? 1 : srcBytes < 65536 + 256 ? 2 : 4);
}

/** Write the head of a frame whose window is its content, up to MAX_WINDOW_BYTES. */
function putFrameHead(out: usize, srcBytes: u32, hasChecksum: bool): void {
  store<u32>(out, ZSTD_MAGIC);
  const flags: u32 = hasChecksum ? CHECKSUM : 0;
  if (srcBytes > MAX_WINDOW_BYTES) {
    store<u8>(out + 4, flags | (2 << 6));
    store<u8>(out + 5, (MAX_WINDOW_LOG - MIN_WINDOW_LOG) << 3);
    store<u32>(out + 6, srcBytes);
  } else if (srcBytes < 256) {
    store<u8>(out + 4, flags | SINGLE_SEGMENT);
    store<u8>(out + 5, srcBytes);
  } else if (srcBytes < 65536 + 256) {
    store<u8>(out + 4, flags | SINGLE_SEGMENT | (1 << 6));
    store<u16>(out + 5, srcBytes - 256);
  } else {
    store<u8>(out + 4, flags | SINGLE_SEGMENT | (2 << 6));
    store<u32>(out + 5, srcBytes);
  }
}

/**
 * Begin a stream with a window of 2^windowLog bytes (10 … 27): write the head of its frame and set the
 * scratch, which zstdEncodeBlock keeps. The scratch is that of an input of max(window, 131072) bytes. Return
 * bytes or OUTPUT_FULL.
 */
export function zstdEncodeBegin(
  out: usize,
  capacity: u32,
  level: i32,
  windowLog: u32,
  checksum: i32,
  scratch: usize,
): i32 {
  if (capacity < STREAM_HEAD_BYTES || windowLog - MIN_WINDOW_LOG > MAX_WINDOW_LOG - MIN_WINDOW_LOG)
    return OUTPUT_FULL;
  store<u32>(out, ZSTD_MAGIC);
  store<u8>(out + 4, checksum !== 0 ? CHECKSUM : 0);
  store<u8>(out + 5, (windowLog - MIN_WINDOW_LOG) << 3);
  initCodes(scratch);
  initState(scratch, level);
  store<i32>(scratch + STATE_LEVEL, level);
  store<u32>(scratch + STATE_WINDOW, (<u32>1) << windowLog);
  store<u32>(scratch + STATE_HAS_CHECKSUM, checksum);
  xxh64Init(scratch + CHECKSUM_STATE, 0);
  restartPositions(scratch);
  return STREAM_HEAD_BYTES;
}

/** Tables of streams hold 32-bit positions: they are those of at least this window. */
function tableWindow(scratch: usize): u32 {
  return max(load<u32>(scratch + STATE_WINDOW), ZSTD_MAX_BLOCK_BYTES);
}

function restartPositions(scratch: usize): void {
  const window = tableWindow(scratch);
  store<u32>(scratch + STATE_POSITION, 0);
  const tables = matchTablesAt(scratch, ZSTD_MAX_BLOCK_BYTES);
  memory.fill(tables, 0, tablesBytes(load<i32>(scratch + STATE_LEVEL), window));
}

/**
 * Encode the next block of a stream, at most min(window, 131072) bytes. The `historyBytes` bytes before `src`
 * are those before it in the stream: all of them, or at least the window. Return bytes or OUTPUT_FULL, after
 * which the stream cannot be continued; srcBytes + 7 bytes always suffice.
 */
export function zstdEncodeBlock(
  src: usize,
  srcBytes: u32,
  historyBytes: u32,
  isLast: i32,
  out: usize,
  capacity: u32,
  scratch: usize,
): i32 {
  const streamWindow = load<u32>(scratch + STATE_WINDOW);
  if (srcBytes > min(streamWindow, ZSTD_MAX_BLOCK_BYTES)) return OUTPUT_FULL;
  if (load<u32>(scratch + STATE_POSITION) > MAX_POSITION) restartPositions(scratch);
  const position = load<u32>(scratch + STATE_POSITION);
  store<u32>(scratch + STATE_POSITION, position + srcBytes);
  // Offsets reach back from the block's end at most a window, so they are valid in all of the block.
  const history = min(min(historyBytes, position), streamWindow - srcBytes);
  const result = encodeBlock(
    scratch,
    src - position,
    src - history,
    src,
    srcBytes,
    ZSTD_MAX_BLOCK_BYTES,
    tableWindow(scratch),
    load<i32>(scratch + STATE_LEVEL),
    isLast !== 0,
    out,
    capacity,
  );
  if (load<u32>(scratch + STATE_HAS_CHECKSUM) === 0 || result < 0) return result;
  const hash = scratch + CHECKSUM_STATE;
  xxh64Update(hash, src, srcBytes);
  if (isLast === 0) return result;
  if (capacity - result < CHECKSUM_BYTES) return OUTPUT_FULL;
  store<u32>(out + result, <u32>xxh64Digest(hash, 0));
  return result + CHECKSUM_BYTES;
}
