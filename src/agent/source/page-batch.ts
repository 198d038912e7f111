import type { PageSender } from '../../engine/live/page-sender.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import type { PacketFields } from '../../qemu/multifd.js';
import { MAIN } from '../connection.js';
import type { PacketRun } from '../multifd/packet-runs.js';
import type { OnBatchSent, RoundStats } from '../round-stats.js';
import { copyInto, fillInto } from './copy-bytes.js';

/** A batch that is ready to be sent. */
export interface FilledBatch {
  readonly pages: readonly number[];
  /** Connections that the pages belong to; empty where all of them are records of the main one. */
  readonly runs: readonly PacketRun[];
  /** The last page must be sent even where the destination has it already. */
  readonly keepsLast: boolean;
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
  private runs: PacketRun[] = [];
  private maxPages = 0;
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
    return this.pages.length === 0 && this.runs.length === 0;
  }

  /** A record that changes the block is the last of a batch with packets. */
  get isFull(): boolean {
    return this.pages.length >= this.maxPages || (this.changesBlock && this.runs.length > 0);
  }

  /** Whether a packet with this many pages fits; it does into an empty batch. */
  hasSpaceFor(pages: number): boolean {
    if (this.changesBlock) return false;
    return this.pages.length === 0 || this.pages.length + pages <= this.maxPages;
  }

  /** Begin an empty batch: how many pages it may have. */
  begin(maxPages: number): void {
    const { buffer } = this.sender;
    this.buffer = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length);
    this.maxPages = maxPages;
  }

  add(block: number, page: number, bytes: Uint8Array, from: number): void {
    const at = this.pages.length * TARGET_PAGE_BYTES;
    copyInto(this.buffer, at, bytes.subarray(from, from + TARGET_PAGE_BYTES));
    this.append(block, page);
  }

  /** Add a packet: the numbers of its pages, and the bytes of the first ones; the others are zero. */
  addPacket(connection: number, fields: PacketFields, pages: readonly number[], bytes: Uint8Array): void {
    const normal = bytes.length / TARGET_PAGE_BYTES;
    if (this.runs.length === 0) this.addRecords(this.pages.length);
    const first = this.pages.length;
    if (normal > 0) copyInto(this.buffer, first * TARGET_PAGE_BYTES, bytes);
    for (let i = normal; i < pages.length; i++) fillInto(this.buffer, (first + i) * TARGET_PAGE_BYTES, 0);
    for (const page of pages) {
      this.stats.addPacketPage(page);
      this.push(page);
    }
    this.runs.push({ connection, normal, zero: pages.length - normal, fields });
  }

  addFill(block: number, page: number, value: number): void {
    const at = this.pages.length * TARGET_PAGE_BYTES;
    fillInto(this.buffer, at, value);
    this.append(block, page);
  }

  /** Block of the last record; -1 before the first. */
  get lastBlock(): number {
    return this.block;
  }

  /** Note that a record of `block` is sent by other means. */
  setBlock(block: number): void {
    this.block = block;
  }

  /** Return the pages, and start an empty batch. */
  take(): FilledBatch {
    const { pages, runs, changesBlock } = this;
    const onSent = this.onSent ?? (() => {});
    this.pages = [];
    this.runs = [];
    this.onSent = undefined;
    this.changesBlock = false;
    this.maxPages = 0;
    return { pages, runs, keepsLast: changesBlock, onSent };
  }

  private append(block: number, page: number): void {
    if (block !== this.block) this.changesBlock = true;
    this.block = block;
    this.stats.addPage(page);
    this.push(page);
    if (this.runs.length > 0) this.addRecords(1);
  }

  private push(page: number): void {
    this.onSent ??= this.stats.beginBatch();
    this.pages.push(page);
  }

  private addRecords(pages: number): void {
    const last = this.runs.at(-1);
    if (last?.connection === MAIN) this.runs[this.runs.length - 1] = { ...last, normal: last.normal + pages };
    else if (pages > 0) this.runs.push({ connection: MAIN, normal: pages, zero: 0, fields: undefined });
  }
}
