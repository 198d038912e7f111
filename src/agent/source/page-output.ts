import type { PageSender } from '../../engine/live/page-sender.js';
import { PACKET_HEAD_BYTES, PACKET_SYNC, type Packet } from '../../qemu/multifd.js';
import type { BlockMap } from '../block-map.js';
import { BatchSize } from '../flow/batch-size.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import type { RoundStats } from '../stats.js';
import { BatchSender } from './batch-sender.js';
import { BypassLog } from './bypass-log.js';
import { PageBatch } from './page-batch.js';
import type { SendQueue } from './send-queue.js';

/** Parts of a migration that the output of pages uses. */
export interface PageOutputOptions {
  readonly channel: ChannelSender;
  readonly sender: PageSender;
  readonly batchPages: number;
  readonly stats: RoundStats;
  readonly signal: AbortSignal;
  readonly queue: SendQueue;
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

/** Sends pages of records and of packets in batches, in the order in which they are added. */
export class PageOutput {
  readonly batch: PageBatch;
  private readonly batches: BatchSender;
  private readonly size: BatchSize;
  private readonly bypassLog = new BypassLog();

  constructor(private readonly options: PageOutputOptions) {
    const { channel, sender, batchPages, stats, signal, queue } = options;
    this.size = new BatchSize(batchPages);
    this.batches = new BatchSender(channel, sender, queue, this.size, signal);
    this.batch = new PageBatch(sender, stats);
  }

  /** Whether the batch takes another page; otherwise it has to be sent first. */
  hasSpace(): boolean {
    if (this.batch.isEmpty) this.begin();
    return !this.batch.isFull;
  }

  /** Add a packet: what its head says, and its bytes, which may be reused afterwards. */
  async addPacket(
    connection: number,
    packet: Packet,
    bytes: Uint8Array,
    map: BlockMap | undefined,
  ): Promise<void> {
    const { batch } = this;
    const { pages, block, flags } = packet;
    if (batch.isEmpty) this.begin();
    if (!batch.hasSpaceFor(pages.length)) {
      await this.send();
      this.begin();
    }
    const numbers = pages.map((page) => map!.numberOf(block, page));
    batch.addPacket(connection, packet, numbers, bytes.subarray(PACKET_HEAD_BYTES));
    // QEMU may send nothing before this has arrived.
    if (pages.length === 0 || (flags & PACKET_SYNC) !== 0) await this.send();
  }

  /** Send the batch, unless it is empty. */
  async send(): Promise<void> {
    if (!this.batch.isEmpty) await this.batches.send(this.batch.take());
  }

  private begin(): void {
    const { channel, sender, log } = this.options;
    const bypass = sender.shouldBypass();
    this.bypassLog.set(bypass, channel.bitsPerSecond, log);
    const { bytesPerMs } = channel.window.path;
    this.batch.begin(this.size.pages(bytesPerMs, bypass), bypass);
  }
}
