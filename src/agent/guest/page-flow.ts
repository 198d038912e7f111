import { FRAME, splitBodies } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import type { ZstdSet } from '../../codec/zstd/load.js';
import { LinkMeter } from '../../engine/encode/link-meter.js';
import type { Batch, PageSender } from '../../engine/live/page-sender.js';
import { abortable, SerialQueue } from '../../page/sync.js';
import type { DestinationSpeed } from '../../strategy/destination.js';
import { readReport } from '../flow/destination-report.js';
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
  private destination: DestinationSpeed | undefined;

  constructor(
    private readonly channel: FrameChannel,
    threads: number,
    zstd: ZstdSet,
  ) {
    channel.onReport = (body) => {
      this.destination = readReport(body).speed ?? this.destination;
    };
    this.progress = new StreamProgress(threads, zstd, () => ({
      bitsPerSecond: this.meter.bitsPerSecond,
      ackedBytes: this.bytes,
      destination: this.destination,
    }));
  }

  /** Encode the pages of these numbers in the sender's buffer, and send them after the batches before. */
  async sendBatch(sender: PageSender, pages: readonly number[]): Promise<void> {
    const batch = await abortable(sender.batch(pages), this.channel.signal);
    void this.sendPacked(batch);
  }

  /** Send bytes that are not of a batch. */
  async sendUnbatched(bytes: Uint8Array): Promise<void> {
    await this.sent();
    this.progress.add(bytes.length);
    await this.write([bytes]);
  }

  /** Resolve when all batches are sent. @throws the first failure */
  sent(): Promise<void> {
    return this.queue.idle();
  }

  /** Never rejects: a failure ends the sender or the channel, and the next `batch` or `sent` throws it. */
  private async sendPacked({ packed }: Batch): Promise<void> {
    try {
      await this.queue.run(async () => this.write((await packed).parts));
    } catch {}
    // Also where the queue skipped the batch: the page sender may wait for its buffer.
    packed.then(
      ({ release }) => release(),
      () => {},
    );
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
