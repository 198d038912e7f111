/** Estimate before the first measurement. */
const START_BITS_PER_SECOND = 1e9;
const MIN_BITS_PER_SECOND = 1e4;
const MAX_BITS_PER_SECOND = 1e11;
/**
 * A write of at least this duration waited for the link; a shorter one may have been delayed by the event
 * loop.
 */
const MIN_WAIT_MS = 1;
/**
 * A smaller write, such as that of a header, goes into a buffer: its duration is that of an event loop which
 * was busy, and would make the link thousands of times too slow.
 */
const MIN_WAIT_BYTES = 4096;
/**
 * The time between two waits counts as busy up to this multiple of the second wait; beyond it the link may
 * have been idle.
 */
const MAX_IDLE_RATIO = 1;
/**
 * A sample spans at least this time or these bytes. The end of a wait is noticed up to a few ms late, and the
 * largest of samples of one wait each is one that begins late: twice the rate of a link of 1 Gbit/s.
 */
const MIN_SAMPLE_MS = 10;
const MIN_SAMPLE_BYTES = 1 << 20;
/**
 * The largest sample of this period counts: a busy event loop makes samples too low, and a link that gets
 * slower shows soon.
 */
const MEMORY_MS = 300;
/**
 * Waits until the initial estimate has no weight: the first ones measure the start of programs, too. A level
 * that suits a slow link would take a core for the time of many groups.
 */
const LEARNING_WAITS = 4;
/**
 * Over this period, a link that writes kept busy for less than this part of the time is assumed to be this
 * much faster than the bytes it got. A write may wait there, too: for a core.
 */
const PROBE_MS = 50;
const MIN_BUSY_SHARE = 0.5;
const PROBE_FACTOR = 4;
/** Bytes that a pipe or socket may hold: the link has sent the rest of what was written. */
const MAX_BUFFER_BYTES = 1 << 20;

interface Sample {
  readonly atMs: number;
  readonly bits: number;
}

/**
 * Measures a link's rate from the duration of writes: the largest of the latest samples (as in BBR, Cardwell
 * et al. 2016). Writes that wait give the rate: the bytes written from the end of one wait to the end of the
 * next. More bytes than a buffer may hold raise the estimate at once. While writes take less than half of the
 * time, the link is faster than the bytes it gets: the estimate then rises to a multiple of their rate, so
 * that more is sent until the link is busy.
 */
export class LinkMeter {
  private bits = START_BITS_PER_SECOND;
  private waits = 0;
  private samples: Sample[] = [];
  private lastWaitMs: number | undefined;
  private bytesSinceWait = 0;
  /** The sample in progress: the end of the wait that it begins with, and bytes since then. */
  private sampleFromMs = 0;
  private sampleBytes = 0;
  /** The period in progress: its start, the bytes, and the time that they took. */
  private probeFromMs: number | undefined;
  private probeBytes = 0;
  private probeBusyMs = 0;
  /** Whether writes kept the link busy in the last period. */
  private isLinkBusy = true;

  get bitsPerSecond(): number {
    return this.bits;
  }

  /**
   * Record a write of `bytes` bytes from `startMs` to `endMs`. `busyMs`: time since the end of the last one
   * in which this thread was busy, and could not notice the end. `isFed`: more bytes wait behind the write.
   * One that is not followed may be as slow as the encoder, which is no rate of the link.
   */
  recordWrite(bytes: number, startMs: number, endMs: number, busyMs = 0, isFed = true): void {
    this.bytesSinceWait += bytes;
    if (bytes < MIN_WAIT_BYTES) return;
    const ms = endMs - startMs;
    this.probe(bytes, ms, endMs);
    if (ms < MIN_WAIT_MS || !isFed) return;
    this.recordWaited(bytes, startMs, endMs, ms - busyMs < MIN_WAIT_MS || !this.isLinkBusy);
  }

  /** `isLowerBound`: the wait may not be the link's; it only shows how fast the link is at least. */
  private recordWaited(bytes: number, startMs: number, endMs: number, isLowerBound: boolean): void {
    const idleMs = this.lastWaitMs === undefined ? Infinity : startMs - this.lastWaitMs;
    const isContinuous = idleMs <= MAX_IDLE_RATIO * (endMs - startMs);
    this.samples = this.samples.filter(({ atMs }) => endMs - atMs <= MEMORY_MS);
    this.sampleBytes += this.bytesSinceWait;
    const sampleMs = endMs - this.sampleFromMs;
    const bits = (this.sampleBytes * 8000) / sampleMs;
    // After a pause, buffers along the path took the first bytes at once: that sample is too high, and used
    // only without another.
    const isLong = sampleMs >= MIN_SAMPLE_MS || this.sampleBytes >= MIN_SAMPLE_BYTES;
    if (isContinuous && isLong) this.samples.push({ atMs: endMs, bits });
    if (!isContinuous || isLong) {
      this.sampleFromMs = endMs;
      this.sampleBytes = 0;
    }
    const best = Math.max(...this.samples.map(({ bits }) => bits));
    const unsampled = isContinuous ? bits : (bytes * 8000) / (endMs - startMs);
    const hasSample = this.samples.length > 0;
    const measured = clamp(hasSample ? best : unsampled);
    this.waits++;
    const weight = Math.min(1, this.waits / LEARNING_WAITS);
    const estimate = START_BITS_PER_SECOND ** (1 - weight) * measured ** weight;
    // One short wait alone may be one for a core.
    const onlyRaises = isLowerBound || (!hasSample && endMs - startMs < MIN_SAMPLE_MS);
    this.bits = onlyRaises ? Math.max(this.bits, estimate) : estimate;
    this.lastWaitMs = endMs;
    this.bytesSinceWait = 0;
  }

  private probe(bytes: number, ms: number, endMs: number): void {
    this.probeFromMs ??= endMs - ms;
    this.probeBytes += bytes;
    this.probeBusyMs += ms;
    const passedMs = endMs - this.probeFromMs;
    const sentBits = (this.probeBytes - MAX_BUFFER_BYTES) * 8000;
    if (sentBits > this.bits * passedMs && this.probeBytes >= 2 * MAX_BUFFER_BYTES) {
      this.bits = clamp(sentBits / passedMs);
      this.samples = [{ atMs: endMs, bits: this.bits }];
    }
    if (passedMs < PROBE_MS) return;
    this.isLinkBusy = this.probeBusyMs >= MIN_BUSY_SHARE * passedMs;
    if (!this.isLinkBusy)
      this.bits = clamp(Math.max(this.bits, (PROBE_FACTOR * this.probeBytes * 8000) / passedMs));
    this.probeFromMs = endMs;
    this.probeBytes = 0;
    this.probeBusyMs = 0;
  }
}

function clamp(bitsPerSecond: number): number {
  return Math.min(MAX_BITS_PER_SECOND, Math.max(MIN_BITS_PER_SECOND, bitsPerSecond));
}
