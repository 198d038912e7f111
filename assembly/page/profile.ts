// The profile of a page, u32 fields (../layout) by which a strategy chooses a codec. All fields but the
// estimate are exact.
//
// The estimate is the bytes of an LZ4 block. It is a linear fit over pages of two Linux guests of the zero,
// repeated and dictionary words, of one word in eight looked up among earlier ones (as LZ4 looks up every
// position), and of how many different values 256 bytes taken from all over the page have: few in text and
// pointers, about 162 in random data.
import {
  PROFILE_BYTES,
  PROFILE_CHANGED_BYTES,
  PROFILE_CHANGED_RUNS,
  PROFILE_DICTIONARY_WORDS,
  PROFILE_ESTIMATED_BYTES,
  PROFILE_REPEATED_WORDS,
  PROFILE_RUN_BYTES,
  PROFILE_RUNS,
  PROFILE_ZERO_WORDS,
} from "../layout";
import { EARLIER, seenWords, words } from "./profile-words";

/** The table that marks byte values; it reuses the memory of the earlier words. */
const VALUES: usize = EARLIER;

export function profilePage(page: usize, base: usize, pageBytes: u32, out: usize): void {
  for (let at: u32 = 0; at < PROFILE_BYTES; at += 64) {
    v128.store(out + at, i64x2.splat(0));
    v128.store(out + at, i64x2.splat(0), 16);
    v128.store(out + at, i64x2.splat(0), 32);
    v128.store(out + at, i64x2.splat(0), 48);
  }
  words(page, pageBytes, out);
  const seen = seenWords(page, pageBytes, out);
  runs(page, pageBytes, out);
  if (base === 0) {
    store<u32>(out, pageBytes, PROFILE_CHANGED_BYTES);
    store<u32>(out, 1, PROFILE_CHANGED_RUNS);
  } else {
    changes(page, base, pageBytes, out);
  }
  estimate(pageBytes, seen, differentValues(page, pageBytes, out), out);
}

/** Write the runs of at least four equal bytes, and the bytes in them. */
function runs(page: usize, pageBytes: u32, out: usize): void {
  // A bit a byte: equal to the next one. A run of n equal bytes is n - 1 such bits in a row; n - 3 of them
  // end three in a row, and n - 4 end four, where n is large enough: the difference is the number of runs.
  let before: u64 = 0;
  let threes: u64 = 0;
  let fours: u64 = 0;
  for (let left = pageBytes; left > 0; left -= min<u32>(left, 64), page += 64) {
    let equal =
      equalNext(page) |
      (equalNext(page + 16) << 16) |
      (equalNext(page + 32) << 32) |
      (equalNext(page + 48) << 48);
    if (left <= 64) equal &= ((<u64>1) << (left - 1)) - 1;
    const three = equal & ((equal << 1) | (before >> 63)) & ((equal << 2) | (before >> 62));
    threes += popcnt(three);
    fours += popcnt(three & ((equal << 3) | (before >> 61)));
    before = equal;
  }
  const stretches = <u32>(threes - fours);
  store<u32>(out, stretches, PROFILE_RUNS);
  store<u32>(out, <u32>threes + 3 * stretches, PROFILE_RUN_BYTES);
}

function equalNext(p: usize): u64 {
  return <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.load(p), v128.load(p, 1))));
}

/** Write the bytes that differ from the base, and the separate ranges of 8-byte granules that have any. */
function changes(page: usize, base: usize, pageBytes: u32, out: usize): void {
  const end = page + pageBytes;
  const blocksEnd = page + (pageBytes & ~63);
  let bytes: u32 = 0;
  let stretches: u32 = 0;
  let before: u32 = 0;
  while (page < blocksEnd) {
    const a = v128.xor(v128.load(page), v128.load(base));
    const b = v128.xor(v128.load(page, 16), v128.load(base, 16));
    const c = v128.xor(v128.load(page, 32), v128.load(base, 32));
    const d = v128.xor(v128.load(page, 48), v128.load(base, 48));
    if (v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)))) {
      const same = equalsZero(a) | (equalsZero(b) << 16) | (equalsZero(c) << 32) | (equalsZero(d) << 48);
      bytes += <u32>popcnt(~same);
      const granules =
        ~(sameGranules(a) | (sameGranules(b) << 2) | (sameGranules(c) << 4) | (sameGranules(d) << 6)) & 255;
      stretches += popcnt(granules & ~((granules << 1) | before));
      before = granules >>> 7;
    } else before = 0;
    page += 64;
    base += 64;
  }
  while (page < end) {
    const granuleEnd = end - page < 8 ? end : page + 8;
    const bytesBefore = bytes;
    for (; page < granuleEnd; page++, base++) bytes += <u32>(load<u8>(page) !== load<u8>(base));
    const changed = <u32>(bytes !== bytesBefore);
    stretches += changed & ~before;
    before = changed;
  }
  store<u32>(out, bytes, PROFILE_CHANGED_BYTES);
  store<u32>(out, stretches, PROFILE_CHANGED_RUNS);
}

function equalsZero(x: v128): u64 {
  return <u64>(<u32>i8x16.bitmask(i8x16.eq(x, i64x2.splat(0))));
}

function sameGranules(x: v128): u32 {
  return <u32>i64x2.bitmask(i64x2.eq(x, i64x2.splat(0)));
}

/** Return the number of different values of 256 bytes spread over the page (all bytes of a shorter page). */
function differentValues(page: usize, pageBytes: u32, out: usize): u32 {
  for (let i: usize = 0; i < 256; i += 16) v128.store(out + i, i64x2.splat(0), VALUES);
  const stride = max<u32>(pageBytes >>> 8, 1);
  const samples = min<u32>(pageBytes, 256);
  // On large pages each sample of sixteen has another offset in its stride, so that it does not follow one
  // column of a table.
  const step = stride >= 16 ? stride + 1 : stride;
  let p = page;
  let left = samples;
  while (left >= 16) {
    const next = p + (stride << 4);
    for (let i = 0; i < 4; i++) {
      store<u8>(out + <usize>load<u8>(p), 255, VALUES);
      store<u8>(out + <usize>load<u8>(p + step), 255, VALUES);
      p += step << 1;
      store<u8>(out + <usize>load<u8>(p), 255, VALUES);
      store<u8>(out + <usize>load<u8>(p + step), 255, VALUES);
      p += step << 1;
    }
    p = next;
    left -= 16;
  }
  for (; left; left--, p += stride) store<u8>(out + <usize>load<u8>(p), 255, VALUES);
  let values: u32 = 0;
  for (let i: u32 = 0; i < 256; i += 16) values += popcnt(i8x16.bitmask(v128.load(out + i, VALUES)));
  return values;
}

/** Weights in 64ths of a byte: size and variety of bytes add to the estimate, repeated words reduce it. */
function estimate(pageBytes: u32, seen: u32, values: u32, out: usize): void {
  const bytes = <i64>pageBytes;
  let worth = bytes * 29 + ((bytes * <i64>values * 960) >> 12);
  worth += 33 * <i64>load<u32>(out, PROFILE_DICTIONARY_WORDS) - 111 * <i64>load<u32>(out, PROFILE_ZERO_WORDS);
  worth -= 57 * <i64>load<u32>(out, PROFILE_REPEATED_WORDS) + 810 * <i64>seen;
  const least = (bytes >> 8) + 8;
  store<u32>(out, <u32>min<i64>(max<i64>(worth >> 6, least), bytes), PROFILE_ESTIMATED_BYTES);
}
