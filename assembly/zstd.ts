// Every export of the zstd module, which is built beside the one of index.ts: addresses and lengths, no
// objects. src/kernels/zstd-exports.ts has their types, docs/kernels-abi.md their description. The module has
// no static data, so that both can share one memory.

export { zstdChecksum } from "./codec/zstd/checksum";
export { zstdBlockBytes, zstdDecodeBlock } from "./codec/zstd/decode/block";
export { zstdDecode, zstdDecodeEnd, zstdDecodeHeader } from "./codec/zstd/decode/frame";
export {
  ZSTD_BLOCK_IS_LAST,
  ZSTD_DECODE_SCRATCH_BYTES,
  ZSTD_FRAME_CONTENT_BYTES,
  ZSTD_FRAME_HAS_CHECKSUM,
  ZSTD_FRAME_IS_SKIPPABLE,
  ZSTD_FRAME_MAX_BLOCK_BYTES,
  ZSTD_FRAME_WINDOW_BYTES,
} from "./codec/zstd/decode/scratch";
export {
  zstdEncode,
  zstdEncodeBegin,
  zstdEncodeBlock,
  zstdEncodeScratchBytes,
} from "./codec/zstd/encode/frame";
export { ZSTD_MAX_BLOCK_BYTES } from "./codec/zstd/format";
