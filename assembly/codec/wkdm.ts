// WKdm, after Wilson, Kaplan and Smaragdakis (USENIX 1999): words that repeat a recent word, wholly or in
// their upper 22 bits.
//
//   page    = tags full lows indexes           W = pageBytes / 4 words; sizes follow from W and the tags
//   tags    = tag16{ceil(W / 16)}              u32 for 16 words: bit i HIT, bit 16 + i TOP of word i
//   full    = u32{count of miss}
//   lows    = u32{m}, m = ceil(L / 3)          L partials; low[j] | low[m + j] << 10 | low[2m + j] << 20
//   indexes = u8{m}, m = ceil(H / 2)           H partials and exacts; byte j = index[j] | index[m + j] << 4
//
//   TOP HIT
//    0   0    zero
//    0   1    partial: dictionary[index] with its lower 10 bits replaced by low; it takes that slot
//    1   0    miss: the next full word; it takes slot hash(word)
//    1   1    exact: dictionary[index]
//
//   The dictionary has 16 words, all 1 at first; hash(word) = (((word >> 10) & 255) * 229 >> 4) & 15.
//   All numbers are little-endian; tags beyond W are 0; low[] and index[] beyond their count
//   are 0 (not read); bits 30 and 31 of a u32 of lows are 0.
//
// Tags in two planes and lists cut in equal parts let vectors do everything but the dictionary, which has no
// branch either.
import { MAX_PAGE_BYTES, WKDM_MULTIPLIER, WKDM_SCRATCH_BYTES } from "../layout";
import { BAD_TOKEN, OUTPUT_FULL, TRAILING, TRUNCATED } from "../status";
import { gather, LOW_MASK, packLists, unpackLists } from "./wkdm-lists";
import { SCATTER } from "./zero-aware";

// Scratch: the dictionary and a second copy for words that must not change it; the lanes of a chunk; the two
// lists.
const UNUSED_SLOT: i32 = 64;
const CHUNK_BYTES: usize = 1024;
const LANES: usize = 128;
const FOUND: usize = LANES + CHUNK_BYTES;
const SPILL: usize = LANES + 2 * CHUNK_BYTES;
const LISTS: usize = LANES + 3 * CHUNK_BYTES;
const LIST_BYTES: usize = MAX_PAGE_BYTES + 64;
if (LISTS + 2 * LIST_BYTES !== WKDM_SCRATCH_BYTES)
  ERROR("WKDM_SCRATCH_BYTES in layout.ts does not fit wkdm.ts");

export function wkdmEncode(src: usize, srcBytes: u32, out: usize, capacity: u32, scratch: usize): i32 {
  if (!sizeFits(srcBytes)) return OUTPUT_FULL;
  const bytes = <usize>srcBytes;
  const tagBytes = tagSectionBytes(bytes);
  if (<usize>capacity < tagBytes) return OUTPUT_FULL;
  const limit = out + capacity;
  const indexes = scratch + LISTS;
  const lows = indexes + LIST_BYTES;
  let tag = out;
  let full = out + tagBytes;
  let index = indexes;
  let low = lows;
  resetDictionary(scratch);
  for (let at: usize = 0; at < bytes; at += 64) {
    if (at % CHUNK_BYTES === 0) lookUp(scratch, src + at, min(CHUNK_BYTES, bytes - at));
    const from = src + at;
    const lane = scratch + (at % CHUNK_BYTES);
    const masks = compare(from, lane);
    const near = <u32>masks;
    const valid: u32 = bytes - at < 64 ? (1 << (<u32>(bytes - at) >>> 2)) - 1 : 0xffff;
    // The slot that zero words use holds 0, so every zero word is near and none is a miss.
    let hit = near & ~(<u32>(masks >>> 32)) & valid;
    let miss = ~near & valid;
    const exact = hit & (near >>> 16);
    store<u32>(tag, hit | ((miss | exact) << 16));
    tag += 4;
    if (!(hit | miss)) continue;
    let partial = hit ^ exact;
    // Each step writes 16 bytes: near the end of the output, full words are written to scratch first.
    const space = limit - full;
    let to = space < 64 ? scratch + SPILL : full;
    const start = to;
    // A mask times 16 is the offset of its pattern in the tables.
    miss <<= 4;
    hit <<= 4;
    partial <<= 4;
    if (miss) to = gather(to, from, miss);
    if (hit) index = gather(index, lane + LANES, hit);
    // Whole words: their upper bits are dropped when the list is packed.
    if (partial) low = gather(low, from, partial);
    if (space < 64) {
      if (space < to - start) return OUTPUT_FULL;
      memory.copy(full, start, to - start);
    }
    full += to - start;
  }
  return packLists(full, limit, lows, low, indexes, index, out);
}

