import type { Choice, LookResult, Looks, PackingResult, PageView, StreamState } from '../strategy.js';
import { coresOf, isFastLink } from './bottleneck-estimator.js';
import { SLOW_BITS_PER_SECOND } from './group-choice.js';
import { Look } from './look.js';
import { PackedPages } from './packed-pages.js';

/** Maximum ratio of a delta that is used: among 0.3, 0.45, 0.6 and 0.75 it packed guest memory smallest. */
const MAX_DELTA_RATIO = 0.45;
/** Assumed ratio of a delta before the first one. */
const INITIAL_DELTA_RATIO = 0.2;
const INCOMPRESSIBLE_RATIO = 0.97;
/** Pages after which searches are decided again, for engines that do not call `Strategy.looks`. */
const SEGMENT_PAGES = 256;
/** Ms of copying, checking and writing a byte, which a duplicate saves in addition to packing. */
const WRITE_MS_PER_BYTE = 0.15 / 2 ** 20;
/**
 * Assumed minimum share of duplicates, whatever was seen lately: the next image may repeat this one. Look-ups
 * stop only if they would not pay with this share.
 */
const MIN_DUPLICATES = 1 / 16;
/** Time in which the weight of a price falls to 1/e. */
const PRICE_MEMORY_MS = 250;

/**
 * Chooses between a delta, the group and raw for one page. Each kind of search (duplicates, deltas against
 * the previous version, deltas against similar pages, profiles) is on while its recent savings are worth more
 * than its cost (`Look`). Initial costs were measured on the calling thread.
 */
export class PageChoice {
  private readonly duplicates = new Look({ costMs: 0.0001, minHitRate: MIN_DUPLICATES });
  private readonly versions = new Look({ costMs: 0.006 });
  private readonly similar = new Look({ costMs: 0.008 });
  private readonly profiles = new Look({ costMs: 0.001 });
  private readonly packed = new PackedPages();
  /** Pages until the searches are decided again. */
  private pagesLeft = 0;
  private pricedAtMs = 0;
  private priceExponent = 0;

  /** Decide which searches are made for the pages of the next segment. */
  begin(state: StreamState, bytePrice: number, pageBytes = 4096): Looks {
    this.pagesLeft = SEGMENT_PAGES;
    const { packed } = this;
    packed.update(state);
    const nowMs = state.elapsedMs();
    const price = isFastLink(state) ? this.lastingPrice(nowMs, bytePrice) : bytePrice;
    const bytesMs = (8000 * price) / state.linkBitsPerSecond;
    const packMs = packed.msOf(pageBytes) / coresOf(state);
    const deltaBytes = packed.savedBy(INITIAL_DELTA_RATIO * pageBytes, pageBytes);
    this.profiles.decide(nowMs, bytesMs, packMs, 0);
    return {
      duplicates: this.duplicates.decide(
        nowMs,
        bytesMs,
        packMs + WRITE_MS_PER_BYTE * pageBytes,
        packed.bytesOf(pageBytes),
      ),
      similar: this.similar.decide(nowMs, bytesMs, packMs, deltaBytes),
      versions: this.versions.decide(nowMs, bytesMs, packMs, deltaBytes),
      uniformChoice: this.canProfile(state) ? undefined : 'group',
    };
  }

  choose(page: PageView, state: StreamState, bytePrice: number): Choice {
    const { pageBytes } = page;
    if (this.pagesLeft-- <= 0) this.begin(state, bytePrice, pageBytes);
    const maxDeltaBytes = MAX_DELTA_RATIO * pageBytes;
    let version = Infinity;
    if (this.versions.isOn && page.hasVersion)
      version = this.deltaBytes(this.versions, page, 'xbzrle', state);
    // A small delta is good enough. A large one is compared with the delta against a similar page.
    if (version < maxDeltaBytes / 4) return 'xbzrle';
    const similar = this.similar.isOn ? this.deltaBytes(this.similar, page, 'similar', state) : Infinity;
    if (Math.min(version, similar) < maxDeltaBytes) return version <= similar ? 'xbzrle' : 'similar';
    return this.canProfile(state) && this.isIncompressible(page, state) ? 'raw' : 'group';
  }

  /** Return a mean of the latest prices, which vary widely while a fast link and encoding are balanced. */
  private lastingPrice(nowMs: number, bytePrice: number): number {
    const weight = 1 - Math.exp((this.pricedAtMs - nowMs) / PRICE_MEMORY_MS);
    this.pricedAtMs = nowMs;
    this.priceExponent += weight * (Math.log(bytePrice) - this.priceExponent);
    return Math.exp(this.priceExponent);
  }

  private canProfile({ linkBitsPerSecond }: StreamState): boolean {
    return linkBitsPerSecond < SLOW_BITS_PER_SECOND && this.profiles.isOn;
  }

  learn(result: PackingResult): void {
    this.packed.learn(result);
  }

  looked({ pages, hits, ms, timedPages, pageBytes }: LookResult): void {
    this.duplicates.timed(ms, timedPages);
    this.duplicates.looked(pages, hits, hits * this.packed.bytesOf(pageBytes));
  }

  private deltaBytes(look: Look, page: PageView, codec: 'xbzrle' | 'similar', state: StreamState): number {
    const { pageBytes } = page;
    const startedAt = look.isTimed() ? state.elapsedMs() : undefined;
    const bytes = page.measure(codec);
    if (startedAt !== undefined) look.timed(state.elapsedMs() - startedAt);
    const isHit = bytes < MAX_DELTA_RATIO * pageBytes;
    look.looked(1, isHit ? 1 : 0, isHit ? this.packed.savedBy(bytes, pageBytes) : 0);
    return bytes;
  }

  /** Return whether packing the page would save nothing, by its profile. */
  private isIncompressible(page: PageView, state: StreamState): boolean {
    const { profiles } = this;
    const startedAt = profiles.isTimed() ? state.elapsedMs() : undefined;
    const isHit = page.profile.estimatedBytes >= INCOMPRESSIBLE_RATIO * page.pageBytes;
    if (startedAt !== undefined) profiles.timed(state.elapsedMs() - startedAt);
    profiles.looked(1, isHit ? 1 : 0, 0);
    return isHit;
  }
}
