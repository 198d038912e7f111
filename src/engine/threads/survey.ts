import type { Kernels } from '../../kernels/kernels.js';
import { LAYOUT } from '../../kernels/layout.generated.js';

/**
 * Compute the classes (u16 a page, see `scanPages`) and the digests (16 bytes a page) of `count` whole pages
 * at `address`. `zeroDigest`: address of the digest of a zero page.
 */
export function surveyPages(
  { run, bytes }: Kernels,
  address: number,
  count: number,
  pageBytes: number,
  classes: number,
  digests: number,
  zeroDigest: number,
): void {
  run.scanPages(address, count, pageBytes, classes);
  run.hash128Pages(address, count, pageBytes, classes, digests);
  for (let i = 0; i < count; i++) {
    const at = classes + 2 * i;
    const fill = bytes[at]! | (bytes[at + 1]! << 8);
    if (fill === LAYOUT.CLASS_NORMAL) continue;
    if (fill === LAYOUT.CLASS_FILL) bytes.copyWithin(digests + 16 * i, zeroDigest, zeroDigest + 16);
    else run.hash128(address + i * pageBytes, pageBytes, 0, 0, digests + 16 * i);
  }
}
