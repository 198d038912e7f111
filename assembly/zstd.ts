// Every export of the zstd module, which is built beside the one of index.ts: addresses and lengths, no
// objects. src/kernels/zstd-exports.ts has their types, docs/kernels-abi.md their description. The module has
// no static data, so that both can share one memory.

/** Largest content of a block, in bytes (RFC 8878, 3.1.1.2.4). */
export const ZSTD_MAX_BLOCK_BYTES: u32 = 131072;
