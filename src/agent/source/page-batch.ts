import type { PageSender } from '../../engine/live/page-sender.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import type { OnBatchSent, RoundStats } from '../stats.js';
import { copyInto, fillInto } from './copy-bytes.js';

/** A batch that is ready to be sent. */
export interface FilledBatch {
  readonly pages: readonly number[];
  /** The last page must be sent even where the destination has it already. */
  readonly keepsLast: boolean;
  readonly bypass: boolean;
  readonly onSent: OnBatchSent;
}

/**
 * Collects pages in the page sender's buffer until they are sent together.
 *
 * QEMU's records may say "the same block as before". Where the rest of the stream passes through uncoded, the
 * destination's QEMU must be in the block that the source's QEMU means, so the last page of a batch in which
 * the block changes is always sent.
 */
export class PageBatch {
  private pages: number[] = [];
  private maxPages = 0;
  private bypass = false;
  private onSent: OnBatchSent | undefined;
  /** The block of the last record, and whether it changed within this batch. */
  private block = -1;
  private changesBlock = false;

  private buffer: Buffer = Buffer.alloc(0);

  constructor(
    private readonly sender: Pick<PageSender, 'buffer'>,
    private readonly stats: RoundStats,
  ) {}

  get isEmpty(): boolean {
    return this.pages.length === 0;
  }

  get isFull(): boolean {
    return this.pages.length >= this.maxPages;
  }

  /** Begin an empty batch: how many pages it may have, and whether they are sent uncompressed. */
  begin(maxPages: number, bypass: boolean): void {
    const { buffer } = this.sender;
    this.buffer = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length);
    this.maxPages = maxPages;
    this.bypass = bypass;
  }

  add(block: number, page: number, bytes: Uint8Array, from: number): void {
    const at = this.pages.length * TARGET_PAGE_BYTES;
    copyInto(this.buffer, at, bytes.subarray(from, from + TARGET_PAGE_BYTES));
    this.append(block, page);
  }

  addFill(block: number, page: number, value: number): void {
    const at = this.pages.length * TARGET_PAGE_BYTES;
    fillInto(this.buffer, at, value);
    this.append(block, page);
  }

  /** Note that a record of `block` is sent by other means. */
  setBlock(block: number): void {
    this.block = block;
  }

  /** Return the pages, and start an empty batch. */
  take(): FilledBatch {
    const { pages, bypass, onSent, changesBlock } = this;
    this.pages = [];
    this.changesBlock = false;
    this.maxPages = 0;
    return { pages, keepsLast: changesBlock, bypass, onSent: onSent! };
  }

  private append(block: number, page: number): void {
    if (block !== this.block) this.changesBlock = true;
    this.block = block;
    this.stats.page(page);
    if (this.pages.length === 0) this.onSent = this.stats.batch();
    this.pages.push(page);
  }
}
