import type { PageSender } from '../../engine/live/page-sender.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { PACKET_HEAD_BYTES, PACKET_SYNC, type Packet } from '../../qemu/multifd.js';
import type { BlockMap } from '../block-map.js';
import { BatchSize } from '../flow/batch-size.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import type { MessageLog } from '../log.js';
import type { RoundStats } from '../round-stats.js';
import { BatchSender } from './batch-sender.js';
import { BypassLog } from './bypass-log.js';
import { BypassOutput } from './bypass-output.js';
import { PageBatch } from './page-batch.js';
import type { SendQueue } from './send-queue.js';
import type { PageTaker } from './staging.js';

/** Parts of a migration that the output of pages uses. */
export interface PageOutputOptions {
  readonly channel: ChannelSender;
  readonly sender: PageSender;
  readonly batchPages: number;
  readonly stats: RoundStats;
  readonly signal: AbortSignal;
  readonly queue: SendQueue;
  readonly log: MessageLog;
}

/**
 * Sends pages of records and of packets in batches, or uncompressed where they bypass coding, in the order in
 * which they are added.
 */
export class PageOutput implements PageTaker {
  private readonly batch: PageBatch;
  private readonly batches: BatchSender;
  private readonly bypass: BypassOutput;
  /** Undefined before the table of blocks, and in postcopy. */
  private map: BlockMap | undefined;
  /** The next records go into `bypass`; decided for each frame and each batch. */
  private isBypassing = false;
  /** The digest of everything that bypassed coding was returned. */
  private hasBypassEnded = false;
  private readonly size: BatchSize;
  private readonly bypassLog = new BypassLog();

  constructor(private readonly options: PageOutputOptions) {
    const { channel, sender, batchPages, stats, signal, queue } = options;
    this.size = new BatchSize(batchPages);
    this.batches = new BatchSender(channel, sender, queue, this.size, signal);
    this.batch = new PageBatch(sender, stats);
    this.bypass = new BypassOutput(channel, queue, stats);
  }

  /** Take pages of these blocks from now on. */
  start(map: BlockMap): void {
    this.map = map;
  }

  /** Take no more pages. */
  stop(): void {
    this.map = undefined;
  }

  /** As `PageTaker`: false where `send` has to be awaited first, and after `stop`. */
  takePage(
    block: number,
    page: number,
    bytes: Uint8Array,
    at: number,
    from: number,
    isStable: boolean,
  ): boolean {
    const to = at + TARGET_PAGE_BYTES;
    if (!this.map || !this.hasSpaceFor(to - from)) return false;
    const number = this.map.numberOf(block, page);
    if (this.isBypassing) this.bypassRecord(block, number, 'raw', bytes, from, to, isStable);
    else this.batch.add(block, number, bytes, at);
    return true;
  }

  takeFill(
    block: number,
    page: number,
    value: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    isStable: boolean,
  ): boolean {
    if (!this.map || !this.hasSpaceFor(to - from)) return false;
    const number = this.map.numberOf(block, page);
    if (!this.isBypassing) this.batch.addFill(block, number, value);
    else this.bypassRecord(block, number, value === 0 ? 'zero' : 'fill', bytes, from, to, isStable);
    return true;
  }

  /** Add a packet: what its head says, and its bytes, which may be reused afterwards. */
  async addPacket(connection: number, packet: Packet, bytes: Uint8Array): Promise<void> {
    const { batch, bypass } = this;
    const { pages, block, flags, normal } = packet;
    if (batch.isEmpty && bypass.isEmpty) this.begin();
    const numbers = pages.map((page) => this.map!.numberOf(block, page));
    if (this.isBypassing) {
      for (const page of numbers) {
        this.options.stats.addPacketPage(page);
        this.options.sender.invalidate(page);
      }
      bypass.sendPacket(connection, bytes.slice(), normal, numbers.length - normal);
      return this.options.queue.withinBound();
    }
    if (!batch.hasSpaceFor(pages.length)) {
      await this.send();
      // What follows is decided again.
      return this.addPacket(connection, packet, bytes);
    }
    batch.addPacket(connection, packet, numbers, bytes.subarray(PACKET_HEAD_BYTES));
    // QEMU may send nothing before this has arrived.
    if (pages.length === 0 || (flags & PACKET_SYNC) !== 0) await this.send();
  }

  /** Note that a record of `block` is sent by other means. */
  setBlock(block: number): void {
    this.batch.setBlock(block);
  }

  /** Send what was added, if anything was. */
  async send(): Promise<void> {
    this.bypass.send();
    if (!this.batch.isEmpty) await this.batches.send(this.batch.take());
  }

  /**
   * Return the digest of everything that bypassed coding. No page may follow; packets without pages may: QEMU
   * sends the flag of a SYNC with pages where its channel wakes up late, and an empty packet after that.
   */
  endBypass(): Uint8Array {
    this.hasBypassEnded = true;
    return this.bypass.end();
  }

  /** Whether a record of this many bytes can be added; otherwise `send` has to be awaited first. */
  private hasSpaceFor(bytes: number): boolean {
    const { batch, bypass } = this;
    if (this.isBypassing && !bypass.isEmpty) {
      if (bypass.hasSpaceFor(bytes)) return true;
      bypass.send();
    }
    if (batch.isEmpty) this.begin();
    return this.isBypassing || !batch.isFull;
  }

  private bypassRecord(
    block: number,
    page: number,
    codec: 'raw' | 'zero' | 'fill',
    bytes: Uint8Array,
    from: number,
    to: number,
    isStable: boolean,
  ): void {
    const { sender, stats } = this.options;
    sender.invalidate(page);
    stats.addPage(page);
    this.bypass.addRecord(this.batch.lastBlock, codec, bytes, from, to, isStable);
    this.batch.setBlock(block);
  }

  private begin(): void {
    const { channel, sender, log } = this.options;
    // Packets without pages may come before the table of blocks, and after all memory.
    this.isBypassing = this.map !== undefined && !this.hasBypassEnded && sender.shouldBypass();
    this.bypassLog.set(this.isBypassing, channel.bitsPerSecond, log);
    if (this.isBypassing) return;
    this.batch.begin(this.size.pages(channel.window.path.bytesPerMs));
  }
}
