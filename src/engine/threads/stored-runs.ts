// Whether a stored segment is written from where its pages are, so that its bytes are not copied.

/** Runs of fewer bytes on average are copied: each is a part of a write, which takes longer than the copy. */
const MIN_RUN_BYTES = 32 << 10;
/** What `hash64Runs` needs: whole blocks, then a stripe or more. */
const HASH_BLOCK_BYTES = 1024;
const MIN_LAST_BYTES = 64;

/** Return whether the runs (address and length, u32 each) at `runs` are written one after the other. */
export function canStayInRuns(words: Uint32Array, runs: number, count: number, bytes: number): boolean {
  if (count < 2 || count * MIN_RUN_BYTES > bytes) return false;
  const last = (runs >>> 2) + 2 * (count - 1);
  for (let run = runs >>> 2; run < last; run += 2) if (words[run + 1]! % HASH_BLOCK_BYTES !== 0) return false;
  return words[last + 1]! >= MIN_LAST_BYTES;
}
