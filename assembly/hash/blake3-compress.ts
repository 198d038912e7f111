// BLAKE3's compression, of four blocks at a time: word i of the four blocks is in vector i, and so are the
// words of their chaining values and states.
//
//   scratch = 16 message vectors | 8 vectors of chaining values         384 bytes

export const CHUNK_START: u32 = 1;
export const KEYED: u32 = 16;

const CHAINING: usize = 256;

/** For each of the seven rounds the order of the message words, as offsets of their vectors. */
// biome-ignore format: a round a line
const ORDER: usize = memory.data<u8>([
  0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240,
  32, 96, 48, 160, 112, 0, 64, 208, 16, 176, 192, 80, 144, 224, 240, 128,
  48, 64, 160, 192, 208, 32, 112, 224, 96, 80, 144, 0, 176, 240, 128, 16,
  160, 112, 192, 144, 224, 48, 208, 240, 64, 0, 176, 32, 80, 128, 16, 96,
  192, 208, 144, 176, 240, 160, 224, 128, 112, 32, 80, 48, 0, 16, 96, 64,
  144, 224, 176, 80, 128, 192, 240, 16, 208, 48, 0, 160, 32, 96, 64, 112,
  176, 240, 80, 0, 16, 144, 128, 96, 224, 160, 32, 192, 48, 64, 112, 208,
]);
const ORDER_BYTES: usize = 7 * 16;

/**
 * Compress the blocks of `bytes` bytes of each of four lanes, `stride` bytes apart, and write the four
 * chaining values, 32 bytes each, to `out`. The first block has the flags `flags`, the others those of a
 * keyed hash alone; the last one also has `last`. Lanes of chunks count from `chunk`, parents have counter 0.
 */
export function compressLanes(
  src: usize,
  stride: usize,
  bytes: i32,
  chunk: u32,
  flags: u32,
  last: u32,
  key: usize,
  out: usize,
  scratch: usize,
): void {
  const chaining = scratch + CHAINING;
  for (let to = chaining; to < chaining + 128; to += 16) {
    v128.store(to, v128.load32_splat(key));
    key += 4;
  }
  const step: u32 = flags & CHUNK_START;
  do {
    transpose(src, stride, 16, scratch, 16, 64, 4);
    src += 64;
    const isLast = bytes <= 64;
    compress(scratch, chunk, step, isLast ? bytes : 64, isLast ? flags | last : flags);
    flags = KEYED;
    bytes -= 64;
  } while (bytes > 0);
  transpose(chaining, 16, 64, out, 32, 16, 2);
}

/** Transpose `count` 4 x 4 matrices of words; a row, column or matrix follows the last one by its stride. */
function transpose(
  src: usize,
  rowStride: usize,
  srcStride: usize,
  out: usize,
  columnStride: usize,
  outStride: usize,
  count: u32,
): void {
  do {
    const a = v128.load(src);
    const b = v128.load(src + rowStride);
    const c = v128.load(src + 2 * rowStride);
    const d = v128.load(src + 3 * rowStride);
    const abLow = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7);
    const cdLow = i32x4.shuffle(c, d, 0, 4, 1, 5);
    const cdHigh = i32x4.shuffle(c, d, 2, 6, 3, 7);
    v128.store(out, i64x2.shuffle(abLow, cdLow, 0, 2));
    v128.store(out + columnStride, i64x2.shuffle(abLow, cdLow, 1, 3));
    v128.store(out + 2 * columnStride, i64x2.shuffle(abHigh, cdHigh, 0, 2));
    v128.store(out + 3 * columnStride, i64x2.shuffle(abHigh, cdHigh, 1, 3));
    src += srcStride;
    out += outStride;
  } while (--count > 0);
}

/**
 * Compress the four message blocks into their chaining values. Lane i has the counter `counter + i *
 * counterStep`: the number of its chunk, 0 for parents.
 */
