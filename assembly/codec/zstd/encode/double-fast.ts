// The match finder of the middle levels: two tables, one of eight bytes and one of few; long matches first.
import { STATE_OFFSET_1, STATE_OFFSET_2 } from "./layout";
import {
  copyLiterals,
  endSequences,
  equalBefore,
  matchEnd,
  multiplierFor,
  putSequence,
  slotOf,
} from "./match";

/** After 2^8 bytes without a match the steps get longer. */
const SKIP_STRENGTH: u32 = 8;

/**
 * Find the sequences of the block `from` … `end`; parameters are as those of findFast. `short` is the table
 * of short hashes.
 */
export function findDoubleFast<T>(
  scratch: usize,
  base: usize,
  low: usize,
  from: usize,
  end: usize,
  table: usize,
  bits: u32,
  short: usize,
  shortBits: u32,
  shortMultiplier: u64,
  sequences: usize,
  literals: usize,
): void {
  const shift: u64 = 64 - bits;
  const shortShift: u64 = 64 - shortBits;
  const multiplier = multiplierFor(8);
  const lowest = <u32>(low - base);
  let offset1 = load<u32>(scratch + STATE_OFFSET_1);
  let offset2 = load<u32>(scratch + STATE_OFFSET_2);
  let sequence = sequences;
  let literal = literals;
  let anchor = from;
  let ip = max(from, low + 1);
  const limit = end - from > 16 ? end - 9 : 0;
  while (ip <= limit) {
    const start = ip;
    const word = load<u64>(ip);
    const next = load<u64>(ip + 1);
    const slot = slotOf<T>(word, table, multiplier, shift);
    const shortSlot = slotOf<T>(word, short, shortMultiplier, shortShift);
    let m = base + max(<u32>load<T>(slot), lowest);
    const near = base + max(<u32>load<T>(shortSlot), lowest);
    store<T>(slot, <T>(ip - base));
    store<T>(shortSlot, <T>(ip - base));
    let offsetValue: u32 = 1;
    let stop: usize;
    if (load<u32>(ip + 1 - offset1) === <u32>next) {
      ip++;
      stop = matchEnd(ip, ip - offset1, end);
    } else {
      if (load<u64>(m) === word) {
        stop = matchEnd(ip, m, end);
      } else {
        if (load<u32>(near) !== <u32>word) {
          ip += 1 + (<u32>(ip - anchor) >> SKIP_STRENGTH);
          continue;
        }
        // A long match one byte later is better than a short one here.
        const nextSlot = slotOf<T>(next, table, multiplier, shift);
        m = base + max(<u32>load<T>(nextSlot), lowest);
        store<T>(nextSlot, <T>(ip + 1 - base));
        if (load<u64>(m) === next) ip++;
        else m = near;
        stop = matchEnd(ip, m, end);
      }
      const before = equalBefore(ip, m, anchor, low);
      offset2 = offset1;
      offset1 = <u32>(ip - m);
      offsetValue = offset1 + 3;
      ip -= before;
    }
    const count = <u32>(ip - anchor);
    copyLiterals(literal, anchor, count);
    literal += count;
    putSequence(sequence, count, <u32>(stop - ip), offsetValue);
    sequence += 8;
    if (stop <= limit) {
      const inside = load<u64>(start + 2);
      store<T>(slotOf<T>(inside, table, multiplier, shift), <T>(start + 2 - base));
      store<T>(slotOf<T>(inside, short, shortMultiplier, shortShift), <T>(start + 2 - base));
      const last = load<u64>(stop - 2);
      store<T>(slotOf<T>(last, table, multiplier, shift), <T>(stop - 2 - base));
      store<T>(slotOf<T>(load<u64>(stop - 1), short, shortMultiplier, shortShift), <T>(stop - 1 - base));
    }
    ip = stop;
    anchor = stop;
    while (ip <= limit && load<u32>(ip) === load<u32>(ip - offset2)) {
      const here = load<u64>(ip);
      store<T>(slotOf<T>(here, table, multiplier, shift), <T>(ip - base));
      store<T>(slotOf<T>(here, short, shortMultiplier, shortShift), <T>(ip - base));
      const again = matchEnd(ip, ip - offset2, end);
      const swapped = offset1;
      offset1 = offset2;
      offset2 = swapped;
      putSequence(sequence, 0, <u32>(again - ip), 1);
      sequence += 8;
      ip = again;
      anchor = again;
    }
  }
  endSequences(scratch, sequences, sequence, literals, literal, anchor, end);
  store<u32>(scratch + STATE_OFFSET_1, offset1);
  store<u32>(scratch + STATE_OFFSET_2, offset2);
}
