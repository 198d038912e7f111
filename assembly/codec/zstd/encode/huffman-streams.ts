// Streams of Huffman codes, written from the last literal to the first.
import { HUFFMAN_CODES } from "./layout";

/** Fewer literals are one stream: four take six bytes for sizes, and have three more last bytes. */
export const MIN_FOUR_STREAMS: u32 = 512;

/** Write one stream, or a jump table and four streams; return the end. */
export function writeStreams(scratch: usize, literals: usize, count: u32, out: usize): usize {
  const codes = scratch + HUFFMAN_CODES;
  if (count < MIN_FOUR_STREAMS) return writeStream(codes, literals, literals + count, out);
  const quarter = (count + 3) >> 2;
  let at = out + 6;
  for (let i: u32 = 0; i < 3; i++) {
    const end = writeStream(codes, literals, literals + quarter, at);
    store<u16>(out + (i << 1), <u32>(end - at));
    at = end;
    literals += quarter;
    count -= quarter;
  }
  return writeStream(codes, literals, literals + count, at);
}

/**
 * Write one stream. Bits collect from the top of a word down: a new code enters at the top, so the shift and
 * the count are the entry's own low bits. What those leave in the lowest eight bits is never written, as at
 * most 7 + 4 * 11 bits are pending.
 */
function writeStream(codes: usize, from: usize, end: usize, out: usize): usize {
  let bits: u64 = 0;
  let bitCount: u64 = 0;
  while (((end - from) & 3) !== 0) {
    const entry = load<u64>(codes + ((<usize>load<u8>(--end)) << 3));
    bits = (bits >> entry) | entry;
    bitCount += entry & 0xff;
  }
  store<u64>(out, bits >> (64 - bitCount));
  out += <usize>(bitCount >> 3);
  bitCount &= 7;
  while (end > from) {
    end -= 4;
    // Pairs are joined before they are added, so that additions to `bits` depend on each other once per four.
    const a = load<u64>(codes + ((<usize>load<u8>(end, 3)) << 3));
    const b = load<u64>(codes + ((<usize>load<u8>(end, 2)) << 3));
    const c = load<u64>(codes + ((<usize>load<u8>(end, 1)) << 3));
    const d = load<u64>(codes + ((<usize>load<u8>(end)) << 3));
    const upper = c + d;
    const joined = (((a >> b) | b) >> upper) | (c >> d) | d;
    const width = a + b + upper;
    bits = (bits >> width) | joined;
    bitCount = (bitCount + width) & 0xff;
    store<u64>(out, bits >> (0 - bitCount));
    out += <usize>(bitCount >> 3);
    bitCount &= 7;
  }
  bits = (bits >> 1) | ((<u64>1) << 63);
  bitCount++;
  store<u64>(out, bits >> (64 - bitCount));
  return out + <usize>((bitCount + 7) >> 3);
}
