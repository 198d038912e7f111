/** Bytes of an image that are read, surveyed and encoded (or decoded and written) in one step. */
export const CHUNK_BYTES = 4 << 20;
/**
 * The smallest and the largest page size of a stream: memory for a chunk's pages is declared before the size
 * is known.
 */
export const MIN_PAGE_BYTES = 4096;
export const MAX_PAGE_BYTES = 65536;