/**
 * Write each word's slot (as a byte offset) and the dictionary's word there, then store the word; zeros use
 * the spare slot.
 */
function lookUp(scratch: usize, src: usize, bytes: usize): void {
  const unused = i32x4.splat(UNUSED_SLOT);
  const slots = scratch + LANES;
  const found = scratch + FOUND;
  for (let at: usize = 0; at < bytes; at += 16) {
    const words = v128.load(src + at);
    // hash(0) is 0, so setting the bit is enough.
    v128.store(slots + at, v128.or(slotOf(words), v128.and(i32x4.eq(words, i32x4.splat(0)), unused)));
  }
  for (let at: usize = 0; at < bytes; at += 16) {
    exchange(scratch + load<u32>(slots + at), found + at, src + at);
    exchange(scratch + load<u32>(slots + at, 4), found + at + 4, src + at + 4);
    exchange(scratch + load<u32>(slots + at, 8), found + at + 8, src + at + 8);
    exchange(scratch + load<u32>(slots + at, 12), found + at + 12, src + at + 12);
  }
}

function exchange(slot: usize, found: usize, word: usize): void {
  store<u32>(found, load<u32>(slot));
  store<u32>(slot, load<u32>(word));
}

function sizeFits(bytes: u32): bool {
  return bytes - 1 < MAX_PAGE_BYTES && (bytes & 15) === 0;
}

function tagSectionBytes(bytes: usize): usize {
  return ((bytes + 63) >>> 6) << 2;
}

function resetDictionary(scratch: usize): void {
  const one = i32x4.splat(1);
  for (let i: usize = 0; i < 64; i += 16) v128.store(scratch + i, one);
  v128.store(scratch, i32x4.splat(0), 64);
}

/**
 * Return hash(word) times 4 for four words. Only bits 4 … 7 of the product count, so 16-bit lanes multiply.
 */
function slotOf(words: v128): v128 {
  const product = i16x8.mul(i32x4.shr_u(words, 10), i16x8.splat(WKDM_MULTIPLIER));
  return v128.and(i32x4.shr_u(product, 2), i32x4.splat(60));
}

function bits16(a: v128, b: v128, c: v128, d: v128): u32 {
  return i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
}

/**
 * Return three bits for each of 16 words: from bit 0 equal in the upper 22 bits, from 16 equal, from 32 zero.
 */
function compare(from: usize, lane: usize): u64 {
  const a = v128.load(from);
  const b = v128.load(from, 16);
  const c = v128.load(from, 32);
  const d = v128.load(from, 48);
  const p = v128.load(lane, FOUND);
  const q = v128.load(lane, FOUND + 16);
  const r = v128.load(lane, FOUND + 32);
  const s = v128.load(lane, FOUND + 48);
  const zero = i32x4.splat(0);
  const near = bits16(isNear(a, p), isNear(b, q), isNear(c, r), isNear(d, s));
  const exact = bits16(i32x4.eq(a, p), i32x4.eq(b, q), i32x4.eq(c, r), i32x4.eq(d, s));
  const zeros = bits16(i32x4.eq(a, zero), i32x4.eq(b, zero), i32x4.eq(c, zero), i32x4.eq(d, zero));
  return <u64>(near | (exact << 16)) | ((<u64>zeros) << 32);
}

function isNear(words: v128, found: v128): v128 {
  return i32x4.eq(i32x4.shr_u(v128.xor(words, found), 10), i32x4.splat(0));
}

