// Every export of the module: raw pointers and lengths, no objects. The TypeScript twin of this list is src/kernels/exports.ts.
export * from "./layout";
export { scanPages, fillByte, pagesEqual } from "./page/scan";
export { profilePage } from "./page/profile";
export { hash64, hash128, hash128Pages } from "./hash/xxh3";
export { rleEncode, rleDecode } from "./codec/rle";
export { zeroAwareEncode, zeroAwareDecode } from "./codec/zero-aware";
export { xbzrleEncode, xbzrleDecode } from "./codec/xbzrle";
export { wkdmEncode, wkdmDecode } from "./codec/wkdm";
export { lz4Encode, lz4Decode } from "./codec/lz4";
export { indexInit, indexFind, indexInsert } from "./dedup/index";
export { sketchInit, sketchPage, sketchFind, sketchInsert } from "./dedup/sketch";
