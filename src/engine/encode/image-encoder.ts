import { codecByName } from '../../codec/registry.js';
import type { ImageDigest } from '../../dedup/image-digest.js';
import type { PageIndex } from '../../dedup/page-index.js';
import type { ParentPageCache } from '../../dedup/parent-page-cache.js';
import type { ReferenceImage, ReferenceImages } from '../../dedup/reference-images.js';
import type { UniformChoice } from '../../strategy/strategy.js';
import type { FrameBuilder } from '../frame/frame-builder.js';
import { PageCoder, type PageCoderContext } from '../frame/page-coder.js';
import type { Chunk } from './chunk.js';
import { LookUps } from './look-ups.js';

const SAME_AS = codecByName('same-as');
const UNCHANGED = codecByName('unchanged');

/** Context of encoding an image; the same for every image of a stream. */
export interface ImageContext extends PageCoderContext {
  readonly references: ReferenceImages;
  readonly parentPages: ParentPageCache;
  /** Absent: no search for duplicates. */
  readonly index: PageIndex | undefined;
  /** Whether to search for similar pages. */
  readonly similar: boolean;
  readonly digest: ImageDigest;
  /**
   * Return the minimum share of new pages, 0 … 1, from which on a frame holds the chunk instead of copying
   * its new pages; above 1: always copy.
   */
  minHeldShare(): number;
  /** Address for the digest of a shorter last page. */
  readonly partialDigest: number;
}

/** Kinds of pages. Consecutive pages of one kind are added to a frame as a run, except SINGLE. */
const SINGLE = 0;
const ZERO_RUN = 1;
const UNCHANGED_RUN = 2;
const NEW_RUN = 3;

/** Limits of a frame. */
export interface FrameLimits {
  isFull(frame: FrameBuilder): boolean;
  /** Return how many whole pages fill the frame, at least 1. */
  pagesLeft(frame: FrameBuilder): number;
}

/** Encodes the pages of one image, in order, into frames. */
export class ImageEncoder {
  nextPage = 0;
  /** Pages equal to another page of this image. */
  duplicatesInside = 0;
  /** Pages equal to a page of an earlier image at another page number. */
  duplicatesBetween = 0;
  readonly lookUps: LookUps;
  private readonly coder: PageCoder;
  private readonly parentImage: ReferenceImage | undefined;
  /** Whether runs of new pages can be added at once. */
  private readonly canHaveRuns: boolean;
  /** The choice for all new pages of the current chunk; absent: the strategy chooses page by page. */
  private uniformChoice: UniformChoice | undefined;

  constructor(
    private readonly context: ImageContext,
    readonly number: number,
    readonly parent: number | undefined,
    private readonly own: ReferenceImage,
  ) {
    this.coder = new PageCoder(context);
    this.parentImage = parent === undefined ? undefined : context.references.image(parent);
    this.canHaveRuns = context.index !== undefined && own.source !== undefined;
    this.lookUps = new LookUps(context, number, own.digests);
  }

  /** The image that a frame's first reference is relative to. */
  get expectedImage(): number {
    return this.parent ?? 0;
  }

  /** Begin a chunk: add the digests of its `count` whole pages to the image and look the pages up. */
  begin(chunk: Chunk, count: number): void {
    this.context.digest.add(chunk.digests, count);
    this.own.digests.append(chunk.digests, count);
    this.lookUps.begin(chunk, count, this.nextPage, this.duplicatesInside + this.duplicatesBetween);
    this.uniformChoice = this.canHaveRuns ? this.choiceOfRuns() : undefined;
    this.coder.setPages(chunk, chunk);
    const minPages = count * this.context.minHeldShare();
    if (minPages > count || this.newPages(chunk, count) < minPages) this.coder.copyPages();
  }

