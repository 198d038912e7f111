// The match finder of the highest levels: of all divisions of a block into literals and matches the one that
// takes the fewest bits, by estimated prices of codes and literals. Candidates are those of the chains.
import { convertSequences } from "./codes";
import {
  codesAt,
  STATE_LITERALS,
  STATE_OFFSET_1,
  STATE_OFFSET_2,
  STATE_OFFSET_3,
  STATE_SEQUENCES,
} from "./layout";
import { copyLiterals, endSequences, matchEnd, putSequence, slotOf } from "./match";
import {
  addLiteral,
  addMatch,
  CHUNK_BYTES,
  ENTRIES,
  ENTRY_SHIFT,
  LISTED,
  LITERALS,
  LONG_MATCH,
  LONG_OFFSET,
  LONG_VALUE,
  MATCH,
  MIN_MATCH_BYTES,
  moveOffsets,
  OFFSET_1,
  OFFSET_2,
  OFFSET_3,
  SUFFICIENT_BYTES,
  startChunk,
  VALUE,
} from "./optimal-chunk";
import { countPrices, initPrices } from "./prices";

/**
 * Passes over a block: with fixed prices, then with those of what was found. Prices of the block before, or
 * another pass, can keep a choice that only its own counts make cheap: up to 6 % more bytes.
 */
const PASSES: i32 = 2;
/** Distant matches have as many bytes at least; every eighth position can be one's beginning. */
const DISTANT_BYTES: usize = 16;
const DISTANT_STEP: usize = 8;
const DISTANT_MULTIPLIER: u64 = 0x9e3779b185ebca87;

/**
 * Find the sequences of a block; parameters are as those of findFast. `chain` has the position before each
 * position with its hash; `attempts` of them are compared. `prices` and `chunk`: see find.ts; the table of
 * distant matches is before them.
 */
export function findOptimal(
  scratch: usize,
  base: usize,
  low: usize,
  from: usize,
  end: usize,
  table: usize,
  bits: u32,
  chain: usize,
  chainBits: u32,
  multiplier: u64,
  attempts: u32,
  sequences: usize,
  literals: usize,
  block: u32,
  prices: usize,
  chunk: usize,
  distantBits: u32,
): void {
  const offset1 = load<u32>(scratch + STATE_OFFSET_1);
  const offset2 = load<u32>(scratch + STATE_OFFSET_2);
  const offset3 = load<u32>(scratch + STATE_OFFSET_3);
  initPrices(scratch, prices);
  for (let pass = 0; pass < PASSES; pass++) {
    if (pass > 0) {
      const count = load<u32>(scratch + STATE_SEQUENCES);
      convertSequences(scratch, sequences, codesAt(scratch, block), count);
      countPrices(scratch, prices, literals, load<u32>(scratch + STATE_LITERALS));
      store<u32>(scratch + STATE_OFFSET_1, offset1);
      store<u32>(scratch + STATE_OFFSET_2, offset2);
      store<u32>(scratch + STATE_OFFSET_3, offset3);
    }
    let sequence = sequences;
    let literal = literals;
    let anchor = from;
    let ip = from;
    while (ip < end) {
      const most = min<u32>(<u32>(end - ip), CHUNK_BYTES);
      startChunk(scratch, prices, chunk, <u32>(ip - anchor));
      let at: u32 = 0;
      for (; at < most; at++) {
        addLiteral(scratch, prices, chunk, at, load<u8>(ip + at));
        if (ip + at + 9 > end) continue;
        const position = ip + at;
        let candidate: u32;
        if (pass === 0) {
          candidate = insert(position, base, table, chain, (1 << chainBits) - 1, multiplier, 64 - bits);
        } else {
          const slot = <u32>(position - base) & ((1 << chainBits) - 1);
          candidate = load<u32>(chain + (slot << 2));
        }
        const before = addRepeats(scratch, prices, chunk, at, most, position, low, end);
        addMatches(
          scratch,
          prices,
          chunk,
          at,
          most,
          position,
          base,
          low,
          end,
          candidate,
          before,
          chain,
          chainBits,
          attempts,
          distantBits === 0 || position + DISTANT_BYTES > end
            ? 0
            : distantSlot(position, prices, distantBits),
        );
        if (load<u32>(chunk + LONG_MATCH) !== 0) break;
      }
      const entry = chunk + ENTRIES + (at << ENTRY_SHIFT);
      let listed: u32 = 0;
      // Backwards along the cheapest path: its matches, the last one first.
      for (let to = at; ; ) {
        const count = load<u32>(chunk + ENTRIES + (to << ENTRY_SHIFT) + LITERALS);
        if (count >= to) break;
        to -= count;
        store<u32>(chunk + ENTRIES + (listed++ << ENTRY_SHIFT) + LISTED, to);
        to -= load<u32>(chunk + ENTRIES + (to << ENTRY_SHIFT) + MATCH);
      }
      while (listed > 0) {
        const to = load<u32>(chunk + ENTRIES + (--listed << ENTRY_SHIFT) + LISTED);
        const matched = chunk + ENTRIES + (to << ENTRY_SHIFT);
        const bytes = load<u32>(matched + MATCH);
        const count = <u32>(ip + to - bytes - anchor);
        copyLiterals(literal, anchor, count);
        literal += count;
        putSequence(sequence, count, bytes, load<u32>(matched + VALUE));
        sequence += 8;
        anchor = ip + to;
      }
      store<u32>(scratch + STATE_OFFSET_1, load<u32>(entry + OFFSET_1));
      store<u32>(scratch + STATE_OFFSET_2, load<u32>(entry + OFFSET_2));
      store<u32>(scratch + STATE_OFFSET_3, load<u32>(entry + OFFSET_3));
      ip += at;
      const bytes = load<u32>(chunk + LONG_MATCH);
      if (bytes !== 0) {
        const count = <u32>(ip - anchor);
        copyLiterals(literal, anchor, count);
        literal += count;
        const value = load<u32>(chunk + LONG_VALUE);
        putSequence(sequence, count, bytes, value);
        sequence += 8;
        moveOffsets(entry, scratch + STATE_OFFSET_1 - OFFSET_1, value, load<u32>(chunk + LONG_OFFSET));
        const to = ip + bytes;
        if (pass === 0) {
          for (ip++; ip < to && ip + 9 <= end; ip++)
            insert(ip, base, table, chain, (1 << chainBits) - 1, multiplier, 64 - bits);
        }
        ip = to;
        anchor = to;
      }
    }
    endSequences(scratch, sequences, sequence, literals, literal, anchor, end);
  }
  // Later blocks find them; every pass of this one has found the same.
  if (distantBits === 0) return;
  for (; from + DISTANT_BYTES <= end; from += DISTANT_STEP)
    store<u32>(distantSlot(from, prices, distantBits), <u32>(from - base));
}

