import type { CodecContext } from '../codec/codec.js';

export const KEYED_DIGEST_BYTES = 16;
export const DIGEST_KEY_BYTES = 32;

/**
 * Write the keyed digest of each page whose class is not that of a zero page to `out + 16 * i`: the first 16
 * bytes of BLAKE3 with the 32-byte key at `key`. Who does not have the key cannot compute two pages of one
 * digest.
 */
export function keyedDigests(
  { kernels, wkdmScratch }: CodecContext,
  src: number,
  pageCount: number,
  pageBytes: number,
  classes: number,
  key: number,
  out: number,
): void {
  // The scratch of WKdm is as large as that of BLAKE3 and more; neither keeps anything between calls.
  kernels.run.blake3Pages(src, pageCount, pageBytes, classes, key, out, KEYED_DIGEST_BYTES, wkdmScratch);
}