  /** Encode pages `first` … `count - 1` of the current chunk until the frame is full; return their count. */
  encode(frame: FrameBuilder, chunk: Chunk, first: number, count: number, limits: FrameLimits): number {
    let i = first;
    while (i < count) {
      const kind = this.kindOf(chunk, i, this.nextPage);
      if (!this.coder.placeIfFill(frame, i)) this.encodePage(frame, chunk, i);
      this.nextPage++;
      i++;
      if (limits.isFull(frame)) break;
      if (kind === SINGLE) continue;
      const end = kind === NEW_RUN ? Math.min(count, i + limits.pagesLeft(frame)) : count;
      const rest = this.endOfRun(chunk, i, end, kind) - i;
      if (rest === 0) continue;
      if (kind === ZERO_RUN) this.coder.placeZeros(frame, rest);
      else if (kind === UNCHANGED_RUN) this.placeUnchanged(frame, rest);
      else this.placeNew(frame, chunk, i, rest);
      this.nextPage += rest;
      i += rest;
      if (limits.isFull(frame)) break;
    }
    return i - first;
  }

  /** Return the choice for all new pages of the chunk; undefined if some may be coded as deltas. */
  private choiceOfRuns(): UniformChoice | undefined {
    const { context, parentImage } = this;
    const { similar, versions = true, uniformChoice } = this.lookUps.looks;
    const hasDeltas = (versions && parentImage !== undefined) || (similar && context.similar);
    return context.strategy.uniformChoice ?? (hasDeltas ? undefined : uniformChoice);
  }

  /** Return the kind of page `i` of the chunk, `page` of the image. */
  private kindOf({ hasParent, equal, digests }: Chunk, i: number, page: number): number {
    const { coder, parentImage, context } = this;
    if (coder.isFill(i)) return coder.isZero(i) ? ZERO_RUN : SINGLE;
    if (parentImage) {
      if (!hasParent) return SINGLE;
      if (context.codec.kernels.bytes[equal + i] === 1)
        return parentImage.digests.matches(page, digests + 16 * i) ? UNCHANGED_RUN : SINGLE;
    }
    return this.uniformChoice !== undefined && context.index!.isNew(i) ? NEW_RUN : SINGLE;
  }

  /** Return the end of the run of pages of this kind that begins at `first`, at most `end`. */
  private endOfRun(chunk: Chunk, first: number, end: number, kind: number): number {
    let i = first;
    while (i < end && this.kindOf(chunk, i, this.nextPage + i - first) === kind) i++;
    return i;
  }

  private placeUnchanged(frame: FrameBuilder, count: number): void {
    frame.addRun(UNCHANGED, count);
    for (let i = 0; i < count; i++)
      this.context.parentPages.extend(this.parent!, this.number, this.nextPage + i);
  }

  /** Add a run of pages that are not in the index, all with the same choice. */
  private placeNew(frame: FrameBuilder, chunk: Chunk, first: number, count: number): void {
    const { pageBytes } = this.context;
    this.coder.placeUniform(frame, this.uniformChoice!, chunk.address + first * pageBytes, count);
  }

  /** Count the pages that are no fill, differ from the parent's page and are not in the index. */
  private newPages({ hasParent, equal }: Chunk, count: number): number {
    const { index, codec } = this.context;
    const { bytes } = codec.kernels;
    let pages = 0;
    for (let i = 0; i < count; i++) {
      if (this.coder.isFill(i) || (hasParent && bytes[equal + i] === 1)) continue;
      if (index && !index.isNew(i)) continue;
      pages++;
    }
    return pages;
  }

  /** Encode `count` zero pages that were not read, as one run. */
  encodeZeros(frame: FrameBuilder, count: number): void {
    this.coder.placeZeros(frame, count);
    this.skipZeros(count);
  }

  /** Encode the image's last page, which is shorter than the others. */
  encodePartial(frame: FrameBuilder, address: number, bytes: number): void {
    this.hashPartial(address, bytes);
    this.coder.copyPages();
    const fill = this.context.codec.kernels.run.fillByte(address, bytes);
    if (fill >= 0) this.coder.placeFill(frame, fill);
    else this.coder.appendGroup(frame, address, bytes);
    this.nextPage++;
  }

