import { CONFIRMED } from '../../dedup/page-index.js';
import type { Kernels } from '../../kernels/kernels.js';

const NO_REFERENCE = 0xffffffff;

/** The pages of a chunk, and the references that the index found for them. */
interface LookedUpChunk {
  readonly address: number;
  readonly pages: number;
  readonly pageBytes: number;
  /** The image and number of the first page. */
  readonly image: number;
  readonly firstPage: number;
  /** Address of a page number and an image for each page (u32 each). */
  readonly references: number;
}

/**
 * Compare each page of a chunk with the page that the index found for it, and mark the references to equal
 * pages as CONFIRMED. The found page is in the chunk or is read from its image's file. References to images
 * whose digests or file are unknown stay unconfirmed: the calling thread compares those pages. `known`:
 * address of the index's list of images. `buffer`: at least a page. `read` returns the number of bytes read.
 */
export function confirmDuplicates(
  { run, words }: Kernels,
  chunk: LookedUpChunk,
  known: number,
  buffer: { readonly address: number; readonly bytes: number },
  read: (file: number, offset: number, address: number, bytes: number) => number,
): void {
  const { address, pages: count, pageBytes, image: ownImage, firstPage: first } = chunk;
  /** The pages that the buffer holds. */
  const window = { image: -1, first: 0, end: 0 };
  for (let i = 0; i < count; i++) {
    const reference = (chunk.references >>> 2) + 2 * i;
    const page = words[reference]!;
    const image = words[reference + 1]!;
    if (image === NO_REFERENCE) continue;
    const isInChunk = image === ownImage && page >= first;
    if (!isInChunk && !(image === window.image && page >= window.first && page < window.end)) {
      const at = (known >>> 2) + 4 * image;
      const [digests, file] = [words[at]!, words[at + 1]!];
      if (digests === 0 || file === 0) continue;
      const maxPages = Math.min(count - i, Math.floor(buffer.bytes / pageBytes));
      let pages = 1;
      while (pages < maxPages && refersTo(words, reference + 2 * pages, image, page + pages)) pages++;
      const offset = words[at + 2]! + words[at + 3]! * 2 ** 32;
      const bytes = read(file - 1, offset + page * pageBytes, buffer.address, pages * pageBytes);
      window.image = image;
      window.first = page;
      window.end = page + Math.floor(bytes / pageBytes);
      if (bytes < pageBytes) continue;
    }
    const other = isInChunk
      ? address + (page - first) * pageBytes
      : buffer.address + (page - window.first) * pageBytes;
    if (run.pagesEqual(other, address + i * pageBytes, pageBytes) === 1)
      words[reference + 1] = (image | CONFIRMED) >>> 0;
  }
}

function refersTo(words: Uint32Array, reference: number, image: number, page: number): boolean {
  return words[reference] === page && words[reference + 1] === image;
}
