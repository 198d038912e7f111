// Builds the table of a Huffman code: one entry for each value of the next bits. An entry is a u16: the bits
// of the code, and the symbol << 8.
import { HUFFMAN_TABLE, SORTED, WEIGHT_COUNTS, WEIGHT_STARTS, WEIGHTS } from "./scratch";

/** Bits of the index of a table, unless its code has longer ones: shifts by a constant need no register. */
export const ROUND_BITS: u32 = 11;

/**
 * Build the table of the weights at `scratch + WEIGHTS`. Codes of equal length are in the symbols' order.
 * Return the bits of the table's index.
 */
export function buildHuffmanTable(symbols: u32, bits: u32, scratch: usize): u32 {
  sortSymbols(symbols, bits, scratch);
  const tableBits = max(bits, ROUND_BITS);
  let to = scratch + HUFFMAN_TABLE;
  let from = scratch + SORTED + load<u32>(scratch, WEIGHT_COUNTS);
  for (let weight: u32 = 1; weight <= bits; weight++) {
    const count: u32 = load<u32>(scratch + WEIGHT_COUNTS + (weight << 2));
    const codeBits = bits + 1 - weight;
    const entryBytes: u32 = 1 << (weight + tableBits - bits);
    const last = from + count;
    if (entryBytes < 16) {
      // Up to 8 bytes an entry: what is written too much is overwritten by the next.
      while (from < last) {
        store<u64>(to, <u64>(codeBits | ((<u32>load<u8>(from++)) << 8)) * 0x0001000100010001);
        to += entryBytes;
      }
    } else {
      while (from < last) {
        const entries = i16x8.splat(<i16>(codeBits | ((<u32>load<u8>(from++)) << 8)));
        const end = to + entryBytes;
        while (to < end) {
          v128.store(to, entries);
          to += 16;
        }
      }
    }
  }
  return tableBits;
}

/** Write the symbols to `scratch + SORTED`, the lowest weight first. */
function sortSymbols(symbols: u32, bits: u32, scratch: usize): void {
  const weights = scratch + WEIGHTS;
  const sorted = scratch + SORTED;
  const starts = scratch + WEIGHT_STARTS;
  let start: u32 = 0;
  for (let weight: u32 = 0; weight <= bits; weight++) {
    store<u32>(starts + (weight << 2), start);
    start += load<u32>(scratch + WEIGHT_COUNTS + (weight << 2));
  }
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const place = starts + ((<u32>load<u8>(weights + symbol)) << 2);
    const at = load<u32>(place);
    store<u32>(place, at + 1);
    store<u8>(sorted + at, <u8>symbol);
  }
}
