import { FRAME, type FrameType, HEAD_BYTES, splitBodies } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import type { ZstdSet } from '../../codec/zstd/load.js';
import { BusyFraction } from '../../strategy/busy-fraction.js';
import type { DestinationSpeed } from '../../strategy/destination.js';
import { MAIN } from '../connection.js';
import { DeliveryRate } from './delivery-rate.js';
import { readReport } from './destination-report.js';
import { InFlightWindow } from './in-flight-window.js';
import type { RateShare } from './rate-limiter.js';
import { StreamProgress } from './stream-progress.js';

/**
 * A destination that waits for bytes in less of the time than this is the bottleneck: queued bytes may be in
 * the kernel's buffers.
 */
const MIN_IDLE_FRACTION = 0.4;
/** Time constant of `StreamState.linkBusyRecently`. */
const RECENT_MS = 20;
/** A socket write that takes longer had to wait for the link. */
const MIN_WAIT_MS = 1;

/**
 * Sends the frames of a migration, each connection within its in-flight window, so that queues stay short
 * whatever the kernel would buffer. Measures the link from the destination's acks.
 */
export class ChannelSender {
  readonly rate = new DeliveryRate();
  readonly window = new InFlightWindow();
  readonly progress: StreamProgress;
  /** Frames that are being sent, those that wait for the window among them. */
  private sending = 0;
  /** Since the last ack, a frame had to wait for the window or the socket. */
  private hasWaited = false;
  /** Fraction of the time that packed bytes wait for the link. */
  private readonly waits = new BusyFraction(performance.now());
  private readonly recentWaits = new BusyFraction(performance.now(), RECENT_MS);
  /** Fraction of the time that the destination waits for bytes, from its last ack. */
  private destinationIdle = 1;
  /** Cost of a byte at the destination, as last reported. */
  private destination: DestinationSpeed | undefined;

  constructor(
    private readonly channel: FrameChannel,
    private readonly signal: AbortSignal,
    threads: number,
    zstd: ZstdSet,
    /** Of `--max-rate`. */
    private readonly share?: RateShare,
  ) {
    channel.onReport = (body) => this.takeReport(body);
    if (channel.lastReport) this.takeReport(channel.lastReport);
    this.progress = new StreamProgress(threads, zstd, () => ({
      bitsPerSecond: this.bitsPerSecond,
      ackedBytes: this.window.ackedBytes,
      // Bytes that wait here while the destination waits for bytes are on the link.
      destination: this.destination,
      waitFraction: Math.min(this.waits.at(performance.now()), this.destinationIdle),
      recentWaitFraction: Math.min(this.recentWaits.at(performance.now()), this.destinationIdle),
    }));
  }

  /** The measured rate of the link, or this migration's share of `--max-rate`, where that is less. */
  get bitsPerSecond(): number {
    return Math.min(this.rate.bitsPerSecond, this.share?.bitsPerSecond ?? Infinity);
  }

  private takeReport(body: Uint8Array): void {
    const { speed, maxMainBytes } = readReport(body);
    this.destination = speed ?? this.destination;
    this.window.maxMainBytes = Math.max(this.window.maxMainBytes, maxMainBytes);
  }

  /**
   * Process an ack: `bytes` of a connection in total; `idle`: fraction of the time that the destination waits
   * for bytes.
   */
  acked(connection: number, bytes: number, idle: number): void {
    this.destinationIdle = idle;
    const nowMs = performance.now();
    if (this.window.acked(connection, bytes, nowMs, this.sending === 0) === 0) return;
    const hasWaited = this.hasWaited || this.window.isWaiting;
    this.hasWaited = false;
    const { ackedBytes, inFlightBytes, path } = this.window;
    const slowest = idle < MIN_IDLE_FRACTION ? 'destination' : 'link';
    const bottleneck = hasWaited && !path.isGrowing ? slowest : undefined;
    this.rate.acked(nowMs, ackedBytes, inFlightBytes > 0, bottleneck);
    this.window.notify();
  }

  /** Send records of the guest's page stream, cut into frames. */
  async sendPages(parts: readonly Uint8Array[]): Promise<void> {
    for (const body of splitBodies(parts)) await this.send(MAIN, FRAME.PAGES, ...body);
  }

  /** Send bytes of a connection unchanged. */
  async sendLiteral(connection: number, bytes: Uint8Array): Promise<void> {
    this.progress.add(bytes.length);
    const head = Uint8Array.of(connection);
    for (const body of splitBodies([bytes], head.length))
      await this.send(connection, FRAME.LITERAL, head, ...body);
  }

  /**
   * Send one frame of a connection once its window is open. `parts` must not change until it resolves.
   * @throws the abort reason, or the channel's failure
   */
  async send(connection: number, type: FrameType, ...parts: readonly Uint8Array[]): Promise<void> {
    this.sending++;
    try {
      const bytes = parts.reduce((sum, part) => sum + part.length, 0);
      await this.waitForWindow(connection);
      await this.waitForRateLimit(HEAD_BYTES + bytes);
      await this.write(connection, type, parts, bytes);
    } finally {
      this.sending--;
    }
  }

  private async write(
    connection: number,
    type: FrameType,
    parts: readonly Uint8Array[],
    bytes: number,
  ): Promise<void> {
    const startedAt = performance.now();
    if (this.window.inFlightBytes === 0) this.rate.restart(startedAt, this.window.ackedBytes);
    this.window.sent(connection, bytes, startedAt);
    this.setWaiting(startedAt, true);
    await this.channel.send(type, ...parts);
    const endedAt = performance.now();
    this.setWaiting(endedAt, false);
    if (endedAt - startedAt >= MIN_WAIT_MS) this.hasWaited = true;
  }

  /** Wait for the agent's limit, which is a link to the strategy. */
  private async waitForRateLimit(bytes: number): Promise<void> {
    const passed = this.share?.take(bytes, this.signal);
    if (!passed) return;
    this.hasWaited = true;
    this.setWaiting(performance.now(), true);
    await passed;
    this.setWaiting(performance.now(), false);
  }

  private setWaiting(nowMs: number, isWaiting: boolean): void {
    this.waits.set(nowMs, isWaiting);
    this.recentWaits.set(nowMs, isWaiting);
  }

  private async waitForWindow(connection: number): Promise<void> {
    this.channel.check();
    if (this.window.isOpen(connection)) return;
    this.hasWaited = true;
    this.setWaiting(performance.now(), true);
    await this.window.opened(connection, this.signal);
    this.setWaiting(performance.now(), false);
  }
}
