/** Assumed until something was measured. */
const START_BITS_PER_SECOND = 1e9;
/** A rate is measured over about this time, … */
const WINDOW_MS = 250;
/** … and never over less time or fewer bytes: the result would be noise. */
const MIN_MS = 20;
const MIN_BYTES = 128 << 10;
/** A link that never made anything wait is assumed to be faster than what it was given, by this factor. */
const PROBE_FACTOR = 1.25;

/** Cause of the wait of sent bytes, if they waited. */
export type Bottleneck = 'link' | 'destination' | undefined;

/**
 * The rate at which the destination acknowledges bytes: the delivery rate of BBR (Cardwell et al. 2016).
 * While bytes are in flight all the time, the bytes acked in an interval give the rate of the slowest part;
 * otherwise they are only a lower bound.
 */
export class DeliveryRate {
  /** Of the link alone. */
  bitsPerSecond = START_BITS_PER_SECOND;
  /** Acks since bytes have been in flight without a pause. */
  private samples: { atMs: number; bytes: number }[] = [];

  /** Record that bytes are sent while nothing was in flight. */
  restart(atMs: number, ackedBytes: number): void {
    this.samples = [{ atMs, bytes: ackedBytes }];
  }

  /** Record an ack: `ackedBytes` in total. `isBusy`: more bytes are in flight. */
  acked(atMs: number, ackedBytes: number, isBusy: boolean, bottleneck: Bottleneck): void {
    while (this.samples.length > 1 && atMs - this.samples[1]!.atMs >= WINDOW_MS) this.samples.shift();
    const first = this.samples[0];
    if (first && atMs - first.atMs >= MIN_MS && ackedBytes - first.bytes >= MIN_BYTES) {
      const rate = ((ackedBytes - first.bytes) * 8000) / (atMs - first.atMs);
      this.bitsPerSecond =
        isBusy && bottleneck === 'link' ? rate : Math.max(this.bitsPerSecond, PROBE_FACTOR * rate);
    }
    if (isBusy) this.samples.push({ atMs, bytes: ackedBytes });
  }
}
