// Counts of the little-endian 32-bit words of a page: the part of a profile that costs most.
//
// The dictionary is WKdm's: sixteen entries of upper 22 bits, all zero at first, under WKdm's own hash
// (../codec/wkdm). Every non-zero word is looked up there and then written there.
import {
  PROFILE_DICTIONARY_WORDS,
  PROFILE_REPEATED_WORDS,
  PROFILE_ZERO_BYTES,
  PROFILE_ZERO_WORDS,
  WKDM_MULTIPLIER,
} from "../layout";

// Scratch in the profile's slot, after the fields: the dictionary with a spare entry for the zero words, four
// entries' addresses and four words' upper bits in transit, and a table of earlier words, whose entry 0 is
// for zero. All zero at first.
const DICTIONARY: usize = 64;
const DICTIONARY_ZERO: i32 = 64;
const ENTRIES: usize = 144;
const UPPERS: usize = 160;
export const EARLIER: usize = 192;

/** Write the counts of zero, repeated and dictionary words, and of zero bytes. */
export function words(page: usize, pageBytes: u32, out: usize): void {
  const zero = i64x2.splat(0);
  const dictionary = i32x4.splat(<i32>(out + DICTIONARY));
  const blocksEnd = page + (pageBytes & ~63);
  const wordsEnd = page + (pageBytes & ~3);
  let zeroWords4 = zero;
  let repeated4 = zero;
  let hits4 = zero;
  let zeroBytes8 = zero;
  let zeroBlocks: u32 = 0;
  let p = page;
  while (p < blocksEnd) {
    const all = v128.or(v128.or(v128.load(p), v128.load(p, 16)), v128.or(v128.load(p, 32), v128.load(p, 48)));
    if (!v128.any_true(all)) {
      zeroBlocks++;
      p += 64;
      continue;
    }
    let zeroBytes16 = zero;
    const blockEnd = p + 64;
    do {
      const a = v128.load(p);
      const zeros = i32x4.eq(a, zero);
      zeroWords4 = i32x4.sub(zeroWords4, zeros);
      zeroBytes16 = i8x16.sub(zeroBytes16, i8x16.eq(a, zero));
      repeated4 = i32x4.sub(repeated4, v128.andnot(i32x4.eq(a, v128.load(p, 4)), zeros));
      // four entries' addresses at once, and through memory into scalar registers, which is cheaper than lane
      // by lane; the words are looked up and written one after the other, as the next may want the same entry
      const upper = i32x4.shr_u(a, 10);
      const slot = v128.and(i32x4.shr_u(i16x8.mul(upper, i16x8.splat(WKDM_MULTIPLIER)), 2), i32x4.splat(60));
      v128.store(
        out,
        i32x4.add(v128.or(slot, v128.and(zeros, i32x4.splat(DICTIONARY_ZERO))), dictionary),
        ENTRIES,
      );
      v128.store(out, upper, UPPERS);
      let entry: usize = load<u32>(out, ENTRIES);
      let found = v128.load32_zero(entry);
      store<u32>(entry, load<u32>(out, UPPERS));
      entry = load<u32>(out, ENTRIES + 4);
      found = v128.load32_lane(entry, found, 1);
      store<u32>(entry, load<u32>(out, UPPERS + 4));
      entry = load<u32>(out, ENTRIES + 8);
      found = v128.load32_lane(entry, found, 2);
      store<u32>(entry, load<u32>(out, UPPERS + 8));
      entry = load<u32>(out, ENTRIES + 12);
      found = v128.load32_lane(entry, found, 3);
      store<u32>(entry, load<u32>(out, UPPERS + 12));
      hits4 = i32x4.sub(hits4, i32x4.eq(found, upper));
      p += 16;
    } while (p < blockEnd);
    zeroBytes8 = i16x8.add(zeroBytes8, i16x8.extadd_pairwise_i8x16_u(zeroBytes16));
  }
  let zeroWords = sum4(zeroWords4);
  // the zero words' entry holds zero, so each of them counted as a hit
  let hits = sum4(hits4) - zeroWords;
  let repeated = sum4(repeated4);
  let zeroBytes = sum4(i32x4.extadd_pairwise_i16x8_u(zeroBytes8)) + (zeroBlocks << 6);
  zeroWords += zeroBlocks << 4;
  // the last block's last word was compared with the bytes after the page
  if (p > page && p === wordsEnd && load<u32>(p) === load<u32>(p - 4) && load<u32>(p)) repeated--;
  for (; p < wordsEnd; p += 4) {
    const word = load<u32>(p);
    if (word === 0) {
      zeroWords++;
      continue;
    }
    if (p + 4 < wordsEnd && load<u32>(p, 4) === word) repeated++;
    const upper = word >>> 10;
    const entry = out + (((((upper & 255) * WKDM_MULTIPLIER) >>> 4) & 15) << 2);
    hits += <u32>(load<u32>(entry, DICTIONARY) === upper);
    store<u32>(entry, upper, DICTIONARY);
  }
  for (let q = blocksEnd; q < page + pageBytes; q++) zeroBytes += <u32>(load<u8>(q) === 0);
  store<u32>(out, zeroWords, PROFILE_ZERO_WORDS);
  store<u32>(out, repeated, PROFILE_REPEATED_WORDS);
  store<u32>(out, hits, PROFILE_DICTIONARY_WORDS);
  store<u32>(out, zeroBytes, PROFILE_ZERO_BYTES);
}

/**
 * Return how many of the words 2, 9, 18 and 25 of every 128 bytes are non-zero and in the table of earlier
 * words. Entry 0 is for zero words; any other word w has entry 1 + (w * 0x9e3779b1 >> 24), and replaces the
 * word there.
 */
export function seenWords(page: usize, pageBytes: u32, out: usize): u32 {
  const end = page + (pageBytes & ~127);
  const table = i32x4.splat(<i32>(out + EARLIER + 4));
  let seen4 = i64x2.splat(0);
  for (; page < end; page += 128) {
    let four = v128.load32_zero(page, 8);
    four = v128.load32_lane(page, four, 1, 36);
    four = v128.load32_lane(page, four, 2, 72);
    four = v128.load32_lane(page, four, 3, 100);
    const zeros = i32x4.eq(four, i64x2.splat(0));
    const hash = i32x4.shr_u(i32x4.mul(four, i32x4.splat(0x9e3779b1)), 24);
    const entries = i32x4.add(i32x4.shl(i32x4.add(hash, zeros), 2), table);
    const first = i64x2.extract_lane(entries, 0);
    const second = i64x2.extract_lane(entries, 1);
    let found = v128.load32_zero(<usize>first);
    v128.store32_lane(<usize>first, four, 0);
    found = v128.load32_lane(<usize>(first >> 32), found, 1);
    v128.store32_lane(<usize>(first >> 32), four, 1);
    found = v128.load32_lane(<usize>second, found, 2);
    v128.store32_lane(<usize>second, four, 2);
    found = v128.load32_lane(<usize>(second >> 32), found, 3);
    v128.store32_lane(<usize>(second >> 32), four, 3);
    seen4 = i32x4.sub(seen4, v128.andnot(i32x4.eq(found, four), zeros));
  }
  return sum4(seen4);
}

/** Return the sum of four 32-bit lanes. */
function sum4(lanes: v128): u32 {
  const halves = i32x4.add(lanes, i32x4.shuffle(lanes, lanes, 2, 3, 0, 1));
  return <u32>i32x4.extract_lane(halves, 0) + <u32>i32x4.extract_lane(halves, 1);
}
