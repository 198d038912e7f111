/** Speed of a destination, as it reports it: elapsed ns per byte, with all its threads. */
export interface DestinationSpeed {
  /** Ns for a byte of pages, zero and duplicate pages included, to decode, hash and write it. */
  readonly nsPerPageByte: number;
  /**
   * Ns for an unpacked byte of a segment, to check and unpack it, by packing. Absent: none was unpacked yet.
   * Levels of zstd have one value: a stream does not name them.
   */
  readonly unpackNsPerByte: { readonly raw?: number; readonly lz4?: number; readonly zstd?: number };
  /** Fraction of recent time, 0 … 1, in which the destination had bytes to process. Absent: unknown. */
  readonly busyFraction?: number | undefined;
}

/** Assumed ratio of the times to unpack a byte with zstd and with LZ4, where only one is known. */
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
