// Carries out the sequences of a block: three states that advance side by side give literals to copy, then a
// match.
import { BAD_TOKEN, OUTPUT_FULL, OVERRUN } from "../../../status";
import { COPY_SLACK, copyExact, copyWild, repeatWild } from "./copy";
import {
  LAST_OFFSETS,
  LITERALS_AT,
  LITERALS_BYTES,
  LITERALS_TABLE_BITS,
  MATCHES_TABLE_BITS,
  OFFSETS_TABLE_BITS,
  OWN_LITERALS,
  OWN_MATCHES,
  OWN_OFFSETS,
} from "./scratch";
import { BASE_SHIFT, EXTRA_SHIFT, MASK_SHIFT, MASK_TIMES_8, NEXT_SHIFT, STATE_BITS_SHIFT } from "./states";

const BASE_MASK: u32 = 0x1ffff;
const EXTRA_MASK: u64 = 63 << EXTRA_SHIFT;
const TOP_BIT: u64 = 1 << 63;
/** Bits that a container holds at least. An offset's bits and three states are never more. */
const CONTAINER_BITS: u32 = 57;
/** An offset's value up to here names one of the last three offsets. */
const REPEAT_VALUES: u32 = 3;

/**
 * Carry out `count` sequences, whose bits are at `start` … `end`, and copy the literals that they leave.
 * `limit`: where the block must end; `outEnd`: where the slot ends; `history`: where matches may start.
 * Return the block's bytes or a status.
 */
export function executeSequences(
  start: usize,
  end: usize,
  count: u32,
  out: usize,
  limit: usize,
  outEnd: usize,
  history: usize,
  scratch: usize,
): i32 {
  const literalsEnd: usize = load<u32>(scratch, LITERALS_AT) + load<u32>(scratch, LITERALS_BYTES);
  let op = out;
  if (count !== 0) {
    // A sequence that ends before `far` may overwrite what follows it.
    const far = min(outEnd - min(COPY_SLACK, <u32>(outEnd - out)), limit);
    const bytes = run(start, end, count, op, far, limit, literalsEnd, history, scratch);
    if (bytes < 0) return bytes === OUTPUT_FULL && limit < outEnd ? OVERRUN : bytes;
    op += bytes;
  }
  const literal: usize = load<u32>(scratch, LITERALS_AT);
  const rest = <u32>(literalsEnd - literal);
  const status = copyExact(op, literal, rest, 0, 0, limit, history, scratch);
  if (status < 0) return limit < outEnd ? OVERRUN : status;
  return <i32>(op + rest - out);
}

/**
 * Carry out sequences; return the bytes, and set LITERALS_AT to the literals that are left; or return a
 * status.
 */
