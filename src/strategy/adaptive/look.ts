// A look is one search for one page: for a duplicate, for a delta, or a profile. A hit is a look whose result
// saves bytes or time.

/** Time in which the weight of past looks falls to 1/e. */
const MEMORY_MS = 250;
/** Weight of the initial assumptions, as a number of looks. */
const INITIAL_LOOKS = 64;
/** One look in this many is timed: reading the clock costs about a hundredth of a search. */
const TIMED_INTERVAL = 16;
/** Weight of a timed look, and the maximum factor of one correction: the thread may have lost its core. */
const COST_WEIGHT = 1 / 8;
const MAX_FACTOR = 4;
/** While looks do not pay, they are tried again after this time and this many segments. */
const RETRY_MS = 250;
const RETRY_SEGMENTS = 32;

/** Initial assumptions about a kind of look. */
interface InitialLook {
  readonly costMs: number;
  /** Assumed minimum of hits per look, whatever was seen lately; default 0. */
  readonly minHitRate?: number;
}

/**
 * Running cost, hit rate and savings of one kind of look. Decides segment by segment whether these looks pay
 * at the present price of a byte.
 */
export class Look {
  /** Whether this kind of look is made for the pages of the current segment. */
  isOn = true;
  private costMs: number;
  private readonly minHitRate: number;
  private looks = INITIAL_LOOKS;
  private hits = INITIAL_LOOKS;
  private savedBytes: number | undefined;
  private decidedAtMs = 0;
  private lookedAtMs = 0;
  private segmentsOff = 0;
  private untimed = 0;
  /** Timed looks, and their ms, since the clock last advanced. */
  private timedMs = 0;
  private timedLooks = 0;

  constructor({ costMs, minHitRate = 0 }: InitialLook) {
    this.costMs = costMs;
    this.minHitRate = minHitRate;
  }

  /**
   * Decide for the next segment. `bytesMs`: value of a saved byte in ms of packing; `hitMs`: further value of
   * a hit. `hitBytes`: assumed savings of a hit before the first one.
   */
  decide(nowMs: number, bytesMs: number, hitMs: number, hitBytes: number): boolean {
    const kept = Math.exp(-Math.max(0, nowMs - this.decidedAtMs) / MEMORY_MS);
    this.decidedAtMs = nowMs;
    this.savedBytes ??= this.hits * hitBytes;
    const savedAHit = this.hits > 0 ? this.savedBytes / this.hits : hitBytes;
    const rate = Math.max(this.minHitRate, this.looks > 0 ? this.hits / this.looks : 0);
    const pays = rate * (savedAHit * bytesMs + hitMs) >= this.costMs;
    this.looks *= kept;
    this.hits *= kept;
    this.savedBytes *= kept;
    this.segmentsOff++;
    this.isOn = pays || (nowMs - this.lookedAtMs >= RETRY_MS && this.segmentsOff >= RETRY_SEGMENTS);
    if (this.isOn) {
      this.lookedAtMs = nowMs;
      this.segmentsOff = 0;
    }
    return this.isOn;
  }

  /** Count a look; return whether to time it. */
  isTimed(): boolean {
    this.untimed = (this.untimed + 1) % TIMED_INTERVAL;
    return this.untimed === 1;
  }

  /** Record the ms of one or more looks. With a coarse clock they add up until it advances. */
  timed(ms: number, looks = 1): void {
    this.timedMs += ms;
    this.timedLooks += looks;
    if (this.timedMs <= 0) return;
    const sample = Math.min(MAX_FACTOR * this.costMs, this.timedMs / this.timedLooks);
    this.costMs += COST_WEIGHT * (sample - this.costMs);
    this.timedMs = 0;
    this.timedLooks = 0;
  }

  /** Record looks, their hits, and the bytes that the hits save. */
  looked(looks: number, hits: number, savedBytes: number): void {
    this.looks += looks;
    this.hits += hits;
    this.savedBytes = (this.savedBytes ?? 0) + savedBytes;
  }
}
