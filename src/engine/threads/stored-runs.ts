// Decides whether a stored segment is written directly from its runs, without a copy.

/**
 * Runs that are shorter on average are copied: each run is one part of a write, which costs more than a copy.
 */
const MIN_RUN_BYTES = 32 << 10;
/** Requirements of `hash64Runs`: every run but the last has whole blocks, the last one a stripe or more. */
const HASH_BLOCK_BYTES = 1024;
const MIN_LAST_BYTES = 64;

/** Return whether a segment is written from its `count` runs (address and length, u32 each) at `runs`. */
export function canStayInRuns(words: Uint32Array, runs: number, count: number, bytes: number): boolean {
  if (count < 2 || count * MIN_RUN_BYTES > bytes) return false;
  const last = (runs >>> 2) + 2 * (count - 1);
  for (let run = runs >>> 2; run < last; run += 2) if (words[run + 1]! % HASH_BLOCK_BYTES !== 0) return false;
  return words[last + 1]! >= MIN_LAST_BYTES;
}
