import { FRAME } from '../../channel/frame.js';
import type { PackedBatch, PageSender } from '../../engine/live/page-sender.js';
import { BYPASSED_UNCHANGED } from '../../engine/live/page-sender.js';
import { throwIfAborted } from '../../page/sync.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { PACKET_SYNC } from '../../qemu/multifd.js';
import { bypassBodies, bypassCounts } from '../bypass.js';
import type { BatchSize } from '../flow/batch-size.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import { MAIN } from '../flow/in-flight-window.js';
import { type PacketRun, runsBytes } from '../multifd/packet-runs.js';
import type { FilledBatch } from './page-batch.js';
import type { SendQueue } from './send-queue.js';

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
  async send(batch: FilledBatch): Promise<void> {
    if (batch.pages.length === 0) return this.sendRuns(batch.runs);
    if (batch.bypass) return this.bypass(batch);
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

  private async bypass({ pages, runs, keepsLast, onSent }: FilledBatch): Promise<void> {
    const kinds = this.sender.bypass(pages, keepsLast);
    const bodies = bypassBodies(pages, kinds, this.sender.buffer);
    this.sender.switchBuffer();
    const bytes = bodies.flat().reduce((sum, { length }) => sum + length, 0);
    const counts = bypassCounts(pages.length, kinds);
    const sentRuns = withoutUnchanged(runs, kinds);
    this.channel.progress.add(bytes);
    // One batch is on the link, from one buffer, while the next one is read into the other.
    await this.bypassing;
    throwIfAborted(this.signal);
    this.sendRuns(sentRuns);
    this.bypassing = this.queue.put(async () => {
      await this.channel.sendBypass(bodies);
      onSent(bytes, counts);
    });
  }
}

/** Return the runs without the pages that are not sent, because the destination has them. */
function withoutUnchanged(runs: readonly PacketRun[], kinds: ArrayLike<number>): PacketRun[] {
  let at = 0;
  const sent = (pages: number) => {
    let count = 0;
    for (const end = at + pages; at < end; at++) if (kinds[at] !== BYPASSED_UNCHANGED) count++;
    return count;
  };
  return runs
    .map((run) => {
      const [normal, zero] = [sent(run.normal), sent(run.zero)];
      const isSame = normal === run.normal && zero === run.zero;
      const { fields } = run;
      if (isSame || !fields) return { ...run, normal, zero };
      return { ...run, normal, zero, fields: { ...fields, dataBytes: normal * TARGET_PAGE_BYTES } };
    })
    .filter(({ normal, zero, fields }, i) => {
      const hadPages = runs[i]!.normal + runs[i]!.zero > 0;
      return normal + zero > 0 || (fields && (!hadPages || (fields.flags & PACKET_SYNC) !== 0));
    });
}
