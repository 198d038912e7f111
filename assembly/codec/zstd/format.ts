// What encoder and decoder share of the format (RFC 8878).

export const ZSTD_MAGIC: u32 = 0xfd2fb528;
/** Largest content of a block, in bytes (3.1.1.2.4). */
export const ZSTD_MAX_BLOCK_BYTES: u32 = 131072;
