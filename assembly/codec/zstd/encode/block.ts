// One block: sequences are found, coded into scratch, and copied to the output if they save enough; else the
// block is stored. RFC 8878, section 3.1.1.2.
import { OUTPUT_FULL } from "../../../status";
import { convertSequences } from "./codes";
import { findSequences } from "./find";
import {
  blockOutputAt,
  codesAt,
  FSE_LOG,
  FSE_NONE,
  LITERAL_TABLE,
  literalsAt,
  MATCH_TABLE,
  OFFSET_TABLE,
  STATE_HAS_PRICES,
  STATE_HUFFMAN_BITS,
  STATE_LITERALS,
  STATE_OFFSET_1,
  STATE_OFFSET_2,
  STATE_OFFSET_3,
  STATE_SEQUENCES,
  sequencesAt,
} from "./layout";
import { writeLiterals } from "./literals";
import { writeSequences } from "./sequences";

const RAW_BLOCK: u32 = 0;
const RLE_BLOCK: u32 = 1;
const CODED_BLOCK: u32 = 2;
const HEAD_BYTES: u32 = 3;
/** Smaller blocks are stored. */
const MIN_CODED_BYTES: u32 = 16;

/** Set the state at the beginning of a frame. */
export function initState(scratch: usize): void {
  store<u32>(scratch + STATE_OFFSET_1, 1);
  store<u32>(scratch + STATE_OFFSET_2, 4);
  store<u32>(scratch + STATE_OFFSET_3, 8);
  store<u32>(scratch + STATE_HAS_PRICES, 0);
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
    const codedBytes = codeBlock(scratch, base, low, src, bytes, block, windowBytes, level, coded);
    if (codedBytes !== 0) {
      if (codedBytes > capacity) return OUTPUT_FULL;
      putHead(out, <u32>isLast | (CODED_BLOCK << 1) | (codedBytes << 3));
      memory.copy(out + HEAD_BYTES, coded, codedBytes);
      return HEAD_BYTES + codedBytes;
    }
  }
  if (bytes > capacity) return OUTPUT_FULL;
  putHead(out, head | (RAW_BLOCK << 1));
  memory.copy(out + HEAD_BYTES, src, bytes);
  return HEAD_BYTES + bytes;
}

function putHead(out: usize, head: u32): void {
  store<u16>(out, head);
  store<u8>(out + 2, head >>> 16);
}

/** Code the block at `out`; return bytes, or 0 when that saves too little. */
function codeBlock(
  scratch: usize,
  base: usize,
  low: usize,
  src: usize,
  bytes: u32,
  block: u32,
  windowBytes: u32,
  level: i32,
  out: usize,
): u32 {
  const offset1 = load<u32>(scratch + STATE_OFFSET_1);
  const offset2 = load<u32>(scratch + STATE_OFFSET_2);
  const offset3 = load<u32>(scratch + STATE_OFFSET_3);
  findSequences(scratch, base, low, src, src + bytes, block, windowBytes, level);
  const most = bytes - (bytes >>> 6) - 2;
  const literals = load<u32>(scratch + STATE_LITERALS);
  const count = load<u32>(scratch + STATE_SEQUENCES);
  let end = writeLiterals(scratch, literalsAt(scratch), literals, out, level < 0);
  if (end <= out + most) {
    const sequences = sequencesAt(scratch, block);
    const codes = codesAt(scratch, block);
    convertSequences(scratch, sequences, codes, count);
    end = writeSequences(scratch, sequences, codes, count, end, out + most);
    if (end !== 0 && end <= out + most) return <u32>(end - out);
  }
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
