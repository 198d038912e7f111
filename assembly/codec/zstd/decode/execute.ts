// Decodes the sequences of a block and carries them out: each copies literals, then a match.
import { BAD_TOKEN, OUTPUT_FULL, OVERRUN } from "../../../status";
import { COPY_SLACK, copyWild, matchExact, repeatWild } from "./copy";
import {
  LAST_OFFSETS,
  LITERALS_AT,
  LITERALS_BYTES,
  LITERALS_TABLE,
  MATCHES_TABLE,
  OFFSETS_TABLE,
} from "./scratch";
import { BASE_SHIFT, EXTRA_SHIFT, MASK_SHIFT, MASK_TIMES_8, NEXT_SHIFT, STATE_BITS_SHIFT } from "./states";

const BASE_MASK: u32 = 0x1ffff;
const EXTRA_MASK: u64 = 63 << EXTRA_SHIFT;
const TOP_BIT: u64 = 1 << 63;
/** Bits that a container holds at least. */
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
  let op = out;
  let literal: usize = load<u32>(scratch, LITERALS_AT);
  const literalsEnd = literal + load<u32>(scratch, LITERALS_BYTES);
  if (count !== 0) {
    const lastByte: u32 = start < end ? load<u8>(end - 1) : 0;
    if (lastByte === 0) return BAD_TOKEN;
    // Bits that are left to read: from the highest bit of the last byte down.
    let left = ((<i32>(end - start)) << 3) - <i32>clz<u32>(lastByte) + 23;
    const literalStates: usize = load<u32>(scratch, LITERALS_TABLE);
    const offsetStates: usize = load<u32>(scratch, OFFSETS_TABLE);
    const matchStates: usize = load<u32>(scratch, MATCHES_TABLE);
    let bits = load<u32>(scratch, LITERALS_TABLE + 4);
    left -= bits;
    let literalState = bitsAt(start, left, bits);
    bits = load<u32>(scratch, OFFSETS_TABLE + 4);
    left -= bits;
    let offsetState = bitsAt(start, left, bits);
    bits = load<u32>(scratch, MATCHES_TABLE + 4);
    left -= bits;
    let matchState = bitsAt(start, left, bits);
    let offset0 = load<u32>(scratch, LAST_OFFSETS);
    let offset1 = load<u32>(scratch, LAST_OFFSETS + 4);
    let offset2 = load<u32>(scratch, LAST_OFFSETS + 8);
    // A sequence that ends before `far` may overwrite what follows it.
    const far = min(outEnd - min(COPY_SLACK, <u32>(outEnd - out)), limit);
    let stateBits: i32 = 0;
    do {
      if (left < 0) return BAD_TOKEN;
      let container = load<u64>(start + ((left + 7) >> 3) - 8) << (<u64>(-left & 7));
      const l = load<u64>(literalStates + literalState);
      const o = load<u64>(offsetStates + offsetState);
      const m = load<u64>(matchStates + matchState);
      const total = (<u32>l + <u32>o + <u32>m) & 127;
      let literals = <u32>(l >> BASE_SHIFT) & BASE_MASK;
      let matchBytes = <u32>(m >> BASE_SHIFT) & BASE_MASK;
      // 1 and the extra bits behind it.
      const value = <u32>(((container >> 1) | TOP_BIT) >> ((o >> EXTRA_SHIFT) ^ 63));
      let tail: u64 = 0;
      if (total <= CONTAINER_BITS) {
        if ((m & EXTRA_MASK) !== 0)
          matchBytes += <u32>((container << (o >> EXTRA_SHIFT)) >> (0 - (m >> EXTRA_SHIFT)));
        if ((l & EXTRA_MASK) !== 0)
          literals += <u32>(
            ((container << ((o >> EXTRA_SHIFT) + (m >> EXTRA_SHIFT))) >> (0 - (l >> EXTRA_SHIFT)))
          );
        tail = container >> <u64>(61 - total);
      } else {
        let rest = left - (<i32>(o >> EXTRA_SHIFT) & 63);
        container = load<u64>(start + ((rest + 7) >> 3) - 8) << (<u64>(-rest & 7));
        if ((m & EXTRA_MASK) !== 0) matchBytes += <u32>(container >> (0 - (m >> EXTRA_SHIFT)));
        if ((l & EXTRA_MASK) !== 0)
          literals += <u32>((container << (m >> EXTRA_SHIFT)) >> (0 - (l >> EXTRA_SHIFT)));
        rest = left - total;
        // The next states take at most 26 bits: these and more are in the eight bytes at the end.
        tail = load<u64>(start + (rest >> 3)) >> <u64>(rest & 7);
        tail <<= 3;
      }
      left -= total;
      stateBits =
        (<i32>(l >> STATE_BITS_SHIFT) & 63) +
        (<i32>(o >> STATE_BITS_SHIFT) & 63) +
        (<i32>(m >> STATE_BITS_SHIFT) & 63);
      offsetState = <u32>(o >> NEXT_SHIFT) + <u32>(tail & (o >> MASK_SHIFT) & MASK_TIMES_8);
      tail >>= o >> STATE_BITS_SHIFT;
      matchState = <u32>(m >> NEXT_SHIFT) + <u32>(tail & (m >> MASK_SHIFT) & MASK_TIMES_8);
      tail >>= m >> STATE_BITS_SHIFT;
      literalState = <u32>(l >> NEXT_SHIFT) + <u32>(tail & (l >> MASK_SHIFT) & MASK_TIMES_8);

      let offset = value - REPEAT_VALUES;
      if (value > REPEAT_VALUES) {
        offset2 = offset1;
        offset1 = offset0;
        offset0 = offset;
      } else {
        const which = value - (literals === 0 ? 0 : 1);
        if (which === 0) offset = offset0;
        else {
          offset = which === 1 ? offset1 : which === 2 ? offset2 : offset0 - 1;
          if (which !== 1) offset2 = offset1;
          offset1 = offset0;
          offset0 = offset;
        }
      }

      if (literals > <u32>(literalsEnd - literal)) return BAD_TOKEN;
      if (<i32>(literals + matchBytes) <= <i32>(far - op)) {
        v128.store(op, v128.load(literal));
        const literalsTo = op + literals;
        if (literals > 16) copyWild(op + 16, literal + 16, literalsTo);
        if (offset - 1 >= <u32>(literalsTo - history)) return BAD_TOKEN;
        op = literalsTo + matchBytes;
        if (offset >= 16) {
          v128.store(literalsTo, v128.load(literalsTo - offset));
          if (matchBytes > 16) copyWild(literalsTo + 16, literalsTo + 16 - offset, op);
        } else repeatWild(literalsTo, offset, op, scratch);
      } else {
        if (literals > <u32>(limit - op) || matchBytes > <u32>(limit - op) - literals)
          return limit < outEnd ? OVERRUN : OUTPUT_FULL;
        memory.copy(op, literal, literals);
        op += literals;
        if (offset - 1 >= <u32>(op - history)) return BAD_TOKEN;
        matchExact(op, offset, matchBytes, scratch);
        op += matchBytes;
      }
      literal += literals;
    } while (--count !== 0);
    // The last sequence has no next states.
    if (left + stateBits !== 0) return BAD_TOKEN;
    store<u32>(scratch, offset0, LAST_OFFSETS);
    store<u32>(scratch, offset1, LAST_OFFSETS + 4);
    store<u32>(scratch, offset2, LAST_OFFSETS + 8);
  }
  const rest = <u32>(literalsEnd - literal);
  if (rest > <u32>(limit - op)) return limit < outEnd ? OVERRUN : OUTPUT_FULL;
  memory.copy(op, literal, rest);
  return <i32>(op + rest - out);
}

/** Return 8 times the number in the `bits` bits that start `at` bits after `start`. */
function bitsAt(start: usize, at: i32, bits: u32): u32 {
  return ((load<u16>(start + (at >> 3)) >> (at & 7)) & ((1 << bits) - 1)) << 3;
}
