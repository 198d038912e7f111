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
 * Maximum time between two waits, as a multiple of the second; after a longer time the link may have been
 * idle.
 */
const MAX_IDLE_RATIO = 1;
/**
 * A sample spans at least this time or these bytes. The end of a wait is noticed up to a few ms late, so the
 * largest of shorter samples would show twice the rate of a link of 1 Gbit/s.
 */
const MIN_SAMPLE_MS = 10;
const MIN_SAMPLE_BYTES = 1 << 20;
/**
 * Age limit of samples. The largest sample counts, since a busy event loop makes samples too low; the limit
 * is short, so that a link that gets slower shows soon.
 */
const MEMORY_MS = 300;
/**
 * Number of waits over which the weight of the initial estimate falls to 0. The first waits also measure the
 * start of the programs, and zstd at a level for a slow link would occupy a core for the time of many groups.
 */
const LEARNING_WAITS = 4;
/**
 * If writes kept the link busy for less than MIN_BUSY_SHARE of a period of PROBE_MS, the link is assumed to
 * be at least PROBE_FACTOR times as fast as the bytes that it got. (A write also waits for a core.)
 */
const PROBE_MS = 50;
const MIN_BUSY_SHARE = 0.5;
const PROBE_FACTOR = 4;
/** Maximum bytes in the buffer of a pipe or socket; written bytes beyond it were sent by the link. */
const MAX_BUFFER_BYTES = 1 << 20;

interface Sample {
  readonly atMs: number;
  readonly bits: number;
}

/**
 * Measures a link's rate from the duration of writes: the largest of the latest samples, as in BBR (Cardwell
 * et al. 2016). A sample is the bytes written between the ends of two waits, divided by the time. Two signals
 * raise the estimate at once: more written bytes than a buffer can hold; and writes that take less than half
 * of the time. In the second case the link is faster than the bytes it gets, so the estimate rises to a
 * multiple of their rate, until the link is busy.
 */
export class LinkMeter {
  private bits = START_BITS_PER_SECOND;
  private waits = 0;
  private samples: Sample[] = [];
  private lastWaitMs: number | undefined;
  private bytesSinceWait = 0;
  /** The sample in progress: its start, which is the end of a wait, and the bytes since then. */
  private sampleFromMs = 0;
  private sampleBytes = 0;
  /** The period in progress: its start, its bytes, and the ms of their writes. */
  private probeFromMs: number | undefined;
  private probeBytes = 0;
  private probeBusyMs = 0;
  /** Whether writes kept the link busy in the last period. */
  private isLinkBusy = true;

  get bitsPerSecond(): number {
    return this.bits;
  }

  /**
   * Record a write. `busyMs`: time since the last write in which the calling thread was busy, so that it
   * noticed the end late. `isFed`: more bytes wait behind the write; else it may be as slow as the encoder.
   */
  recordWrite(bytes: number, startMs: number, endMs: number, busyMs = 0, isFed = true): void {
    this.bytesSinceWait += bytes;
    if (bytes < MIN_WAIT_BYTES) return;
    const ms = endMs - startMs;
    this.probe(bytes, ms, endMs);
    if (ms < MIN_WAIT_MS || !isFed) return;
    this.recordWaited(bytes, startMs, endMs, ms - busyMs < MIN_WAIT_MS || !this.isLinkBusy);
  }

  /** `isLowerBound`: the write may have waited for something else, so the link is at least this fast. */
  private recordWaited(bytes: number, startMs: number, endMs: number, isLowerBound: boolean): void {
    const idleMs = this.lastWaitMs === undefined ? Infinity : startMs - this.lastWaitMs;
    const isContinuous = idleMs <= MAX_IDLE_RATIO * (endMs - startMs);
    this.samples = this.samples.filter(({ atMs }) => endMs - atMs <= MEMORY_MS);
    this.sampleBytes += this.bytesSinceWait;
    const sampleMs = endMs - this.sampleFromMs;
    const bits = (this.sampleBytes * 8000) / sampleMs;
    // After a pause, buffers along the path take the first bytes at once. That sample is too high: it counts
    // only while there is no other.
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
    // A single short wait may be a wait for a core.
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
