// The match finder of the highest levels: of all divisions of a block into literals and matches the one that
// takes the fewest bits, by estimated prices of codes and literals. Candidates are those of the tree.
import { convertSequences } from "./codes";
import { insertDistant } from "./distant";
import {
  codesAt,
  STATE_LITERALS,
  STATE_OFFSET_1,
  STATE_OFFSET_2,
  STATE_OFFSET_3,
  STATE_SEQUENCES,
} from "./layout";
import { copyLiterals, endSequences, matchEnd, putSequence } from "./match";
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
import { listMatches } from "./tree";

/** Passes over a block: with the prices before it, then twice with those of what was found. */
const PASSES: i32 = 3;

/**
 * Find the sequences of a block; parameters are as those of listMatches and findFast. `prices` and `chunk`:
 * see find.ts; the tables are before them.
 */
export function findOptimal(
  scratch: usize,
  base: usize,
  low: usize,
  from: usize,
  end: usize,
  table: usize,
  bits: u32,
  shorts: usize,
  shortBits: u32,
  tree: usize,
  treeBits: u32,
  multiplier: u64,
  attempts: u32,
  sequences: usize,
  literals: usize,
  block: u32,
  prices: usize,
  chunk: usize,
  distantBits: u32,
  lists: usize,
): void {
  // Positions are not zero, which marks empty entries.
  base--;
  listMatches(
    base,
    low,
    from,
    end,
    table,
    bits,
    shorts,
    shortBits,
    tree,
    treeBits,
    multiplier,
    attempts,
    prices,
    distantBits,
    lists,
    block,
  );
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
        const before = addRepeats(scratch, prices, chunk, at, most, position, low, end);
        const list = lists + ((position - from) << 2);
        addMatches(scratch, prices, chunk, at, most, load<u32>(list), load<u32>(list, 4), before);
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
        ip += bytes;
        anchor = ip;
      }
    }
    endSequences(scratch, sequences, sequence, literals, literal, anchor, end);
  }
  // Later blocks find them.
  if (distantBits !== 0) insertDistant(base, from, end, prices, distantBits);
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
  let best: u32 = MIN_MATCH_BYTES - 1;
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

/** The matches of a list, from the shortest on, for more than `best` bytes. */
function addMatches(
  scratch: usize,
  prices: usize,
  chunk: usize,
  at: u32,
  most: u32,
  list: usize,
  end: usize,
  best: u32,
): void {
  // A repeat offset is cheaper at its length, another offset only for more bytes.
  for (; list < end; list += 8) {
    const bytes = load<u32>(list, 4);
    if (bytes <= best) continue;
    const offset = load<u32>(list);
    addMatch(scratch, prices, chunk, at, most, best + 1, bytes, offset + 3, offset);
    best = bytes;
  }
}
