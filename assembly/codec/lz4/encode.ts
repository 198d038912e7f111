// The LZ4 encoder: greedy, one hash table of u16 positions. test/reference/lz4.ts makes the same decisions.
import { LZ4_SCRATCH_BYTES } from "../../layout";
import { OUTPUT_FULL } from "../../status";

const MAX_BLOCK_BYTES: u32 = 65536;
const MAX_CODED_BYTES: u32 = MAX_BLOCK_BYTES + MAX_BLOCK_BYTES / 255 + 16;
/** No match starts in the last twelve bytes of a block. */
const MATCH_START_MARGIN: u32 = 12;
/**
 * The last five bytes are literals: a match may reach this far past the last position where one may start.
 */
const MATCH_END_PAST_START: u32 = 7;
const MIN_MATCH_BYTES: u32 = 4;
/**
 * The multiplier is a multiple of 2^24, so that only the five bytes hashed reach the product's upper bits:
 * this saves a shift.
 */
const HASH_MULTIPLIER: u64 = 0xcf1bbcdcbb000000;
/**
 * One table for all sizes: a smaller one for 4 KiB pages saves 1 % of the time and costs 0.2 % of the bytes.
 */
const TABLE_BITS: u32 = 14;
if (LZ4_SCRATCH_BYTES !== 2 << TABLE_BITS) ERROR("lz4: the table is not the scratch");
/** After 2^6 misses the search takes steps of two bytes, after 2^6 more of three … */
const SKIP_STRENGTH: u32 = 6;
/**
 * Bytes after the literals that one sequence of at most FAST_SEQUENCE_BYTES can touch, wild 16-byte stores
 * included.
 */
const FAST_MARGIN: u32 = 64;
const FAST_SEQUENCE_BYTES: u32 = 8192;

/**
 * Encode 1 … 65536 bytes; the table at `scratch` is cleared first, so that equal input gives equal bytes.
 * Return bytes or a status.
 */
export function lz4Encode(src: usize, srcBytes: u32, out: usize, capacity: u32, scratch: usize): i32 {
  if (srcBytes - 1 >= MAX_BLOCK_BYTES) return OUTPUT_FULL;
  let op = out;
  // A larger capacity is never used; this one keeps the differences below within i32.
  const opEnd = out + min(capacity, MAX_CODED_BYTES);
  const opFar = opEnd - FAST_MARGIN;
  let anchor = src;
  if (srcBytes > MATCH_START_MARGIN) {
    memory.fill(scratch, 0, LZ4_SCRATCH_BYTES);
    const lastStart = src + srcBytes - MATCH_START_MARGIN;
    // A cleared table has position 0 in every slot: it needs no insertion, and every entry is valid.
    let ip = src + 1;
    while (ip + 2 <= lastStart) {
      // Most literal runs are shorter than three, so three positions are looked up at once: their loads
      // overlap, where one after the other each would wait for a mispredicted branch. `ip` goes in before its
      // neighbours are looked up, which keeps runs of one byte short; the neighbours go in only when they are
      // reached.
      const w0 = load<u64>(ip);
      const s0 = slotOf(w0, scratch);
      let m = src + load<u16>(s0);
      store<u16>(s0, <u32>(ip - src));
      const c0 = load<u32>(m);
      const w1 = w0 >> 8;
      const s1 = slotOf(w1, scratch);
      const m1 = src + load<u16>(s1);
      const c1 = load<u32>(m1);
      const w2 = w0 >> 16;
      const s2 = slotOf(w2, scratch);
      const m2 = src + load<u16>(s2);
      const c2 = load<u32>(m2);
      if (c0 !== <u32>w0) {
        ip++;
        store<u16>(s1, <u32>(ip - src));
        m = m1;
        if (c1 !== <u32>w1) {
          ip++;
          store<u16>(s2, <u32>(ip - src));
          m = m2;
          if (c2 !== <u32>w2) {
            ip++;
            let attempts: u32 = 1 << SKIP_STRENGTH;
            while (ip <= lastStart) {
              const word = load<u64>(ip);
              const slot = slotOf(word, scratch);
              m = src + load<u16>(slot);
              store<u16>(slot, <u32>(ip - src));
              if (load<u32>(m) === <u32>word) break;
              ip += attempts++ >> SKIP_STRENGTH;
            }
            if (ip > lastStart) break;
          }
        }
      }
      const before = equalBefore(ip, m, anchor, src);
      const end = matchEnd(ip, m, lastStart);
      const offset = <u32>(ip - m);
      ip -= before;
      const literals = <u32>(ip - anchor);
      const matchBytes = <u32>(end - ip);
      if (<i32>literals > <i32>(opFar - op) || <u32>(end - anchor) > FAST_SEQUENCE_BYTES) {
        op = putExact(op, opEnd, anchor, literals, offset, matchBytes);
        if (op === 0) return OUTPUT_FULL;
      } else {
        op = putFast(op, anchor, literals, offset, matchBytes);
      }
      ip = end;
      anchor = end;
      // Two positions inside the match are inserted too: in arrays of structs the next match often starts
      // there.
      store<u16>(slotOf(load<u64>(ip - 2), scratch), <u32>(ip - 2 - src));
      store<u16>(slotOf(load<u64>(ip - 1), scratch), <u32>(ip - 1 - src));
    }
  }
  op = putExact(op, opEnd, anchor, <u32>(src + srcBytes - anchor), 0, 0);
  return op === 0 ? OUTPUT_FULL : <i32>(op - out);
}

