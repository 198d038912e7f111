/** Unit in which reads are remembered. */
const BLOCK_BYTES = 64 << 10;

/**
 * Reads that were refused, because they read ahead. A read that comes a second time is needed: a kernel that
 * caches several pages in one piece reads all of it again.
 */
export class RefusedReads {
  /** By image, the blocks. */
  private readonly blocks = new Map<number, Set<number>>();

  /** Whether no block of this read was asked for before; it is remembered. */
  isFirst(image: number, offset: number, bytes: number): boolean {
    let known = this.blocks.get(image);
    if (!known) {
      known = new Set();
      this.blocks.set(image, known);
    }
    const end = Math.ceil((offset + bytes) / BLOCK_BYTES);
    let isFirst = true;
    for (let block = Math.floor(offset / BLOCK_BYTES); block < end; block++) {
      if (known.has(block)) isFirst = false;
      else known.add(block);
    }
    return isFirst;
  }
}