/** Return the address of a position's entry in the table of distant matches, which ends at `tableEnd`. */
function distantSlot(at: usize, tableEnd: usize, bits: u32): usize {
  const hash = ((load<u64>(at) * DISTANT_MULTIPLIER) ^ load<u64>(at, 8)) * DISTANT_MULTIPLIER;
  return tableEnd - ((<usize>(hash >> (64 - bits)) + 1) << 2);
}

/** Insert a position; return the latest one before with its hash. */
function insert(
  at: usize,
  base: usize,
  table: usize,
  chain: usize,
  mask: u32,
  multiplier: u64,
  shift: u64,
): u32 {
  const slot = slotOf<u32>(load<u64>(at), table, multiplier, shift);
  const earlier = load<u32>(slot);
  const position = <u32>(at - base);
  store<u32>(chain + ((position & mask) << 2), earlier);
  store<u32>(slot, position);
  return earlier;
}

/** Matches at the repeat offsets; return the bytes of the longest. */
function addRepeats(
  scratch: usize,
  prices: usize,
  chunk: usize,
  at: u32,
  most: u32,
  position: usize,
  low: usize,
  end: usize,
): u32 {
  const entry = chunk + ENTRIES + (at << ENTRY_SHIFT);
  const shifted: u32 = load<u32>(entry + LITERALS) === 0 ? 1 : 0;
  let best: u32 = MIN_MATCH_BYTES;
  for (let value: u32 = 1; value <= 3; value++) {
    const index = value - 1 + shifted;
    const offset = index === 3 ? load<u32>(entry + OFFSET_1) - 1 : load<u32>(entry + OFFSET_1 + (index << 2));
    if (offset === 0 || offset > <u32>(position - low)) continue;
    if (((load<u32>(position) ^ load<u32>(position - offset)) & 0xffffff) !== 0) continue;
    const bytes = <u32>(matchEnd(position, position - offset, end) - position);
    addMatch(scratch, prices, chunk, at, most, MIN_MATCH_BYTES, bytes, value, offset);
    if (bytes > best) best = bytes;
    if (bytes >= SUFFICIENT_BYTES) break;
  }
  return best;
}

/**
 * Matches with earlier positions of the same hash: the nearest one for each length. `distant`: the address of
 * one more candidate, or 0.
 */
function addMatches(
  scratch: usize,
  prices: usize,
  chunk: usize,
  at: u32,
  most: u32,
  here: usize,
  base: usize,
  low: usize,
  end: usize,
  candidate: u32,
  best: u32,
  chain: usize,
  chainBits: u32,
  attempts: u32,
  distant: usize,
): void {
  const mask: u32 = (1 << chainBits) - 1;
  const position = <u32>(here - base);
  const lowest = <u32>(low - base);
  const reached = position > mask ? position - mask : 0;
  // A repeat offset is cheaper at its length, another offset only for more bytes.
  while (best < SUFFICIENT_BYTES) {
    let isLast = true;
    if (candidate >= lowest && candidate < position) {
      const m = base + candidate;
      if (load<u32>(m + best - 3) === load<u32>(here + best - 3) && load<u32>(m) === load<u32>(here)) {
        const bytes = <u32>(matchEnd(here, m, end) - here);
        if (bytes > best) {
          const offset = position - candidate;
          addMatch(scratch, prices, chunk, at, most, best + 1, bytes, offset + 3, offset);
          best = bytes;
          if (here + bytes >= end) return;
        }
      }
      if (--attempts > 0 && candidate >= reached) {
        const earlier = load<u32>(chain + ((candidate & mask) << 2));
        isLast = earlier >= candidate;
        candidate = earlier;
      }
    }
    if (!isLast) continue;
    if (distant === 0) return;
    candidate = load<u32>(distant);
    distant = 0;
    attempts = 1;
  }
}
