// The match finder of a level.
import { findFast } from "./fast";
import { literalsAt, matchTablesAt, sequencesAt } from "./layout";
import { hasShortPositions, tableBits } from "./levels";
import { multiplierFor } from "./match";

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
  const sequences = sequencesAt(scratch, block);
  const literals = literalsAt(scratch);
  const table = matchTablesAt(scratch, block);
  const bits = tableBits(level, windowBytes);
  const step: u32 = level < 0 ? 1 - level : 1;
  const multiplier = multiplierFor(hashBytes(level, windowBytes));
  if (hasShortPositions(windowBytes))
    findFast<u16>(scratch, base, low, from, end, table, bits, multiplier, step, sequences, literals);
  else findFast<u32>(scratch, base, low, from, end, table, bits, multiplier, step, sequences, literals);
}

/** Return the bytes that the fast levels hash: more where the window is larger. */
function hashBytes(level: i32, windowBytes: u32): u32 {
  return windowBytes <= 16384 || level === 2 ? 5 : windowBytes <= 1 << 18 ? 6 : 7;
}
