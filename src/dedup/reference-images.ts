import type { Kernels } from '../kernels/kernels.js';
import type { PageSource } from '../page/source.js';
import { PageDigests } from './page-digests.js';
import type { ParentPageCache } from './parent-page-cache.js';

/** Pages that are read at once where references run in a row. */
const WINDOW_PAGES = 16;

/** One image that later pages may refer to. */
export interface ReferenceImage {
  readonly digests: PageDigests;
  /** For reading its pages again, where its source can. */
  readonly source: PageSource | undefined;
}

/** Pages that the receiver has. */
export interface ReferencePages {
  /** Where a whole page stands in the kernels' memory as it was sent, or 0 when it cannot be had. Good until the next call. */
  find(image: number, page: number): number;
  /** Whether the bytes at `address` are the page as it was sent. */
  isAsSent(image: number, page: number, address: number): boolean;
}

/**
 * The images so far, base images among them, and their pages as the receiver has them. A page that is read again from its source
 * only counts when its digest is still the one that was sent: a file may have changed in between.
 */
export class ReferenceImages implements ReferencePages {
  private readonly images: ReferenceImage[] = [];
  private readonly slot: number;
  private readonly digest: number;
  /** Which pages stand in the slot. */
  private readonly window = { image: -1, first: 0, pages: 0 };

  constructor(
    private readonly kernels: Kernels,
    private readonly pageBytes: number,
    private readonly versions: ParentPageCache,
  ) {
    this.slot = kernels.reserve(WINDOW_PAGES * pageBytes, 'earlier pages');
    this.digest = kernels.reserve(16, 'earlier page digest');
  }

  get count(): number {
    return this.images.length;
  }

  /** Opens the next image; its digests are appended as its pages go by. */
  add(source: PageSource | undefined): ReferenceImage {
    const image = { digests: new PageDigests(this.kernels), source: source?.readAt ? source : undefined };
    this.images.push(image);
    return image;
  }

  image(number: number): ReferenceImage | undefined {
    return this.images[number];
  }

  /**
   * Where a whole page stands in the kernels' memory as it was sent, or 0 when it cannot be had. The address is good until the
   * next call.
   */
  find(image: number, page: number): number {
    const kept = this.versions.find(image, page);
    if (kept !== 0) return kept;
    const read = this.read(image, page);
    return read !== 0 && this.isAsSent(image, page, read) ? read : 0;
  }

  /** Where a page stands whose bytes are the same as those at `address`, confirmed byte by byte. */
  confirm(image: number, page: number, address: number): boolean {
    const { run } = this.kernels;
    const kept = this.versions.find(image, page);
    if (kept !== 0) return run.pagesEqual(kept, address, this.pageBytes) === 1;
    const read = this.read(image, page);
    return read !== 0 && run.pagesEqual(read, address, this.pageBytes) === 1;
  }

  /** Whether the bytes at `address` are the page as it was sent. */
  isAsSent(image: number, page: number, address: number): boolean {
    this.kernels.run.hash128(address, this.pageBytes, 0, 0, this.digest);
    return this.images[image]?.digests.matches(page, this.digest) ?? false;
  }

  /** Where a page stands as its source has it now, or 0. Pages asked for one after the other are read several at a time. */
  private read(image: number, page: number): number {
    const source = this.images[image]?.source;
    if (!source?.readAt) return 0;
    const { pageBytes, window } = this;
    if (image !== window.image || page < window.first || page >= window.first + window.pages) {
      const next = image === window.image && page === window.first + window.pages;
      const into = this.kernels.bytes.subarray(this.slot, this.slot + (next ? WINDOW_PAGES : 1) * pageBytes);
      window.image = image;
      window.first = page;
      window.pages = Math.floor(source.readAt(into, page * pageBytes) / pageBytes);
      if (window.pages === 0) return 0;
    }
    return this.slot + (page - window.first) * pageBytes;
  }
}
