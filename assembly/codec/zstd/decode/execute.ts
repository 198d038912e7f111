// Carries out the sequences of a block: three states that advance side by side give literals to copy, then a
// match.
import { BAD_TOKEN, OUTPUT_FULL, OVERRUN } from "../../../status";
import { COPY_SLACK, copyExact, copyWild, repeatWild } from "./copy";
import {
  LAST_OFFSETS,
  LAST_STATE_BITS,
  LEFT,
  LITERAL_STATE,
  LITERALS_AT,
  LITERALS_BYTES,
  LITERALS_TABLE_BITS,
  MATCH_STATE,
  MATCHES_TABLE_BITS,
  OFFSET_STATE,
  OFFSETS_TABLE_BITS,
  OWN_LITERALS,
  OWN_MATCHES,
  OWN_OFFSETS,
  SEQUENCES,
  STOPPED_LITERALS,
  STOPPED_MATCH,
  STOPPED_OFFSET,
} from "./scratch";
import {
  BASE_SHIFT,
  HAS_16_EXTRA,
  HAS_EXTRA,
  nextState,
  STATE_BITS_MASK,
  TOTAL_MASK,
  TOTAL_SHIFT,
  TRANSITION,
} from "./states";

const TOP_BIT: u32 = 1 << 31;
/** From the mark of 16 extra bits to bit 16 of the base. */
const TO_TOP_OF_BASE: u32 = 3;
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
    const last: u32 = start < end ? load<u8>(end - 1) : 0;
    if (last === 0) return BAD_TOKEN;
    // Bits that are left to read: from the highest set bit of the last byte, which is no part of them, down.
    store<u32>(scratch, ((<u32>(end - start)) << 3) - <u32>clz<u32>(last) + 23, LEFT);
    firstState(start, LITERALS_TABLE_BITS, LITERAL_STATE, scratch);
    firstState(start, OFFSETS_TABLE_BITS, OFFSET_STATE, scratch);
    firstState(start, MATCHES_TABLE_BITS, MATCH_STATE, scratch);
    store<u32>(scratch, count, SEQUENCES);
    // A sequence that ends before `far` may overwrite what follows it.
    const far = min(outEnd - min(COPY_SLACK, <u32>(outEnd - out)), limit);
    do {
      op = run(start - 8, op, far, literalsEnd, history, scratch);
      if (op === 0) return BAD_TOKEN;
      count = load<u32>(scratch, SEQUENCES);
      if (count === 0) break;
      const literals = load<u32>(scratch, STOPPED_LITERALS);
      const matchBytes = load<u32>(scratch, STOPPED_MATCH);
      const status = copyExact(
        op,
        literals,
        matchBytes,
        load<u32>(scratch, STOPPED_OFFSET),
        limit,
        history,
        scratch,
      );
      if (status < 0) return status === OUTPUT_FULL && limit < outEnd ? OVERRUN : status;
      op += literals + matchBytes;
      store<u32>(scratch, count - 1, SEQUENCES);
    } while (count !== 1);
    // The last sequence has no next states.
    if (load<u32>(scratch, LEFT) + load<u32>(scratch, LAST_STATE_BITS) !== 0) return BAD_TOKEN;
  }
  const rest = <u32>(literalsEnd - load<u32>(scratch, LITERALS_AT));
  const status = copyExact(op, rest, 0, 0, limit, history, scratch);
  if (status < 0) return limit < outEnd ? OVERRUN : status;
  return <i32>(op + rest - out);
}

/**
 * Carry out sequences until all are done or one ends after `far`, which is left for the caller: this loop has
 * no calls, so that V8 keeps more of it in registers. Return where they end, or 0 for sequences that are
 * wrong.
 */
