// XXH3-128 of 0 … 240 bytes; the two halves go to out (low) and out + 8 (high). Length classes as for
// XXH3-64.
import {
  avalanche,
  avalancheOld,
  mix16,
  mulHigh,
  PRIME_MX2,
  PRIME32_2,
  PRIME64_1,
  PRIME64_2,
  PRIME64_4,
  SECRET,
  secret64,
  swap32,
  swap64,
} from "./parts";
import { packUpTo3 } from "./short64";

export function short128(src: usize, bytes: u32, seed: u64, out: usize): void {
  if (bytes > 16) upTo240(src, bytes, seed, out);
  else if (bytes > 8) upTo16(src, bytes, seed, out);
  else if (bytes >= 4) upTo8(src, bytes, seed, out);
  else if (bytes) upTo3(src, bytes, seed, out);
  else {
    const low = avalancheOld(seed ^ secret64(64) ^ secret64(72));
    const high = avalancheOld(seed ^ secret64(80) ^ secret64(88));
    put(out, low, high);
  }
}

function put(out: usize, low: u64, high: u64): void {
  store<u64>(out, low);
  store<u64>(out, high, 8);
}

function upTo3(src: usize, bytes: u32, seed: u64, out: usize): void {
  const packed = packUpTo3(src, bytes);
  const flipLow = <u64>(load<u32>(SECRET) ^ load<u32>(SECRET, 4)) + seed;
  const flipHigh = <u64>(load<u32>(SECRET, 8) ^ load<u32>(SECRET, 12)) - seed;
  const turned = rotl<u32>(swap32(packed), 13);
  put(out, avalancheOld(<u64>packed ^ flipLow), avalancheOld(<u64>turned ^ flipHigh));
}

function upTo8(src: usize, bytes: u32, seed: u64, out: usize): void {
  seed ^= (<u64>swap32(<u32>seed)) << 32;
  const input = <u64>load<u32>(src) | ((<u64>load<u32>(src + bytes - 4)) << 32);
  const keyed = input ^ ((secret64(16) ^ secret64(24)) + seed);
  const factor = PRIME64_1 + ((<u64>bytes) << 2);
  let low = keyed * factor;
  const high = mulHigh(keyed, factor) + (low << 1);
  low ^= high >> 3;
  low = (low ^ (low >> 35)) * PRIME_MX2;
  put(out, low ^ (low >> 28), avalanche(high));
}

function upTo16(src: usize, bytes: u32, seed: u64, out: usize): void {
  const first = load<u64>(src);
  let last = load<u64>(src + bytes - 8);
  const keyed = first ^ last ^ ((secret64(32) ^ secret64(40)) - seed);
  let low = keyed * PRIME64_1 + ((<u64>bytes - 1) << 54);
  last ^= (secret64(48) ^ secret64(56)) + seed;
  let high = mulHigh(keyed, PRIME64_1) + last + (last & 0xffffffff) * (PRIME32_2 - 1);
  low ^= swap64(high);
  high = high * PRIME64_2 + mulHigh(low, PRIME64_2);
  low *= PRIME64_2;
  put(out, avalanche(low), avalanche(high));
}

/** The half that takes `a` in, then crosses `b`'s plain sum into it. */
function mixHalf(half: u64, a: usize, b: usize, secret: usize, seed: u64): u64 {
  return (half + mix16(a, secret, seed)) ^ (load<u64>(b) + load<u64>(b, 8));
}

function upTo240(src: usize, bytes: u32, seed: u64, out: usize): void {
  let low = <u64>bytes * PRIME64_1;
  let high: u64 = 0;
  if (bytes <= 128) {
    // from the middle pair outwards
    for (let i: i32 = <i32>((bytes - 1) >>> 5); i >= 0; i--) {
      const a = src + ((<usize>i) << 4);
      const b = src + bytes - 16 - ((<usize>i) << 4);
      const secret = SECRET + ((<usize>i) << 5);
      low = mixHalf(low, a, b, secret, seed);
      high = mixHalf(high, b, a, secret + 16, seed);
    }
  } else {
    const rounds = bytes >>> 5;
    let secret = SECRET;
    for (let i: u32 = 0; i < rounds; i++) {
      if (i === 4) {
        low = avalanche(low);
        high = avalanche(high);
        secret = SECRET + 3;
      }
      const a = src + (i << 5);
      low = mixHalf(low, a, a + 16, secret, seed);
      high = mixHalf(high, a + 16, a, secret + 16, seed);
      secret += 32;
    }
    if (rounds === 4) {
      low = avalanche(low);
      high = avalanche(high);
    }
    const tail = src + bytes - 16;
    low = mixHalf(low, tail, tail - 16, SECRET + 103, 0 - seed);
    high = mixHalf(high, tail - 16, tail, SECRET + 119, 0 - seed);
  }
  const mixed = low * PRIME64_1 + high * PRIME64_4 + (<u64>bytes - seed) * PRIME64_2;
  put(out, avalanche(low + high), 0 - avalanche(mixed));
}
