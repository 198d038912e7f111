import type { CodecContext } from '../../codec/codec.js';
import { codecByName } from '../../codec/registry.js';
import { ImageDigest } from '../../dedup/image-digest.js';
import { PageIndex, type PageReference } from '../../dedup/page-index.js';
import { type BasePages, RemotePageCache } from '../../dedup/remote-page-cache.js';
import type { Slots } from '../../kernels/arena.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { looksOf } from '../../strategy/check-strategy.js';
import { ALL_LOOKS, type Strategy, type StreamState } from '../../strategy/strategy.js';
import { BASE, GUEST, type PageBytes } from '../../stream/format.js';
import { Candidate } from '../frame/candidate.js';
import type { FrameBuilder } from '../frame/frame-builder.js';
import { PageCoder, type SurveyedPages } from '../frame/page-coder.js';
import { BYPASSED_UNCHANGED, type DedupLevel } from './page-sender.js';

const SAME_AS = codecByName('same-as');
const UNCHANGED = codecByName('unchanged');
const SKETCHES_PER_PAGE = 4;
const DIGEST_BYTES = 16;
/** One look-up in this many is timed. */
const TIMED_INTERVAL = 16;

/** Options of a batch encoder: those of the sender, with defaults. */
export interface BatchEncoderOptions {
  readonly pageBytes: PageBytes;
  readonly strategy: Strategy;
  readonly state: StreamState;
  readonly dedup: DedupLevel;
  readonly cacheBytes: number;
  readonly batchPages: number;
  /** Pages in the fingerprint index: a power of two. */
  readonly indexSlots: number;
  readonly rereadPage?: ((page: number, into: Uint8Array) => boolean) | undefined;
  readonly base?: BasePages | undefined;
}

/**
 * Encodes batches of pages into frames, against the pages that the receiver has by then. Does not check the
 * order of calls: `LiveSender` does.
 */
export class BatchEncoder {
  /** Pages as the receiver has them. */
  readonly remote: RemotePageCache;
  /** Addresses of the current buffer and of the other one. */
  private address: number;
  private otherAddress: number;
  private readonly coder: PageCoder;
  private readonly candidate: Candidate;
  private readonly index: PageIndex | undefined;
  private readonly surveyed: SurveyedPages;
  private readonly zeroDigest: number;
  private readonly bypassResults: Int16Array;
  /** The searches that the strategy allows for the current batch. */
  private looks = ALL_LOOKS;
  /**
   * Look-ups of the current batch: all of them, those that found a page, those that were timed, and their ms.
   */
  private readonly lookups = { pages: 0, hits: 0, timedPages: 0, ms: 0 };

  constructor(
    slots: Slots,
    private readonly context: CodecContext,
    private readonly options: BatchEncoderOptions,
  ) {
    const { pageBytes, batchPages, indexSlots, dedup, strategy, state, cacheBytes } = options;
    this.address = slots.slot('batch', batchPages * pageBytes, 'batchPages');
    this.otherAddress = slots.slot('other batch', batchPages * pageBytes, 'batchPages');
    this.remote = new RemotePageCache(slots, pageBytes, cacheBytes, options.rereadPage, options.base);
    const sketchSlots = SKETCHES_PER_PAGE * indexSlots;
    if (dedup === 'exact' || dedup === 'similar')
      this.index = new PageIndex(slots, pageBytes, indexSlots, sketchSlots, batchPages);
    const similar = dedup === 'similar' ? this.index : undefined;
    this.candidate = new Candidate(slots, context, pageBytes, this.remote, similar);
    this.surveyed = {
      classes: slots.slot('page classes', 2 * batchPages, 'batchPages'),
      digests: slots.slot('page digests', DIGEST_BYTES * batchPages, 'batchPages'),
    };
    this.zeroDigest = new ImageDigest(slots, pageBytes).zeroPageDigest;
    this.bypassResults = new Int16Array(batchPages);
    this.coder = new PageCoder({
      codec: context,
      pageBytes,
      strategy,
      state,
      candidate: this.candidate,
    });
  }

  /** The buffer for the pages of a batch. */
  get buffer(): Uint8Array {
    const { batchPages, pageBytes } = this.options;
    return this.context.kernels.bytes.subarray(this.address, this.address + batchPages * pageBytes);
  }

  /** As `PageSender.switchBuffer`. */
  switchBuffer(): void {
    [this.address, this.otherAddress] = [this.otherAddress, this.address];
  }

  /** Encode the pages in the buffer into `frame`. */
  encode(frame: FrameBuilder, pages: ArrayLike<number>, keepsLast: boolean): void {
    this.survey(this.address, pages.length);
    frame.start(GUEST, pages[0]!, GUEST);
    const { strategy, state, pageBytes } = this.options;
    this.looks = looksOf(strategy, state);
    for (let i = 0; i < pages.length; i++)
      this.encodePage(frame, pages[i]!, i, keepsLast && i === pages.length - 1);
    const { lookups } = this;
    if (lookups.pages > 0) strategy.onLooked?.({ ...lookups, pageBytes });
    Object.assign(lookups, { pages: 0, hits: 0, timedPages: 0, ms: 0 });
  }

