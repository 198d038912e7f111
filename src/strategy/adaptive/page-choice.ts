import type { Choice, PageView, StreamState } from '../strategy.js';
import { FAST_BITS_PER_SECOND } from './bottleneck-estimator.js';
import { SLOW_BITS_PER_SECOND } from './group-choice.js';
import { SearchHitRate } from './hit-rate.js';

/** A delta pays below this ratio: of 0.3, 0.45, 0.6 and 0.75 it packed smallest on guest memory. */
const MAX_DELTA_RATIO = 0.45;
/** What a delta saves of a page that would otherwise be packed, and the speed of that packing. */
const DELTA_SAVING = 0.2;
const PACKED_BYTES_PER_MS = 500e3;
/**
 * Ms that a delta search takes on the calling thread: against the previous version, against similar pages.
 */
const VERSION_SEARCH_MS = 0.006;
const SIMILAR_SEARCH_MS = 0.008;
/** On a fast link nothing is searched for below this price. */
const MIN_SEARCH_PRICE = 8;
const INCOMPRESSIBLE_RATIO = 0.97;

/** Chooses between a delta, the group and raw for one page; searches only while the searches pay. */
export class PageChoice {
  private readonly versions = new SearchHitRate();
  private readonly similars = new SearchHitRate();

  choose(page: PageView, state: StreamState, bytePrice: number): Choice {
    const { pageBytes } = page;
    // A fast link sends the page sooner than a delta is found, unless bytes are dear.
    if (state.linkBitsPerSecond >= FAST_BITS_PER_SECOND && bytePrice < MIN_SEARCH_PRICE) return 'group';
    const maxDeltaBytes = MAX_DELTA_RATIO * pageBytes;
    const gainMs = deltaGainMs(pageBytes, bytePrice, state);
    let version = Infinity;
    if (page.hasVersion && this.versions.pays(gainMs, VERSION_SEARCH_MS)) {
      version = page.measure('xbzrle');
      this.versions.searched(version < maxDeltaBytes);
    }
    // A small delta is good enough; a large one may be beaten by a similar page.
    if (version < maxDeltaBytes / 4) return 'xbzrle';
    let similar = Infinity;
    if (this.similars.pays(gainMs, SIMILAR_SEARCH_MS)) {
      similar = page.hasSimilar ? page.measure('similar') : Infinity;
      this.similars.searched(similar < maxDeltaBytes);
    }
    if (Math.min(version, similar) < maxDeltaBytes) return version <= similar ? 'xbzrle' : 'similar';
    if (state.linkBitsPerSecond >= SLOW_BITS_PER_SECOND) return 'group';
    return page.profile.estimatedBytes >= INCOMPRESSIBLE_RATIO * pageBytes ? 'raw' : 'group';
  }
}

/** Returns the ms that a delta saves against packing the page: link time at its price, and thread time. */
function deltaGainMs(
  pageBytes: number,
  bytePrice: number,
  { linkBitsPerSecond, threads }: StreamState,
): number {
  return (
    (DELTA_SAVING * pageBytes * 8000 * bytePrice) / linkBitsPerSecond +
    pageBytes / PACKED_BYTES_PER_MS / threads
  );
}
