/**
 * The kernels' exports: the TypeScript twin of `assembly/index.ts`. Pointers and lengths are bytes in the kernels' memory.
 * Results that are counts of bytes are negative when they are a {@link STATUS} instead.
 *
 * Reading: a slot has `SLOT_SLACK` readable bytes after its content. Writing: nothing is ever written at or past `out + capacity`.
 */
export interface KernelExports {
  /** First address that the module's own constant tables do not use. */
  heapBase(): number;
  readonly SLOT_SLACK: { readonly value: number };
  readonly LZ4_SCRATCH_BYTES: { readonly value: number };
  readonly WKDM_SCRATCH_BYTES: { readonly value: number };
  readonly PROFILE_BYTES: { readonly value: number };
  readonly PROFILE_ESTIMATED_BYTES: { readonly value: number };

  /** One u16 a page into `classes`: 0 normal, 0x100 | byte when every byte is that byte. Returns the number of normal pages. */
  scanPages(src: number, pageCount: number, pageBytes: number, classes: number): number;
  /** The byte that fills `bytes` (1 … any) bytes, or -1. */
  fillByte(src: number, bytes: number): number;
  /** 1 when the two stretches hold the same bytes, else 0. */
  pagesEqual(a: number, b: number, bytes: number): number;
  /** Fills the u32 fields of a profile (`assembly/layout.ts`) at `out`; `base` 0 means none. */
  profilePage(page: number, base: number, pageBytes: number, out: number): void;

  /** XXH3-64 with a 64-bit seed in two halves; writes 8 bytes, little-endian. */
  hash64(src: number, bytes: number, seedLow: number, seedHigh: number, out: number): void;
  /** XXH3-128 with a 64-bit seed in two halves; writes 16 bytes, low half first, little-endian. */
  hash128(src: number, bytes: number, seedLow: number, seedHigh: number, out: number): void;
  /** XXH3-128, seed 0, of every page whose class (u16, as scanPages writes it) is 0, to `out + 16 * i`; others are left alone. */
  hash128Pages(src: number, pageCount: number, pageBytes: number, classes: number, out: number): void;

  rleEncode(src: number, srcBytes: number, out: number, capacity: number): number;
  rleDecode(src: number, srcBytes: number, out: number, pageBytes: number): number;
  zeroAwareEncode(src: number, srcBytes: number, out: number, capacity: number): number;
  zeroAwareDecode(src: number, srcBytes: number, out: number, pageBytes: number): number;
  /** 0 when page and base are identical. */
  xbzrleEncode(base: number, page: number, pageBytes: number, out: number, capacity: number): number;
  /** In place: `page` holds the base before and the new page after. On an error its content is undefined. */
  xbzrleDecode(src: number, srcBytes: number, page: number, pageBytes: number): number;
  wkdmEncode(src: number, srcBytes: number, out: number, capacity: number, scratch: number): number;
  wkdmDecode(src: number, srcBytes: number, out: number, pageBytes: number, scratch: number): number;
  /** One LZ4 block of 1 … 65536 bytes. */
  lz4Encode(src: number, srcBytes: number, out: number, capacity: number, scratch: number): number;
  /** Exactly `blockBytes` bytes, or a status. */
  lz4Decode(src: number, srcBytes: number, out: number, blockBytes: number): number;

  /** Empties an index of `bucketCount` (a power of two) buckets of 64 bytes, 8 entries each. */
  indexInit(index: number, bucketCount: number): void;
  /**
   * DedupLevel or puts down a run of pages, in order; those of a class other than 0 are left out. Writes a place (page u32, image u32)
   * a page: where its fingerprint (first 8 bytes of a digest) was, or all ones when it was not and now stands for (image, firstPage + i).
   */
  indexAddPages(
    index: number,
    bucketCount: number,
    digests: number,
    classes: number,
    count: number,
    image: number,
    firstPage: number,
    places: number,
  ): void;
  /** Writes the place kept under the first 8 bytes at `digest` to `place`, or all ones. */
  indexFind(index: number, bucketCount: number, digest: number, place: number): void;
  /** Puts (image, page) under a fingerprint, in place of the oldest of its bucket when that is full. */
  indexInsert(index: number, bucketCount: number, digest: number, image: number, page: number): void;

  /** Empties a sketch table of `slotCount` (a power of two) slots of 12 bytes. */
  sketchInit(table: number, slotCount: number): void;
  /** Four u32 features of a page at `out`; pages that share a feature are likely similar. */
  sketchPage(page: number, pageBytes: number, out: number): void;
  /** Writes up to four distinct pairs (image u32, page u32) that share a feature to `out`; returns how many. */
  sketchFind(table: number, slotCount: number, features: number, out: number): number;
  /** Puts (image, page) under each feature. */
  sketchInsert(table: number, slotCount: number, features: number, image: number, page: number): void;
}
