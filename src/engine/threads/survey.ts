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
    if (fill === LAYOUT.CLASS_FILL) run.copyBytes(digests + 16 * i, zeroDigest, 16);
    else run.hash128(address + i * pageBytes, pageBytes, 0, 0, digests + 16 * i);
  }
}

/** A gap of up to this many unneeded pages is read too: a second read would take longer. */
const READ_ALONG_PAGES = 2;

/**
 * Read the parent's pages at the positions of the chunk's pages to `parent.address`, and write to
 * `parent.equal` 1 for each equal page, else 0 (u8 a page). Pages that repeat one byte are left out. `read`
 * reads bytes [from, to), counted from the chunk's start, and returns their number; bytes past the parent's
 * end are zero.
 */
export function compareWithParent(
  { run, bytes }: Kernels,
  chunk: {
    readonly address: number;
    readonly pages: number;
    readonly pageBytes: number;
    readonly classes: number;
  },
  parent: { readonly address: number; readonly equal: number },
  read: (from: number, to: number) => number,
): void {
  const { address, pages, pageBytes, classes } = chunk;
  const isWanted = (page: number) => (bytes[classes + 2 * page]! | bytes[classes + 2 * page + 1]!) === 0;
  for (let first = 0; first < pages; first++) {
    if (!isWanted(first)) continue;
    let end = first + 1;
    for (let next = end; next < pages && next - end <= READ_ALONG_PAGES; next++)
      if (isWanted(next)) end = next + 1;
    const [from, to] = [first * pageBytes, end * pageBytes];
    const count = read(from, to);
    bytes.fill(0, parent.address + from + count, parent.address + to);
    for (let page = first; page < end; page++)
      bytes[parent.equal + page] = run.pagesEqual(
        parent.address + page * pageBytes,
        address + page * pageBytes,
        pageBytes,
      );
    first = end;
  }
}
