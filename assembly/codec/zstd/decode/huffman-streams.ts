// Decodes literals from one or four streams of bits, which are read from their ends backwards.
import { BAD_TOKEN, TRUNCATED } from "../../../status";
import { ROUND_BITS } from "./huffman-table";
import { HUFFMAN_TABLE } from "./scratch";

/** Six bytes of lengths, and a byte a stream. */
const MIN_FOUR_STREAMS_BYTES: u32 = 10;
/** Symbols that a full container gives at least: 57 bits of at most 12. */
const SYMBOLS_A_LOAD: u32 = 4;
/** The same for codes of at most 11 bits, with one bit that marks what was taken. */
const SYMBOLS_A_ROUND: u32 = 5;
const SHIFT: u64 = 64 - ROUND_BITS;
/** Bytes that a round takes of a stream at most: five codes, and bits of the byte before. */
const BYTES_A_ROUND: u32 = 7;

/** Decode `count` symbols of one stream to `out`; return 0 or a status. */
export function decodeOneStream(
  src: usize,
  end: usize,
  out: usize,
  count: u32,
  bits: u32,
  scratch: usize,
): i32 {
  if (src >= end) return TRUNCATED;
  const left = streamBits(src, end);
  return left < 0 ? BAD_TOKEN : finishStream(src, left, out, out + count, bits, scratch + HUFFMAN_TABLE);
}

/** Return the bits of a stream before its end mark, the highest set bit, or -1. */
function streamBits(src: usize, end: usize): i32 {
  const last: u32 = load<u8>(end - 1);
  return last === 0 ? -1 : ((<i32>(end - src)) << 3) - <i32>clz<u32>(last) + 23;
}

/**
 * Decode the rest of a stream, its first `left` bits, which have to be exactly the symbols up to `outEnd`.
 */
