import { BYTE_COUNTS } from "./layout";

/**
 * Count byte values at BYTE_COUNTS (u32 each). Return the largest value that occurs in the lowest eight bits,
 * and the largest count above them.
 */
export function countBytes(scratch: usize, src: usize, bytes: u32): u32 {
  const counts = scratch + BYTE_COUNTS;
  const zero = i32x4.splat(0);
  const countsEnd = counts + 4096;
  for (let at = counts; at < countsEnd; at += 64) {
    v128.store(at, zero);
    v128.store(at, zero, 16);
    v128.store(at, zero, 32);
    v128.store(at, zero, 48);
  }
  // Four tables: equal neighbours do not wait for each other's store.
  const end = src + bytes;
  const wide = src + (bytes & ~7);
  while (src < wide) {
    const word = load<u64>(src);
    bump(counts + ((<usize>word & 0xff) << 2));
    bump(counts + 1024 + ((<usize>(word >> 8) & 0xff) << 2));
    bump(counts + 2048 + ((<usize>(word >> 16) & 0xff) << 2));
    bump(counts + 3072 + ((<usize>(word >> 24) & 0xff) << 2));
    bump(counts + ((<usize>(word >> 32) & 0xff) << 2));
    bump(counts + 1024 + ((<usize>(word >> 40) & 0xff) << 2));
    bump(counts + 2048 + ((<usize>(word >> 48) & 0xff) << 2));
    bump(counts + 3072 + ((<usize>(word >> 56)) << 2));
    src += 8;
  }
  while (src < end) bump(counts + ((<usize>load<u8>(src++)) << 2));
  let most = zero;
  let last: u32 = 0;
  for (let at: usize = 0; at < 1024; at += 16) {
    const sum = i32x4.add(
      i32x4.add(v128.load(counts + at), v128.load(counts + at, 1024)),
      i32x4.add(v128.load(counts + at, 2048), v128.load(counts + at, 3072)),
    );
    v128.store(counts + at, sum);
    most = i32x4.max_u(most, sum);
    const zeros = i32x4.bitmask(i32x4.eq(sum, zero));
    if (zeros !== 15) last = (<u32>at >> 2) + (31 - <u32>clz(~zeros & 15));
  }
  most = i32x4.max_u(most, i32x4.shuffle(most, most, 2, 3, 0, 1));
  most = i32x4.max_u(most, i32x4.shuffle(most, most, 1, 0, 3, 2));
  return ((<u32>i32x4.extract_lane(most, 0)) << 8) | last;
}

function bump(slot: usize): void {
  store<u32>(slot, load<u32>(slot) + 1);
}