function compress(scratch: usize, counter: u32, counterStep: u32, blockBytes: u32, flags: u32): void {
  let v0 = chaining(scratch, 0);
  let v1 = chaining(scratch, 1);
  let v2 = chaining(scratch, 2);
  let v3 = chaining(scratch, 3);
  let v4 = chaining(scratch, 4);
  let v5 = chaining(scratch, 5);
  let v6 = chaining(scratch, 6);
  let v7 = chaining(scratch, 7);
  let v8 = i32x4.splat(0x6a09e667);
  let v9 = i32x4.splat(0xbb67ae85);
  let v10 = i32x4.splat(0x3c6ef372);
  let v11 = i32x4.splat(0xa54ff53a);
  let v12 = i32x4.add(i32x4.splat(counter), i32x4.mul(i32x4.splat(counterStep), i32x4(0, 1, 2, 3)));
  let v13 = i32x4.splat(0);
  let v14 = i32x4.splat(blockBytes);
  let v15 = i32x4.splat(flags);
  // biome-ignore format: a quarter round is two lines
  for (let order = ORDER; order < ORDER + ORDER_BYTES; order += 16) {
    v0 = sum(v0, v4, scratch, order, 0); v12 = xor16(v12, v0); v8 = add(v8, v12); v4 = xor12(v4, v8);
    v0 = sum(v0, v4, scratch, order, 1); v12 = xor8(v12, v0); v8 = add(v8, v12); v4 = xor7(v4, v8);
    v1 = sum(v1, v5, scratch, order, 2); v13 = xor16(v13, v1); v9 = add(v9, v13); v5 = xor12(v5, v9);
    v1 = sum(v1, v5, scratch, order, 3); v13 = xor8(v13, v1); v9 = add(v9, v13); v5 = xor7(v5, v9);
    v2 = sum(v2, v6, scratch, order, 4); v14 = xor16(v14, v2); v10 = add(v10, v14); v6 = xor12(v6, v10);
    v2 = sum(v2, v6, scratch, order, 5); v14 = xor8(v14, v2); v10 = add(v10, v14); v6 = xor7(v6, v10);
    v3 = sum(v3, v7, scratch, order, 6); v15 = xor16(v15, v3); v11 = add(v11, v15); v7 = xor12(v7, v11);
    v3 = sum(v3, v7, scratch, order, 7); v15 = xor8(v15, v3); v11 = add(v11, v15); v7 = xor7(v7, v11);
    v0 = sum(v0, v5, scratch, order, 8); v15 = xor16(v15, v0); v10 = add(v10, v15); v5 = xor12(v5, v10);
    v0 = sum(v0, v5, scratch, order, 9); v15 = xor8(v15, v0); v10 = add(v10, v15); v5 = xor7(v5, v10);
    v1 = sum(v1, v6, scratch, order, 10); v12 = xor16(v12, v1); v11 = add(v11, v12); v6 = xor12(v6, v11);
    v1 = sum(v1, v6, scratch, order, 11); v12 = xor8(v12, v1); v11 = add(v11, v12); v6 = xor7(v6, v11);
    v2 = sum(v2, v7, scratch, order, 12); v13 = xor16(v13, v2); v8 = add(v8, v13); v7 = xor12(v7, v8);
    v2 = sum(v2, v7, scratch, order, 13); v13 = xor8(v13, v2); v8 = add(v8, v13); v7 = xor7(v7, v8);
    v3 = sum(v3, v4, scratch, order, 14); v14 = xor16(v14, v3); v9 = add(v9, v14); v4 = xor12(v4, v9);
    v3 = sum(v3, v4, scratch, order, 15); v14 = xor8(v14, v3); v9 = add(v9, v14); v4 = xor7(v4, v9);
  }
  v128.store(scratch, v128.xor(v0, v8), CHAINING);
  v128.store(scratch, v128.xor(v1, v9), CHAINING + 16);
  v128.store(scratch, v128.xor(v2, v10), CHAINING + 32);
  v128.store(scratch, v128.xor(v3, v11), CHAINING + 48);
  v128.store(scratch, v128.xor(v4, v12), CHAINING + 64);
  v128.store(scratch, v128.xor(v5, v13), CHAINING + 80);
  v128.store(scratch, v128.xor(v6, v14), CHAINING + 96);
  v128.store(scratch, v128.xor(v7, v15), CHAINING + 112);
}

function chaining(scratch: usize, word: usize): v128 {
  return v128.load(scratch + CHAINING + 16 * word);
}

function add(a: v128, b: v128): v128 {
  return i32x4.add(a, b);
}

/** Return the sum of two words of the state and message word `index` of this round. */
function sum(a: v128, b: v128, scratch: usize, order: usize, index: usize): v128 {
  return add(add(a, v128.load(scratch + <usize>load<u8>(order + index))), b);
}

// Rotations of a ^ b to the right, by that number of bits.

function xor16(a: v128, b: v128): v128 {
  const x = v128.xor(a, b);
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

function xor12(a: v128, b: v128): v128 {
  const x = v128.xor(a, b);
  return v128.or(i32x4.shr_u(x, 12), i32x4.shl(x, 20));
}

function xor8(a: v128, b: v128): v128 {
  const x = v128.xor(a, b);
  return i8x16.shuffle(x, x, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
}

function xor7(a: v128, b: v128): v128 {
  const x = v128.xor(a, b);
  return v128.or(i32x4.shr_u(x, 7), i32x4.shl(x, 25));
}
