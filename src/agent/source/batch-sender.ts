import type { PackedBatch, PageSender } from '../../engine/live/page-sender.js';
import { throwIfAborted } from '../../page/sync.js';
import { bypassBodies, bypassCounts } from '../bypass.js';
import type { BatchSize } from '../flow/batch-size.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import type { OnBatchSent } from '../stats.js';
import type { SendQueue } from './send-queue.js';

/** Form in which a batch is sent. */
interface BatchOptions {
  /** The last page is sent even where the destination has it already. */
  readonly keepsLast: boolean;
  /** The pages are sent uncompressed. */
  readonly bypass: boolean;
  readonly onSent: OnBatchSent;
}

/** Sends batches of pages from the page sender's buffer, encoded or uncompressed, in order. */
export class BatchSender {
  /** Ends with the last uncompressed batch. */
  private bypassing: Promise<void> = Promise.resolve();

  constructor(
    private readonly channel: ChannelSender,
    private readonly sender: PageSender,
    private readonly queue: SendQueue,
    private readonly size: BatchSize,
    private readonly signal: AbortSignal,
  ) {}

  /** Resolve when the page sender's buffer may be reused. */
  async send(pages: readonly number[], options: BatchOptions): Promise<void> {
    if (options.bypass) return this.bypass(pages, options);
    const { packed } = await this.sender.batch(pages, options.keepsLast);
    // A skipped job releases the batch too: the page sender may wait for it.
    const onEnd = () =>
      packed.then(
        ({ release }) => release(),
        () => {},
      );
    void this.queue.put(() => this.sendPacked(packed, pages.length, options.onSent), onEnd);
    throwIfAborted(this.signal);
  }

  private async sendPacked(
    packed: Promise<PackedBatch>,
    pageCount: number,
    onSent: OnBatchSent,
  ): Promise<void> {
    const { parts, bytes, counts } = await packed;
    await this.channel.sendPages(parts);
    this.size.add(pageCount, bytes);
    onSent(bytes, counts);
  }

  private async bypass(pages: readonly number[], { keepsLast, onSent }: BatchOptions): Promise<void> {
    const kinds = this.sender.bypass(pages, keepsLast);
    const bodies = bypassBodies(pages, kinds, this.sender.buffer);
    this.sender.switchBuffer();
    const bytes = bodies.flat().reduce((sum, { length }) => sum + length, 0);
    const counts = bypassCounts(pages.length, kinds);
    this.channel.progress.add(bytes);
    // One batch is on the link, from one buffer, while the next one is read into the other.
    await this.bypassing;
    throwIfAborted(this.signal);
    this.bypassing = this.queue.put(async () => {
      await this.channel.sendBypass(bodies);
      onSent(bytes, counts);
    });
  }
}
