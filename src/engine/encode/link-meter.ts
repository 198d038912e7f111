/** Until something is known. */
const START_BITS_PER_SECOND = 1e9;
const LEAST = 1e4;
const MOST = 1e11;
/** A write that took this long waited for the link; less may be the event loop's doing. */
const WAITED_MS = 1;
/** Between two waits the link may have been idle: as long as that was no longer than the wait itself, all of the time counts. */
const IDLE_SHARE = 1;
/** The best rate within so long counts: a busy event loop makes single samples too low, and a link that got slower shows soon. */
const MEMORY_MS = 300;
/** Without any wait the link is taken to be this much faster than what it was given … */
const FASTER = 4;
/** … over so long. */
const WINDOW_MS = 200;

interface Sample {
  readonly atMs: number;
  readonly bits: number;
}

/**
 * Learns a link's rate from how long it takes writes: the largest of the latest samples (as in BBR, Cardwell et al. 2016). Writes
 * that wait tell the rate: the bytes taken from the end of one wait to the end of the next. Writes that never wait tell only that
 * the link is faster than what it gets: the estimate then goes up to a multiple of that, so that more is sent and the next wait,
 * if there is one, tells the truth.
 */
export class LinkMeter {
  private bits = START_BITS_PER_SECOND;
  private samples: Sample[] = [];
  private waitedUntil: number | undefined;
  private bytesSinceWait = 0;
  private windowFrom: number | undefined;
  private windowBytes = 0;

  get bitsPerSecond(): number {
    return this.bits;
  }

  /** A write of `bytes` bytes was taken: when it began and ended, in ms. */
  taken(bytes: number, beganMs: number, endedMs: number): void {
    this.bytesSinceWait += bytes;
    if (endedMs - beganMs < WAITED_MS) this.unwaited(bytes, endedMs);
    else this.waited(bytes, beganMs, endedMs);
  }

  private waited(bytes: number, beganMs: number, endedMs: number): void {
    const idleMs = this.waitedUntil === undefined ? Infinity : beganMs - this.waitedUntil;
    const isContinuous = idleMs <= IDLE_SHARE * (endedMs - beganMs);
    this.samples = this.samples.filter(({ atMs }) => endedMs - atMs <= MEMORY_MS);
    // After a pause, buffers on the way took the first bytes at once: such a sample is too high, and only better than none.
    if (isContinuous)
      this.samples.push({
        atMs: endedMs,
        bits: (this.bytesSinceWait * 8000) / (endedMs - this.waitedUntil!),
      });
    const best = Math.max(...this.samples.map(({ bits }) => bits));
    this.bits = within(this.samples.length > 0 ? best : (bytes * 8000) / (endedMs - beganMs));
    this.waitedUntil = endedMs;
    this.bytesSinceWait = 0;
    this.windowFrom = undefined;
  }

  private unwaited(bytes: number, now: number): void {
    if (this.windowFrom === undefined) {
      this.windowFrom = now;
      this.windowBytes = 0;
      return;
    }
    this.windowBytes += bytes;
    const ms = now - this.windowFrom;
    if (ms < WINDOW_MS) return;
    this.bits = within(Math.max(this.bits, (FASTER * this.windowBytes * 8000) / ms));
    this.windowFrom = now;
    this.windowBytes = 0;
  }
}

function within(bitsPerSecond: number): number {
  return Math.min(MOST, Math.max(LEAST, bitsPerSecond));
}
