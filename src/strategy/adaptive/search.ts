/** Weight of one search in the running means: they follow within some hundred pages. */
const WEIGHT = 1 / 64;
/** While searches do not pay, one page in this many is still searched, to notice when they do. */
const RETRY_INTERVAL = 16;
/** Longer measurements contain a wait for a core. */
const MAX_MS = 0.1;

/** Running means of what a kind of search takes and saves; decides whether the next search pays. */
export class Search {
  private skipped = 0;

  /** `ms`: initial cost of a search. `saving`: initial share, 0 … 1, of a page's cost that it saves. */
  constructor(
    private ms: number,
    private saving: number,
  ) {}

  /** Whether to search for a page that costs `pageMs` otherwise. */
  pays(pageMs: number): boolean {
    if (this.saving * pageMs >= this.ms) return true;
    // Even a search that saves the whole page would not pay.
    if (pageMs < this.ms) return false;
    this.skipped++;
    if (this.skipped < RETRY_INTERVAL) return false;
    this.skipped = 0;
    return true;
  }

  /** Records what a search took and saved. Clocks of simulations do not measure it: `ms` is 0. */
  learn(ms: number, saving: number): void {
    if (ms > 0 && ms < MAX_MS) this.ms += WEIGHT * (ms - this.ms);
    this.saving += WEIGHT * (saving - this.saving);
  }
}
