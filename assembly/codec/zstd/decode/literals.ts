// The literals section of a block (RFC 8878, 3.1.1.3.1): raw, one byte repeated, or Huffman-coded.
import { BAD_TOKEN, TRUNCATED } from "../../../status";
import { decodeFourStreams, decodeOneStream } from "./huffman-streams";
import { buildHuffmanTable } from "./huffman-table";
import { HUFFMAN_BITS, LITERALS, LITERALS_AT, LITERALS_BYTES } from "./scratch";
import { readWeights } from "./weights";

const RAW: u32 = 0;
const REPEATED: u32 = 1;
const COMPRESSED: u32 = 2;
/** Smallest number of literals in four streams. */
const MIN_FOUR_STREAMS_LITERALS: u32 = 6;

/**
 * Decode the literals section at `src` of at most `maxLiterals` literals. Write where they are and how many
 * to the scratch; raw ones stay in `src`. Return the section's bytes or a status.
 */
export function decodeLiterals(src: usize, end: usize, maxLiterals: u32, scratch: usize): i32 {
  const available = <u32>(end - src);
  if (available < 2) return TRUNCATED;
  const header = load<u32>(src);
  const kind = header & 3;
  if (kind >= COMPRESSED) return decodeHuffman(src, end, maxLiterals, scratch);
  let headerBytes: u32 = 1;
  let count = (header & 255) >> 3;
  if ((header & 4) !== 0) {
    headerBytes = (header & 8) === 0 ? 2 : 3;
    count = (header & (headerBytes === 2 ? 0xffff : 0xffffff)) >> 4;
  }
  if (count > maxLiterals) return BAD_TOKEN;
  store<u32>(scratch, count, LITERALS_BYTES);
  if (kind === RAW) {
    if (headerBytes + count > available) return TRUNCATED;
    store<u32>(scratch, <u32>(src + headerBytes), LITERALS_AT);
    return headerBytes + count;
  }
  if (headerBytes >= available) return TRUNCATED;
  memory.fill(scratch + LITERALS, load<u8>(src + headerBytes), count);
  store<u32>(scratch, <u32>(scratch + LITERALS), LITERALS_AT);
  return headerBytes + REPEATED;
}

function decodeHuffman(src: usize, end: usize, maxLiterals: u32, scratch: usize): i32 {
  const available = <u32>(end - src);
  if (available < 5) return TRUNCATED;
  const header = load<u64>(src);
  const format = <u32>(header >> 2) & 3;
  // Two numbers of 10, 14 or 18 bits.
  const headerBytes: u32 = format < 2 ? 3 : format + 2;
  const numberBits: u64 = (headerBytes << 2) - 2;
  const mask: u64 = (1 << numberBits) - 1;
  const count = <u32>((header >> 4) & mask);
  const codedBytes = <u32>((header >> (4 + numberBits)) & mask);
  if (count > maxLiterals) return BAD_TOKEN;
  if (headerBytes + codedBytes > available) return TRUNCATED;
  if (format !== 0 && count < MIN_FOUR_STREAMS_LITERALS) return BAD_TOKEN;
  let from = src + headerBytes;
  const to = from + codedBytes;
  if ((header & 3) === COMPRESSED) {
    const table = readWeights(from, to, scratch);
    if (table < 0) return table;
    const bits = <u32>table >> 20;
    store<u32>(scratch, buildHuffmanTable((<u32>table >> 8) & 0xfff, bits, scratch), HUFFMAN_BITS);
    from += table & 255;
    if (from >= to) return TRUNCATED;
  }
  const bits = load<u32>(scratch, HUFFMAN_BITS);
  if (bits === 0) return BAD_TOKEN;
  const out = scratch + LITERALS;
  const result =
    format === 0
      ? decodeOneStream(from, to, out, count, bits, scratch)
      : decodeFourStreams(from, to, out, count, bits, scratch);
  if (result < 0) return result;
  store<u32>(scratch, <u32>out, LITERALS_AT);
  store<u32>(scratch, count, LITERALS_BYTES);
  return headerBytes + codedBytes;
}
