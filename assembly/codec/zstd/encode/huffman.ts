// Huffman codes of at most 11 bits for literals: lengths from counts, then canonical codes. RFC 8878, 4.2.1.
import { BUCKETS, BYTE_COUNTS, HUFFMAN_CODES, HUFFMAN_LENGTHS, SORTED, TREE } from "./layout";

export const MAX_CODE_BITS: u32 = 11;
export const NEVER: u32 = 0xffffffff;
/** Counts below this have a bucket of their own, larger ones share four buckets per power of two. */
const EXACT_BUCKETS: u32 = 64;
const BUCKET_COUNT: u32 = 128;

/**
 * Compute the lengths of an optimal code of the values that occur, none above `limit` bits, and the number of
 * codes of each length at BUCKETS (u16). Return the bits that the literals take << 8 | the largest length. At
 * least two values occur.
 */
export function codeLengths(scratch: usize, last: u32, limit: u32): u32 {
  const count = sortByCount(scratch, last);
  const sorted = scratch + SORTED;
  const depths = scratch + TREE;
  for (let i: u32 = 0; i < count; i++) store<u32>(depths + (i << 2), load<u32>(sorted + (i << 2)) >>> 8);
  treeDepths(depths, count);
  return assignLengths(scratch, count, limit);
}

/** Sort the values that occur by count, ascending, as count << 8 | value; return their number. */
function sortByCount(scratch: usize, last: u32): u32 {
  const counts = scratch + BYTE_COUNTS;
  const sorted = scratch + SORTED;
  const buckets = scratch + BUCKETS;
  // The tree's slot is free until the values are sorted.
  const items = scratch + TREE;
  memory.fill(buckets, 0, BUCKET_COUNT * 2);
  // Larger values of an earlier call would be sorted in.
  memory.fill(sorted, 0, 1024);
  let itemsEnd = items;
  for (let s: u32 = 0; s <= last; s++) {
    const count = load<u32>(counts + (s << 2));
    // Without a branch: which values occur cannot be predicted.
    store<u32>(itemsEnd, (count << 8) | s);
    itemsEnd += count !== 0 ? 4 : 0;
  }
  for (let at = items; at < itemsEnd; at += 4) {
    const slot = buckets + (bucketOf(load<u32>(at) >>> 8) << 1);
    store<u16>(slot, <u32>load<u16>(slot) + 1);
  }
  let total: u32 = 0;
  for (let b: u32 = 0; b < BUCKET_COUNT; b++) {
    const slot = buckets + (b << 1);
    const here: u32 = load<u16>(slot);
    store<u16>(slot, total);
    total += here;
  }
  for (let item = items; item < itemsEnd; item += 4) {
    const value = load<u32>(item);
    const slot = buckets + (bucketOf(value >>> 8) << 1);
    let at: u32 = load<u16>(slot);
    store<u16>(slot, at + 1);
    // Buckets of several counts are sorted by insertion; what is before the bucket is smaller.
    if (value >= EXACT_BUCKETS << 8) {
      while (at > 0 && load<u32>(sorted + (at << 2) - 4) > value) {
        store<u32>(sorted + (at << 2), load<u32>(sorted + (at << 2) - 4));
        at--;
      }
    }
    store<u32>(sorted + (at << 2), value);
  }
  return total;
}

function bucketOf(count: u32): u32 {
  if (count < EXACT_BUCKETS) return count;
  const high = 31 - <u32>clz(count);
  return EXACT_BUCKETS + ((high - 6) << 2) + ((count >>> (high - 2)) & 3);
}

/**
 * Replace ascending counts (u32) by the depths of their leaves in a Huffman tree, in place (Moffat and
 * Katajainen, "In-place calculation of minimum-redundancy codes", 1995).
 */
