/** Where nothing is known yet: looking is how it gets known. */
const START = 1;
/** How far one try moves the odds: they follow within some hundred pages. */
const MOVES = 1 / 64;
/** When looking does not pay, one page in so many is looked at all the same, to hear when it does. */
const PROBE_EVERY = 16;

/** How likely it is that a look for a page's delta finds what is worth it, as far as a stream has shown. */
export class SearchHitRate {
  private odds = START;
  private passedOver = 0;

  /** Whether to look: `gainMs` is what it would save, `costMs` what looking takes. */
  pays(gainMs: number, costMs: number): boolean {
    if (this.odds * gainMs >= costMs) return true;
    this.passedOver++;
    if (this.passedOver < PROBE_EVERY) return false;
    this.passedOver = 0;
    return true;
  }

  tried(found: boolean): void {
    this.odds += MOVES * ((found ? 1 : 0) - this.odds);
  }
}
