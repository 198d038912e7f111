/** Assumed before the first search, so that searches happen. */
const INITIAL_RATE = 1;
/** Weight of one search in the running average: it follows within some hundred pages. */
const WEIGHT = 1 / 64;
/** While searches do not pay, one page in this many is still searched, to notice when they do. */
const PROBE_INTERVAL = 16;

/** Running hit rate of delta searches; decides whether the next search pays. */
export class SearchHitRate {
  private rate = INITIAL_RATE;
  private skipped = 0;

  /** Whether to search: `gainMs` is what a hit saves, `costMs` what the search takes. */
  pays(gainMs: number, costMs: number): boolean {
    if (this.rate * gainMs >= costMs) return true;
    this.skipped++;
    if (this.skipped < PROBE_INTERVAL) return false;
    this.skipped = 0;
    return true;
  }

  /** Records the outcome of a search. */
  searched(isHit: boolean): void {
    this.rate += WEIGHT * ((isHit ? 1 : 0) - this.rate);
  }
}
