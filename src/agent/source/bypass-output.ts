import { FRAME, MAX_BODY_BYTES } from '../../channel/frame.js';
import { type CodecCounts, emptyCounts } from '../../engine/frame/counters.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { BYPASS_HEAD_BYTES, BypassDigest, bypassHead } from '../bypass.js';
import { MAIN } from '../connection.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import type { OnBatchSent, RoundStats } from '../round-stats.js';
import type { SendQueue } from './send-queue.js';

/** Sends records and packets of QEMU in BYPASS frames, from the buffers into which they were read. */
export class BypassOutput {
  private readonly digest = new BypassDigest();
  private parts: Uint8Array[] = [];
  private bytes = 0;
  private counts = emptyCounts();
  private onSent: OnBatchSent | undefined;
  /** The last part, which the next record may extend. */
  private last: Uint8Array = new Uint8Array(0);
  private from = 0;
  private to = 0;

  constructor(
    private readonly channel: ChannelSender,
    private readonly queue: SendQueue,
    private readonly stats: RoundStats,
  ) {}

  get isEmpty(): boolean {
    return this.bytes === 0;
  }

  /** Whether a record of this many bytes fits into the frame. */
  hasSpaceFor(bytes: number): boolean {
    return BYPASS_HEAD_BYTES + this.bytes + bytes <= MAX_BODY_BYTES;
  }

  /**
   * Add a record, bytes[from, to). `block`: that of the record before. `codec`: what it is counted as.
   * `isStable`: the bytes do not change.
   */
  addRecord(
    block: number,
    codec: 'raw' | 'zero' | 'fill',
    bytes: Uint8Array,
    from: number,
    to: number,
    isStable: boolean,
  ): void {
    if (this.isEmpty) this.parts.push(bypassHead({ connection: MAIN, block }));
    this.count(codec, 1);
    this.bytes += to - from;
    if (bytes === this.last && from === this.to) {
      this.to = to;
      return;
    }
    this.closePart();
    this.last = isStable ? bytes : bytes.slice(from, to);
    this.from = isStable ? from : 0;
    this.to = this.from + to - from;
  }

  /** Send a packet of a channel of multifd; `bytes` must not change. */
  sendPacket(connection: number, bytes: Uint8Array, normal: number, zero: number): void {
    this.send();
    const head = bypassHead({ connection, block: -1 });
    const step = MAX_BODY_BYTES - BYPASS_HEAD_BYTES;
    this.count('raw', normal);
    this.count('zero', zero);
    for (let at = 0; at < bytes.length; at += step) {
      const part = bytes.subarray(at, at + step);
      this.parts.push(head, part);
      this.bytes = part.length;
      this.send();
    }
  }

  /** Queue the frame, unless it is empty. */
  send(): void {
    if (this.isEmpty) return;
    this.closePart();
    this.last = new Uint8Array(0);
    const { parts, counts, channel, onSent = () => {} } = this;
    const bytes = this.bytes + BYPASS_HEAD_BYTES;
    for (const part of parts) this.digest.add(part);
    this.parts = [];
    this.bytes = 0;
    this.counts = emptyCounts();
    this.onSent = undefined;
    channel.progress.add(bytes);
    this.queue.push(bytes, async () => {
      await channel.send(MAIN, FRAME.BYPASS, ...parts);
      onSent(bytes, counts);
    });
  }

  /** Return the digest of everything that was sent. Nothing can be sent afterwards. */
  end(): Uint8Array {
    return this.digest.end();
  }

  private closePart(): void {
    if (this.to > this.from) this.parts.push(this.last.subarray(this.from, this.to));
    this.from = 0;
    this.to = 0;
  }

  private count(codec: keyof CodecCounts, pages: number): void {
    if (pages === 0) return;
    this.onSent ??= this.stats.beginBatch();
    const count = this.counts[codec];
    count.pages += pages;
    if (codec === 'raw') count.bytes += pages * TARGET_PAGE_BYTES;
  }
}
