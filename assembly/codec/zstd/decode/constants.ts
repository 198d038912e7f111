// The format's constant tables (RFC 8878, 3.1.1.3.2), computed into the scratch: the module has no static
// data, so that it can share a memory with the other kernels.
import {
  COUNTS,
  DEFAULT_LITERALS,
  DEFAULT_MATCHES,
  DEFAULT_OFFSETS,
  LITERAL_CODES,
  MATCH_CODES,
  OFFSET_CODES,
  PATTERNS,
  READY,
  READY_AT,
  STRIDES,
} from "./scratch";
import { BASE_SHIFT, buildStates, HAS_16_EXTRA, HAS_EXTRA, TOTAL_SHIFT } from "./states";

export const LITERAL_CODE_COUNT: u32 = 36;
export const OFFSET_CODE_COUNT: u32 = 32;
export const MATCH_CODE_COUNT: u32 = 53;
export const DEFAULT_LITERALS_BITS: u32 = 6;
export const DEFAULT_OFFSETS_BITS: u32 = 5;
export const DEFAULT_MATCHES_BITS: u32 = 6;
/** Symbols of the default distribution of offsets. */
const DEFAULT_OFFSET_COUNT: u32 = 29;
const MIN_MATCH_BYTES: u32 = 3;
/** Counts of the matches' codes from 48 on. */
const LAST_MATCH_COUNTS: u64 = 0xfffff;

/** Fill in the constant tables, unless this was done before. */
export function prepareScratch(scratch: usize): void {
  const ready = READY ^ <u32>scratch;
  if (load<u32>(scratch, READY_AT) === ready) return;
  writePatterns(scratch);
  writeLiteralCodes(scratch + LITERAL_CODES);
  writeMatchCodes(scratch + MATCH_CODES);
  for (let code: u32 = 0; code < OFFSET_CODE_COUNT; code++)
    store<u32>(scratch + OFFSET_CODES + (code << 2), (code << TOTAL_SHIFT) | ((31 - code) << BASE_SHIFT));
  writeDefaults(scratch);
  store<u32>(scratch, ready, READY_AT);
}

function writePatterns(scratch: usize): void {
  for (let row: u32 = 1; row < 16; row++) {
    for (let i: u32 = 0; i < 16; i++) store<u8>(scratch + PATTERNS + (row << 4) + i, <u8>(i % row));
    store<u32>(scratch + STRIDES + (row << 2), 16 - (16 % row));
  }
  // Row 0: the vector itself, for offsets of 16 and more.
  for (let i: u32 = 0; i < 16; i++) store<u8>(scratch + PATTERNS + i, <u8>i);
  store<u32>(scratch + STRIDES, 16);
}

/** Write the codes of consecutive ranges: each starts where the one before ends. */
function writeCode(codes: usize, code: u32, extra: u32, base: u32): u32 {
  const flags = (extra !== 0 ? HAS_EXTRA : 0) | ((extra >> 4) * HAS_16_EXTRA);
  store<u32>(codes + (code << 2), (extra << TOTAL_SHIFT) | flags | (base << BASE_SHIFT));
  return base + (1 << extra);
}

function writeLiteralCodes(codes: usize): void {
  let base: u32 = 0;
  for (let code: u32 = 0; code < LITERAL_CODE_COUNT; code++) {
    let extra: u32 = 0;
    if (code >= 25) extra = code - 19;
    else if (code >= 24) extra = 4;
    else if (code >= 16) extra = <u32>(0x33221111 >> ((code - 16) << 2)) & 15;
    base = writeCode(codes, code, extra, base);
  }
}

function writeMatchCodes(codes: usize): void {
  let base = MIN_MATCH_BYTES;
  for (let code: u32 = 0; code < MATCH_CODE_COUNT; code++) {
    let extra: u32 = 0;
    if (code >= 43) extra = code - 36;
    else if (code >= 42) extra = 5;
    else if (code >= 32) extra = <u32>(<u64>0x4433221111 >> ((code - 32) << 2)) & 15;
    base = writeCode(codes, code, extra, base);
  }
}

/** Build the tables of the default distributions, from counts of four bits each; 15: -1. */
function writeDefaults(scratch: usize): void {
  const literals = scratch + DEFAULT_LITERALS;
  let codes = scratch + LITERAL_CODES;
  let bits = DEFAULT_LITERALS_BITS;
  let symbols = LITERAL_CODE_COUNT;
  writeDefault(0x1112222222222234, 0x1111123222222222, 0xffff, symbols, literals, bits, codes, scratch);
  const offsets = scratch + DEFAULT_OFFSETS;
  codes = scratch + OFFSET_CODES;
  bits = DEFAULT_OFFSETS_BITS;
  symbols = DEFAULT_OFFSET_COUNT;
  writeDefault(0x1111111222111111, 0xfffff11111111, 0, symbols, offsets, bits, codes, scratch);
  const matches = scratch + DEFAULT_MATCHES;
  codes = scratch + MATCH_CODES;
  bits = DEFAULT_MATCHES_BITS;
  symbols = MATCH_CODE_COUNT;
  writeDefault(
    0x1111111222222341,
    0x1111111111111111,
    0xff11111111111111,
    symbols,
    matches,
    bits,
    codes,
    scratch,
  );
}

function writeDefault(
  first: u64,
  second: u64,
  third: u64,
  symbols: u32,
  table: usize,
  bits: u32,
  codes: usize,
  scratch: usize,
): void {
  for (let i: u32 = 0; i < symbols; i++) {
    const packed = i < 16 ? first : i < 32 ? second : i < 48 ? third : LAST_MATCH_COUNTS;
    const count = <u32>(packed >> <u64>((i & 15) << 2)) & 15;
    store<u16>(scratch + COUNTS + (i << 1), <u16>(count === 15 ? -1 : count));
  }
  buildStates(table, bits, symbols, codes, scratch);
}
