// XXH3 of more than 240 bytes: the input is a row of 64-byte stripes, sixteen to a block, and one last stripe
// that ends with the input (and may overlap the stripe before it). Eight 64-bit accumulators take in each
// stripe, are scrambled after each full block, and are merged at the end into one half (XXH3-64) or two
// (XXH3-128).
import {
  avalanche,
  PRIME32_1,
  PRIME32_2,
  PRIME32_3,
  PRIME64_1,
  PRIME64_2,
  PRIME64_3,
  PRIME64_4,
  PRIME64_5,
  SECRET,
} from "./parts";

const STRIPE: usize = 64;
const BLOCK: usize = 1024;
// Where in the secret the keys of a scramble, of the last stripe and of the two merges begin.
const SCRAMBLE_KEY: usize = 128;
const LAST_KEY: usize = 121;
const LOW_KEY: usize = 11;
const HIGH_KEY: usize = 117;

/** Hash more than 240 bytes with seed 0; write 8 bytes, or 16 when `wide`. */
export function long(src: usize, bytes: u32, out: usize, wide: bool): void {
  longRuns(src, bytes, 0, 0, bytes, out, wide);
}

/**
 * As `long`, of `total` bytes in several places: `bytes` bytes at `src`, then the `left` runs after the one
 * at `run` (address and length, u32 each). All runs but the last are whole blocks; the last has a stripe or
 * more.
 */
export function longRuns(
  src: usize,
  bytes: u32,
  run: usize,
  left: u32,
  total: u32,
  out: usize,
  wide: bool,
): void {
  let acc0 = i64x2(PRIME32_3, PRIME64_1);
  let acc1 = i64x2(PRIME64_2, PRIME64_3);
  let acc2 = i64x2(PRIME64_4, PRIME32_2);
  let acc3 = i64x2(PRIME64_5, PRIME32_1);
  // Of the run at hand; a run that others follow has no last stripe.
  let end: usize = left > 0 ? 0 : src + bytes;
  let lastStripe: usize = left > 0 ? src + bytes : src + ((bytes - 1) & ~63);
  let p = src;
  let key = SECRET;
  let stop = lastStripe - p > BLOCK ? p + BLOCK : lastStripe;
  while (true) {
    // The plain sum of the data goes to the neighbour lane: summed apart, it changes lanes once a block, not
    // once a stripe. A quarter of it is summed in scalar registers, because the vector ports are what this
    // loop waits for.
    let sum0 = i64x2.splat(0);
    let sum1 = i64x2.splat(0);
    let sum2 = i64x2.splat(0);
    let sum6: u64 = 0;
    let sum7: u64 = 0;
    while (p < stop) {
      let a = v128.load(p);
      let b = v128.load(p, 16);
      sum0 = i64x2.add(sum0, a);
      sum1 = i64x2.add(sum1, b);
      a = v128.xor(a, v128.load(key));
      b = v128.xor(b, v128.load(key, 16));
      let low = i32x4.shuffle(a, b, 0, 2, 4, 6);
      let high = i32x4.shuffle(a, b, 1, 3, 5, 7);
      acc0 = i64x2.add(acc0, i64x2.extmul_low_i32x4_u(low, high));
      acc1 = i64x2.add(acc1, i64x2.extmul_high_i32x4_u(low, high));
      a = v128.load(p, 32);
      b = v128.load(p, 48);
      sum2 = i64x2.add(sum2, a);
      sum6 += load<u64>(p, 48);
      sum7 += load<u64>(p, 56);
      a = v128.xor(a, v128.load(key, 32));
      b = v128.xor(b, v128.load(key, 48));
      low = i32x4.shuffle(a, b, 0, 2, 4, 6);
      high = i32x4.shuffle(a, b, 1, 3, 5, 7);
      acc2 = i64x2.add(acc2, i64x2.extmul_low_i32x4_u(low, high));
      acc3 = i64x2.add(acc3, i64x2.extmul_high_i32x4_u(low, high));
      p += STRIPE;
      key += 8;
    }
    acc0 = i64x2.add(acc0, i64x2.shuffle(sum0, sum0, 1, 0));
    acc1 = i64x2.add(acc1, i64x2.shuffle(sum1, sum1, 1, 0));
    acc2 = i64x2.add(acc2, i64x2.shuffle(sum2, sum2, 1, 0));
    acc3 = i64x2.add(acc3, i64x2.replace_lane(i64x2.splat(sum7), 1, sum6));
    if (p === end) break;
    if (key === SECRET + SCRAMBLE_KEY) {
      acc0 = scramble(acc0, v128.load(key));
      acc1 = scramble(acc1, v128.load(key, 16));
      acc2 = scramble(acc2, v128.load(key, 32));
      acc3 = scramble(acc3, v128.load(key, 48));
    }
    if (p < lastStripe) {
      key = SECRET;
      stop = lastStripe - p > BLOCK ? p + BLOCK : lastStripe;
    } else if (left > 0) {
      run += 8;
      left--;
      p = load<u32>(run);
      const length = load<u32>(run, 4);
      end = left > 0 ? 0 : p + length;
      lastStripe = left > 0 ? p + length : p + ((length - 1) & ~63);
      key = SECRET;
      stop = lastStripe - p > BLOCK ? p + BLOCK : lastStripe;
    } else {
      key = SECRET + LAST_KEY;
      p = end - STRIPE;
      stop = end;
    }
  }
  store<u64>(out, mergeAt(SECRET + LOW_KEY, acc0, acc1, acc2, acc3, <u64>total * PRIME64_1));
  if (wide) store<u64>(out, mergeAt(SECRET + HIGH_KEY, acc0, acc1, acc2, acc3, ~(<u64>total * PRIME64_2)), 8);
}

