import type { CodecCounts } from '../../engine/frame/counters.js';
import type { PackedBatch, PageSender } from '../../engine/live/page-sender.js';
import { asIsBodies, asIsCounts } from '../bypass.js';
import type { ChannelFlow } from '../flow/channel-flow.js';
import type { SendQueue } from './send-queue.js';

/** Hears what became of a batch. */
export type Sent = (bytes: number, counts: CodecCounts) => void;

/** How a batch travels: whether its last page has to, whether all of it goes as it is, and who hears of it. */
interface Travels {
  readonly keepsLast: boolean;
  readonly bypass: boolean;
  readonly sent: Sent;
}

/** Sends batches of pages that stand in the sender's room, coded or as they are, each behind the one before. */
export class BatchSender {
  /** The last batch that travels as it is. */
  private passing: Promise<void> = Promise.resolve();

  constructor(
    private readonly flow: ChannelFlow,
    private readonly sender: PageSender,
    private readonly queue: SendQueue,
  ) {}

  /** Returns when the room may be used again. */
  async send(pages: readonly number[], { keepsLast, bypass, sent }: Travels): Promise<void> {
    if (bypass) return this.pass(pages, keepsLast, sent);
    const { packed } = await this.sender.batch(pages, keepsLast);
    await this.queue.add(0, () => this.coded(packed, pages.length, sent));
  }

  private async coded(packed: Promise<PackedBatch>, pages: number, sent: Sent): Promise<void> {
    const { parts, bytes, counts, release: done } = await packed;
    try {
      await this.flow.sendPages(parts);
    } finally {
      done();
    }
    this.flow.batchSent(pages, bytes);
    sent(bytes, counts);
  }

  private async pass(pages: readonly number[], keepsLast: boolean, sent: Sent): Promise<void> {
    const kinds = this.sender.bypass(pages, keepsLast);
    const bodies = asIsBodies(pages, kinds, this.sender.buffer);
    const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
    const counts = asIsCounts(pages.length, kinds);
    this.flow.planned.add(bytes);
    // The link has one batch while the next one is looked at.
    await this.passing;
    this.queue.check();
    this.passing = this.queue.put(async () => {
      await this.flow.sendAsIs(bodies);
      sent(bytes, counts);
    });
  }
}
