/** Smallest and largest piece that is read for small reads. */
const MIN_PIECE_BYTES = 4096;
const MAX_PIECE_BYTES = 1 << 16;
/** A read of more is not copied through a piece. */
const MAX_SMALL_BYTES = 1024;

/** Fill `into` from a position on; returns the number of bytes, fewer only at the end. */
type ReadAt = (into: Uint8Array, position: number) => number;

/**
 * Read what many small reads at ascending positions need, such as the heads of ranges, in larger pieces: a
 * call of the system costs as much as a copy of 16 KiB. Pieces grow while the reads are close to each other.
 */
export function readAhead(read: ReadAt): ReadAt {
  let piece = new Uint8Array(0);
  let start = 0;
  let length = 0;
  let wanted = MIN_PIECE_BYTES;
  return (into, position) => {
    if (into.length > MAX_SMALL_BYTES) return read(into, position);
    if (position < start || position + into.length > start + length) {
      const end = start + length;
      const isNear = length > 0 && position >= start && position - end < wanted;
      wanted = isNear ? Math.min(2 * wanted, MAX_PIECE_BYTES) : MIN_PIECE_BYTES;
      if (piece.length < wanted) piece = new Uint8Array(wanted);
      length = 0; // if the read throws
      start = position;
      length = read(piece.subarray(0, wanted), position);
    }
    const from = position - start;
    const count = Math.min(into.length, length - from);
    into.set(piece.subarray(from, from + count));
    return count;
  };
}
