/** Until something is known. */
const START_BITS_PER_SECOND = 1e9;
/** A rate is what was delivered over about so long; no less time, and no fewer bytes, tell anything. */
const WINDOW_MS = 250;
const MIN_MS = 20;
const MIN_BYTES = 128 << 10;
/** A link that never keeps anything waiting is taken to be so much faster than what it was given. */
const FASTER = 1.25;

/**
 * Learns how fast the other side takes what is sent, from when it says how much it took: the delivery rate of BBR (Cardwell et al.
 * 2016). While something is under way all the time, what arrives in a stretch of time is the rate of whatever is slowest; otherwise it is
 * only less than that.
 */
export class DeliveryRate {
  /** Of the link. */
  bitsPerSecond = START_BITS_PER_SECOND;
  /** Of the whole way, the destination's QEMU included: what is under way is to be as long as that takes. */
  deliveredBitsPerSecond = START_BITS_PER_SECOND;
  /** What was taken by when, since something is under way all the time. */
  private samples: { atMs: number; bytes: number }[] = [];

  /** Something is sent while nothing was under way. */
  began(atMs: number, takenBytes: number): void {
    this.samples = [{ atMs, bytes: takenBytes }];
  }

  /** The other side took so much in all. `isBusy`: more is under way; `heldUpBy`: what that has to wait for. */
  taken(
    atMs: number,
    takenBytes: number,
    isBusy: boolean,
    heldUpBy: 'link' | 'destination' | 'nothing',
  ): void {
    while (this.samples.length > 1 && atMs - this.samples[1]!.atMs >= WINDOW_MS) this.samples.shift();
    const first = this.samples[0];
    if (first && atMs - first.atMs >= MIN_MS && takenBytes - first.bytes >= MIN_BYTES) {
      const bits = ((takenBytes - first.bytes) * 8000) / (atMs - first.atMs);
      // Where nothing had to wait for the link it could have been more.
      this.bitsPerSecond = isBusy && heldUpBy === 'link' ? bits : Math.max(this.bitsPerSecond, FASTER * bits);
      this.deliveredBitsPerSecond =
        isBusy && heldUpBy !== 'nothing' ? bits : Math.max(this.deliveredBitsPerSecond, FASTER * bits);
    }
    if (isBusy) this.samples.push({ atMs, bytes: takenBytes });
  }
}
