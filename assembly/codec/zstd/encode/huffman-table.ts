// The description of a Huffman code: the weight of each value, four bits each or coded with FSE.
// RFC 8878, sections 4.2.1.1 and 4.2.1.2.
import { accuracyFor, buildTable, firstState, normalise, normsAt, writeNorms } from "./fse";
import { BUCKETS, FSE_TRANSFORMS, HUFFMAN_LENGTHS, SORTED, TREE, WEIGHTS } from "./layout";

const MAX_WEIGHT_LOG: u32 = 6;
/** Weights that can be stored without FSE. */
const MAX_PLAIN_WEIGHTS: u32 = 128;

/**
 * Write the weights of the values 0 … last - 1 (the decoder derives that of the last); return the end, or 0
 * when they cannot be described.
 */
export function writeWeights(scratch: usize, last: u32, largest: u32, out: usize): usize {
  const weights = scratch + WEIGHTS;
  const lengths = scratch + HUFFMAN_LENGTHS;
  const counts = scratch + TREE;
  // A weight is `largest` + 1 - length, 0 for values that do not occur; so counts of lengths give those of
  // weights, the last value's excluded.
  const one = i8x16.splat(<i8>(largest + 1));
  const zero = i8x16.splat(0);
  for (let s: u32 = 0; s <= last; s += 16) {
    const length = v128.load(lengths + s);
    v128.store(weights + s, v128.andnot(i8x16.sub(one, length), i8x16.eq(length, zero)));
  }
  let present: u32 = 0;
  for (let weight: u32 = 1; weight <= largest; weight++) {
    const here: u32 = load<u16>(scratch + BUCKETS + ((largest + 1 - weight) << 1));
    store<u32>(counts + (weight << 2), here);
    present += here;
  }
  store<u32>(counts, last + 1 - present);
  const lastSlot = counts + ((<u32>load<u8>(weights + last)) << 2);
  store<u32>(lastSlot, load<u32>(lastSlot) - 1);
  if (last > 2) {
    const end = writeCodedWeights(scratch, last, largest, out + 1);
    const bytes = <u32>(end - out) - 1;
    if (end !== 0 && bytes > 1 && bytes < MAX_PLAIN_WEIGHTS && bytes < (last + 1) >> 1) {
      store<u8>(out, bytes);
      return end;
    }
  }
  if (last > MAX_PLAIN_WEIGHTS) return 0;
  store<u8>(out, 127 + last);
  store<u8>(weights + last, 0);
  for (let s: u32 = 0; s < last; s += 2)
    store<u8>(out + 1 + (s >> 1), ((<u32>load<u8>(weights + s)) << 4) | <u32>load<u8>(weights + s + 1));
  return out + 1 + ((last + 1) >> 1);
}

/** Write the weights with FSE; return the end, or 0 when all are equal. */
function writeCodedWeights(scratch: usize, count: u32, largest: u32, out: usize): usize {
  const counts = scratch + TREE;
  let lastWeight = largest;
  while (load<u32>(counts + (lastWeight << 2)) === 0) lastWeight--;
  if (load<u32>(counts + (lastWeight << 2)) === count) return 0;
  const norms = normsAt(scratch);
  const log = accuracyFor(count, lastWeight, MAX_WEIGHT_LOG);
  normalise(counts, lastWeight, count, log, norms);
  out = writeNorms(norms, lastWeight, log, out);
  // The sorted values are not needed any more.
  const table = scratch + SORTED;
  buildTable(scratch, norms, lastWeight, log, table);
  return encodeWeights(scratch + WEIGHTS, count, log, table, out);
}

/** Encode with two states in turns: the first has the weights of even values. */
function encodeWeights(weights: usize, count: u32, log: u32, table: usize, out: usize): usize {
  const transforms = table + FSE_TRANSFORMS;
  let bits: u64 = 0;
  let bitCount: u64 = 0;
  let at = <i32>count - 1;
  // `own` is the state of the weight at `at`, `other` that of the one before.
  let own = firstState(table, load<u8>(weights + at));
  let other = firstState(table, load<u8>(weights + at - 1));
  at -= 2;
  while (at >= 0) {
    const transform = load<u64>(transforms + ((<usize>load<u8>(weights + at)) << 3));
    const width = (own + <u32>transform) >>> 16;
    bits |= (<u64>(own & ((1 << width) - 1))) << bitCount;
    bitCount += width;
    const next: u32 = load<u16>(<usize>(transform >> 32) + ((own >>> width) << 1));
    own = other;
    other = next;
    at--;
    if (bitCount >= 32) {
      store<u32>(out, <u32>bits);
      out += 4;
      bits >>= 32;
      bitCount -= 32;
    }
  }
  // Now `own` has the odd values: at is -1, whose state was used last by value 1.
  const mask: u32 = (1 << log) - 1;
  bits |= (<u64>(own & mask)) << bitCount;
  bitCount += log;
  bits |= (<u64>(other & mask)) << bitCount;
  bitCount += log;
  bits |= (<u64>1) << bitCount;
  bitCount++;
  store<u64>(out, bits);
  return out + <usize>((bitCount + 7) >> 3);
}
