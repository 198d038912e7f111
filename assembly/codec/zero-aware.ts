// Zero-aware coding (MECOM's first class): a bitmap of the words that are not zero, and those words.
//
//   page   = bitmap tail words
//   bitmap = ceil(W / 8) bytes, W = floor(pageBytes / 4): bit i, lowest first, is 1 where 32-bit word i of
//            the page is not zero; bits from W on are 0
//   tail   = the last pageBytes mod 4 bytes of the page, unchanged
//   words  = the words whose bit is 1, in order, unchanged
//
// Every size follows from pageBytes and the bitmap, so the decoder checks bounds once.
import { BAD_TOKEN, OUTPUT_FULL, TRAILING, TRUNCATED } from "../status";

/** Swizzles by a 4-bit mask of four words: move the chosen words to the front. */
export const GATHER = memory.data<u32>([
  0x80808080, 0x80808080, 0x80808080, 0x80808080, 0x03020100, 0x80808080, 0x80808080, 0x80808080, 0x07060504,
  0x80808080, 0x80808080, 0x80808080, 0x03020100, 0x07060504, 0x80808080, 0x80808080, 0x0b0a0908, 0x80808080,
  0x80808080, 0x80808080, 0x03020100, 0x0b0a0908, 0x80808080, 0x80808080, 0x07060504, 0x0b0a0908, 0x80808080,
  0x80808080, 0x03020100, 0x07060504, 0x0b0a0908, 0x80808080, 0x0f0e0d0c, 0x80808080, 0x80808080, 0x80808080,
  0x03020100, 0x0f0e0d0c, 0x80808080, 0x80808080, 0x07060504, 0x0f0e0d0c, 0x80808080, 0x80808080, 0x03020100,
  0x07060504, 0x0f0e0d0c, 0x80808080, 0x0b0a0908, 0x0f0e0d0c, 0x80808080, 0x80808080, 0x03020100, 0x0b0a0908,
  0x0f0e0d0c, 0x80808080, 0x07060504, 0x0b0a0908, 0x0f0e0d0c, 0x80808080, 0x03020100, 0x07060504, 0x0b0a0908,
  0x0f0e0d0c,
]);

/**
 * The inverse swizzles: move words from the front to the lanes of a 4-bit mask, and set the other lanes to
 * zero.
 */
export const SCATTER = memory.data<u32>([
  0x80808080, 0x80808080, 0x80808080, 0x80808080, 0x03020100, 0x80808080, 0x80808080, 0x80808080, 0x80808080,
  0x03020100, 0x80808080, 0x80808080, 0x03020100, 0x07060504, 0x80808080, 0x80808080, 0x80808080, 0x80808080,
  0x03020100, 0x80808080, 0x03020100, 0x80808080, 0x07060504, 0x80808080, 0x80808080, 0x03020100, 0x07060504,
  0x80808080, 0x03020100, 0x07060504, 0x0b0a0908, 0x80808080, 0x80808080, 0x80808080, 0x80808080, 0x03020100,
  0x03020100, 0x80808080, 0x80808080, 0x07060504, 0x80808080, 0x03020100, 0x80808080, 0x07060504, 0x03020100,
  0x07060504, 0x80808080, 0x0b0a0908, 0x80808080, 0x80808080, 0x03020100, 0x07060504, 0x03020100, 0x80808080,
  0x07060504, 0x0b0a0908, 0x80808080, 0x03020100, 0x07060504, 0x0b0a0908, 0x03020100, 0x07060504, 0x0b0a0908,
  0x0f0e0d0c,
]);

export function zeroAwareEncode(src: usize, srcBytes: u32, out: usize, capacity: u32): i32 {
  const words = srcBytes >>> 2;
  const bitmapBytes = (words + 7) >>> 3;
  const tailBytes = srcBytes & 3;
  if (capacity < bitmapBytes + tailBytes) return OUTPUT_FULL;
  const limit = out + capacity;
  const wideLimit: usize = capacity < 64 ? 0 : limit - 64;
  const whole = words & ~15;
  const end = src + (whole << 2);
  let to = out + bitmapBytes + tailBytes;
  let bits = out;
  let at = src;
  for (; at < end; at += 64) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    const mask = zeroWords(a, b, c, d) ^ 0xffff;
    store<u16>(bits, mask);
    bits += 2;
    if (mask === 0) continue;
    // Every other step writes 64 bytes.
    if (to > wideLimit) {
      to = putWords(to, limit, at, mask);
      if (!to) return OUTPUT_FULL;
      continue;
    }
    if (mask === 0xffff) {
      v128.store(to, a);
      v128.store(to, b, 16);
      v128.store(to, c, 32);
      v128.store(to, d, 48);
      to += 64;
      continue;
    }
    gather(to, a, (mask << 4) & 0xf0);
    gather(to + (popcnt(mask & 0xf) << 2), b, mask & 0xf0);
    gather(to + (popcnt(mask & 0xff) << 2), c, (mask >>> 4) & 0xf0);
    gather(to + (popcnt(mask & 0xfff) << 2), d, (mask >>> 8) & 0xf0);
    to += popcnt(mask) << 2;
  }
  if (whole < words) {
    let mask: u32 = 0;
    for (let i = whole; i < words; i++) mask |= u32(load<u32>(src + (i << 2)) !== 0) << (i - whole);
    const bits = out + (whole >>> 3);
    store<u8>(bits, mask);
    if (words - whole > 8) store<u8>(bits, mask >>> 8, 1);
    to = putWords(to, limit, src + (whole << 2), mask);
    if (!to) return OUTPUT_FULL;
  }
  memory.copy(out + bitmapBytes, src + (words << 2), tailBytes);
  return <i32>(to - out);
}