/** Return the address of the u16 table entry for the first five bytes of a word. */
function slotOf(word: u64, table: usize): usize {
  return table + ((<usize>((word * HASH_MULTIPLIER) >>> (64 - TABLE_BITS))) << 1);
}

/** Return the number of equal bytes before both positions, back to the anchor and to the block's start. */
function equalBefore(ip: usize, m: usize, anchor: usize, src: usize): usize {
  let at = ip;
  if (at > anchor) {
    while (m > src) {
      if (load<u8>(at - 1) !== load<u8>(m - 1)) break;
      at--;
      m--;
      if (at <= anchor) break;
    }
  }
  return ip - at;
}

/** Return the end of the match of `ip` with `m`, whose first four bytes are known to be equal. */
function matchEnd(ip: usize, m: usize, lastStart: usize): usize {
  const offset = ip - m;
  ip += MIN_MATCH_BYTES;
  m += MIN_MATCH_BYTES;
  while (ip < lastStart) {
    const difference = load<u64>(ip) ^ load<u64>(m);
    if (difference !== 0) return ip + (<usize>ctz(difference) >> 3);
    ip += 8;
    m += 8;
  }
  const limit = lastStart + MATCH_END_PAST_START;
  while (ip < limit) {
    if (load<u8>(ip) !== load<u8>(ip - offset)) break;
    ip++;
  }
  return ip;
}

/** Write a sequence with FAST_MARGIN free bytes after its literals, always in steps of 16 bytes. */
function putFast(op: usize, literalsAt: usize, literals: u32, offset: u32, matchBytes: u32): usize {
  const tokenAt = op++;
  let token: u32 = literals << 4;
  if (literals < 15) {
    v128.store(op, v128.load(literalsAt));
    op += literals;
  } else {
    token = 0xf0;
    op = putLength(op, literals - 15);
    const end = op + literals;
    do {
      v128.store(op, v128.load(literalsAt));
      op += 16;
      literalsAt += 16;
    } while (op < end);
    op = end;
  }
  store<u16>(op, offset);
  op += 2;
  const extra = matchBytes - MIN_MATCH_BYTES;
  if (extra < 15) {
    store<u8>(tokenAt, token | extra);
    return op;
  }
  store<u8>(tokenAt, token | 15);
  return putLength(op, extra - 15);
}

function putLength(op: usize, rest: u32): usize {
  while (rest >= 255) {
    store<u8>(op++, 255);
    rest -= 255;
  }
  store<u8>(op, rest);
  return op + 1;
}

/** Write a sequence, or the last one (offset 0), only if all of it fits; return 0 when it does not. */
function putExact(
  op: usize,
  opEnd: usize,
  literalsAt: usize,
  literals: u32,
  offset: u32,
  matchBytes: u32,
): usize {
  const extra: u32 = offset === 0 ? 0 : matchBytes - MIN_MATCH_BYTES;
  const needed: u32 = 1 + literals + lengthBytes(literals) + (offset === 0 ? 0 : 2 + lengthBytes(extra));
  if (<u32>(opEnd - op) < needed) return 0;
  store<u8>(op++, (min<u32>(literals, 15) << 4) | min<u32>(extra, 15));
  if (literals >= 15) op = putLength(op, literals - 15);
  memory.copy(op, literalsAt, literals);
  op += literals;
  if (offset === 0) return op;
  store<u16>(op, offset);
  op += 2;
  return extra >= 15 ? putLength(op, extra - 15) : op;
}

/** Return the bytes that a length takes beside its four bits. */
function lengthBytes(length: u32): u32 {
  return length < 15 ? 0 : 1 + (length - 15) / 255;
}