/**
 * Hash with any seed: a shorter, slower loop, as no page is hashed with a seed. Stripe n takes the words n …
 * n + 7 of the secret that the seed derives: even words are the default secret's plus the seed, odd ones
 * minus it.
 */
export function longSeeded(src: usize, bytes: u32, seed: u64, out: usize, wide: bool): void {
  let signs = i64x2(seed, 0 - seed);
  let acc0 = i64x2(PRIME32_3, PRIME64_1);
  let acc1 = i64x2(PRIME64_2, PRIME64_3);
  let acc2 = i64x2(PRIME64_4, PRIME32_2);
  let acc3 = i64x2(PRIME64_5, PRIME32_1);
  const end = src + bytes;
  const lastStripe = src + ((bytes - 1) & ~63);
  let key = SECRET;
  while (src < lastStripe) {
    acc0 = accumulate(acc0, v128.load(src), i64x2.add(v128.load(key), signs));
    acc1 = accumulate(acc1, v128.load(src, 16), i64x2.add(v128.load(key, 16), signs));
    acc2 = accumulate(acc2, v128.load(src, 32), i64x2.add(v128.load(key, 32), signs));
    acc3 = accumulate(acc3, v128.load(src, 48), i64x2.add(v128.load(key, 48), signs));
    src += STRIPE;
    key += 8;
    signs = i64x2.neg(signs);
    if (key === SECRET + SCRAMBLE_KEY) {
      acc0 = scramble(acc0, i64x2.add(v128.load(key), signs));
      acc1 = scramble(acc1, i64x2.add(v128.load(key, 16), signs));
      acc2 = scramble(acc2, i64x2.add(v128.load(key, 32), signs));
      acc3 = scramble(acc3, i64x2.add(v128.load(key, 48), signs));
      key = SECRET;
    }
  }
  src = end - STRIPE;
  acc0 = accumulate(acc0, v128.load(src), derivedKeys(LAST_KEY, seed));
  acc1 = accumulate(acc1, v128.load(src, 16), derivedKeys(LAST_KEY + 16, seed));
  acc2 = accumulate(acc2, v128.load(src, 32), derivedKeys(LAST_KEY + 32, seed));
  acc3 = accumulate(acc3, v128.load(src, 48), derivedKeys(LAST_KEY + 48, seed));
  store<u64>(out, mergeSeeded(LOW_KEY, seed, acc0, acc1, acc2, acc3, <u64>bytes * PRIME64_1));
  if (wide)
    store<u64>(out, mergeSeeded(HIGH_KEY, seed, acc0, acc1, acc2, acc3, ~(<u64>bytes * PRIME64_2)), 8);
}

