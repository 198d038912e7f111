// The match finder of the fast levels: one table of the latest position of each hash, no search beyond it.
import { STATE_OFFSET_1, STATE_OFFSET_2 } from "./layout";
import { copyLiterals, endSequences, equalBefore, matchEnd, putSequence } from "./match";

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
  const mask: u32 = ((1 << bits) - 1) << entryShift<T>();
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
    let m: usize = 0;
    let isRepeat = false;
    // A loop of its own: what it does not use needs no register.
    do {
      const word = load<u64>(ip);
      const next = load<u64>(ip, 1);
      const slot = slotAt<T>(word, table, multiplier, mask);
      const nextSlot = slotAt<T>(next, table, multiplier, mask);
      m = base + earlierAt<T>(slot, lowest);
      store<T>(slot, <T>(ip - base));
      if (load<u32>(ip - offset1, 1) === <u32>next) {
        isRepeat = true;
        break;
      }
      if (load<u32>(m) === <u32>word) break;
      m = base + earlierAt<T>(nextSlot, lowest);
      ip++;
      store<T>(nextSlot, <T>(ip - base));
      if (load<u32>(m) === <u32>next) break;
      ip += step + (<u32>(ip - anchor) >> skipStrength<T>());
    } while (ip <= limit);
    // Only the last probe can have found a match past the limit.
    if (ip > limit && (ip > limit + 1 || load<u32>(m) !== load<u32>(ip))) break;
    let offsetValue: u32 = 1;
    let stop: usize;
    if (isRepeat) {
      ip++;
      m = ip - offset1;
      stop = matchEnd(ip, m, end);
      if (ip - 1 > anchor && load<u8>(ip - 1) === load<u8>(m - 1)) ip--;
    } else {
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
      store<T>(slotAt<T>(load<u64>(ip + 2), table, multiplier, mask), <T>(ip + 2 - base));
      store<T>(slotAt<T>(load<u64>(stop - 2), table, multiplier, mask), <T>(stop - 2 - base));
    }
    ip = stop;
    anchor = stop;
    // The second offset right after a match: a sequence without literals, which swaps the two.
    while (ip <= limit && load<u32>(ip) === load<u32>(ip - offset2)) {
      const again = matchEnd(ip, ip - offset2, end);
      store<T>(slotAt<T>(load<u64>(ip), table, multiplier, mask), <T>(ip - base));
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

function entryShift<T>(): u32 {
  return sizeof<T>() === 2 ? 1 : 2;
}

function skipStrength<T>(): u32 {
  return sizeof<T>() === 2 ? SKIP_STRENGTH : LARGE_SKIP_STRENGTH;
}

/** Return the address of the entry of a word's hash: constant shifts take fewer instructions than others. */
function slotAt<T>(word: u64, table: usize, multiplier: u64, mask: u32): usize {
  const shift: u64 = sizeof<T>() === 2 ? 49 : 48;
  return table + (<u32>((word * multiplier) >> shift) & mask);
}

/** Return the position of an entry. Those of 16 bits are of frames of one block, which have no stale ones. */
function earlierAt<T>(slot: usize, lowest: u32): u32 {
  const position = <u32>load<T>(slot);
  return sizeof<T>() === 2 ? position : max(position, lowest);
}
