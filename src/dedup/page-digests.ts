import type { Slots } from '../kernels/arena.js';
import type { Kernels } from '../kernels/kernels.js';

const CHUNK_PAGES = 65536;
const DIGEST_BYTES = 16;

/** Memory of the kernels for page digests of images whose size is known. */
export class DigestMemory {
  private next: number;
  private readonly end: number;

  /** `pages`: capacity in pages; `option`: the user's option that sets it. */
  constructor(slots: Slots, pages: number, option = 'indexPages') {
    this.next = slots.slot('page digests', DIGEST_BYTES * pages, option);
    this.end = this.next + DIGEST_BYTES * pages;
  }

  /** Create the digests of an image: in this memory if it fits, else on the heap, at most `maxCopied`. */
  create(kernels: Kernels, pages: number, maxCopied: number): PageDigests {
    const address = this.next;
    if (pages === 0 || pages > (this.end - address) / DIGEST_BYTES)
      return new PageDigests(kernels, 0, 0, maxCopied);
    this.next += DIGEST_BYTES * pages;
    return new PageDigests(kernels, address, pages);
  }
}

/**
 * The digests of one image's pages, 16 bytes each, in page order. A skipped page, to which no page refers,
 * has a digest of zeros. With an `address` the digests are in the kernels' memory, `capacity` of them, where
 * jobs write them; without one (0) they are copied to JavaScript's heap.
 */
export class PageDigests {
  /** Pages so far. */
  pages = 0;
  /** Digests on the heap; a chunk that has only skipped pages is missing. */
  private readonly chunks: (Uint32Array | undefined)[] = [];
  private chunkCount = 0;

  /** `maxCopied`: maximum number of digests on the heap, in steps of 65536; later ones are not kept. */
  constructor(
    private readonly kernels: Kernels,
    readonly address = 0,
    private readonly capacity = 0,
    private readonly maxCopied = Infinity,
  ) {}

  /** Bytes of the digests on the heap. */
  get copiedBytes(): number {
    return DIGEST_BYTES * CHUNK_PAGES * this.chunkCount;
  }

  /** Drop the digests on the heap: these pages match no digest any more. */
  drop(): void {
    this.chunks.length = 0;
    this.chunkCount = 0;
  }

  /** Return the address in the kernels' memory for the digests of `count` pages from `page` on, or 0. */
  place(page: number, count: number): number {
    return page + count <= this.capacity ? this.address + DIGEST_BYTES * page : 0;
  }

  /** Append the digests of the next `count` pages, stored at `digests`; no copy if that is their `place`. */
  append(digests: number, count: number): void {
    const { words, run } = this.kernels;
    if (this.address !== 0) {
      // Without a place the source has more pages than it announced; reading it will fail at its end.
      const to = this.place(this.pages, count);
      if (to !== 0 && to !== digests) run.copyBytes(to, digests, DIGEST_BYTES * count);
      this.pages += count;
      return;
    }
    const first = digests >>> 2;
    for (let done = 0; done < count; ) {
      const at = this.pages % CHUNK_PAGES;
      const fits = Math.min(count - done, CHUNK_PAGES - at);
      const number = Math.floor(this.pages / CHUNK_PAGES);
      this.chunk(number)?.set(words.subarray(first + 4 * done, first + 4 * (done + fits)), 4 * at);
      this.pages += fits;
      done += fits;
    }
  }

  private chunk(number: number): Uint32Array | undefined {
    if (!this.chunks[number] && CHUNK_PAGES * this.chunkCount < this.maxCopied) {
      this.chunks[number] = new Uint32Array(4 * CHUNK_PAGES);
      this.chunkCount++;
    }
    return this.chunks[number];
  }

  /** Append `count` pages that no other page refers to; takes no memory. */
  skip(count: number): void {
    this.pages += count;
  }

  /** Return whether the digest stored at `digest` is the digest of `page`. */
  matches(page: number, digest: number): boolean {
    if (page >= this.pages) return false;
    const { words } = this.kernels;
    const place = this.place(page, 1);
    if (place !== 0) return isDigest(words, place >>> 2, words, digest >>> 2);
    const chunk = this.chunks[Math.floor(page / CHUNK_PAGES)];
    return chunk !== undefined && isDigest(chunk, 4 * (page % CHUNK_PAGES), words, digest >>> 2);
  }
}

/** Return whether two digests are equal: the four words at `a[at]` and those at `b[from]`. */
export function isDigest(a: Uint32Array, at: number, b: Uint32Array, from: number): boolean {
  return (
    a[at] === b[from] && a[at + 1] === b[from + 1] && a[at + 2] === b[from + 2] && a[at + 3] === b[from + 3]
  );
}
