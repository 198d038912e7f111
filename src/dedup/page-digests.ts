import type { Kernels } from '../kernels/kernels.js';

const CHUNK_PAGES = 65536;

/** The digest of every page of one image, 16 bytes each, in the order of the pages; all zero for a page that nothing refers to. */
export class PageDigests {
  private readonly chunks: Uint32Array[] = [];
  pages = 0;

  constructor(private readonly kernels: Kernels) {}

  /** Appends the digests of `count` pages, which stand at `digests`. */
  append(digests: number, count: number): void {
    const { words } = this.kernels;
    const first = digests >>> 2;
    for (let done = 0; done < count; ) {
      const at = this.pages % CHUNK_PAGES;
      if (at === 0) this.chunks.push(new Uint32Array(4 * CHUNK_PAGES));
      const fits = Math.min(count - done, CHUNK_PAGES - at);
      this.chunks[this.chunks.length - 1]!.set(
        words.subarray(first + 4 * done, first + 4 * (done + fits)),
        4 * at,
      );
      this.pages += fits;
      done += fits;
    }
  }

  /** Whether the digest at `digest` is that of `page`. */
  matches(page: number, digest: number): boolean {
    if (page >= this.pages) return false;
    const chunk = this.chunks[Math.floor(page / CHUNK_PAGES)]!;
    const at = 4 * (page % CHUNK_PAGES);
    return isDigest(chunk, at, this.kernels.words, digest >>> 2);
  }
}

/** Whether the same digest, four words, stands in both places. */
export function isDigest(a: Uint32Array, at: number, b: Uint32Array, from: number): boolean {
  return (
    a[at] === b[from] && a[at + 1] === b[from + 1] && a[at + 2] === b[from + 2] && a[at + 3] === b[from + 3]
  );
}