export function wkdmDecode(src: usize, srcBytes: u32, out: usize, pageBytes: u32, scratch: usize): i32 {
  if (!sizeFits(pageBytes)) return OUTPUT_FULL;
  const bytes = <usize>pageBytes;
  const tagBytes = tagSectionBytes(bytes);
  if (<usize>srcBytes < tagBytes) return TRUNCATED;
  const last = load<u32>(src + tagBytes - 4);
  if (bytes & 63 && (last | (last >>> 16)) & 0xffff & (-1 << ((<u32>bytes & 63) >>> 2))) return BAD_TOKEN;
  let tops: u32 = 0;
  let hits: u32 = 0;
  let exacts: u32 = 0;
  let counted: usize = 0;
  for (; counted + 8 <= tagBytes; counted += 8) {
    const tags = load<u64>(src + counted);
    tops += <u32>popcnt(tags & 0xffff0000ffff0000);
    hits += <u32>popcnt(tags & 0x0000ffff0000ffff);
    exacts += <u32>popcnt(tags & (tags >> 16) & 0x0000ffff0000ffff);
  }
  if (counted < tagBytes) {
    tops += popcnt(last >>> 16);
    hits += popcnt(last & 0xffff);
    exacts += popcnt(last & (last >>> 16));
  }
  const misses = tops - exacts;
  const partials = hits - exacts;
  const lowBytes: usize = ((partials + 2) / 3) << 2;
  const indexBytes: usize = (hits + 1) >>> 1;
  const expected = tagBytes + (misses << 2) + lowBytes + indexBytes;
  if (<usize>srcBytes !== expected) return <usize>srcBytes < expected ? TRUNCATED : TRAILING;

  let full = src + tagBytes;
  let index = scratch + LISTS;
  let low = index + LIST_BYTES;
  unpackLists(full + (misses << 2), lowBytes, low, indexBytes, index);
  resetDictionary(scratch);
  for (let at: usize = 0; at < bytes; at += 64) {
    const tag = load<u32>(src + (at >>> 4));
    // A mask times 16 is the offset of its pattern in the tables.
    let hit = (tag & 0xffff) << 4;
    let partial = hit & ~(tag >>> 12);
    let miss = (tag >>> 12) & ~(tag << 4) & 0xffff0;
    let step = scratch + LANES + (at % CHUNK_BYTES) * 3;
    const stepsEnd = step + 192;
    for (; step < stepsEnd; step += 48) {
      const h = hit & 0xf0;
      const p = partial & 0xf0;
      const m = miss & 0xf0;
      putStep(step, full, m, index, h, low, p);
      full += popcnt(m) << 2;
      index += popcnt(h) << 2;
      low += popcnt(p) << 2;
      hit >>>= 4;
      partial >>>= 4;
      miss >>>= 4;
    }
    const chunk = at & ~(CHUNK_BYTES - 1);
    if (at + 64 >= bytes || at + 64 === chunk + CHUNK_BYTES)
      replay(scratch, out + chunk, min(CHUNK_BYTES, bytes - chunk));
  }
  return <i32>pageBytes;
}

/**
 * Prepare four words: each one's slot in the dictionary (plus UNUSED_SLOT when it must not be stored), the
 * bits of the slot's word that it keeps, and the bits that it sets.
 */
function putStep(
  step: usize,
  full: usize,
  miss: u32,
  index: usize,
  hit: u32,
  low: usize,
  partial: u32,
): void {
  const missed = v128.load(miss, SCATTER);
  const found = v128.load(hit, SCATTER);
  const near = v128.load(partial, SCATTER);
  const words = i8x16.swizzle(v128.load(full), missed);
  // In each lane one of the two is 0, because hash(0) is 0.
  const slots = v128.or(i8x16.swizzle(v128.load(index), found), slotOf(words));
  // A lane that stays empty has its top bit set.
  const stays = v128.and(i32x4.shr_u(v128.and(missed, near), 31 - 6), i32x4.splat(UNUSED_SLOT));
  const notPartial = i32x4.shr_s(near, 31);
  const keeps = v128.andnot(v128.or(notPartial, i32x4.splat(~LOW_MASK)), i32x4.shr_s(found, 31));
  v128.store(step, v128.or(slots, stays));
  v128.store(step, keeps, 16);
  v128.store(step, v128.or(words, i8x16.swizzle(v128.load(low), near)), 32);
}

/** Write the words: the only step that depends on the dictionary. */
function replay(scratch: usize, out: usize, bytes: usize): void {
  let step = scratch + LANES;
  for (let at = out; at < out + bytes; at += 16) {
    restore(scratch, step, at);
    restore(scratch, step + 4, at + 4);
    restore(scratch, step + 8, at + 8);
    restore(scratch, step + 12, at + 12);
    step += 48;
  }
}

function restore(scratch: usize, step: usize, out: usize): void {
  const slot = load<u32>(step);
  const word = (load<u32>(scratch + (slot & 60)) & load<u32>(step, 16)) | load<u32>(step, 32);
  store<u32>(scratch + slot, word);
  store<u32>(out, word);
}
