// XXH3-64 of 0 … 240 bytes. Lengths fall into classes 0, 1-3, 4-8, 9-16, 17-128, 129-240, each with a formula
// of its own.
import {
  avalanche,
  avalancheOld,
  fold,
  mix16,
  PRIME_MX2,
  PRIME64_1,
  SECRET,
  secret64,
  swap32,
  swap64,
} from "./parts";

export function short64(src: usize, bytes: u32, seed: u64): u64 {
  if (bytes > 128) return upTo240(src, bytes, seed);
  if (bytes > 16) return upTo128(src, bytes, seed);
  if (bytes > 8) return upTo16(src, bytes, seed);
  if (bytes >= 4) return upTo8(src, bytes, seed);
  if (bytes) return upTo3(src, bytes, seed);
  return avalancheOld(seed ^ secret64(56) ^ secret64(64));
}

/** The three bytes first, middle and last with the length: every byte of a 1 … 3 byte input is in it. */
export function packUpTo3(src: usize, bytes: u32): u32 {
  return (
    ((<u32>load<u8>(src)) << 16) |
    ((<u32>load<u8>(src + (bytes >> 1))) << 24) |
    <u32>load<u8>(src + bytes - 1) |
    (bytes << 8)
  );
}

function upTo3(src: usize, bytes: u32, seed: u64): u64 {
  const flip = <u64>(load<u32>(SECRET) ^ load<u32>(SECRET, 4)) + seed;
  return avalancheOld(<u64>packUpTo3(src, bytes) ^ flip);
}

function upTo8(src: usize, bytes: u32, seed: u64): u64 {
  seed ^= (<u64>swap32(<u32>seed)) << 32;
  const input = <u64>load<u32>(src + bytes - 4) | ((<u64>load<u32>(src)) << 32);
  let h = input ^ ((secret64(8) ^ secret64(16)) - seed);
  h ^= rotl<u64>(h, 49) ^ rotl<u64>(h, 24);
  h *= PRIME_MX2;
  h ^= (h >> 35) + <u64>bytes;
  h *= PRIME_MX2;
  return h ^ (h >> 28);
}

function upTo16(src: usize, bytes: u32, seed: u64): u64 {
  const low = load<u64>(src) ^ ((secret64(24) ^ secret64(32)) + seed);
  const high = load<u64>(src + bytes - 8) ^ ((secret64(40) ^ secret64(48)) - seed);
  return avalanche(<u64>bytes + swap64(low) + high + fold(low, high));
}

/** Pairs of sixteen bytes from both ends towards the middle. */
function upTo128(src: usize, bytes: u32, seed: u64): u64 {
  let h = <u64>bytes * PRIME64_1;
  const last = src + bytes - 16;
  const pairs = (bytes - 1) >>> 5;
  for (let i: u32 = 0; i <= pairs; i++) {
    h += mix16(src + (i << 4), SECRET + (i << 5), seed);
    h += mix16(last - (i << 4), SECRET + (i << 5) + 16, seed);
  }
  return avalanche(h);
}

function upTo240(src: usize, bytes: u32, seed: u64): u64 {
  let h = <u64>bytes * PRIME64_1;
  const rounds = bytes >>> 4;
  for (let i: u32 = 0; i < 8; i++) h += mix16(src + (i << 4), SECRET + (i << 4), seed);
  h = avalanche(h);
  for (let i: u32 = 8; i < rounds; i++) h += mix16(src + (i << 4), SECRET + ((i - 8) << 4) + 3, seed);
  return avalanche(h + mix16(src + bytes - 16, SECRET + 119, seed));
}
