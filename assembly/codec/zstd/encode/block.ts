// One block: sequences are found, coded into scratch, and copied to the output if they save enough; else the
// block is stored. RFC 8878, section 3.1.1.2.
import { OUTPUT_FULL } from "../../../status";
import { findSequences } from "./find";
import {
  blockOutputAt,
  codesAt,
  FAST_GAIN_SHIFT,
  FSE_LOG,
  FSE_NONE,
  LITERAL_TABLE,
  literalsAt,
  MATCH_TABLE,
  matchTablesAt,
  OFFSET_TABLE,
  STATE_GAIN_SHIFT,
  STATE_HUFFMAN_BITS,
  STATE_LITERALS,
  STATE_OFFSET_1,
  STATE_OFFSET_2,
  STATE_OFFSET_3,
  STATE_SEQUENCES,
  sequencesAt,
  THOROUGH_GAIN_SHIFT,
} from "./layout";
import { OPTIMAL, strategyOf, tablesBytes } from "./levels";
import { OPTIMAL_ENTRIES_BYTES } from "./optimal-chunk";
import { codePart, codeSplit, HEAD_BYTES, putHead } from "./split";

const RAW_BLOCK: u32 = 0;
const RLE_BLOCK: u32 = 1;
/** Smaller blocks are stored. */
const MIN_CODED_BYTES: u32 = 16;

/** Set the state at the beginning of a frame. */
export function initState(scratch: usize, level: i32): void {
  const isThorough = strategyOf(level) === OPTIMAL;
  store<u32>(scratch + STATE_GAIN_SHIFT, isThorough ? THOROUGH_GAIN_SHIFT : FAST_GAIN_SHIFT);
  store<u32>(scratch + STATE_OFFSET_1, 1);
  store<u32>(scratch + STATE_OFFSET_2, 4);
  store<u32>(scratch + STATE_OFFSET_3, 8);
  dropTables(scratch);
}

/** No table of an earlier block can be used again. */
function dropTables(scratch: usize): void {
  store<u32>(scratch + STATE_HUFFMAN_BITS, 0);
  store<u32>(scratch + LITERAL_TABLE + FSE_LOG, FSE_NONE);
  store<u32>(scratch + OFFSET_TABLE + FSE_LOG, FSE_NONE);
  store<u32>(scratch + MATCH_TABLE + FSE_LOG, FSE_NONE);
}

/**
 * Write the block of `bytes` bytes at `src`; matches begin at `low` or later, positions count from `base`.
 * `block` is the frame's largest block, `windowBytes` what the match finder's tables were sized for. Return
 * bytes or OUTPUT_FULL.
 */
export function encodeBlock(
  scratch: usize,
  base: usize,
  low: usize,
  src: usize,
  bytes: u32,
  block: u32,
  windowBytes: u32,
  level: i32,
  isLast: bool,
  out: usize,
  capacity: u32,
): i32 {
  if (capacity < HEAD_BYTES) return OUTPUT_FULL;
  capacity -= HEAD_BYTES;
  const head = <u32>isLast | (bytes << 3);
  if (bytes >= MIN_CODED_BYTES) {
    if (isOneByte(src, bytes)) {
      if (capacity < 1) return OUTPUT_FULL;
      putHead(out, head | (RLE_BLOCK << 1));
      store<u8>(out + HEAD_BYTES, load<u8>(src));
      return HEAD_BYTES + 1;
    }
    const coded = blockOutputAt(scratch, block);
    const codedBytes = codeBlock(scratch, base, low, src, bytes, block, windowBytes, level, isLast, coded);
    if (codedBytes !== 0) {
      if (codedBytes > capacity + HEAD_BYTES) return OUTPUT_FULL;
      memory.copy(out, coded, codedBytes);
      return codedBytes;
    }
  }
  if (bytes > capacity) return OUTPUT_FULL;
  putHead(out, head | (RAW_BLOCK << 1));
  memory.copy(out + HEAD_BYTES, src, bytes);
  return HEAD_BYTES + bytes;
}

/** Code the block at `out`, its head included; return bytes, or 0 when that saves too little. */
function codeBlock(
  scratch: usize,
  base: usize,
  low: usize,
  src: usize,
  bytes: u32,
  block: u32,
  windowBytes: u32,
  level: i32,
  isLast: u32,
  out: usize,
): u32 {
  const offset1 = load<u32>(scratch + STATE_OFFSET_1);
  const offset2 = load<u32>(scratch + STATE_OFFSET_2);
  const offset3 = load<u32>(scratch + STATE_OFFSET_3);
  findSequences(scratch, base, low, src, src + bytes, block, windowBytes, level);
  const limit = out + HEAD_BYTES + bytes - (bytes >>> load<u32>(scratch + STATE_GAIN_SHIFT)) - 2;
  const literals = literalsAt(scratch);
  const literalBytes = load<u32>(scratch + STATE_LITERALS);
  const count = load<u32>(scratch + STATE_SEQUENCES);
  const sequences = sequencesAt(scratch, block);
  const codes = codesAt(scratch, block);
  let end: usize;
  if (strategyOf(level) === OPTIMAL) {
    const spare = matchTablesAt(scratch, block) + tablesBytes(level, windowBytes) + OPTIMAL_ENTRIES_BYTES;
    end = codeSplit(scratch, spare, sequences, codes, count, literals, literalBytes, isLast, out, limit);
  } else {
    end = codePart(scratch, sequences, codes, count, literals, literalBytes, isLast, out, limit, level < 0);
  }
  if (end !== 0) return <u32>(end - out);
  dropTables(scratch);
  store<u32>(scratch + STATE_OFFSET_1, offset1);
  store<u32>(scratch + STATE_OFFSET_2, offset2);
  store<u32>(scratch + STATE_OFFSET_3, offset3);
  return 0;
}

/** Return whether all bytes are equal. */
function isOneByte(src: usize, bytes: u32): bool {
  const all = i8x16.splat(load<i8>(src));
  const last = src + bytes - 16;
  while (src < last) {
    if (v128.any_true(v128.xor(v128.load(src), all))) return false;
    src += 16;
  }
  return !v128.any_true(v128.xor(v128.load(last), all));
}
