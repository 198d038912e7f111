/**
 * If writes kept the link busy for less than MIN_BUSY_SHARE of a period of PERIOD_MS, the link is assumed to
 * be at least IDLE_FACTOR times as fast as the bytes that it got. (A write also waits for a core.)
 */
const PERIOD_MS = 50;
const MIN_BUSY_SHARE = 0.5;
const IDLE_FACTOR = 4;
/** Maximum bytes in the buffer of a pipe or socket; written bytes beyond it were sent by the link. */
const MAX_BUFFER_BYTES = 1 << 20;

/** Lower bounds of a link's rate in bit/s, from the writes of one period after the other. */
export class WritePeriods {
  /** Whether writes kept the link busy in the last period. */
  isLinkBusy = true;
  /** The period in progress: its start, its end so far, its bytes, and the ms of their writes. */
  private fromMs: number | undefined;
  private ms = 0;
  private bytes = 0;
  private busyMs = 0;

  /** Add a write to the period in progress. */
  add(bytes: number, ms: number, endMs: number): void {
    this.fromMs ??= endMs - ms;
    this.ms = endMs - this.fromMs;
    this.bytes += bytes;
    this.busyMs += ms;
  }

  /** Return the rate of the bytes that the link has certainly sent, if it is above `bitsPerSecond`. */
  sentAbove(bitsPerSecond: number): number | undefined {
    const bits = (this.bytes - MAX_BUFFER_BYTES) * 8000;
    if (bits <= bitsPerSecond * this.ms || this.bytes < 2 * MAX_BUFFER_BYTES) return undefined;
    return bits / this.ms;
  }

  /**
   * If the period is complete, start the next one. Returns the lower bound if the link was not busy in the
   * complete one, else 0.
   */
  endPeriod(endMs: number): number {
    const { ms, bytes } = this;
    if (ms < PERIOD_MS) return 0;
    this.isLinkBusy = this.busyMs >= MIN_BUSY_SHARE * ms;
    this.fromMs = endMs;
    this.bytes = 0;
    this.busyMs = 0;
    return this.isLinkBusy ? 0 : (IDLE_FACTOR * bytes * 8000) / ms;
  }
}
