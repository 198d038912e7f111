// The match finder of a level.
import { findDoubleFast } from "./double-fast";
import { findFast } from "./fast";
import { literalsAt, matchTablesAt, sequencesAt } from "./layout";
import {
  attemptsOf,
  DOUBLE,
  distantBits,
  FAST,
  hasShortPositions,
  insertStep,
  lookaheadOf,
  OPTIMAL,
  secondBits,
  shortBits,
  strategyOf,
  tableBits,
  tablesBytes,
} from "./levels";
import { multiplierFor } from "./match";
import { findOptimal } from "./optimal";
import { OPTIMAL_ENTRIES_BYTES } from "./optimal-chunk";
import { PRICES_BYTES } from "./prices";

import { findRow } from "./row";
import { SPLIT_BYTES } from "./split";
import { listsBytes } from "./tree";

/** Find the sequences of a block with the match finder of the level. */
export function findSequences(
  scratch: usize,
  base: usize,
  low: usize,
  from: usize,
  end: usize,
  block: u32,
  windowBytes: u32,
  level: i32,
): void {
  if (hasShortPositions(level, windowBytes))
    find<u16>(scratch, base, low, from, end, block, windowBytes, level);
  else find<u32>(scratch, base, low, from, end, block, windowBytes, level);
}

/** The same with tables of positions of type T. */
function find<T>(
  scratch: usize,
  base: usize,
  low: usize,
  from: usize,
  end: usize,
  block: u32,
  windowBytes: u32,
  level: i32,
): void {
  const sequences = sequencesAt(scratch, block);
  const literals = literalsAt(scratch);
  const table = matchTablesAt(scratch, block);
  const bits = tableBits(level, windowBytes);
  const multiplier = multiplierFor(hashBytes(level, windowBytes));
  const strategy = strategyOf(level);
  if (strategy === FAST) {
    const step: u32 = level < 0 ? 1 - level : 1;
    findFast<T>(scratch, base, low, from, end, table, bits, multiplier, step, sequences, literals);
    return;
  }
  const more = secondBits(level, windowBytes);
  const attempts = attemptsOf(level);
  if (strategy === DOUBLE)
    findDoubleFast<T>(
      scratch,
      base,
      low,
      from,
      end,
      table,
      bits,
      table + (sizeof<T>() << bits),
      more,
      multiplier,
      sequences,
      literals,
    );
  else if (sizeof<T>() === 4 && strategy === OPTIMAL) {
    const entries = table + tablesBytes(level, windowBytes);
    const lists = entries + OPTIMAL_ENTRIES_BYTES + SPLIT_BYTES;
    findOptimal(
      scratch,
      base,
      low,
      from,
      end,
      table,
      bits,
      table + (4 << bits),
      shortBits(windowBytes),
      lists + listsBytes(block),
      more,
      multiplier,
      attempts,
      sequences,
      literals,
      block,
      entries - PRICES_BYTES,
      entries,
      distantBits(windowBytes),
      lists,
    );
  } else
    findRow(
      scratch,
      base,
      low,
      from,
      end,
      table,
      bits,
      multiplier,
      attempts,
      lookaheadOf(level),
      insertStep(level),
      sequences,
      literals,
    );
}

/** Return the bytes that are hashed, in the second table if there are two. */
function hashBytes(level: i32, windowBytes: u32): u32 {
  // Words of memory are short: their matches are, too.
  if (strategyOf(level) !== FAST) return 4;
  const bytes: u32 = windowBytes <= 16384 ? 5 : windowBytes <= 1 << 18 ? 6 : 7;
  return level === 2 ? bytes - 1 : bytes;
}
