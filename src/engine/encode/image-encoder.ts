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
  /** Absent: no duplicates are looked for. */
  readonly index: PageIndex | undefined;
  /** Whether similar pages are looked for. */
  readonly similar: boolean;
  readonly digest: ImageDigest;
}

/** Encodes the pages of one image, in order, into frames that it is handed. */
export class ImageEncoder {
  nextPage = 0;
  /** Pages that are the same as another of this image, and of another image. */
  duplicatesInside = 0;
  duplicatesBetween = 0;
  private readonly own: ReferenceImage;
  private readonly coder: PageCoder;
  private readonly parentImage: ReferenceImage | undefined;

  constructor(
    private readonly context: ImageContext,
    readonly number: number,
    readonly parent: number | undefined,
    own: ReferenceImage,
  ) {
    this.own = own;
    this.coder = new PageCoder(context);
    this.parentImage = parent === undefined ? undefined : context.earlier.image(parent);
  }

  /** What a frame's first reference is told against. */
  get expectedImage(): number {
    return this.parent ?? 0;
  }

  /** Looks at `count` whole pages at `address`: classes, digests, and where the same digest was seen, all in one go. */
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
   * Encodes surveyed pages from `first` on until all `count` are done or the frame is `full`; returns how many. `versions` is
   * where the same pages of the parent stand, 0 when they were not read.
   */
  encode(
    frame: FrameBuilder,
    address: number,
    versions: number,
    first: number,
    count: number,
    full: (frame: FrameBuilder) => boolean,
  ): number {
    const { pageBytes } = this.context;
    let i = first;
    for (; i < count; i++) {
      if (!this.coder.placeFill(frame, i))
        this.encodePage(frame, address + i * pageBytes, versions === 0 ? 0 : versions + i * pageBytes, i);
      this.nextPage++;
      if (full(frame)) return i + 1 - first;
    }
    return i - first;
  }

  /** The image's last page, shorter than the others. */
  encodePartial(frame: FrameBuilder, address: number, bytes: number): void {
    const { codec, digests, digest } = this.context;
    const { run } = codec.kernels;
    run.hash128(address, bytes, 0, 0, digests);
    digest.add(digests, 1);
    const fill = run.fillByte(address, bytes);
    if (fill >= 0) this.coder.placeFilled(frame, fill);
    else this.coder.appendGroup(frame, address, bytes);
    this.nextPage++;
  }

  /** Takes in pages of a base image: all can be referred to, none travels. */
  learn(address: number, count: number): void {
    const { pageBytes, index, similar, versions } = this.context;
    if (count > 0) this.survey(address, count);
    for (let i = 0; i < count; i++) {
      if (!this.coder.isFill(i)) {
        const page = address + i * pageBytes;
        if (similar) index?.insertSketch(page, this.number, this.nextPage);
        if (!this.own.source) versions.keep(this.number, this.nextPage, page, pageBytes);
      }
      this.nextPage++;
    }
  }

  learnPartial(address: number, bytes: number): void {
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
      // Bytes that cannot be compared any more, or a collision: from now on this page stands for its digest.
      index.insert(digest, this.number, page);
    }
    candidate.set(address, page, this.parent, this.parentImage?.digests.matches(page, digest) ? 0 : last);
    this.coder.choose(frame, address);
    if (similar) index?.insertSketch(address, this.number, page, candidate.sketched);
    if (!this.own.source) versions.keep(this.number, page, address, this.context.pageBytes);
  }

  /** Same digest, and same bytes wherever the last version is at hand. */
  private isUnchanged(page: number, digest: number, address: number, last: number): boolean {
    if (!this.parentImage?.digests.matches(page, digest)) return false;
    const { codec, pageBytes } = this.context;
    return last === 0 || codec.kernels.run.pagesEqual(address, last, pageBytes) === 1;
  }
}
