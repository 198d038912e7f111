import type { Choice, PageView, StreamState } from '../strategy.js';
import type { PagePrices } from './group-choice.js';
import { Search } from './search.js';

/** A delta is taken below this ratio: of 0.3, 0.45, 0.6 and 0.75 it packed smallest on guest memory. */
const MAX_DELTA_RATIO = 0.45;
/** Bytes that packing leaves of a delta. */
const PACKED_DELTA_RATIO = 0.6;
const INCOMPRESSIBLE_RATIO = 0.97;
/** Where beliefs about the cost of looking start: ms a page, and bytes or ms that it saves a page. */
const VERSION = { ms: 0.002, saving: 0.6 };
const SIMILAR = { ms: 0.004, saving: 0.6 };
const PROFILE = { ms: 0.0018, saving: 0.5 };

/**
 * Chooses between a delta, the group and raw for one page. Deltas, similar pages and the profile are looked
 * for while what that saved so far is worth more than what it takes.
 */
export class PageChoice {
  private readonly versions = new Search(VERSION.ms, VERSION.saving);
  private readonly similars = new Search(SIMILAR.ms, SIMILAR.saving);
  private readonly profiles = new Search(PROFILE.ms, PROFILE.saving);

  choose(page: PageView, state: StreamState, prices: PagePrices): Choice {
    const { pageBytes } = page;
    const maxDeltaBytes = MAX_DELTA_RATIO * pageBytes;
    // What a page of the group costs all in all, of which a delta saves a share.
    const pageMs = pageBytes * (prices.byteMs * prices.packedBytes + prices.packMs);
    const savingOf = (delta: number) =>
      delta < maxDeltaBytes
        ? Math.max(0, 1 - (delta * (prices.byteMs * PACKED_DELTA_RATIO + prices.packMs)) / (pageMs || 1))
        : 0;
    let version = Infinity;
    if (page.hasVersion && this.versions.pays(pageMs)) {
      const from = state.elapsedMs();
      version = page.measure('xbzrle');
      this.versions.learn(state.elapsedMs() - from, savingOf(version));
    }
    // A small delta is good enough; a large one may be beaten by a similar page.
    if (version < maxDeltaBytes / 4) return 'xbzrle';
    let similar = Infinity;
    if (this.similars.pays(pageMs)) {
      const from = state.elapsedMs();
      similar = page.hasSimilar ? page.measure('similar') : Infinity;
      this.similars.learn(state.elapsedMs() - from, savingOf(similar));
    }
    if (Math.min(version, similar) < maxDeltaBytes) return version <= similar ? 'xbzrle' : 'similar';
    return this.isIncompressible(page, state, pageBytes * prices.packMs) ? 'raw' : 'group';
  }

  /** Whether the profile shows that packing the page, which takes `packMs`, is in vain. */
  private isIncompressible(page: PageView, state: StreamState, packMs: number): boolean {
    if (!this.profiles.pays(packMs)) return false;
    const from = state.elapsedMs();
    const isIncompressible = page.profile.estimatedBytes >= INCOMPRESSIBLE_RATIO * page.pageBytes;
    this.profiles.learn(state.elapsedMs() - from, isIncompressible ? 1 : 0);
    return isIncompressible;
  }
}
