// Decodes literals from one or four streams of bits, which are read from their ends backwards.
import { BAD_TOKEN, TRUNCATED } from "../../../status";
import { HUFFMAN_TABLE } from "./scratch";

/** Six bytes of lengths, and a byte a stream. */
const MIN_FOUR_STREAMS_BYTES: u32 = 10;
/** Symbols that a full container gives at least: 57 bits of at most 11, or 12. */
const SYMBOLS_A_LOAD: u32 = 4;

/**
 * Decode `count` symbols of one stream to `out`; return 0 or a status. Up to 8 bytes past them are
 * overwritten.
 */
export function decodeOneStream(
  src: usize,
  end: usize,
  out: usize,
  count: u32,
  bits: u32,
  scratch: usize,
): i32 {
  if (src >= end) return TRUNCATED;
  const last: u32 = load<u8>(end - 1);
  if (last === 0) return BAD_TOKEN;
  const table = scratch + HUFFMAN_TABLE;
  const shift: u64 = 64 - bits;
  // Bits that are left; the container holds the next ones, from its highest bit on.
  let left = ((<i32>(end - src)) << 3) - <i32>clz<u32>(last) + 23;
  const outEnd = out + count;
  let op = out;
  const far = outEnd - SYMBOLS_A_LOAD;
  while (op <= far && left >= 0) {
    let container = load<u64>(src + ((left + 7) >> 3) - 8) << (<u64>(-left & 7));
    let entry: u32 = load<u16>(table + ((<u32>(container >> shift)) << 1));
    container <<= <u64>entry;
    let taken = entry & 255;
    store<u8>(op, <u8>(entry >> 8));
    entry = load<u16>(table + ((<u32>(container >> shift)) << 1));
    container <<= <u64>entry;
    taken += entry & 255;
    store<u8>(op, <u8>(entry >> 8), 1);
    entry = load<u16>(table + ((<u32>(container >> shift)) << 1));
    container <<= <u64>entry;
    taken += entry & 255;
    store<u8>(op, <u8>(entry >> 8), 2);
    entry = load<u16>(table + ((<u32>(container >> shift)) << 1));
    taken += entry & 255;
    store<u8>(op, <u8>(entry >> 8), 3);
    left -= taken;
    op += SYMBOLS_A_LOAD;
  }
  while (op < outEnd && left >= 0) {
    const container = load<u64>(src + ((left + 7) >> 3) - 8) << (<u64>(-left & 7));
    const entry: u32 = load<u16>(table + ((<u32>(container >> shift)) << 1));
    store<u8>(op++, <u8>(entry >> 8));
    left -= entry & 255;
  }
  return left === 0 && op === outEnd ? 0 : BAD_TOKEN;
}

/** Decode `count` symbols of four streams, a quarter each, to `out`; return 0 or a status. */
export function decodeFourStreams(
  src: usize,
  end: usize,
  out: usize,
  count: u32,
  bits: u32,
  scratch: usize,
): i32 {
  const bytes = <u32>(end - src);
  if (bytes < MIN_FOUR_STREAMS_BYTES) return TRUNCATED;
  const quarter: u32 = (count + 3) >> 2;
  const end0 = src + 6 + load<u16>(src);
  const end1 = end0 + load<u16>(src, 2);
  const end2 = end1 + load<u16>(src, 4);
  if (end2 >= end || quarter * 3 > count) return TRUNCATED;
  let result = decodeOneStream(src + 6, end0, out, quarter, bits, scratch);
  if (result === 0) result = decodeOneStream(end0, end1, out + quarter, quarter, bits, scratch);
  if (result === 0) result = decodeOneStream(end1, end2, out + 2 * quarter, quarter, bits, scratch);
  return result === 0
    ? decodeOneStream(end2, end, out + 3 * quarter, count - 3 * quarter, bits, scratch)
    : result;
}
