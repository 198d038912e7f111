import { MIN_SAMPLE_MS, RateSamples } from './rate-samples.js';
import { WritePeriods } from './write-periods.js';

/** Estimate before the first measurement. */
const START_BITS_PER_SECOND = 1e9;
const MIN_BITS_PER_SECOND = 1e4;
const MAX_BITS_PER_SECOND = 1e11;
/**
 * A write of at least this duration counts as a wait for the link: the event loop may delay a shorter one.
 */
const MIN_WAIT_MS = 1;
/** Smaller writes, such as a header, do not count: they go to a buffer and measure only the event loop. */
const MIN_WAIT_BYTES = 4096;
/**
 * Number of waits over which the weight of the initial estimate falls to 0. The first waits also measure the
 * start of the programs, and zstd at a level for a slow link would occupy a core for the time of many groups.
 */
const LEARNING_WAITS = 4;

/**
 * Estimates a link's rate from the duration of writes: the largest of the latest `RateSamples`. Two signals
 * raise the estimate at once (`WritePeriods`): more written bytes than a buffer can hold; and writes that
 * take less than half of the time. In the second case the link is faster than the bytes it gets, so the
 * estimate rises to a multiple of their rate, until the link is busy.
 */
export class LinkMeter {
  private bits = START_BITS_PER_SECOND;
  private waits = 0;
  private readonly samples = new RateSamples();
  private readonly periods = new WritePeriods();

  get bitsPerSecond(): number {
    return this.bits;
  }

  /**
   * Record a write. `busyMs`: time since the last write in which the calling thread was busy, so that it
   * noticed the end late. `isFed`: more bytes wait behind the write; else it may be as slow as the encoder.
   */
  recordWrite(bytes: number, startMs: number, endMs: number, busyMs = 0, isFed = true): void {
    this.samples.addBytes(bytes);
    if (bytes < MIN_WAIT_BYTES) return;
    const ms = endMs - startMs;
    this.periods.add(bytes, ms, endMs);
    this.raiseToBounds(endMs);
    if (ms < MIN_WAIT_MS || !isFed) return;
    this.recordWait(bytes, startMs, endMs, ms - busyMs < MIN_WAIT_MS || !this.periods.isLinkBusy);
  }

  private raiseToBounds(endMs: number): void {
    const sent = this.periods.sentAbove(this.bits);
    if (sent !== undefined) {
      this.bits = clamp(sent);
      this.samples.replace(endMs, this.bits);
    }
    this.bits = clamp(Math.max(this.bits, this.periods.endPeriod(endMs)));
  }

  /** `isLowerBound`: the write may have waited for something else, so the link is at least this fast. */
  private recordWait(bytes: number, startMs: number, endMs: number, isLowerBound: boolean): void {
    const measured = clamp(this.samples.recordWait(bytes, startMs, endMs));
    this.waits++;
    const weight = Math.min(1, this.waits / LEARNING_WAITS);
    const estimate = START_BITS_PER_SECOND ** (1 - weight) * measured ** weight;
    // A single short wait may be a wait for a core.
    const onlyRaises = isLowerBound || (this.samples.isEmpty && endMs - startMs < MIN_SAMPLE_MS);
    this.bits = onlyRaises ? Math.max(this.bits, estimate) : estimate;
  }
}

function clamp(bitsPerSecond: number): number {
  return Math.min(MAX_BITS_PER_SECOND, Math.max(MIN_BITS_PER_SECOND, bitsPerSecond));
}
