// A link and a destination in virtual time, to test what the source keeps in flight.
import { MAIN } from '../src/agent/connection.js';
import { InFlightWindow, MAX_MAIN_IN_FLIGHT_BYTES } from '../src/agent/flow/in-flight-window.js';

const FRAME_BYTES = 1 << 17;

export interface VirtualPathOptions {
  readonly roundTripMs: number;
  readonly bitsPerSecond: number;
  /** The rate from a time on. */
  readonly later?: { readonly fromMs: number; readonly bitsPerSecond: number };
  /** The destination processes nothing until the returned time. */
  readonly pausedUntil?: (nowMs: number) => number;
  /** The source has frames to send at this time; default: always. */
  readonly hasFrames?: (nowMs: number) => boolean;
  readonly frameBytes?: number;
}

/** A source that sends on the main connection as fast as its window allows. */
export class VirtualPath {
  readonly window = new InFlightWindow();
  nowMs = 0;
  /** Time that the last frame waited for the link and for the destination. */
  queueMs = 0;
  /** Time until which the link is busy with the frames that were sent. */
  private linkFreeMs = 0;
  private destinationFreeMs = 0;
  private processed = 0;
  /** Acks in flight, in order. */
  private readonly acks: { readonly atMs: number; readonly bytes: number; readonly queueMs: number }[] = [];

  constructor(private readonly options: VirtualPathOptions) {
    this.window.maxMainBytes = MAX_MAIN_IN_FLIGHT_BYTES;
  }

  /** Run until `untilMs`. Return the bytes that were acked in that time. */
  run(untilMs: number): number {
    const { window, acks, options } = this;
    const before = window.ackedBytes;
    while (this.nowMs < untilMs) {
      const hasFrames = options.hasFrames?.(this.nowMs) ?? true;
      while (hasFrames && window.isOpen(MAIN)) this.send();
      const ack = acks.shift();
      if (!ack || ack.atMs > this.nowMs + 1) {
        if (ack) acks.unshift(ack);
        this.nowMs++;
        continue;
      }
      this.nowMs = ack.atMs;
      this.queueMs = ack.queueMs;
      window.acked(MAIN, ack.bytes, this.nowMs, !hasFrames);
    }
    return window.ackedBytes - before;
  }

  private send(): void {
    const { roundTripMs, later, pausedUntil = () => 0, frameBytes = FRAME_BYTES } = this.options;
    this.window.sent(MAIN, frameBytes, this.nowMs);
    const startMs = Math.max(this.nowMs, this.linkFreeMs);
    const bitsPerSecond = later && startMs >= later.fromMs ? later.bitsPerSecond : this.options.bitsPerSecond;
    this.linkFreeMs = startMs + (frameBytes * 8000) / bitsPerSecond;
    const arrivedMs = Math.max(this.linkFreeMs + roundTripMs / 2, this.destinationFreeMs);
    this.destinationFreeMs = Math.max(arrivedMs, pausedUntil(arrivedMs));
    this.processed += frameBytes;
    const queueMs = startMs - this.nowMs + this.destinationFreeMs - this.linkFreeMs - roundTripMs / 2;
    this.acks.push({ atMs: this.destinationFreeMs + roundTripMs / 2, bytes: this.processed, queueMs });
  }
}
