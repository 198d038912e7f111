// Every export of the module: addresses and lengths, no objects. src/kernels/exports.ts has their types,
// docs/kernels-abi.md their description.

export { lz4Decode, lz4Encode } from "./codec/lz4";
export { rleDecode, rleEncode } from "./codec/rle";
export { wkdmDecode, wkdmEncode } from "./codec/wkdm";
export { xbzrleDecode, xbzrleEncode } from "./codec/xbzrle";
export { zeroAwareDecode, zeroAwareEncode } from "./codec/zero-aware";
export { indexAddPages, indexFind, indexInit, indexInsert } from "./dedup/index";
export { sketchFind, sketchInit, sketchInsert, sketchPage } from "./dedup/sketch";
export { blake3Pages } from "./hash/blake3";
export { hash64, hash64Runs, hash128, hash128Pages } from "./hash/xxh3";
export * from "./layout";
export { profilePage } from "./page/profile";
export { copyBytes, fillByte, pagesEqual, scanPages } from "./page/scan";
