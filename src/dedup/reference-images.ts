import type { Slots } from '../kernels/arena.js';
import type { Kernels } from '../kernels/kernels.js';
import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import { DigestMemory, type PageDigests } from './page-digests.js';
import type { ParentPageCache } from './parent-page-cache.js';

/** Pages that one read fetches where references are to consecutive pages. */
const WINDOW_PAGES = 16;
/** Digests outside of the kernels' memory from which on those of the oldest images are dropped. */
const MAX_COPIED_BYTES = 64 << 20;
/** Images that keep their digests in any case: the parents of the next image and of its container. */
const KEPT_IMAGES = 2;

/** An image that later pages may refer to. */
export interface ReferenceImage {
  readonly digests: PageDigests;
  /** Reads the image's pages again, where its source supports that. */
  readonly source: PageSource | undefined;
}

/** Pages that the receiver holds. */
export interface ReferencePages {
  /**
   * Return the address of a whole page with the bytes that were sent, valid until the next call, or 0 when
   * they are not available.
   */
  find(image: number, page: number): number;
  /** Return whether the bytes at `address` have the digest of the page as it was sent. */
  isAsSent(image: number, page: number, address: number): boolean;
}

/**
 * The images of a stream so far, base images included, and their pages as the receiver holds them. A page
 * that is read again from its source is used only if its digest is still the one that was sent: a file may
 * have changed in between.
 */
export class ReferenceImages implements ReferencePages {
  private readonly kernels: Kernels;
  private readonly images: ReferenceImage[] = [];
  private readonly slot: number;
  private readonly digest: number;
  private readonly digests: DigestMemory;
  /** Bytes of digests outside of the kernels' memory, and the first image whose digests were not dropped. */
  private copiedBytes = 0;
  private oldest = 0;
  /** The pages in the slot. */
  private readonly window = { image: -1, first: 0, pages: 0 };

  /** `digestPages`: pages whose digests have space in the kernels' memory. */
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
   * Add the next image; the encoder appends its digests page by page. Those of an image that can be read
   * again are in the kernels' memory as long as that has space. `isLast`: no later image is compared with it,
   * so only its own pages need them, and only to compare pages that are read again.
   */
  add(source: PageSource | undefined, isLast = false): ReferenceImage {
    const readable = source?.readAt ? source : undefined;
    const pages = Math.floor((readable?.bytes ?? 0) / this.pageBytes);
    this.dropOldest();
    const last = readable ? this.digestPages : 0;
    const image = {
      digests: this.digests.create(this.kernels, pages, isLast ? last : Number.POSITIVE_INFINITY),
      source: readable,
    };
    this.images.push(image);
    return image;
  }

  /** Drop digests of the oldest images, which the page index drops first too, if there are too many. */
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
   * Return whether the page at `address` with the digest at `digest` is the page that was sent: every byte
   * of the kept version is equal, or the digests are and every byte of the page as its source has it now.
   * False when neither is available.
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

  /**
   * Return the address of a page as its source has it now, or 0. Consecutive pages are read several at a
   * time.
   */
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