  /** As `PageSender.bypass`. */
  bypass(pages: ArrayLike<number>, keepsLast: boolean): ArrayLike<number> {
    const { bypassResults, remote } = this;
    this.survey(this.address, pages.length);
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i]!;
      const digest = this.digestOf(i);
      const keeps = keepsLast && i === pages.length - 1;
      if (!keeps && remote.matches(page, digest) && this.isUnchanged(page, this.addressOf(i)))
        bypassResults[i] = BYPASSED_UNCHANGED;
      else {
        remote.put(page, digest, 0);
        bypassResults[i] = this.coder.fillOf(i);
      }
    }
    return bypassResults.subarray(0, pages.length);
  }

  markPresent(page: number, at: number): void {
    const address = this.addressOf(at);
    this.survey(address, 1);
    this.remote.put(page, this.surveyed.digests, this.coder.isFill(0) ? 0 : address);
  }

  isPresent(page: number, at: number): boolean {
    this.survey(this.addressOf(at), 1);
    return this.remote.matches(page, this.surveyed.digests);
  }

  /** Add the pages of `base` to the index. Yields to the event loop. @throws the reason of `signal` */
  async addBase(base: BasePages, signal: AbortSignal | undefined): Promise<void> {
    const { pageBytes, batchPages } = this.options;
    if (!this.index) return;
    const { buffer } = this;
    const yieldNow = createYielder();
    for (let first = 0; first < base.pages; first += batchPages) {
      const count = Math.min(batchPages, base.pages - first);
      for (let i = 0; i < count; i++)
        base.read(first + i, buffer.subarray(i * pageBytes, (i + 1) * pageBytes));
      this.addBasePages(this.index, first, count);
      await yieldNow();
      throwIfAborted(signal);
    }
  }

  private addBasePages(index: PageIndex, first: number, count: number): void {
    this.survey(this.address, count);
    for (let i = 0; i < count; i++) {
      if (this.coder.isFill(i)) continue;
      index.insert(this.digestOf(i), BASE, first + i);
      if (this.options.dedup === 'similar') index.insertSketch(this.addressOf(i), BASE, first + i);
    }
  }

  private encodePage(frame: FrameBuilder, page: number, i: number, keeps: boolean): void {
    const { dedup } = this.options;
    const { remote, index } = this;
    const address = this.addressOf(i);
    const digest = this.digestOf(i);
    if (dedup === 'off') {
      this.coder.appendStored(frame, address);
      remote.put(page, digest, 0);
      return;
    }
    if (!keeps && remote.matches(page, digest) && this.isUnchanged(page, address)) {
      frame.addRun(UNCHANGED);
      return;
    }
    if (this.coder.placeIfFill(frame, i)) {
      remote.put(page, digest, 0);
      return;
    }
    if (index && this.looks.duplicates && this.isDuplicate(index, digest, address)) {
      frame.addReference(SAME_AS, index.hit);
    } else {
      this.candidate.set(address, page, GUEST, remote.version(page));
      this.coder.placeChosen(frame, address);
      if (this.looks.duplicates) index?.insert(digest, GUEST, page);
      if (dedup === 'similar' && this.looks.similar)
        index?.insertSketch(address, GUEST, page, this.candidate.isSketched);
    }
    remote.put(page, digest, address);
  }

  /** Return whether the page equals one that the receiver has: `index.hit`. */
  private isDuplicate(index: PageIndex, digest: number, address: number): boolean {
    const { lookups } = this;
    const { state } = this.options;
    const isTimed = lookups.pages++ % TIMED_INTERVAL === 0;
    const startedMs = isTimed ? state.elapsedMs() : 0;
    const isFound = index.find(digest) && this.isSameAs(index.hit, digest, address);
    if (isTimed) {
      lookups.ms += state.elapsedMs() - startedMs;
      lookups.timedPages++;
    }
    if (isFound) lookups.hits++;
    return isFound;
  }

  /** Return whether the receiver's version of a page that the index found has the bytes at `address`. */
  private isSameAs({ image, page }: PageReference, digest: number, address: number): boolean {
    return (image === BASE || this.remote.matches(page, digest)) && this.remote.confirm(image, page, address);
  }

  /**
   * Return whether a page with an unchanged digest has the same bytes; true if its last version is not
   * cached.
   */
  private isUnchanged(page: number, address: number): boolean {
    const last = this.remote.version(page);
    return last === 0 || this.context.kernels.run.pagesEqual(last, address, this.options.pageBytes) === 1;
  }

  private survey(address: number, count: number): void {
    this.coder.survey(this.surveyed, address, count, this.zeroDigest);
  }

  private addressOf(i: number): number {
    return this.address + i * this.options.pageBytes;
  }

  private digestOf(i: number): number {
    return this.surveyed.digests + DIGEST_BYTES * i;
  }
}
