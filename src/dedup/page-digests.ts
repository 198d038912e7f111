import type { Kernels } from '../kernels/kernels.js';

const CHUNK_PAGES = 65536;

/**
 * The digests of one image's pages, 16 bytes each, in page order; all zero for a page that no other page
 * refers to.
 */
export class PageDigests {
  pages = 0;
  /** Chunks that hold only skipped pages are missing. */
  private readonly chunks: (Uint32Array | undefined)[] = [];

  constructor(private readonly kernels: Kernels) {}

  /** Append the digests of the next `count` pages, stored at `digests`. */
  append(digests: number, count: number): void {
    const { words } = this.kernels;
    const first = digests >>> 2;
    for (let done = 0; done < count; ) {
      const at = this.pages % CHUNK_PAGES;
      const fits = Math.min(count - done, CHUNK_PAGES - at);
      const number = Math.floor(this.pages / CHUNK_PAGES);
      this.chunks[number] ??= new Uint32Array(4 * CHUNK_PAGES);
      this.chunks[number].set(words.subarray(first + 4 * done, first + 4 * (done + fits)), 4 * at);
      this.pages += fits;
      done += fits;
    }
  }

  /** Append `count` pages that no other page refers to; takes no memory. */
  skip(count: number): void {
    this.pages += count;
  }

  /** Return whether the digest stored at `digest` is the digest of `page`. */
  matches(page: number, digest: number): boolean {
    if (page >= this.pages) return false;
    const chunk = this.chunks[Math.floor(page / CHUNK_PAGES)];
    if (!chunk) return false;
    const at = 4 * (page % CHUNK_PAGES);
    return isDigest(chunk, at, this.kernels.words, digest >>> 2);
  }
}

/**
 * Return whether the four words of a digest are equal: those of `a` from `at` on and those of `b` from `from`
 * on.
 */
export function isDigest(a: Uint32Array, at: number, b: Uint32Array, from: number): boolean {
  return (
    a[at] === b[from] && a[at + 1] === b[from + 1] && a[at + 2] === b[from + 2] && a[at + 3] === b[from + 3]
  );
}
