import { FRAME, splitBodies } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import type { Zstd } from '../../codec/zstd.js';
import { LinkMeter } from '../../engine/encode/link-meter.js';
import type { Batch, PageSender } from '../../engine/live/page-sender.js';
import { abortable, SerialQueue } from '../../page/sync.js';
import { StreamProgress } from '../flow/stream-progress.js';

/**
 * Sends a guest's stream over the channel, in order; the next batch is encoded while one is sent. Measures
 * the link rate by the time that the channel takes, for the strategy.
 */
export class PageFlow {
  /** Bytes of the stream that were sent. */
  bytes = 0;
  readonly progress: StreamProgress;
  private readonly meter = new LinkMeter();
  private readonly queue = new SerialQueue();

  constructor(
    private readonly channel: FrameChannel,
    threads: number,
    zstd: Zstd | undefined,
  ) {
    this.progress = new StreamProgress(threads, zstd, () => ({
      bitsPerSecond: this.meter.bitsPerSecond,
      ackedBytes: this.bytes,
    }));
  }

  /** Encode the pages of these numbers in the sender's buffer, and send them after the batches before. */
  async batch(sender: PageSender, pages: readonly number[]): Promise<void> {
    const batch = await abortable(sender.batch(pages), this.channel.signal);
    // A failure ends the sender or the channel; the next call, or `sent`, rejects with it.
    this.queue.run(() => this.send(batch)).catch(() => {});
  }

  /** Send bytes that are not of a batch. */
  async put(bytes: Uint8Array): Promise<void> {
    await this.sent();
    this.progress.add(bytes.length);
    await this.write([bytes]);
  }

  /** Resolve when all batches are sent. @throws the first failure */
  sent(): Promise<void> {
    return this.queue.idle();
  }

  private async send({ packed }: Batch): Promise<void> {
    const { parts, release } = await packed;
    try {
      await this.write(parts);
    } finally {
      release();
    }
  }

  private async write(parts: readonly Uint8Array[]): Promise<void> {
    for (const body of splitBodies(parts)) {
      const startedAt = performance.now();
      const bytes = body.reduce((sum, part) => sum + part.length, 0);
      await this.channel.send(FRAME.PAGES, ...body);
      this.meter.recordWrite(bytes, startedAt, performance.now());
      this.bytes += bytes;
    }
  }
}