function accumulate(acc: v128, data: v128, key: v128): v128 {
  const keyed = v128.xor(data, key);
  const low = i32x4.shuffle(keyed, keyed, 0, 2, 1, 3);
  const high = i32x4.shuffle(keyed, keyed, 1, 3, 0, 2);
  return i64x2.add(i64x2.add(acc, i64x2.shuffle(data, data, 1, 0)), i64x2.extmul_low_i32x4_u(low, high));
}

function scramble(acc: v128, key: v128): v128 {
  return i64x2.mul(v128.xor(v128.xor(acc, i64x2.shr_u(acc, 47)), key), i64x2.splat(PRIME32_1));
}

function mergeAt(key: usize, acc0: v128, acc1: v128, acc2: v128, acc3: v128, start: u64): u64 {
  acc0 = v128.xor(acc0, v128.load(key));
  acc1 = v128.xor(acc1, v128.load(key, 16));
  acc2 = v128.xor(acc2, v128.load(key, 32));
  acc3 = v128.xor(acc3, v128.load(key, 48));
  return merge(acc0, acc1, acc2, acc3, start);
}

function mergeSeeded(key: usize, seed: u64, acc0: v128, acc1: v128, acc2: v128, acc3: v128, start: u64): u64 {
  acc0 = v128.xor(acc0, derivedKeys(key, seed));
  acc1 = v128.xor(acc1, derivedKeys(key + 16, seed));
  acc2 = v128.xor(acc2, derivedKeys(key + 32, seed));
  acc3 = v128.xor(acc3, derivedKeys(key + 48, seed));
  return merge(acc0, acc1, acc2, acc3, start);
}

/** Fold each accumulator's two lanes and add them up: one half of the digest. */
function merge(keyed0: v128, keyed1: v128, keyed2: v128, keyed3: v128, start: u64): u64 {
  const sum = i64x2.add(foldPairs(keyed0, keyed1), foldPairs(keyed2, keyed3));
  return avalanche(start + i64x2.extract_lane(sum, 0) + i64x2.extract_lane(sum, 1));
}

/**
 * Return low half xor high half of the 128-bit products x[0] * x[1] and y[0] * y[1], side by side, from
 * 32-bit digits.
 */
function foldPairs(x: v128, y: v128): v128 {
  const a = i32x4.shuffle(x, y, 0, 4, 1, 5);
  const b = i32x4.shuffle(x, y, 2, 6, 3, 7);
  const crossed = i32x4.shuffle(b, b, 2, 3, 0, 1);
  const digit = i64x2.splat(0xffffffff);
  const lowLow = i64x2.extmul_low_i32x4_u(a, b);
  const highLow = i64x2.add(i64x2.extmul_high_i32x4_u(a, crossed), i64x2.shr_u(lowLow, 32));
  const middle = i64x2.add(i64x2.extmul_low_i32x4_u(a, crossed), v128.and(highLow, digit));
  const carries = i64x2.add(i64x2.shr_u(highLow, 32), i64x2.shr_u(middle, 32));
  const high = i64x2.add(i64x2.extmul_high_i32x4_u(a, b), carries);
  const low = v128.or(i64x2.shl(middle, 32), v128.and(lowLow, digit));
  return v128.xor(low, high);
}

/**
 * Return 16 bytes, at an offset that is no multiple of 8, of the secret that `seed` derives, which is never
 * stored: even words + seed, odd words - seed.
 */
function derivedKeys(offset: usize, seed: u64): v128 {
  const word = SECRET + (offset & ~7);
  const shift = <i32>((offset & 7) << 3);
  const signs = offset & 8 ? i64x2(0 - seed, seed) : i64x2(seed, 0 - seed);
  const low = i64x2.add(v128.load(word), signs);
  const high = i64x2.sub(v128.load(word, 8), signs);
  return v128.or(i64x2.shr_u(low, shift), i64x2.shl(high, 64 - shift));
}
