import { PageferryError } from '../page/error.js';
import { type QemuBlock, TARGET_PAGE_BYTES } from '../qemu/format.js';

/** Numbers the pages of all RAM blocks consecutively, block after block. */
export class BlockMap {
  /** Pages of all blocks. */
  readonly pages: number;
  private readonly firsts: number[] = [];
  private last = 0;

  constructor(readonly blocks: readonly QemuBlock[]) {
    let pages = 0;
    for (const { bytes } of blocks) {
      this.firsts.push(pages);
      pages += bytes / TARGET_PAGE_BYTES;
    }
    this.pages = pages;
  }

  /** Bytes of all blocks. */
  get bytes(): number {
    return this.pages * TARGET_PAGE_BYTES;
  }

  /** Return the number of a page of a block among all pages. */
  numberOf(block: number, page: number): number {
    return this.firsts[block]! + page;
  }

  /** Return the block of a page; consecutive pages are fast. @throws PageferryError when no block has it */
  blockOf(page: number): number {
    if (page < this.firsts[this.last]! || page >= this.end(this.last)) {
      this.last = this.firsts.findLastIndex((first) => first <= page);
      if (this.last < 0 || page >= this.end(this.last)) {
        this.last = 0;
        throw new PageferryError('bad-stream', `page ${page}: the guest has ${this.pages}`);
      }
    }
    return this.last;
  }

  /** Return the page's number within its block. */
  offsetOf(page: number): number {
    return page - this.firsts[this.blockOf(page)]!;
  }

  private end(block: number): number {
    return this.firsts[block]! + this.blocks[block]!.bytes / TARGET_PAGE_BYTES;
  }
}
