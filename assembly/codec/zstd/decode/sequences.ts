// The sequences section of a block (RFC 8878, 3.1.1.3.2): its header, the three tables, then the bits.
import { BAD_TOKEN, TRUNCATED } from "../../../status";
import {
  DEFAULT_LITERALS_BITS,
  DEFAULT_MATCHES_BITS,
  DEFAULT_OFFSETS_BITS,
  LITERAL_CODE_COUNT,
  MATCH_CODE_COUNT,
  OFFSET_CODE_COUNT,
} from "./constants";
import { executeSequences } from "./execute";
import {
  DEFAULT_LITERALS,
  DEFAULT_MATCHES,
  DEFAULT_OFFSETS,
  HAS_TABLES,
  LITERAL_CODES,
  LITERALS_TABLE_BITS,
  MATCH_CODES,
  MATCHES_TABLE_BITS,
  OFFSET_CODES,
  OFFSETS_TABLE_BITS,
  OWN_LITERALS,
  OWN_MATCHES,
  OWN_OFFSETS,
} from "./scratch";
import { buildStates, readCounts } from "./states";

const DEFAULT: u32 = 0;
const ONE_CODE: u32 = 1;
const DESCRIBED: u32 = 2;

const MAX_LITERALS_BITS: u32 = 9;
const MAX_OFFSETS_BITS: u32 = 8;
const MAX_MATCHES_BITS: u32 = 9;
const LONG_COUNT: u32 = 0x7f00;

/**
 * Decode the section at `src` … `end` with the block's literals; parameters and result: `executeSequences`.
 */
export function decodeSequences(
  src: usize,
  end: usize,
  out: usize,
  limit: usize,
  outEnd: usize,
  history: usize,
  scratch: usize,
): i32 {
  if (src >= end) return TRUNCATED;
  let at = src + 1;
  let count: u32 = load<u8>(src);
  if (count >= 128) {
    if (count === 255) {
      count = load<u16>(src, 1) + LONG_COUNT;
      at += 2;
    } else {
      count = ((count - 128) << 8) + load<u8>(src, 1);
      at += 1;
    }
  }
  if (count === 0) {
    if (at !== end) return at > end ? TRUNCATED : BAD_TOKEN;
    return executeSequences(at, end, 0, out, limit, outEnd, history, scratch);
  }
  if (at >= end) return TRUNCATED;
  const modes: u32 = load<u8>(at++);
  if ((modes & 3) !== 0) return BAD_TOKEN;
  let bytes = readTable(at, end, modes >> 6, LITERALS_TABLE_BITS, scratch);
  if (bytes < 0) return bytes;
  at += bytes;
  bytes = readTable(at, end, (modes >> 4) & 3, OFFSETS_TABLE_BITS, scratch);
  if (bytes < 0) return bytes;
  at += bytes;
  bytes = readTable(at, end, (modes >> 2) & 3, MATCHES_TABLE_BITS, scratch);
  if (bytes < 0) return bytes;
  store<u32>(scratch, 1, HAS_TABLES);
  return executeSequences(at + bytes, end, count, out, limit, outEnd, history, scratch);
}

/** Set one table from its description at `src`; return the description's bytes or a status. */
function readTable(src: usize, end: usize, mode: u32, field: u32, scratch: usize): i32 {
  let defaults = DEFAULT_LITERALS;
  let defaultBits = DEFAULT_LITERALS_BITS;
  let own = OWN_LITERALS;
  let codes = LITERAL_CODES;
  let codeCount = LITERAL_CODE_COUNT;
  let maxBits = MAX_LITERALS_BITS;
  if (field === OFFSETS_TABLE_BITS) {
    defaults = DEFAULT_OFFSETS;
    defaultBits = DEFAULT_OFFSETS_BITS;
    own = OWN_OFFSETS;
    codes = OFFSET_CODES;
    codeCount = OFFSET_CODE_COUNT;
    maxBits = MAX_OFFSETS_BITS;
  } else if (field === MATCHES_TABLE_BITS) {
    defaults = DEFAULT_MATCHES;
    defaultBits = DEFAULT_MATCHES_BITS;
    own = OWN_MATCHES;
    codes = MATCH_CODES;
    codeCount = MATCH_CODE_COUNT;
    maxBits = MAX_MATCHES_BITS;
  }
  if (mode === DEFAULT) {
    // A copy, so that all tables are at the same places.
    store<u32>(scratch + field, defaultBits);
    memory.copy(scratch + own, scratch + defaults, 8 << defaultBits);
    return 0;
  }
  if (mode === ONE_CODE) {
    if (src >= end) return TRUNCATED;
    const code: u32 = load<u8>(src);
    if (code >= codeCount) return BAD_TOKEN;
    // Every state is the same, and takes no bits.
    store<u64>(scratch + own, load<u32>(scratch + codes + (code << 2)));
    store<u32>(scratch + field, 0);
    return 1;
  }
  if (mode === DESCRIBED) {
    const described = readCounts(src, end, maxBits, codeCount, scratch);
    if (described < 0) return described;
    const bits = <u32>described >> 20;
    buildStates(scratch + own, bits, (<u32>described >> 10) & 0x3ff, scratch + codes, scratch);
    store<u32>(scratch + field, bits);
    return described & 0x3ff;
  }
  // The table of the block before.
  return load<u32>(scratch, HAS_TABLES) === 0 ? BAD_TOKEN : 0;
}