  /** Add a chunk of a base image, so that later pages can refer to its whole pages. Nothing is encoded. */
  learn(chunk: Chunk): void {
    const { pageBytes, index, similar, parentPages } = this.context;
    const { address, bytes } = chunk;
    const count = Math.floor(bytes / pageBytes);
    if (count > 0) this.begin(chunk, count);
    for (let i = 0; i < count; i++) {
      if (!this.coder.isFill(i)) {
        const page = address + i * pageBytes;
        if (similar) index?.insertSketch(page, this.number, this.nextPage);
        if (!this.own.source) parentPages.keep(this.number, this.nextPage, page, pageBytes);
      }
      this.nextPage++;
    }
    if (bytes % pageBytes !== 0) this.hashPartial(address + count * pageBytes, bytes % pageBytes);
  }

  /** Add zero bytes of a base image. `zeros` returns the address of zero bytes, for a shorter last page. */
  learnZeros(bytes: number, zeros: (bytes: number) => number): void {
    const { pageBytes } = this.context;
    const count = Math.floor(bytes / pageBytes);
    if (count > 0) this.skipZeros(count);
    if (bytes % pageBytes !== 0) this.hashPartial(zeros(bytes % pageBytes), bytes % pageBytes);
  }

  private skipZeros(count: number): void {
    const { digest } = this.context;
    digest.addRepeated(digest.zeroPageDigest, count);
    this.own.digests.skip(count);
    this.nextPage += count;
  }

  private hashPartial(address: number, bytes: number): void {
    const { codec, partialDigest, digest } = this.context;
    codec.kernels.run.hash128(address, bytes, 0, 0, partialDigest);
    digest.add(partialDigest, 1);
  }

  private encodePage(frame: FrameBuilder, chunk: Chunk, i: number): void {
    const { index, references, parentPages, similar, candidate, pageBytes } = this.context;
    const digest = chunk.digests + 16 * i;
    const address = chunk.address + i * pageBytes;
    const page = this.nextPage;
    const parentPage = this.parentPageOf(chunk, i);
    if (this.isUnchanged(chunk, i, parentPage)) {
      this.placeUnchanged(frame, 1);
      return;
    }
    if (index?.wasSeen(i)) {
      const { image, page: other } = index.hit;
      if (index.isConfirmed(i) || references.isSamePage(image, other, address, digest)) {
        frame.addReference(SAME_AS, index.hit);
        if (image === this.number) this.duplicatesInside++;
        else this.duplicatesBetween++;
        if (!this.own.source) parentPages.keep(this.number, page, address, pageBytes);
        return;
      }
      // The found page cannot be read any more, or the fingerprints collide: replace it in the index, unless
      // jobs use the index for later pages.
      if (!this.lookUps.areInJobs) index.insert(digest, this.number, page);
    }
    candidate.set(
      address,
      page,
      this.parent,
      this.parentImage?.digests.matches(page, digest) ? 0 : parentPage,
    );
    this.coder.placeChosen(frame, address);
    if (similar && this.lookUps.looks.similar)
      index?.insertSketch(address, this.number, page, candidate.isSketched);
    if (!this.own.source) parentPages.keep(this.number, page, address, pageBytes);
  }

  /** Return the address of the parent's page, or 0 if its bytes are not available. */
  private parentPageOf(chunk: Chunk, i: number): number {
    if (chunk.hasParent) return chunk.parent + i * this.context.pageBytes;
    return this.parent === undefined ? 0 : this.context.parentPages.find(this.parent, this.nextPage);
  }

  /** Return whether the parent's page has the same digest and, if its bytes are available, the same bytes. */
  private isUnchanged(chunk: Chunk, i: number, parentPage: number): boolean {
    const { codec, pageBytes } = this.context;
    const { run, bytes } = codec.kernels;
    if (!this.parentImage?.digests.matches(this.nextPage, chunk.digests + 16 * i)) return false;
    if (chunk.hasParent) return bytes[chunk.equal + i] === 1;
    return parentPage === 0 || run.pagesEqual(chunk.address + i * pageBytes, parentPage, pageBytes) === 1;
  }
}