function run(start: usize, op: usize, far: usize, literalsEnd: usize, history: usize, scratch: usize): usize {
  let left = <i32>load<u32>(scratch, LEFT);
  let literalState: usize = load<u32>(scratch, LITERAL_STATE);
  let offsetState: usize = load<u32>(scratch, OFFSET_STATE);
  let matchState: usize = load<u32>(scratch, MATCH_STATE);
  let offset0 = load<u32>(scratch, LAST_OFFSETS);
  let offset1 = load<u32>(scratch, LAST_OFFSETS + 4);
  let offset2 = load<u32>(scratch, LAST_OFFSETS + 8);
  let literal: usize = load<u32>(scratch, LITERALS_AT);
  let count = load<u32>(scratch, SEQUENCES);
  // The first u32 of the three states' entries, added.
  let sum: u32 = 0;
  do {
    if (left < 0) return 0;
    // The next bits are the highest ones of the container.
    let container = load<u64>(start + ((left + 7) >> 3)) << (<u64>(<u32>(0 - left) & 7));
    const o = load<u32>(offsetState, OWN_OFFSETS);
    const nextOffset = load<u32>(offsetState, OWN_OFFSETS + TRANSITION);
    const m = load<u32>(matchState, OWN_MATCHES);
    const nextMatch = load<u32>(matchState, OWN_MATCHES + TRANSITION);
    const l = load<u32>(literalState, OWN_LITERALS);
    const nextLiteral = load<u32>(literalState, OWN_LITERALS + TRANSITION);
    sum = o + m + l;
    const total = (sum >> TOTAL_SHIFT) & TOTAL_MASK;
    // 1, and the extra bits behind it.
    let offset = (<u32>(container >> 33) | TOP_BIT) >> (o >> BASE_SHIFT);
    // The bits of the three next states, from bit 3 on.
    let tail = <u32>rotl<u64>(container, <u64>(total + 3));
    let literals: u32 = l >> BASE_SHIFT;
    let matchBytes: u32 = m >> BASE_SHIFT;
    if (((l | m) & HAS_EXTRA) !== 0) {
      const offsetBits = 31 - (o >> BASE_SHIFT);
      container <<= <u64>offsetBits;
      if (total > CONTAINER_BITS) {
        let rest = left - <i32>offsetBits;
        container = load<u64>(start + ((rest + 7) >> 3)) << (<u64>(<u32>(0 - rest) & 7));
        rest = left - total;
        tail = <u32>((load<u64>(start + (rest >> 3), 8) >> <u64>(<u32>rest & 7)) << 3);
      }
      const extra = <u32>(container >> 32);
      // Counts of shifts, of which the low five bits are used.
      const matchBits = (m >> TOTAL_SHIFT) - m;
      if ((m & HAS_EXTRA) !== 0)
        matchBytes += (extra >> (0 - matchBits)) + ((m & HAS_16_EXTRA) << TO_TOP_OF_BASE);
      if ((l & HAS_EXTRA) !== 0)
        literals +=
          ((extra << matchBits) >> (l - (l >> TOTAL_SHIFT))) + ((l & HAS_16_EXTRA) << TO_TOP_OF_BASE);
    }
    left -= total;
    offsetState = nextState(nextOffset, tail, scratch);
    tail >>= o;
    matchState = nextState(nextMatch, tail, scratch);
    tail >>= m;
    literalState = nextState(nextLiteral, tail, scratch);

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

    if (literals > <u32>(literalsEnd - literal)) return 0;
    const matchAt = op + literals;
    const next = matchAt + matchBytes;
    if (<i32>(next - far) > 0) {
      store<u32>(scratch, literals, STOPPED_LITERALS);
      store<u32>(scratch, offset, STOPPED_OFFSET);
      store<u32>(scratch, matchBytes, STOPPED_MATCH);
      break;
    }
    v128.store(op, v128.load(literal));
    if (literals > 16) copyWild(op + 16, literal + 16, matchAt);
    if (offset - 1 >= <u32>(matchAt - history)) return 0;
    if (offset >= 16) {
      v128.store(matchAt, v128.load(matchAt - offset));
      if (matchBytes > 16) copyWild(matchAt + 16, matchAt + 16 - offset, next);
    } else repeatWild(matchAt, offset, next, scratch);
    literal += literals;
    op = next;
  } while (--count !== 0);
  store<u32>(scratch, left, LEFT);
  store<u32>(scratch, sum & STATE_BITS_MASK, LAST_STATE_BITS);
  store<u32>(scratch, <u32>literalState, LITERAL_STATE);
  store<u32>(scratch, <u32>offsetState, OFFSET_STATE);
  store<u32>(scratch, <u32>matchState, MATCH_STATE);
  store<u32>(scratch, offset0, LAST_OFFSETS);
  store<u32>(scratch, offset1, LAST_OFFSETS + 4);
  store<u32>(scratch, offset2, LAST_OFFSETS + 8);
  store<u32>(scratch, <u32>literal, LITERALS_AT);
  store<u32>(scratch, count, SEQUENCES);
  return op;
}

/** Read a state, and write it to `stateField` as 8 times its number after `scratch`. */
function firstState(start: usize, bitsField: u32, stateField: u32, scratch: usize): void {
  const bits = load<u32>(scratch + bitsField);
  const left = <i32>load<u32>(scratch, LEFT) - bits;
  store<u32>(scratch, left, LEFT);
  const state = (<u32>load<u16>(start + (left >> 3)) >> (left & 7)) & ((1 << bits) - 1);
  store<u32>(scratch + stateField, <u32>scratch + (state << 3));
}
