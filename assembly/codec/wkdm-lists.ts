// The two packed lists of wkdm's format (wkdm.ts): lower 10 bits three to a u32, dictionary indexes two to a
// byte. While a page is coded, both are lists of u32 in scratch; an index is stored there as a slot, four
// times the index.
import { OUTPUT_FULL } from "../status";
import { GATHER } from "./zero-aware";

export const LOW_MASK: i32 = 0x3ff;

/**
 * Write the chosen ones of 16 words to `to`; `patterns` is 16 times their mask. Return the new end; up to 16
 * bytes past it are written.
 */
export function gather(to: usize, from: usize, patterns: u32): usize {
  gather4(to, v128.load(from), patterns & 0xf0);
  gather4(to + (popcnt(patterns & 0xf0) << 2), v128.load(from, 16), (patterns >>> 4) & 0xf0);
  gather4(to + (popcnt(patterns & 0xff0) << 2), v128.load(from, 32), (patterns >>> 8) & 0xf0);
  gather4(to + (popcnt(patterns & 0xfff0) << 2), v128.load(from, 48), (patterns >>> 12) & 0xf0);
  return to + (popcnt(patterns) << 2);
}

/** Write the words that a pattern chooses to the front of the 16 bytes at `to`. */
function gather4(to: usize, words: v128, pattern: u32): void {
  v128.store(to, i8x16.swizzle(words, v128.load(pattern, GATHER)));
}

/** Pack the two lists in place and write them after the full words; return the bytes written since `out`. */
export function packLists(
  full: usize,
  limit: usize,
  lows: usize,
  low: usize,
  indexes: usize,
  index: usize,
  out: usize,
): i32 {
  const lowBytes = ((((low - lows) >>> 2) + 2) / 3) << 2;
  const indexBytes = (((index - indexes) >>> 2) + 1) >>> 1;
  if (limit - full < lowBytes + indexBytes) return OUTPUT_FULL;
  v128.store(low, i32x4.splat(0));
  v128.store(index, i32x4.splat(0));
  const mask = i32x4.splat(LOW_MASK);
  for (let at = lows; at < lows + lowBytes; at += 16) {
    const a = v128.and(v128.load(at), mask);
    const b = v128.and(v128.load(at + lowBytes), mask);
    const c = v128.and(v128.load(at + 2 * lowBytes), mask);
    v128.store(at, v128.or(a, v128.or(i32x4.shl(b, 10), i32x4.shl(c, 20))));
  }
  for (let at: usize = 0; at < indexBytes; at += 16) {
    const a = indexes + (at << 2);
    const b = a + (indexBytes << 2);
    const half = i16x8.narrow_i32x4_u(pair(a, b), pair(a + 16, b + 16));
    const other = i16x8.narrow_i32x4_u(pair(a + 32, b + 32), pair(a + 48, b + 48));
    v128.store(indexes + at, i8x16.narrow_i16x8_u(half, other));
  }
  memory.copy(full, lows, lowBytes);
  memory.copy(full + lowBytes, indexes, indexBytes);
  return <i32>(full + lowBytes + indexBytes - out);
}

/** Pack two indexes to a byte. */
function pair(a: usize, b: usize): v128 {
  return v128.or(i32x4.shr_u(v128.load(a), 2), i32x4.shl(v128.load(b), 2));
}

/** Unpack; every list part may be written up to 12 bytes past its end. */
export function unpackLists(from: usize, lowBytes: usize, low: usize, indexBytes: usize, index: usize): void {
  const mask = i32x4.splat(LOW_MASK);
  // One list part after the other: each may write past its end, where the next one begins.
  for (let part: i32 = 0; part < 30; part += 10) {
    for (let at: usize = 0; at < lowBytes; at += 16)
      v128.store(low + at, v128.and(i32x4.shr_u(v128.load(from + at), part), mask));
    low += lowBytes;
  }
  from += lowBytes;
  const slots = i32x4.splat(60);
  for (let at: usize = 0; at < indexBytes; at += 4)
    v128.store(index + (at << 2), v128.and(i32x4.shl(bytes4(from + at), 2), slots));
  index += indexBytes << 2;
  for (let at: usize = 0; at < indexBytes; at += 4)
    v128.store(index + (at << 2), v128.and(i32x4.shr_u(bytes4(from + at), 2), slots));
}

function bytes4(from: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from)));
}
