import { FRAME } from '../../channel/frame.js';
import type { PackedBatch, PageSender } from '../../engine/live/page-sender.js';
import { throwIfAborted } from '../../page/sync.js';
import { MAIN } from '../connection.js';
import type { BatchSize } from '../flow/batch-size.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import { type PacketRun, runsBytes } from '../multifd/packet-runs.js';
import type { FilledBatch } from './page-batch.js';
import type { SendQueue } from './send-queue.js';

/** Sends batches of pages from the page sender's buffer, encoded, in order. */
export class BatchSender {
  constructor(
    private readonly channel: ChannelSender,
    private readonly sender: PageSender,
    private readonly queue: SendQueue,
    private readonly size: BatchSize,
    private readonly signal: AbortSignal,
  ) {}

  /** Resolve when the page sender's buffer may be reused. */
  async send(batch: FilledBatch): Promise<void> {
    if (batch.pages.length === 0) return this.sendRuns(batch.runs);
    const { packed } = await this.sender.batch(batch.pages, batch.keepsLast);
    this.sendRuns(batch.runs);
    // A skipped job releases the batch too: the page sender may wait for it.
    const onEnd = () =>
      packed.then(
        ({ release }) => release(),
        () => {},
      );
    void this.queue.put(() => this.sendPacked(packed, batch), onEnd);
    throwIfAborted(this.signal);
  }

  /** Send to which connections the pages of the next batch belong. */
  private sendRuns(runs: readonly PacketRun[]): void {
    if (runs.length === 0) return;
    const body = runsBytes(runs);
    void this.queue.put(() => this.channel.send(MAIN, FRAME.PACKETS, body));
  }

  private async sendPacked(packed: Promise<PackedBatch>, { pages, onSent }: FilledBatch): Promise<void> {
    const { parts, bytes, counts } = await packed;
    await this.channel.sendPages(parts);
    this.size.add(pages.length, bytes);
    onSent(bytes, counts);
  }
}
