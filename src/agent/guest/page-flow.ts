import { FRAME, splitBodies } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import type { Zstd } from '../../codec/zstd.js';
import { LinkMeter } from '../../engine/encode/link-meter.js';
import type { Batch, PageSender } from '../../engine/live/page-sender.js';
import { StreamProgress } from '../flow/stream-progress.js';

/**
 * The way of a guest's stream into the channel, in order, one batch being coded while the one before is sent. Learns the link's rate
 * from how long the channel takes, and tells the strategy.
 */
export class PageFlow {
  bytes = 0;
  private readonly meter = new LinkMeter();
  private tail: Promise<void> = Promise.resolve();
  /** Rejects when a batch could not be sent; never resolves. */
  private readonly broken: Promise<never>;
  private breaks!: (cause: unknown) => void;
  readonly planned: StreamProgress;

  constructor(
    private readonly channel: FrameChannel,
    threads: number,
    zstd: Zstd | undefined,
  ) {
    this.broken = new Promise((_, reject) => {
      this.breaks = reject;
    });
    // Whoever waits for the next batch, or for the end, hears of it.
    this.broken.catch(() => {});
    this.planned = new StreamProgress(threads, zstd, () => ({
      bitsPerSecond: this.meter.bitsPerSecond,
      ackedBytes: this.bytes,
    }));
  }

  /** Codes the pages of these numbers, which stand in the sender's room, and sends them as soon as those before are sent. */
  async batch(sender: PageSender, pages: readonly number[]): Promise<void> {
    const batch = await Promise.race([sender.batch(pages), this.broken]);
    this.tail = this.tail.then(() => this.send(batch));
    this.tail.catch(this.breaks);
  }

  /** Sends what is not of a batch. */
  async put(bytes: Uint8Array): Promise<void> {
    await this.sent();
    this.planned.add(bytes.length);
    await this.write([bytes]);
  }

  /** All that was given is sent. */
  sent(): Promise<void> {
    return this.tail;
  }

  private async send({ packed }: Batch): Promise<void> {
    const { parts, release: done } = await packed;
    try {
      await this.write(parts);
    } finally {
      done();
    }
  }

  private async write(parts: readonly Uint8Array[]): Promise<void> {
    for (const body of splitBodies(parts)) {
      const began = performance.now();
      const bytes = body.reduce((sum, part) => sum + part.length, 0);
      await this.channel.send(FRAME.PAGES, ...body);
      this.meter.recordWrite(bytes, began, performance.now());
      this.bytes += bytes;
    }
  }
}
