// Sequences to codes and extra bits. RFC 8878, section 3.1.1.3.2.1.
//
// A match finder stores a sequence as a u64: literals (18 bits), match bytes - 3 (18 bits), offset value (28
// bits). The codes replace it in place by its extra bits in the order of the stream.
import {
  LITERAL_CODE_BITS,
  LITERAL_CODES,
  LITERAL_COUNTS,
  MASKS,
  MATCH_CODE_BITS,
  MATCH_CODES,
  MATCH_COUNTS,
  OFFSET_COUNTS,
} from "./layout";

export const MATCH_SHIFT: u64 = 18;
export const OFFSET_SHIFT: u64 = 36;
export const LENGTH_MASK: u32 = (1 << 18) - 1;
/** From this length on the code is the position of the highest bit, plus the constant after it. */
const LONG_LITERALS: u32 = 64;
const LONG_LITERALS_CODE: u32 = 19;
const LONG_MATCH: u32 = 128;
const LONG_MATCH_CODE: u32 = 36;

/** Write the tables of codes and of their extra bits. */
export function initCodes(scratch: usize): void {
  const literals = scratch + LITERAL_CODES;
  v128.store(literals, i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  v128.store(literals, i8x16(16, 16, 17, 17, 18, 18, 19, 19, 20, 20, 20, 20, 21, 21, 21, 21), 16);
  v128.store(literals, i8x16(22, 22, 22, 22, 22, 22, 22, 22, 23, 23, 23, 23, 23, 23, 23, 23), 32);
  v128.store(literals, i8x16.splat(24), 48);
  const literalBits = scratch + LITERAL_CODE_BITS;
  v128.store(literalBits, i8x16.splat(0));
  v128.store(literalBits, i8x16(1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12), 16);
  v128.store(literalBits, i8x16(13, 14, 15, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 32);
  const match = scratch + MATCH_CODES;
  v128.store(match, i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  v128.store(match, i8x16(16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31), 16);
  v128.store(match, i8x16(32, 32, 33, 33, 34, 34, 35, 35, 36, 36, 36, 36, 37, 37, 37, 37), 32);
  v128.store(match, i8x16(38, 38, 38, 38, 38, 38, 38, 38, 39, 39, 39, 39, 39, 39, 39, 39), 48);
  v128.store(match, i8x16.splat(40), 64);
  v128.store(match, i8x16.splat(41), 80);
  v128.store(match, i8x16.splat(42), 96);
  v128.store(match, i8x16.splat(42), 112);
  // Extra bits follow the codes of lengths without any: 32 of zero bits.
  const matchBits = scratch + MATCH_CODE_BITS;
  v128.store(matchBits, i8x16.splat(0));
  v128.store(matchBits, i8x16.splat(0), 16);
  v128.store(matchBits, i8x16(1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11), 32);
  v128.store(matchBits, i8x16(12, 13, 14, 15, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 48);
  for (let bits: u32 = 0; bits < 32; bits++) store<u32>(scratch + (bits << 2), (1 << bits) - 1, MASKS);
}

/**
 * Convert all sequences: extra bits in place, codes at `codes` (u32: literals, match, offset, number of extra
 * bits; one byte each), and count the codes.
 */
export function convertSequences(scratch: usize, sequences: usize, codes: usize, count: u32): void {
  const zero = i32x4.splat(0);
  const countsEnd = scratch + LITERAL_COUNTS + 640;
  for (let at = scratch + LITERAL_COUNTS; at < countsEnd; at += 64) {
    v128.store(at, zero);
    v128.store(at, zero, 16);
    v128.store(at, zero, 32);
    v128.store(at, zero, 48);
  }
  const end = codes + (count << 2);
  while (codes < end) {
    const sequence = load<u64>(sequences);
    const literals = <u32>sequence & LENGTH_MASK;
    const match = <u32>(sequence >> MATCH_SHIFT) & LENGTH_MASK;
    const offset = <u32>(sequence >> OFFSET_SHIFT);
    const literalCode = literalCodeOf(scratch, literals);
    const matchCode = matchCodeOf(scratch, match);
    const offsetCode: u32 = 31 - <u32>clz(offset);
    const literalBits: u32 = load<u8>(scratch + literalCode, LITERAL_CODE_BITS);
    const matchBits: u32 = load<u8>(scratch + matchCode, MATCH_CODE_BITS);
    const lengthBits = literalBits + matchBits;
    // Extra bits are the low bits of the value: every code begins at a multiple of its size.
    const extra =
      <u64>(literals & maskOf(scratch, literalBits)) |
      ((<u64>(match & maskOf(scratch, matchBits))) << literalBits) |
      ((<u64>(offset & maskOf(scratch, offsetCode))) << lengthBits);
    store<u64>(sequences, extra);
    store<u32>(
      codes,
      literalCode | (matchCode << 8) | (offsetCode << 16) | ((lengthBits + offsetCode) << 24),
    );
    const literalSlot = scratch + (literalCode << 2);
    store<u32>(literalSlot, load<u32>(literalSlot, LITERAL_COUNTS) + 1, LITERAL_COUNTS);
    const matchSlot = scratch + (matchCode << 2);
    store<u32>(matchSlot, load<u32>(matchSlot, MATCH_COUNTS) + 1, MATCH_COUNTS);
    const offsetSlot = scratch + (offsetCode << 2);
    store<u32>(offsetSlot, load<u32>(offsetSlot, OFFSET_COUNTS) + 1, OFFSET_COUNTS);
    sequences += 8;
    codes += 4;
  }
}

/** Return a mask of the lowest bits. */
export function maskOf(scratch: usize, bits: u32): u32 {
  return load<u32>(scratch + (bits << 2), MASKS);
}

/** Return the code of a number of literals. */
export function literalCodeOf(scratch: usize, literals: u32): u32 {
  return literals < LONG_LITERALS
    ? load<u8>(scratch + literals, LITERAL_CODES)
    : 31 - <u32>clz(literals) + LONG_LITERALS_CODE;
}

/** Return the code of a match's bytes - 3. */
export function matchCodeOf(scratch: usize, match: u32): u32 {
  return match < LONG_MATCH ? load<u8>(scratch + match, MATCH_CODES) : 31 - <u32>clz(match) + LONG_MATCH_CODE;
}