function treeDepths(tree: usize, count: u32): void {
  let leaf: u32 = 0;
  let root: u32 = 0;
  for (let next: u32 = 0; next < count - 1; next++) {
    let sum: u32 = 0;
    for (let child = 0; child < 2; child++) {
      if (leaf >= count || (root < next && load<u32>(tree + (root << 2)) < load<u32>(tree + (leaf << 2)))) {
        sum += load<u32>(tree + (root << 2));
        store<u32>(tree + (root++ << 2), next);
      } else {
        sum += load<u32>(tree + (leaf++ << 2));
      }
    }
    store<u32>(tree + (next << 2), sum);
  }
  // Parents become depths of inner nodes, from the root down.
  store<u32>(tree + ((count - 2) << 2), 0);
  for (let next: i32 = <i32>count - 3; next >= 0; next--)
    store<u32>(tree + (next << 2), load<u32>(tree + (load<u32>(tree + (next << 2)) << 2)) + 1);
  // Inner nodes per depth become leaves per depth.
  let available: u32 = 1;
  let depth: u32 = 0;
  let inner: i32 = <i32>count - 2;
  let next: i32 = <i32>count - 1;
  while (available > 0) {
    let used: u32 = 0;
    while (inner >= 0 && load<u32>(tree + (inner << 2)) === depth) {
      used++;
      inner--;
    }
    while (available > used) {
      store<u32>(tree + (next-- << 2), depth);
      available--;
    }
    available = 2 * used;
    depth++;
  }
}

/**
 * Limit the depths of `count` leaves to `limit` and store the lengths per value. A leaf that is moved up to
 * the limit takes code space, which the deepest leaves above the limit pay for.
 */
function assignLengths(scratch: usize, count: u32, limit: u32): u32 {
  const depths = scratch + TREE;
  const sorted = scratch + SORTED;
  const lengths = scratch + HUFFMAN_LENGTHS;
  const perLength = scratch + BUCKETS;
  const deepest = load<u32>(depths);
  v128.store(perLength, i32x4.splat(0));
  v128.store(perLength, i32x4.splat(0), 16);
  let used: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const length = min(load<u32>(depths + (i << 2)), limit);
    used += 1 << (limit - length);
    const slot = perLength + (length << 1);
    store<u16>(slot, <u32>load<u16>(slot) + 1);
  }
  while (used > (<u32>1) << limit) {
    // One leaf of the limit becomes the sibling of a shorter code, which gets one bit longer.
    let length = limit - 1;
    while (load<u16>(perLength + (length << 1)) === 0) length--;
    const shorter = perLength + (length << 1);
    store<u16>(shorter, <u32>load<u16>(shorter) - 1);
    store<u16>(shorter, <u32>load<u16>(shorter, 2) + 2, 2);
    const longest = perLength + (limit << 1);
    store<u16>(longest, <u32>load<u16>(longest) - 1);
    used--;
  }
  let largest = min(deepest, limit);
  while (load<u16>(perLength + (largest << 1)) === 0) largest--;
  memory.fill(lengths, 0, 256);
  let at = sorted;
  let bits: u32 = 0;
  for (let length = largest; length > 0; length--) {
    const end = at + ((<usize>load<u16>(perLength + (length << 1))) << 2);
    while (at < end) {
      const item = load<u32>(at);
      store<u8>(lengths + (item & 0xff), length);
      bits += (item >>> 8) * length;
      at += 4;
    }
  }
  return (bits << 8) | largest;
}

/** Return the bits that the literals take with the codes of an earlier block; NEVER when a value has none. */
export function bitsWithCodes(scratch: usize, last: u32): u32 {
  let bits: u32 = 0;
  for (let s: u32 = 0; s <= last; s++) {
    const count = load<u32>(scratch + BYTE_COUNTS + (s << 2));
    const length: u32 = load<u8>(scratch + HUFFMAN_CODES + (s << 3));
    if (count !== 0 && length === 0) return NEVER;
    bits += count * length;
  }
  return bits;
}

/** Build the canonical codes: longer codes first, equal lengths in order of values. */
export function buildCodes(scratch: usize, last: u32, largest: u32): void {
  const lengths = scratch + HUFFMAN_LENGTHS;
  const codes = scratch + HUFFMAN_CODES;
  const next = scratch + BUCKETS;
  // assignLengths left the number of codes of each length here.
  let first: u32 = 0;
  for (let length = largest; length > 0; length--) {
    const slot = next + (length << 1);
    const here: u32 = load<u16>(slot);
    store<u16>(slot, first);
    first = (first + here) >>> 1;
  }
  for (let s: u32 = 0; s <= last; s++) {
    const length: u32 = load<u8>(lengths + s);
    const slot = next + (length << 1);
    const code: u32 = load<u16>(slot);
    store<u16>(slot, code + 1);
    const entry = ((<u64>code) << (64 - <u64>length)) | <u64>length;
    store<u64>(codes + (s << 3), length !== 0 ? entry : 0);
  }
  const end = codes + 2048;
  for (let at = codes + ((last + 1) << 3); at < end; at += 8) store<u64>(at, 0);
}
