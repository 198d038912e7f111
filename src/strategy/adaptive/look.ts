/** What looks cost and gave keeps 1/e of its weight after this time. */
const MEMORY_MS = 250;
/** Looks that the initial belief weighs as much as. */
const INITIAL_LOOKS = 64;
/** One look in this many is timed: reading the clock costs about a hundredth of a search. */
const TIMED_INTERVAL = 16;
/** Weight of a timed look, and the largest correction by one: its thread may have lost its core. */
const COST_WEIGHT = 1 / 8;
const MAX_FACTOR = 4;
/** While looks do not pay, they are tried again after this time and this many segments. */
const RETRY_MS = 250;
const RETRY_SEGMENTS = 32;

/** Where belief about a kind of look starts. */
interface InitialLook {
  readonly costMs: number;
  /** Hits a look that are assumed at least, whatever was seen lately. */
  readonly minHitRate?: number;
}

/**
 * One kind of look: what it costs, and what it saved lately. Decides segment by segment whether looks pay at
 * the present price of a byte.
 */
export class Look {
  /** Whether the pages of the current segment are looked at. */
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
  /** Times since the clock moved last. */
  private timedMs = 0;
  private timedLooks = 0;

  constructor({ costMs, minHitRate = 0 }: InitialLook) {
    this.costMs = costMs;
    this.minHitRate = minHitRate;
  }

  /**
   * Decide about the next segment. `bytesMs`: what a saved byte is worth; `hitMs`: what a hit is worth beside
   * the bytes it saves; `hitBytes`: bytes that a hit is assumed to save before the first.
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

  /** Whether the next look is to be timed. */
  isTimed(): boolean {
    this.untimed = (this.untimed + 1) % TIMED_INTERVAL;
    return this.untimed === 1;
  }

  /** Record the time of one or more looks. A coarse clock shows it only for several together. */
  timed(ms: number, looks = 1): void {
    this.timedMs += ms;
    this.timedLooks += looks;
    if (this.timedMs <= 0) return;
    const sample = Math.min(MAX_FACTOR * this.costMs, this.timedMs / this.timedLooks);
    this.costMs += COST_WEIGHT * (sample - this.costMs);
    this.timedMs = 0;
    this.timedLooks = 0;
  }

  /** Record looks, how many found what pays, and the bytes that these save. */
  looked(looks: number, hits: number, savedBytes: number): void {
    this.looks += looks;
    this.hits += hits;
    this.savedBytes = (this.savedBytes ?? 0) + savedBytes;
  }
}
