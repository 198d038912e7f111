import type { Slots } from '../kernels/arena.js';
import type { Kernels } from '../kernels/kernels.js';
import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import { DigestMemory, type PageDigests } from './page-digests.js';
import type { ParentPageCache } from './parent-page-cache.js';

/** Pages of one read when references are to consecutive pages. */
const WINDOW_PAGES = 16;
/** Limit on the bytes of digests on JavaScript's heap; above it those of the oldest images are dropped. */
const MAX_COPIED_BYTES = 64 << 20;
/** Latest images whose digests are never dropped: the parents of the next image and of its container. */
const KEPT_IMAGES = 2;

/** An image that later pages may refer to. */
export interface ReferenceImage {
  readonly digests: PageDigests;
  /** The image's source, if its pages can be read again. */
  readonly source: PageSource | undefined;
}

/** Pages that the receiver has. */
export interface ReferencePages {
  /**
   * Return the address of a page with the bytes that were sent, valid until the next call; 0 if not
   * available.
   */
  find(image: number, page: number): number;
  /** Return whether the bytes at `address` have the digest of the page as it was sent. */
  isAsSent(image: number, page: number, address: number): boolean;
}

/**
 * The images of a stream so far, base images included, and their pages as the receiver has them. A page that
 * is read again from its source is used only if its digest is still the one that was sent: the file may have
 * changed.
 */
export class ReferenceImages implements ReferencePages {
  private readonly kernels: Kernels;
  private readonly images: ReferenceImage[] = [];
  /** Address of the buffer for pages that are read again. */
  private readonly slot: number;
  private readonly digest: number;
  private readonly digests: DigestMemory;
  /** Bytes of digests on JavaScript's heap. */
  private copiedBytes = 0;
  /** The first image whose digests were not dropped. */
  private oldest = 0;
  /** The pages in the buffer at `slot`. */
  private readonly window = { image: -1, first: 0, pages: 0 };

  /** `digestPages`: capacity for digests in the kernels' memory, in pages. */
  constructor(
    slots: Slots,
    private readonly pageBytes: number,
    private readonly parentPages: ParentPageCache,
    private readonly digestPages = 0,
  ) {
    this.kernels = slots.kernels;
    this.digests = new DigestMemory(slots, digestPages);
    this.slot = slots.slot('reference pages', WINDOW_PAGES * pageBytes);
    this.digest = slots.slot('digest of a reference page', 16);
  }

  get count(): number {
    return this.images.length;
  }

  /**
   * Add the next image. The encoder then appends its digests, which are in the kernels' memory if the image
   * can be read again and there is space. `isLast`: no image follows, so only references within the image
   * need digests, and only if it can be read again.
   */
  add(source: PageSource | undefined, isLast = false): ReferenceImage {
    const readable = source?.readAt ? source : undefined;
    const pages = Math.floor((readable?.bytes ?? 0) / this.pageBytes);
    this.dropOldest();
    const last = readable ? this.digestPages : 0;
    const image = {
      digests: this.digests.create(this.kernels, pages, isLast ? last : Infinity),
      source: readable,
    };
    this.images.push(image);
    return image;
  }

  /** Drop digests of the oldest images while there are too many; so does the page index. */
  private dropOldest(): void {
    this.copiedBytes += this.images.at(-1)?.digests.copiedBytes ?? 0;
    while (this.copiedBytes > MAX_COPIED_BYTES && this.oldest < this.count - KEPT_IMAGES) {
      const { digests } = this.images[this.oldest++]!;
      this.copiedBytes -= digests.copiedBytes;
      digests.drop();
    }
  }

  image(number: number): ReferenceImage | undefined {
    return this.images[number];
  }

  find(image: number, page: number): number {
    const kept = this.parentPages.find(image, page);
    if (kept !== 0) return kept;
    const read = this.read(image, page);
    return read !== 0 && this.isAsSent(image, page, read) ? read : 0;
  }

  /**
   * Return whether the page at `address`, with the digest at `digest`, equals the page that was sent: all
   * bytes of the cached version, or the digest and all bytes of the page read again. False if neither is
   * available.
   */
  isSamePage(image: number, page: number, address: number, digest: number): boolean {
    const kept = this.parentPages.find(image, page);
    if (kept === 0 && !this.images[image]?.digests.matches(page, digest)) return false;
    const other = kept !== 0 ? kept : this.read(image, page);
    return other !== 0 && this.kernels.run.pagesEqual(other, address, this.pageBytes) === 1;
  }

  isAsSent(image: number, page: number, address: number): boolean {
    this.kernels.run.hash128(address, this.pageBytes, 0, 0, this.digest);
    return this.images[image]?.digests.matches(page, this.digest) ?? false;
  }

  /** Read a page again; return its address, or 0. Consecutive pages are read several at a time. */
  private read(image: number, page: number): number {
    const source = this.images[image]?.source;
    if (!source?.readAt) return 0;
    const { pageBytes, window } = this;
    if (image !== window.image || page < window.first || page >= window.first + window.pages) {
      const isNext = image === window.image && page === window.first + window.pages;
      const capacity = (isNext ? WINDOW_PAGES : 1) * pageBytes;
      window.image = image;
      window.first = page;
      window.pages = 0;
      const bytes = source.readAt(
        this.kernels.bytes.subarray(this.slot, this.slot + capacity),
        page * pageBytes,
      );
      if (!(Number.isInteger(bytes) && bytes >= 0 && bytes <= capacity))
        throw new PageferryError(
          'io',
          `${source.name}: readAt returned ${bytes}, expected 0 … ${capacity} bytes`,
        );
      window.pages = Math.floor(bytes / pageBytes);
      if (window.pages === 0) return 0;
    }
    return this.slot + (page - window.first) * pageBytes;
  }
}
