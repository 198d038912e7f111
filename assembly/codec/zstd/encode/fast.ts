// The match finder of the fast levels: one table of the latest position of each hash, no search beyond it.

import { MATCH_SHIFT } from "./codes";
import { STATE_OFFSET_1, STATE_OFFSET_2 } from "./layout";
import { LARGE_FAST_BITS } from "./levels";
import { copyLiterals, endSequences, longMatchEnd, matchEnd, putSequence } from "./match";

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
  const mask: u32 = ((1 << bits) - 1) << 1;
  if (sizeof<T>() === 4 && low > base) raiseEntries(table, <u32>(low - base));
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
      m = base + <usize>load<T>(slot);
      store<T>(slot, <T>(ip - base));
      // Loaded before the comparisons: what this takes passes while they wait for their words.
      const second = base + <usize>load<T>(nextSlot);
      if (load<u32>(ip - offset1, 1) === <u32>next) {
        isRepeat = true;
        break;
      }
      if (load<u32>(m) === <u32>word) break;
      m = second;
      ip++;
      store<T>(nextSlot, <T>(ip - base));
      if (load<u32>(m) === <u32>next) break;
      ip += step + (<u32>(ip - anchor) >> skipStrength<T>());
    } while (ip <= limit);
    // Only the last probe can have found a match past the limit.
    if (ip > limit && (ip > limit + 1 || load<u32>(m) !== load<u32>(ip))) break;
    let offsetValue: u32 = 1;
    let least = anchor;
    if (isRepeat) {
      ip++;
      m = ip - offset1;
      // A repeat offset without literals would be another one.
      least++;
    } else {
      offset2 = offset1;
      offset1 = <u32>(ip - m);
      offsetValue = offset1 + 3;
    }
    const equal = i8x16.bitmask(i8x16.eq(v128.load(ip), v128.load(m)));
    let stop: usize;
    if (equal !== 0xffff) stop = ip + <usize>ctz(~equal);
    else stop = longMatchEnd(ip + 16, m + 16, end);
    while (ip > least && m > low && load<u8>(ip - 1) === load<u8>(m - 1)) {
      ip--;
      m--;
    }
    const count = <u32>(ip - anchor);
    copyLiterals(literal, anchor, count);
    literal += count;
    putSequence(sequence, count, <u32>(stop - ip), offsetValue);
    sequence += 8;
    if (stop <= limit) {
      // Later matches often begin near the ends of this one; in small inputs the first position saves too
      // little.
      if (sizeof<T>() === 4)
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
  // The last match may end past the block: a minimum for every match would delay the next search.
  if (anchor > end) {
    store<u64>(sequence - 8, load<u64>(sequence - 8) - ((<u64>(anchor - end)) << MATCH_SHIFT));
    anchor = end;
  }
  endSequences(scratch, sequences, sequence, literals, literal, anchor, end);
  store<u32>(scratch + STATE_OFFSET_1, offset1);
  store<u32>(scratch + STATE_OFFSET_2, offset2);
}

function skipStrength<T>(): u32 {
  return sizeof<T>() === 2 ? SKIP_STRENGTH : LARGE_SKIP_STRENGTH;
}

/** Raise stale entries to the lowest position: the search compares the bytes of any entry. */
function raiseEntries(table: usize, lowest: u32): void {
  const least = i32x4.splat(lowest);
  const end = table + (4 << LARGE_FAST_BITS);
  while (table < end) {
    v128.store(table, i32x4.max_u(v128.load(table), least));
    table += 16;
  }
}

/** Return the address of the entry of a word's hash: constant shifts take fewer instructions than others. */
function slotAt<T>(word: u64, table: usize, multiplier: u64, mask: u32): usize {
  const hash = word * multiplier;
  if (sizeof<T>() === 4) return table + ((<usize>(hash >> (64 - LARGE_FAST_BITS))) << 2);
  return table + (<u32>(hash >> 49) & mask);
}