function run(
  start: usize,
  end: usize,
  count: u32,
  out: usize,
  far: usize,
  limit: usize,
  literalsEnd: usize,
  history: usize,
  scratch: usize,
): i32 {
  const last: u32 = start < end ? load<u8>(end - 1) : 0;
  if (last === 0) return BAD_TOKEN;
  // Bits that are left to read: from the highest set bit of the last byte, which is no part of them, down.
  let left = ((<i32>(end - start)) << 3) - <i32>clz<u32>(last) + 23;
  left -= load<u32>(scratch, LITERALS_TABLE_BITS);
  let literalState = firstState(start, left, LITERALS_TABLE_BITS, scratch);
  left -= load<u32>(scratch, OFFSETS_TABLE_BITS);
  let offsetState = firstState(start, left, OFFSETS_TABLE_BITS, scratch);
  left -= load<u32>(scratch, MATCHES_TABLE_BITS);
  let matchState = firstState(start, left, MATCHES_TABLE_BITS, scratch);
  let offset0 = load<u32>(scratch, LAST_OFFSETS);
  let offset1 = load<u32>(scratch, LAST_OFFSETS + 4);
  let offset2 = load<u32>(scratch, LAST_OFFSETS + 8);
  let literal: usize = load<u32>(scratch, LITERALS_AT);
  let op = out;
  // The entries of the three states.
  let o: u64 = 0;
  let m: u64 = 0;
  let l: u64 = 0;
  start -= 8;
  do {
    if (left < 0) return BAD_TOKEN;
    // The next bits are the highest ones of the container.
    let container = load<u64>(start + ((left + 7) >> 3)) << (<u64>(<u32>(0 - left) & 7));
    o = load<u64>(offsetState, OWN_OFFSETS);
    m = load<u64>(matchState, OWN_MATCHES);
    l = load<u64>(literalState, OWN_LITERALS);
    const total = (<u32>o + <u32>m + <u32>l) & 127;
    let literals = <u32>(l >> BASE_SHIFT) & BASE_MASK;
    let matchBytes = <u32>(m >> BASE_SHIFT) & BASE_MASK;
    // 1, and the extra bits behind it.
    let offset = <u32>(((container >> 1) | TOP_BIT) >> ((o >> EXTRA_SHIFT) ^ 63));
    let tail = container >> <u64>(61 - total);
    if (((l | m) & EXTRA_MASK) !== 0) {
      container <<= o >> EXTRA_SHIFT;
      if (total > CONTAINER_BITS) {
        let rest = left - (<i32>(o >> EXTRA_SHIFT) & 63);
        container = load<u64>(start + ((rest + 7) >> 3)) << (<u64>(<u32>(0 - rest) & 7));
        rest = left - total;
        tail = (load<u64>(start + (rest >> 3), 8) >> <u64>(<u32>rest & 7)) << 3;
      }
      if ((m & EXTRA_MASK) !== 0) matchBytes += <u32>(container >> (0 - (m >> EXTRA_SHIFT)));
      if ((l & EXTRA_MASK) !== 0)
        literals += <u32>((container << (m >> EXTRA_SHIFT)) >> (0 - (l >> EXTRA_SHIFT)));
    }
    left -= total;
    offsetState = scratch + <u32>(o >> NEXT_SHIFT) + (<u32>tail & <u32>(o >> MASK_SHIFT) & MASK_TIMES_8);
    tail >>= o >> STATE_BITS_SHIFT;
    matchState = scratch + <u32>(m >> NEXT_SHIFT) + (<u32>tail & <u32>(m >> MASK_SHIFT) & MASK_TIMES_8);
    tail >>= m >> STATE_BITS_SHIFT;
    literalState = scratch + <u32>(l >> NEXT_SHIFT) + (<u32>tail & <u32>(l >> MASK_SHIFT) & MASK_TIMES_8);

    if (offset > REPEAT_VALUES) {
      offset -= REPEAT_VALUES;
      offset2 = offset1;
      offset1 = offset0;
      offset0 = offset;
    } else {
      const which = offset - (literals === 0 ? 0 : 1);
      if (which === 0) offset = offset0;
      else {
        offset = which === 1 ? offset1 : which === 2 ? offset2 : offset0 - 1;
        if (which !== 1) offset2 = offset1;
        offset1 = offset0;
        offset0 = offset;
      }
    }

    if (literals > <u32>(literalsEnd - literal)) return BAD_TOKEN;
    const matchAt = op + literals;
    const next = matchAt + matchBytes;
    if (<i32>(next - far) <= 0) {
      v128.store(op, v128.load(literal));
      if (literals > 16) copyWild(op + 16, literal + 16, matchAt);
      if (offset - 1 >= <u32>(matchAt - history)) return BAD_TOKEN;
      if (offset >= 16) {
        v128.store(matchAt, v128.load(matchAt - offset));
        if (matchBytes > 16) copyWild(matchAt + 16, matchAt + 16 - offset, next);
      } else repeatWild(matchAt, offset, next, scratch);
    } else {
      const status = copyExact(op, literal, literals, offset, matchBytes, limit, history, scratch);
      if (status < 0) return status;
    }
    literal += literals;
    op = next;
  } while (--count !== 0);
  // The last sequence has no next states.
  const stateBits =
    ((o >> STATE_BITS_SHIFT) & 63) + ((m >> STATE_BITS_SHIFT) & 63) + ((l >> STATE_BITS_SHIFT) & 63);
  if (left + <i32>stateBits !== 0) return BAD_TOKEN;
  store<u32>(scratch, offset0, LAST_OFFSETS);
  store<u32>(scratch, offset1, LAST_OFFSETS + 4);
  store<u32>(scratch, offset2, LAST_OFFSETS + 8);
  store<u32>(scratch, <u32>literal, LITERALS_AT);
  return <i32>(op - out);
}

/** Return a state, whose bits start `left` bits after `start`, as 8 times its number after `scratch`. */
function firstState(start: usize, left: i32, bitsField: u32, scratch: usize): usize {
  const mask: u32 = (1 << load<u32>(scratch + bitsField)) - 1;
  return scratch + (((<u32>load<u16>(start + (left >> 3)) >> (left & 7)) & mask) << 3);
}
