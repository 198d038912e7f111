/**
 * Maximum time between two waits, as a multiple of the second; after a longer time the link may have been
 * idle.
 */
const MAX_IDLE_RATIO = 1;
/**
 * A sample spans at least this time or these bytes. The end of a wait is noticed up to a few ms late, so the
 * largest of shorter samples would show twice the rate of a link of 1 Gbit/s.
 */
export const MIN_SAMPLE_MS = 10;
const MIN_SAMPLE_BYTES = 1 << 20;
/**
 * Age limit of samples. The largest sample counts, since a busy event loop makes samples too low; the limit
 * is short, so that a link that gets slower shows soon.
 */
const MEMORY_MS = 300;

interface Sample {
  readonly atMs: number;
  readonly bitsPerSecond: number;
}

/**
 * Rate samples of a link, of which the largest of the latest counts, as in BBR (Cardwell et al. 2016). A
 * sample is the bytes written between the ends of two waits for the link, divided by the time.
 */
export class RateSamples {
  private samples: Sample[] = [];
  private lastWaitMs: number | undefined;
  /** The sample in progress: its start, which is the end of a wait, and the bytes since then. */
  private sampleFromMs = 0;
  private sampleBytes = 0;

  get isEmpty(): boolean {
    return this.samples.length === 0;
  }

  /** Count the bytes of a write, before `recordWait` if the write waited for the link. */
  addBytes(bytes: number): void {
    this.sampleBytes += bytes;
  }

  /** Record that a write of `bytes` bytes waited for the link; return the measured rate in bit/s. */
  recordWait(bytes: number, startMs: number, endMs: number): number {
    const idleMs = this.lastWaitMs === undefined ? Infinity : startMs - this.lastWaitMs;
    const isContinuous = idleMs <= MAX_IDLE_RATIO * (endMs - startMs);
    this.samples = this.samples.filter(({ atMs }) => endMs - atMs <= MEMORY_MS);
    const sampleMs = endMs - this.sampleFromMs;
    const bitsPerSecond = (this.sampleBytes * 8000) / sampleMs;
    // After a pause, buffers along the path take the first bytes at once. That sample is too high: it counts
    // only while there is no other.
    const isLong = sampleMs >= MIN_SAMPLE_MS || this.sampleBytes >= MIN_SAMPLE_BYTES;
    if (isContinuous && isLong) this.samples.push({ atMs: endMs, bitsPerSecond });
    if (!isContinuous || isLong) {
      this.sampleFromMs = endMs;
      this.sampleBytes = 0;
    }
    this.lastWaitMs = endMs;
    if (!this.isEmpty) return Math.max(...this.samples.map((sample) => sample.bitsPerSecond));
    return isContinuous ? bitsPerSecond : (bytes * 8000) / (endMs - startMs);
  }

  /** Replace all samples by one. */
  replace(atMs: number, bitsPerSecond: number): void {
    this.samples = [{ atMs, bitsPerSecond }];
  }
}
