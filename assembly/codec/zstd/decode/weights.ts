// The description of a Huffman code (RFC 8878, 4.2.1): a weight a symbol, four bits each or coded by a
// distribution of weights. A symbol of weight w > 0 has a code of `tableBits + 1 - w` bits; the weight of the
// last symbol is what the others leave.
import { BAD_TOKEN, TRUNCATED } from "../../../status";
import { WEIGHT_COUNTS, WEIGHT_STATES, WEIGHTS } from "./scratch";
import { BASE_SHIFT, buildStates, readCounts, STATE_BITS_MASK, TRANSITION } from "./states";

/** libzstd reads codes of 12 bits, where the RFC allows 11. */
const MAX_CODE_BITS: u32 = 12;
const MAX_WEIGHTS: u32 = 255;
const MAX_STATE_BITS: u32 = 6;

/**
 * Read the weights at `src` … `end` to `scratch + WEIGHTS`, and count them at `scratch + WEIGHT_COUNTS`.
 * Return the bytes | symbols << 8 | bits of the longest code << 20, or a status.
 */
export function readWeights(src: usize, end: usize, scratch: usize): i32 {
  if (src >= end) return TRUNCATED;
  const weights = scratch + WEIGHTS;
  const header: u32 = load<u8>(src);
  let bytes = header;
  let symbols: u32 = 0;
  if (header >= 128) {
    symbols = header - 127;
    bytes = (symbols + 1) >> 1;
    if (bytes >= <u32>(end - src)) return TRUNCATED;
    for (let i: u32 = 0; i < bytes; i++) {
      const pair: u32 = load<u8>(src + 1 + i);
      store<u16>(weights + (i << 1), <u16>((pair >> 4) | ((pair & 15) << 8)));
    }
  } else {
    if (bytes >= <u32>(end - src)) return TRUNCATED;
    const count = decodeWeights(src + 1, src + 1 + bytes, scratch);
    if (count < 0) return count;
    symbols = count;
  }
  const bits = countWeights(symbols, scratch);
  if (bits < 0) return bits;
  return (1 + bytes) | ((symbols + 1) << 8) | (bits << 20);
}

/** Decode weights of two states that take turns; return their number, or a status. */
function decodeWeights(src: usize, end: usize, scratch: usize): i32 {
  const described = readCounts(src, end, MAX_STATE_BITS, MAX_WEIGHTS + 1, scratch);
  if (described < 0) return described;
  const bits = <u32>described >> 20;
  const table = scratch + WEIGHT_STATES;
  buildStates(table, bits, (<u32>described >> 10) & 0x3ff, 0, scratch);
  const start = src + (described & 0x3ff);
  if (start >= end || load<u8>(end - 1) === 0) return BAD_TOKEN;
  let left = ((<i32>(end - start)) << 3) - <i32>clz<u32>(<u32>load<u8>(end - 1)) + 23;
  if (left < <i32>(bits << 1)) return BAD_TOKEN;
  const weights = scratch + WEIGHTS;
  left -= bits;
  let state = table + (bitsAt(start, left, (1 << bits) - 1) << 3);
  left -= bits;
  let other = table + (bitsAt(start, left, (1 << bits) - 1) << 3);
  let symbols: u32 = 0;
  while (symbols < MAX_WEIGHTS - 1) {
    const entry = load<u32>(state);
    store<u8>(weights + symbols++, <u8>(entry >> BASE_SHIFT));
    left -= <i32>(entry & STATE_BITS_MASK);
    if (left < 0) {
      // The bits have run out: what the other state means is the last weight.
      store<u8>(weights + symbols++, <u8>(load<u32>(other) >> BASE_SHIFT));
      return symbols;
    }
    const transition = load<u32>(state, TRANSITION);
    const next = (transition >> 16) + (bitsAt(start, left, (transition & 0xffff) >> 3) << 3);
    state = other;
    other = table + next;
  }
  return BAD_TOKEN;
}

/** Return the bits of `mask` that start `at` bits after `start`. */
function bitsAt(start: usize, at: u32, mask: u32): u32 {
  return (load<u16>(start + (at >> 3)) >> (at & 7)) & mask;
}

/** Add the last symbol's weight; count all weights. Return the bits of the longest code, or a status. */
function countWeights(symbols: u32, scratch: usize): i32 {
  const weights = scratch + WEIGHTS;
  const counts = scratch + WEIGHT_COUNTS;
  memory.fill(counts, 0, (MAX_CODE_BITS + 1) << 2);
  let total: u32 = 0;
  for (let i: u32 = 0; i < symbols; i++) {
    const weight: u32 = load<u8>(weights + i);
    if (weight > MAX_CODE_BITS) return BAD_TOKEN;
    const counter = counts + (weight << 2);
    store<u32>(counter, load<u32>(counter) + 1);
    total += (1 << weight) >> 1;
  }
  if (total === 0) return BAD_TOKEN;
  const bits: u32 = 32 - clz<u32>(total);
  if (bits > MAX_CODE_BITS) return BAD_TOKEN;
  const rest: u32 = (1 << bits) - total;
  if (popcnt<u32>(rest) !== 1) return BAD_TOKEN;
  const last: u32 = 32 - clz<u32>(rest);
  store<u8>(weights + symbols, <u8>last);
  store<u32>(counts + (last << 2), load<u32>(counts + (last << 2)) + 1);
  // The longest codes come in pairs, or some bits would have no meaning.
  const longest = load<u32>(counts, 4);
  return longest < 2 || (longest & 1) !== 0 ? BAD_TOKEN : <i32>bits;
}
