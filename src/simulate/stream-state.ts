import { BusyFraction } from '../strategy/busy-fraction.js';
import type { StreamState } from '../strategy/strategy.js';
import type { SimulatedLink } from './link.js';
import type { MigrationSettings } from './settings.js';

/**
 * State of a simulated stream, in virtual time: the same signals that the agent measures, so that `adaptive`
 * runs the same control law, the one for live guests.
 */
export class SimulatedStream {
  readonly state: StreamState;
  private nowMs = () => 0;
  /** Time in which packed bytes waited for the link, and the end of the current wait. */
  private readonly waiting = new BusyFraction(0);
  private waitingUntilMs = 0;
  /** Time in which the destination waited for bytes, and its fraction at the last acknowledgement. */
  private readonly idle = new BusyFraction(0);
  private idleFraction = 1;

  constructor({ link: { bitsPerSecond }, source: { threads } }: MigrationSettings, link: SimulatedLink) {
    const stream = this;
    this.state = {
      linkBitsPerSecond: bitsPerSecond,
      get bytesAcked() {
        return link.bytes - link.backlogBytes(stream.nowMs());
      },
      // The link is the bottleneck while packed bytes wait here and the destination waits for bytes.
      get linkBusyFraction() {
        return Math.min(stream.waitingFraction(stream.nowMs()), stream.idleFraction);
      },
      threads,
      elapsedMs: () => this.nowMs(),
      get bytesOut() {
        return link.bytes;
      },
      pendingMs: 0,
      handoverMs: () => 0,
      hasZstd: true,
    };
  }

  /** Set the clock, which is created after this object. */
  useClock(nowMs: () => number): void {
    this.nowMs = nowMs;
  }

  /**
   * Record that bytes packed at `nowMs` wait until `untilMs` before all of them are in the link's buffer.
   */
  packed(nowMs: number, untilMs: number): void {
    this.waitingFraction(nowMs);
    if (untilMs <= nowMs) return;
    this.waiting.set(nowMs, true);
    this.waitingUntilMs = Math.max(this.waitingUntilMs, untilMs);
  }

  /**
   * Record that bytes arrived at `arrivedMs` and were processed at `doneMs`; the destination was idle before.
   */
  arrived(idleFromMs: number, arrivedMs: number, doneMs: number): void {
    this.idle.set(idleFromMs, true);
    this.idle.set(Math.max(idleFromMs, arrivedMs), false);
    this.idleFraction = this.idle.at(doneMs);
  }

  private waitingFraction(nowMs: number): number {
    if (this.waitingUntilMs > 0 && this.waitingUntilMs <= nowMs) {
      this.waiting.set(this.waitingUntilMs, false);
      this.waitingUntilMs = 0;
    }
    return this.waiting.at(nowMs);
  }
}
