import { codecByName } from '../../codec/registry.js';
import type { ImageDigest } from '../../dedup/image-digest.js';
import type { PageIndex } from '../../dedup/page-index.js';
import type { ParentPageCache } from '../../dedup/parent-page-cache.js';
import type { ReferenceImage, ReferenceImages } from '../../dedup/reference-images.js';
import type { FrameBuilder } from '../frame/frame-builder.js';
import { PageCoder, type PageCoderContext } from '../frame/page-coder.js';

const SAME_AS = codecByName('same-as');
const UNCHANGED = codecByName('unchanged');

/** What encoding an image works with; the same for every image of a stream. */
export interface ImageContext extends PageCoderContext {
  readonly earlier: ReferenceImages;
  readonly versions: ParentPageCache;
  /** Absent: duplicates are not searched. */
  readonly index: PageIndex | undefined;
  /** Whether similar pages are searched. */
  readonly similar: boolean;
  readonly digest: ImageDigest;
}

/** Encodes the pages of one image, in order, into the frames it is given. */
export class ImageEncoder {
  nextPage = 0;
  /** Pages equal to another page of this image. */
  duplicatesInside = 0;
  /** Pages equal to a page of an earlier image at another page number. */
  duplicatesBetween = 0;
  private readonly coder: PageCoder;
  private readonly parentImage: ReferenceImage | undefined;

  constructor(
    private readonly context: ImageContext,
    readonly number: number,
    readonly parent: number | undefined,
    private readonly own: ReferenceImage,
  ) {
    this.coder = new PageCoder(context);
    this.parentImage = parent === undefined ? undefined : context.earlier.image(parent);
  }

  /** The image that a frame's first reference is relative to. */
  get expectedImage(): number {
    return this.parent ?? 0;
  }

  /** Classify, hash and look up `count` whole pages at `address` in one pass. */
  survey(address: number, count: number): void {
    const { classes, digests, digest } = this.context;
    this.coder.survey(address, count);
    digest.add(digests, count);
    this.own.digests.append(digests, count);
    this.context.index?.addRun(digests, classes, count, this.number, this.nextPage);
  }

  /** Whether a surveyed page repeats one byte. */
  isFill(page: number): boolean {
    return this.coder.isFill(page);
  }

  /**
   * Encode surveyed pages from `first` until all `count` are done or the frame is full; return the number of
   * encoded pages. `versions`: address of the parent's pages at the same positions, 0 when they were not
   * read.
   */
  encode(
    frame: FrameBuilder,
    address: number,
    versions: number,
    first: number,
    count: number,
    isFull: (frame: FrameBuilder) => boolean,
  ): number {
    const { pageBytes } = this.context;
    let i = first;
    for (; i < count; i++) {
      if (!this.coder.placeFill(frame, i))
        this.encodePage(frame, address + i * pageBytes, versions === 0 ? 0 : versions + i * pageBytes, i);
      this.nextPage++;
      if (isFull(frame)) return i + 1 - first;
    }
    return i - first;
  }

  /** Encode `count` zero pages, which were not read, as one run. */
  encodeZeros(frame: FrameBuilder, count: number): void {
    this.coder.placeZeros(frame, count);
    this.skipZeros(count);
  }

  /** Encode the image's last page, which is shorter than the others. */
  encodePartial(frame: FrameBuilder, address: number, bytes: number): void {
    this.hashPartial(address, bytes);
    const fill = this.context.codec.kernels.run.fillByte(address, bytes);
    if (fill >= 0) this.coder.placeFilled(frame, fill);
    else this.coder.appendGroup(frame, address, bytes);
    this.nextPage++;
  }

  /**
   * Add `bytes` bytes of a base image, of which none are sent: whole pages, which can be referred to, then a
   * shorter last one.
   */
  learn(address: number, bytes: number): void {
    const { pageBytes, index, similar, versions } = this.context;
    const count = Math.floor(bytes / pageBytes);
    if (count > 0) this.survey(address, count);
    for (let i = 0; i < count; i++) {
      if (!this.coder.isFill(i)) {
        const page = address + i * pageBytes;
        if (similar) index?.insertSketch(page, this.number, this.nextPage);
        if (!this.own.source) versions.keep(this.number, this.nextPage, page, pageBytes);
      }
      this.nextPage++;
    }
    if (bytes % pageBytes !== 0) this.hashPartial(address + count * pageBytes, bytes % pageBytes);
  }

  /** Add zero bytes of a base image; `zeros` returns the address of that many, for a shorter last page. */
  learnZeros(bytes: number, zeros: (bytes: number) => number): void {
    const { pageBytes } = this.context;
    const count = Math.floor(bytes / pageBytes);
    if (count > 0) this.skipZeros(count);
    if (bytes % pageBytes !== 0) this.hashPartial(zeros(bytes % pageBytes), bytes % pageBytes);
  }

  private skipZeros(count: number): void {
    this.context.digest.addRepeated(this.context.zeroPageDigest, count);
    this.own.digests.skip(count);
    this.nextPage += count;
  }

  private hashPartial(address: number, bytes: number): void {
    const { codec, digests, digest } = this.context;
    codec.kernels.run.hash128(address, bytes, 0, 0, digests);
    digest.add(digests, 1);
  }

  private encodePage(frame: FrameBuilder, address: number, version: number, i: number): void {
    const { digests, index, earlier, versions, similar, candidate } = this.context;
    const digest = digests + 16 * i;
    const page = this.nextPage;
    const last = version !== 0 || this.parent === undefined ? version : versions.find(this.parent, page);
    if (this.isUnchanged(page, digest, address, last)) {
      frame.table.add(UNCHANGED);
      frame.count(UNCHANGED);
      versions.extend(this.parent!, this.number, page);
      return;
    }
    if (index?.wasSeen(i)) {
      const { image, page: other } = index.hit;
      if (earlier.isSamePage(image, other, address, digest)) {
        frame.table.addReference(SAME_AS, image, other);
        frame.count(SAME_AS);
        if (image === this.number) this.duplicatesInside++;
        else this.duplicatesBetween++;
        if (!this.own.source) versions.keep(this.number, page, address, this.context.pageBytes);
        return;
      }
      // The bytes cannot be compared any more, or the fingerprints collide: the index refers to this page
      // from now on.
      index.insert(digest, this.number, page);
    }
    candidate.set(address, page, this.parent, this.parentImage?.digests.matches(page, digest) ? 0 : last);
    this.coder.choose(frame, address);
    if (similar) index?.insertSketch(address, this.number, page, candidate.sketched);
    if (!this.own.source) versions.keep(this.number, page, address, this.context.pageBytes);
  }

  /** Whether the parent's page has the same digest and, where its bytes are available, the same bytes. */
  private isUnchanged(page: number, digest: number, address: number, last: number): boolean {
    if (!this.parentImage?.digests.matches(page, digest)) return false;
    const { codec, pageBytes } = this.context;
    return last === 0 || codec.kernels.run.pagesEqual(address, last, pageBytes) === 1;
  }
}
