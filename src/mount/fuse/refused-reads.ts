/** Unit of recorded reads. */
const BLOCK_BYTES = 64 << 10;

/**
 * Reads that were refused as read-ahead. A repeated read is answered: a kernel with folios of several pages
 * repeats the whole read.
 */
export class RefusedReads {
  /** Blocks that were asked for, by image. */
  private readonly blocks = new Map<number, Set<number>>();

  /** Record a read; return whether none of its blocks was asked for before. */
  addFirst(image: number, offset: number, bytes: number): boolean {
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
