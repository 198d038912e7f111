import { PageferryError } from '../page/error.js';
import type { BlockInfo } from './messages.js';

const TARGET_PAGE_BYTES = 4096;

/** Numbers the pages of all blocks in one row: block after block. */
export class BlockMap {
  /** Of all blocks together. */
  readonly pages: number;
  private readonly firsts: number[] = [];
  private last = 0;

  constructor(readonly blocks: readonly BlockInfo[]) {
    let pages = 0;
    for (const { bytes } of blocks) {
      this.firsts.push(pages);
      pages += bytes / TARGET_PAGE_BYTES;
    }
    this.pages = pages;
  }

  numberOf(block: number, page: number): number {
    return this.firsts[block]! + page;
  }

  /** The block that a page is in; pages come in runs. @throws PageferryError when it is in none */
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

  /** Within its block. */
  offsetOf(page: number): number {
    return page - this.firsts[this.blockOf(page)]!;
  }

  private end(block: number): number {
    return this.firsts[block]! + this.blocks[block]!.bytes / TARGET_PAGE_BYTES;
  }
}
