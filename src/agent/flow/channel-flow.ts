import { FRAME, type FrameType, splitBodies } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import type { Zstd } from '../../codec/zstd.js';
import { BusyFraction } from '../../strategy/busy-fraction.js';
import { DeliveryRate } from './delivery-rate.js';
import { StreamProgress } from './stream-progress.js';

/** QEMU's main connection. */
export const MAIN = 0;
/** What may be under way to the destination: as long as this on the link, so that QEMU sees the link as it is, … */
const UNDER_WAY_MS = 80;
/** … but enough for a round trip of a fast link, and no more than a host has to keep. */
const MIN_UNDER_WAY = 192 << 10;
const MAX_UNDER_WAY = 8 << 20;
/** A batch keeps the link busy for about so long, but is large enough for its pages to be packed together. */
const BATCH_MS = 40;
const MIN_BATCH_PAGES = 64;
/** Pages that travel as they are have nothing to gain from many together. */
const AS_THEY_ARE_MS = 8;
const MIN_AS_THEY_ARE = 31;
const PAGE_BYTES = 4096;
/** Whoever waits for more in less of the time than this is what holds things up, not the link: what waits may still be the system's. */
const MIN_IDLE = 0.4;
/** What the socket took longer for had to wait for the link. */
const WAITED_MS = 1;

/**
 * The way into the channel: no more is under way than the destination takes in a moment, whatever the kernel would buffer. Learns the
 * link's rate from when the destination says that it is done with what came.
 */
export class ChannelFlow {
  readonly meter = new DeliveryRate();
  sentBytes = 0;
  takenBytes = 0;
  /** Of the last batches. */
  private bytesAPage = 1024;
  private waiting: (() => void)[] = [];
  /** Since the last word from the destination, something had to wait to be sent. */
  private heldUp = false;
  /** How long what is packed waits for the link. */
  private readonly waits = new BusyFraction(performance.now());
  /** As the destination said last: in which share of the time it waits for more. */
  private idleThere = 1;
  /** By connection. */
  private readonly lanes: { sent: number; taken: number }[] = [];
  readonly planned: StreamProgress;

  constructor(
    private readonly channel: FrameChannel,
    threads: number,
    zstd: Zstd | undefined,
  ) {
    channel.closed.then(() => this.wake());
    this.planned = new StreamProgress(threads, zstd, () => ({
      bitsPerSecond: this.meter.bitsPerSecond,
      takenBytes: this.takenBytes,
      // What waits here, and is waited for there, is on the link.
      waits: Math.min(this.waits.at(performance.now()), this.idleThere),
    }));
  }

  /** Pages that a batch may have, at most `most`: so many as keep the way busy for a moment, since a few batches wait beside what is under way. */
  pagesABatch(most: number, asTheyAre: boolean): number {
    const bytesAMs = this.meter.deliveredBitsPerSecond / 8000;
    if (asTheyAre)
      return Math.min(most, Math.max(MIN_AS_THEY_ARE, Math.floor((bytesAMs * AS_THEY_ARE_MS) / PAGE_BYTES)));
    return Math.min(most, Math.max(MIN_BATCH_PAGES, Math.floor((bytesAMs * BATCH_MS) / this.bytesAPage)));
  }

  /** So many pages came to so many bytes. */
  batchSent(pages: number, bytes: number): void {
    this.bytesAPage = Math.max(1, (this.bytesAPage + bytes / pages) / 2);
  }

  /** Bytes that the destination is not done with. */
  get underWay(): number {
    return this.sentBytes - this.takenBytes;
  }

  /** The destination is done with so many bytes for a connection, in all; `idle`: it waits for more in that share of the time. */
  taken(connection: number, bytes: number, idle: number): void {
    this.idleThere = idle;
    const now = performance.now();
    const lane = this.lane(connection);
    const more = bytes - lane.taken;
    if (more <= 0) return;
    lane.taken = bytes;
    this.takenBytes += more;
    const isHeldUp = this.heldUp || this.waiting.length > 0;
    this.heldUp = false;
    this.meter.taken(
      now,
      this.takenBytes,
      this.underWay > 0,
      isHeldUp ? (idle < MIN_IDLE ? 'destination' : 'link') : 'nothing',
    );
    this.wake();
  }

  /** Sends the stream of the guest, cut as fits. */
  async sendPages(parts: readonly Uint8Array[]): Promise<void> {
    for (const body of splitBodies(parts)) await this.sendOne(FRAME.PAGES, ...body);
  }

  /** Sends pages as they are, in bodies of their frames. */
  async sendAsIs(bodies: readonly Uint8Array[]): Promise<void> {
    for (const body of bodies) await this.sendOne(FRAME.BYPASS, body);
  }

  /** Sends bytes of a connection of QEMU's, as they are. */
  async sendLiteral(connection: number, bytes: Uint8Array): Promise<void> {
    this.planned.add(bytes.length);
    const head = Uint8Array.of(connection);
    for (const body of splitBodies([bytes], head.length))
      await this.sendFor(connection, FRAME.LITERAL, [head, ...body]);
  }

  /** Sends one frame of the main connection. */
  async sendOne(type: FrameType, ...parts: readonly Uint8Array[]): Promise<void> {
    await this.sendFor(MAIN, type, parts);
  }

  /** Sends one frame of a connection; waits while too much of that connection is under way, so that none holds up another. */
  async sendFor(connection: number, type: FrameType, parts: readonly Uint8Array[]): Promise<void> {
    const lane = this.lane(connection);
    await this.room(lane);
    const began = performance.now();
    if (this.underWay === 0) this.meter.began(began, this.takenBytes);
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    this.sentBytes += bytes;
    lane.sent += bytes;
    this.waits.set(began, true);
    await this.channel.send(type, ...parts);
    const ended = performance.now();
    this.waits.set(ended, false);
    if (ended - began >= WAITED_MS) this.heldUp = true;
  }

  /** Returns once not too much of a connection is under way. */
  private async room(lane: { readonly sent: number; readonly taken: number }): Promise<void> {
    for (;;) {
      this.channel.check();
      const most = Math.min(
        MAX_UNDER_WAY,
        Math.max(MIN_UNDER_WAY, (this.meter.deliveredBitsPerSecond / 8000) * UNDER_WAY_MS),
      );
      if (lane.sent - lane.taken < most) return;
      this.heldUp = true;
      this.waits.set(performance.now(), true);
      await new Promise<void>((wake) => this.waiting.push(wake));
      this.waits.set(performance.now(), false);
    }
  }

  private lane(connection: number): { sent: number; taken: number } {
    this.lanes[connection] ??= { sent: 0, taken: 0 };
    return this.lanes[connection]!;
  }

  private wake(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }
}
