// The match finder of the fast levels: one table of the latest position of each hash, no search beyond it.
import { STATE_OFFSET_1, STATE_OFFSET_2 } from "./layout";
import { copyLiterals, endSequences, equalBefore, matchEnd, putSequence, slotOf } from "./match";

/** After 2^7 bytes without a match the steps get longer; after 2^6 where positions take 32 bits. */
const SKIP_STRENGTH: u32 = 7;
const LARGE_SKIP_STRENGTH: u32 = 6;

/**
 * Find the sequences of the block `from` … `end`. Table entries (T: u16 or u32) are positions from `base`;
 * matches begin at `low` or later.
 */
export function findFast<T>(
  scratch: usize,
  base: usize,
  low: usize,
  from: usize,
  end: usize,
  table: usize,
  bits: u32,
  multiplier: u64,
  step: u32,
  sequences: usize,
  literals: usize,
): void {
  const shift: u64 = 64 - bits;
  const skipStrength = sizeof<T>() === 2 ? SKIP_STRENGTH : LARGE_SKIP_STRENGTH;
  // Stale entries become the lowest position, which needs no branch: its bytes are compared like any other's.
  const lowest = <u32>(low - base);
  let offset1 = load<u32>(scratch + STATE_OFFSET_1);
  let offset2 = load<u32>(scratch + STATE_OFFSET_2);
  let sequence = sequences;
  let literal = literals;
  let anchor = from;
  // The first byte of the window has no match, and the first offset is 1.
  let ip = max(from, low + 1);
  const limit = end - from > 16 ? end - 9 : 0;
  while (ip <= limit) {
    const word = load<u64>(ip);
    const slot = slotOf<T>(word, table, multiplier, shift);
    const next = load<u64>(ip + 1);
    const nextSlot = slotOf<T>(next, table, multiplier, shift);
    let m = base + max(<u32>load<T>(slot), lowest);
    store<T>(slot, <T>(ip - base));
    let offsetValue: u32 = 1;
    let stop: usize;
    if (load<u32>(ip + 1 - offset1) === <u32>next) {
      ip++;
      m = ip - offset1;
      stop = matchEnd(ip, m, end);
      if (ip - 1 > anchor && load<u8>(ip - 1) === load<u8>(m - 1)) ip--;
    } else {
      if (load<u32>(m) !== <u32>word) {
        m = base + max(<u32>load<T>(nextSlot), lowest);
        ip++;
        store<T>(nextSlot, <T>(ip - base));
        if (load<u32>(m) !== <u32>next) {
          ip += step + (<u32>(ip - anchor) >> skipStrength);
          continue;
        }
      }
      stop = matchEnd(ip, m, end);
      offset2 = offset1;
      offset1 = <u32>(ip - m);
      offsetValue = offset1 + 3;
      ip -= equalBefore(ip, m, anchor, low);
    }
    const count = <u32>(ip - anchor);
    copyLiterals(literal, anchor, count);
    literal += count;
    putSequence(sequence, count, <u32>(stop - ip), offsetValue);
    sequence += 8;
    if (stop <= limit) {
      // Two positions of the match, near its ends, are where later matches often begin.
      store<T>(slotOf<T>(load<u64>(ip + 2), table, multiplier, shift), <T>(ip + 2 - base));
      store<T>(slotOf<T>(load<u64>(stop - 2), table, multiplier, shift), <T>(stop - 2 - base));
    }
    ip = stop;
    anchor = stop;
    // The second offset right after a match: a sequence without literals, which swaps the two.
    while (ip <= limit && load<u32>(ip) === load<u32>(ip - offset2)) {
      const again = matchEnd(ip, ip - offset2, end);
      store<T>(slotOf<T>(load<u64>(ip), table, multiplier, shift), <T>(ip - base));
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