function finishStream(src: usize, left: i32, op: usize, outEnd: usize, bits: u32, table: usize): i32 {
  const shift: u64 = 64 - bits;
  const far = outEnd - SYMBOLS_A_LOAD;
  while (op <= far && left >= 0) {
    // The next bits are the highest ones of the container.
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
  const start0 = src + 6;
  const start1 = start0 + load<u16>(src);
  const start2 = start1 + load<u16>(src, 2);
  const start3 = start2 + load<u16>(src, 4);
  if (start3 >= end || quarter * 3 > count) return TRUNCATED;
  if (start1 === start0 || start2 === start1 || start3 === start2) return TRUNCATED;
  let left0 = streamBits(start0, start1);
  let left1 = streamBits(start1, start2);
  let left2 = streamBits(start2, start3);
  let left3 = streamBits(start3, end);
  if ((left0 | left1 | left2 | left3) < 0) return BAD_TOKEN;
  const table = scratch + HUFFMAN_TABLE;
  let op = out;
  if (
    bits === ROUND_BITS &&
    min(min(start1 - start0, start2 - start1), min(start3 - start2, end - start3)) >= 8
  ) {
    // A container holds the bits of the eight bytes at its pointer, the next ones first. The lowest set bit
    // marks how many were taken: the bits behind it are zero.
    let p0 = start1 - 8;
    let p1 = start2 - 8;
    let p2 = start3 - 8;
    let p3 = end - 8;
    let c0 = (load<u64>(p0) | 1) << (<u64>(((p0 - start0) << 3) + 64 - left0));
    let c1 = (load<u64>(p1) | 1) << (<u64>(((p1 - start1) << 3) + 64 - left1));
    let c2 = (load<u64>(p2) | 1) << (<u64>(((p2 - start2) << 3) + 64 - left2));
    let c3 = (load<u64>(p3) | 1) << (<u64>(((p3 - start3) << 3) + 64 - left3));
    const outEnd = out + count - 3 * quarter;
    while (true) {
      // As many rounds as neither the shortest stream nor the last quarter can end in.
      const inBytes = <u32>min(min(p0 - start0, p1 - start1), min(p2 - start2, p3 - start3));
      const rounds = min(inBytes / BYTES_A_ROUND, <u32>(outEnd - op) / SYMBOLS_A_ROUND);
      if (rounds === 0) break;
      const stop = op + rounds * SYMBOLS_A_ROUND;
      do {
        const op1 = op + quarter;
        const op2 = op1 + quarter;
        const op3 = op2 + quarter;
        let taken: u32 = 0;
        // Two entries at a time, and two loads an entry: V8 has to move fewer values between registers.
        let e = table + ((<u32>(c0 >> SHIFT)) << 1);
        let f = table + ((<u32>(c1 >> SHIFT)) << 1);
        c0 <<= load<u8>(e);
        store<u8>(op, load<u8>(e, 1), 0);
        c1 <<= load<u8>(f);
        store<u8>(op1, load<u8>(f, 1), 0);
        e = table + ((<u32>(c2 >> SHIFT)) << 1);
        f = table + ((<u32>(c3 >> SHIFT)) << 1);
        c2 <<= load<u8>(e);
        store<u8>(op2, load<u8>(e, 1), 0);
        c3 <<= load<u8>(f);
        store<u8>(op3, load<u8>(f, 1), 0);
        e = table + ((<u32>(c0 >> SHIFT)) << 1);
        f = table + ((<u32>(c1 >> SHIFT)) << 1);
        c0 <<= load<u8>(e);
        store<u8>(op, load<u8>(e, 1), 1);
        c1 <<= load<u8>(f);
        store<u8>(op1, load<u8>(f, 1), 1);
        e = table + ((<u32>(c2 >> SHIFT)) << 1);
        f = table + ((<u32>(c3 >> SHIFT)) << 1);
        c2 <<= load<u8>(e);
        store<u8>(op2, load<u8>(e, 1), 1);
        c3 <<= load<u8>(f);
        store<u8>(op3, load<u8>(f, 1), 1);
        e = table + ((<u32>(c0 >> SHIFT)) << 1);
        f = table + ((<u32>(c1 >> SHIFT)) << 1);
        c0 <<= load<u8>(e);
        store<u8>(op, load<u8>(e, 1), 2);
        c1 <<= load<u8>(f);
        store<u8>(op1, load<u8>(f, 1), 2);
        e = table + ((<u32>(c2 >> SHIFT)) << 1);
        f = table + ((<u32>(c3 >> SHIFT)) << 1);
        c2 <<= load<u8>(e);
        store<u8>(op2, load<u8>(e, 1), 2);
        c3 <<= load<u8>(f);
        store<u8>(op3, load<u8>(f, 1), 2);
        e = table + ((<u32>(c0 >> SHIFT)) << 1);
        f = table + ((<u32>(c1 >> SHIFT)) << 1);
        c0 <<= load<u8>(e);
        store<u8>(op, load<u8>(e, 1), 3);
        c1 <<= load<u8>(f);
        store<u8>(op1, load<u8>(f, 1), 3);
        e = table + ((<u32>(c2 >> SHIFT)) << 1);
        f = table + ((<u32>(c3 >> SHIFT)) << 1);
        c2 <<= load<u8>(e);
        store<u8>(op2, load<u8>(e, 1), 3);
        c3 <<= load<u8>(f);
        store<u8>(op3, load<u8>(f, 1), 3);
        e = table + ((<u32>(c0 >> SHIFT)) << 1);
        f = table + ((<u32>(c1 >> SHIFT)) << 1);
        c0 <<= load<u8>(e);
        store<u8>(op, load<u8>(e, 1), 4);
        c1 <<= load<u8>(f);
        store<u8>(op1, load<u8>(f, 1), 4);
        taken = <u32>ctz<u64>(c0);
        p0 -= taken >> 3;
        c0 = (load<u64>(p0) | 1) << (<u64>(taken & 7));
        taken = <u32>ctz<u64>(c1);
        p1 -= taken >> 3;
        c1 = (load<u64>(p1) | 1) << (<u64>(taken & 7));
        e = table + ((<u32>(c2 >> SHIFT)) << 1);
        f = table + ((<u32>(c3 >> SHIFT)) << 1);
        c2 <<= load<u8>(e);
        store<u8>(op2, load<u8>(e, 1), 4);
        c3 <<= load<u8>(f);
        store<u8>(op3, load<u8>(f, 1), 4);
        taken = <u32>ctz<u64>(c2);
        p2 -= taken >> 3;
        c2 = (load<u64>(p2) | 1) << (<u64>(taken & 7));
        taken = <u32>ctz<u64>(c3);
        p3 -= taken >> 3;
        c3 = (load<u64>(p3) | 1) << (<u64>(taken & 7));
        op += SYMBOLS_A_ROUND;
      } while (op < stop);
    }
    left0 = ((<i32>(p0 - start0)) << 3) + 64 - <i32>ctz<u64>(c0);
    left1 = ((<i32>(p1 - start1)) << 3) + 64 - <i32>ctz<u64>(c1);
    left2 = ((<i32>(p2 - start2)) << 3) + 64 - <i32>ctz<u64>(c2);
    left3 = ((<i32>(p3 - start3)) << 3) + 64 - <i32>ctz<u64>(c3);
  }
  const end0 = out + quarter;
  let result = finishStream(start0, left0, op, end0, bits, table);
  result |= finishStream(start1, left1, op + quarter, end0 + quarter, bits, table);
  result |= finishStream(start2, left2, op + 2 * quarter, end0 + 2 * quarter, bits, table);
  return result | finishStream(start3, left3, op + 3 * quarter, out + count, bits, table);
}