/** Return a bit for each of 16 words that is zero. */
function zeroWords(a: v128, b: v128, c: v128, d: v128): u32 {
  const zero = i32x4.splat(0);
  const low = i16x8.narrow_i32x4_s(i32x4.eq(a, zero), i32x4.eq(b, zero));
  const high = i16x8.narrow_i32x4_s(i32x4.eq(c, zero), i32x4.eq(d, zero));
  return i8x16.bitmask(i8x16.narrow_i16x8_s(low, high));
}

/** Write the words that a pattern (16 times the mask) chooses to the front of the 16 bytes at `to`. */
function gather(to: usize, words: v128, pattern: u32): void {
  v128.store(to, i8x16.swizzle(words, v128.load(pattern, GATHER)));
}

/** Write the words of `mask` one at a time; return the new end, or 0 when they do not fit. */
function putWords(to: usize, limit: usize, at: usize, mask: u32): usize {
  if (limit - to < popcnt(mask) << 2) return 0;
  for (; mask; mask &= mask - 1) {
    store<u32>(to, load<u32>(at + (ctz(mask) << 2)));
    to += 4;
  }
  return to;
}

export function zeroAwareDecode(src: usize, srcBytes: u32, out: usize, pageBytes: u32): i32 {
  const words = pageBytes >>> 2;
  const bitmapBytes = (words + 7) >>> 3;
  const tailBytes = pageBytes & 3;
  if (srcBytes < bitmapBytes + tailBytes) return TRUNCATED;
  if (words & 7 && <u32>load<u8>(src + bitmapBytes - 1) >>> (words & 7)) return BAD_TOKEN;
  const wordBytes = srcBytes - bitmapBytes - tailBytes;
  const expected = countBits(src, bitmapBytes) << 2;
  if (wordBytes !== expected) return wordBytes < expected ? TRUNCATED : TRAILING;

  let from = src + bitmapBytes + tailBytes;
  const whole = words & ~15;
  const end = out + (whole << 2);
  let bits = src;
  for (let to = out; to < end; to += 64) {
    const mask = <u32>load<u16>(bits);
    bits += 2;
    if (mask === 0xffff) {
      v128.store(to, v128.load(from, 0), 0);
      v128.store(to, v128.load(from, 16), 16);
      v128.store(to, v128.load(from, 32), 32);
      v128.store(to, v128.load(from, 48), 48);
      from += 64;
      continue;
    }
    if (mask === 0) {
      v128.store(to, i32x4.splat(0), 0);
      v128.store(to, i32x4.splat(0), 16);
      v128.store(to, i32x4.splat(0), 32);
      v128.store(to, i32x4.splat(0), 48);
      continue;
    }
    v128.store(to, scatter(from, (mask << 4) & 0xf0));
    v128.store(to, scatter(from + (popcnt(mask & 0xf) << 2), mask & 0xf0), 16);
    v128.store(to, scatter(from + (popcnt(mask & 0xff) << 2), (mask >>> 4) & 0xf0), 32);
    v128.store(to, scatter(from + (popcnt(mask & 0xfff) << 2), (mask >>> 8) & 0xf0), 48);
    from += popcnt(mask) << 2;
  }
  for (let i = whole; i < words; i++) {
    const present = (<u32>load<u8>(src + (i >>> 3)) >>> (i & 7)) & 1;
    // Where the bit is 0 this reads the slack at worst, and the product is zero.
    store<u32>(out + (i << 2), load<u32>(from) * present);
    from += present << 2;
  }
  memory.copy(out + (words << 2), src + bitmapBytes, tailBytes);
  return <i32>pageBytes;
}

function scatter(from: usize, pattern: u32): v128 {
  return i8x16.swizzle(v128.load(from), v128.load(pattern, SCATTER));
}

function countBits(at: usize, bytes: u32): u32 {
  let bits: u64 = 0;
  let i: u32 = 0;
  for (; i + 8 <= bytes; i += 8) bits += popcnt(load<u64>(at + i));
  for (; i < bytes; i++) bits += popcnt(<u64>load<u8>(at + i));
  return <u32>bits;
}
