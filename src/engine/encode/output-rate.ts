/** Time in which the weight of a measurement falls to 1/e. */
const MEMORY_MS = 250;
/** Weight of the given rate, as ms of measurement, so that a burst of a few writes changes little. */
const GIVEN_MS = 50;
/** An output is saturated while more than this many bytes wait behind the write in progress. */
const SATURATED_BYTES = 1 << 20;

/**
 * Rate of an output: the lower of the link's rate and the measured rate of writes. Only time in which bytes
 * wait for the output is measured. Then the time between the ends of two writes is the output's, whether the
 * link is slow or the process lacks the CPU to feed it.
 */
export class OutputRate {
  private bytes = 0;
  private ms = 0;
  private atMs = 0;
  /** End of the last write, if the output was saturated then. */
  private saturatedFromMs: number | undefined;

  constructor(private readonly givenBitsPerSecond: () => number) {}

  /** Return the rate at `nowMs`, in bit/s. */
  bitsPerSecondAt(nowMs: number): number {
    const kept = Math.exp(-Math.max(0, nowMs - this.atMs) / MEMORY_MS);
    const given = this.givenBitsPerSecond() / 8000;
    const measured = (kept * this.bytes + GIVEN_MS * given) / (kept * this.ms + GIVEN_MS);
    return 8000 * Math.min(given, measured);
  }

  /**
   * Record a write. `waitingBytes`: packed bytes that wait behind it. `busyMs`: time since the last write in
   * which the calling thread was busy, so that it noticed the end late.
   */
  recordWrite(bytes: number, endMs: number, waitingBytes: number, busyMs = 0): void {
    if (this.saturatedFromMs !== undefined) {
      const kept = Math.exp(-Math.max(0, endMs - this.atMs) / MEMORY_MS);
      this.bytes = kept * this.bytes + bytes;
      this.ms = kept * this.ms + Math.max(0, endMs - this.saturatedFromMs - busyMs);
      this.atMs = endMs;
    }
    this.saturatedFromMs = waitingBytes > SATURATED_BYTES ? endMs : undefined;
  }
}
