/** Bytes of an image that are read, analyzed and encoded (or decoded and written) in one step. */
export const CHUNK_BYTES = 4 << 20;
