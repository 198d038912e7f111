import type { Kernels } from '../kernels/kernels.js';

export const KEYED_DIGEST_BYTES = 16;
export const DIGEST_KEY_BYTES = 32;

/**
 * Write the keyed digest of each page `i` that is not a zero page to `out + 16 * i`: the first 16 bytes of
 * BLAKE3 with the 32-byte key at `key`. `classes`: classes of the pages (u16). `scratch`:
 * `BLAKE3_SCRATCH_BYTES` bytes. Without the key an adversary cannot construct two pages with the same digest.
 */
export function keyedDigests(
  { run }: Kernels,
  src: number,
  pageCount: number,
  pageBytes: number,
  classes: number,
  key: number,
  out: number,
  scratch: number,
): void {
  run.blake3Pages(src, pageCount, pageBytes, classes, key, out, KEYED_DIGEST_BYTES, scratch);
}
