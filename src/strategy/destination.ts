/** What a byte costs a destination, as it reports it. Elapsed time of all its threads together. */
export interface DestinationSpeed {
  /** Ns for a byte of pages, zero and duplicate pages included: decoding, hashing and writing them. */
  readonly nsPerPageByte: number;
  /**
   * Ns for an unpacked byte of a segment, by its packing: checking and unpacking it. A packing without a
   * figure was not unpacked yet. All levels are one: a stream does not name them.
   */
  readonly unpackNsPerByte: { readonly raw?: number; readonly lz4?: number; readonly zstd?: number };
  /** Fraction of recent time, 0 … 1, in which it had bytes to process. Absent: unknown. */
  readonly busyFraction?: number | undefined;
}

/** Ns of unpacking a byte that is assumed of zstd and LZ4, as multiples of each other. */
const ZSTD_TO_LZ4 = 3.4;

/** Return the ms that a destination takes for the pages of `bytes` bytes of image. */
export function pageMs({ nsPerPageByte }: DestinationSpeed, bytes: number): number {
  return (nsPerPageByte * bytes) / 1e6;
}

/** Return the ms that a destination takes to unpack a segment of `bytes` bytes. */
export function unpackMs(
  { unpackNsPerByte: { raw = 0, lz4, zstd } }: DestinationSpeed,
  packing: 'raw' | 'lz4' | 'zstd',
  bytes: number,
): number {
  const ns = {
    raw,
    lz4: lz4 ?? (zstd ?? 0) / ZSTD_TO_LZ4,
    zstd: zstd ?? (lz4 ?? 0) * ZSTD_TO_LZ4,
  };
  return (ns[packing] * bytes) / 1e6;
}
