// Matches farther away than the tree reaches: a table of hashes of 16 bytes at every eighth position.

/** Distant matches have as many bytes at least. */
export const DISTANT_BYTES: usize = 16;
const DISTANT_STEP: usize = 8;
const DISTANT_MULTIPLIER: u64 = 0x9e3779b185ebca87;

/** Return the address of a position's entry in the table of distant matches, which ends at `tableEnd`. */
export function distantSlot(at: usize, tableEnd: usize, bits: u32): usize {
  const hash = ((load<u64>(at) * DISTANT_MULTIPLIER) ^ load<u64>(at, 8)) * DISTANT_MULTIPLIER;
  return tableEnd - ((<usize>(hash >> (64 - bits)) + 1) << 2);
}

/** Insert the positions of a block that was searched. */
export function insertDistant(base: usize, from: usize, end: usize, tableEnd: usize, bits: u32): void {
  for (; from + DISTANT_BYTES <= end; from += DISTANT_STEP)
    store<u32>(distantSlot(from, tableEnd, bits), <u32>(from - base));
}
