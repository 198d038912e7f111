/** Bytes of an image that a decoder decodes and writes in one step, and that a page reader collects. */
export const CHUNK_BYTES = 4 << 20;
/** Bounds on the page size of a stream: a reader declares its memory before it knows the size. */
export const MIN_PAGE_BYTES = 4096;
export const MAX_PAGE_BYTES = 65536;
