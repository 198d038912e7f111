import { CONFIRMED } from '../../dedup/page-index.js';
import type { Kernels } from '../../kernels/kernels.js';
import { INGEST } from './job.js';

const NO_REFERENCE = 0xffffffff;

/**
 * Compare each page of an ingest job with the page that the index found for it, and mark the references to
 * equal pages as CONFIRMED. The found page is in the job's chunk or is read from its image's file. References
 * to images whose digests or file are unknown stay unconfirmed: the calling thread compares those pages.
 * `at`: first word of the job. `buffer`: address of `bufferBytes` bytes, at least a page. `read` returns the
 * number of bytes read.
 */
export function confirmDuplicates(
  { run, words }: Kernels,
  at: number,
  buffer: number,
  bufferBytes: number,
  read: (file: number, offset: number, address: number, bytes: number) => number,
): void {
  const pageBytes = words[at + INGEST.PAGE_BYTES]!;
  const address = words[at + INGEST.ADDRESS]!;
  const first = words[at + INGEST.FIRST_PAGE]!;
  const ownImage = words[at + INGEST.IMAGE]!;
  const count = Math.floor(words[at + INGEST.READ]! / pageBytes);
  const references = words[at + INGEST.REFERENCES]! >>> 2;
  const known = words[at + INGEST.KNOWN]! >>> 2;
  /** The pages that the buffer holds. */
  const window = { image: -1, first: 0, end: 0 };
  for (let i = 0; i < count; i++) {
    const reference = references + 2 * i;
    const page = words[reference]!;
    const image = words[reference + 1]!;
    if (image === NO_REFERENCE) continue;
    const isInChunk = image === ownImage && page >= first;
    if (!isInChunk && !(image === window.image && page >= window.first && page < window.end)) {
      const digests = words[known + 4 * image]!;
      const file = words[known + 4 * image + 1]!;
      if (digests === 0 || file === 0) continue;
      const maxPages = Math.min(count - i, Math.floor(bufferBytes / pageBytes));
      let pages = 1;
      while (pages < maxPages && refersTo(words, reference + 2 * pages, image, page + pages)) pages++;
      const offset = words[known + 4 * image + 2]! + words[known + 4 * image + 3]! * 2 ** 32;
      const bytes = read(file - 1, offset + page * pageBytes, buffer, pages * pageBytes);
      window.image = image;
      window.first = page;
      window.end = page + Math.floor(bytes / pageBytes);
      if (bytes < pageBytes) continue;
    }
    const other = isInChunk
      ? address + (page - first) * pageBytes
      : buffer + (page - window.first) * pageBytes;
    if (run.pagesEqual(other, address + i * pageBytes, pageBytes) === 1)
      words[reference + 1] = (image | CONFIRMED) >>> 0;
  }
}

function refersTo(words: Uint32Array, reference: number, image: number, page: number): boolean {
  return words[reference] === page && words[reference + 1] === image;
}
