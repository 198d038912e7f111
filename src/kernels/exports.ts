/**
 * The exports of the kernels' module, the types for `assembly/index.ts`; `docs/kernels-abi.md` describes them
 * for hosts in any language. Addresses and lengths are in bytes of the kernels' memory. A result that is a
 * number of bytes is a negative {@link STATUS} when the kernel fails.
 *
 * Reads: a kernel may read up to `SLOT_SLACK` bytes past the end of an input. Writes: never at or past `out +
 * capacity`.
 */
export interface KernelExports {
  /** Return the first address that the module's own constant tables do not use. */
  heapBase(): number;
  readonly SLOT_SLACK: { readonly value: number };
  readonly LZ4_SCRATCH_BYTES: { readonly value: number };
  readonly WKDM_SCRATCH_BYTES: { readonly value: number };
  readonly PROFILE_BYTES: { readonly value: number };
  readonly PROFILE_ESTIMATED_BYTES: { readonly value: number };

  /**
   * Write the class of each page to `classes`, u16 a page: 0x100 | byte when one byte fills it, else 0.
   * Return the number of class 0.
   */
  scanPages(src: number, pageCount: number, pageBytes: number, classes: number): number;
  /** Return the byte that fills `bytes` (1 or more) bytes, or -1. */
  fillByte(src: number, bytes: number): number;
  /** Return 1 when `bytes` bytes at `a` and `b` are equal, else 0. */
  pagesEqual(a: number, b: number, bytes: number): number;
  /**
   * Copy `bytes` bytes; the ranges may overlap. In a memory that threads share, JavaScript's `copyWithin` and
   * `set` are several times slower.
   */
  copyBytes(to: number, from: number, bytes: number): void;
  /**
   * Write the profile of a page to `out`: u32 fields at the offsets of `assembly/layout.ts`; `base` 0: no
   * base.
   */
  profilePage(page: number, base: number, pageBytes: number, out: number): void;

  /** Write the XXH3-64 digest, 8 bytes, little-endian; the seed is 64 bits in two halves. */
  hash64(src: number, bytes: number, seedLow: number, seedHigh: number, out: number): void;
  /**
   * Write `hash64`, with seed 0, of bytes in several places. `runs`: address and length (u32 each) of `count`
   * runs, multiples of 1024 bytes, the last any of 64 or more; `bytes`: of all of them, more than 240.
   */
  hash64Runs(runs: number, count: number, bytes: number, out: number): void;
  /**
   * Write the XXH3-128 digest, 16 bytes, low half first, little-endian; the seed is 64 bits in two halves.
   */
  hash128(src: number, bytes: number, seedLow: number, seedHigh: number, out: number): void;
  /**
   * Write the XXH3-128 digest with seed 0 of each page of class 0 to `out + 16 * i`; leave the other digests
   * unchanged.
   */
  hash128Pages(src: number, pageCount: number, pageBytes: number, classes: number, out: number): void;
  /**
   * Write the first `digestBytes` (1 … 32) bytes of BLAKE3 with the 32-byte key at `key` of each page to `out
   * + digestBytes * i`; leave the digests of zero pages (class 0x100) unchanged. `classes` 0: hash all pages.
   * `pageBytes`: 0 … 65536; `scratch`: `BLAKE3_SCRATCH_BYTES` bytes.
   */
  blake3Pages(
    src: number,
    pageCount: number,
    pageBytes: number,
    classes: number,
    key: number,
    out: number,
    digestBytes: number,
    scratch: number,
  ): void;

  /** Encode a page as PackBits runs; return the coded bytes or a status. */
  rleEncode(src: number, srcBytes: number, out: number, capacity: number): number;
  /** Decode to exactly `pageBytes` bytes at `out`; return `pageBytes` or a status. */
  rleDecode(src: number, srcBytes: number, out: number, pageBytes: number): number;
  /** Encode a page as a bitmap of its non-zero words and those words; return the coded bytes or a status. */
  zeroAwareEncode(src: number, srcBytes: number, out: number, capacity: number): number;
  /** Decode to exactly `pageBytes` bytes at `out`; return `pageBytes` or a status. */
  zeroAwareDecode(src: number, srcBytes: number, out: number, pageBytes: number): number;
  /**
   * Encode the changes of `page` against `base`; return the coded bytes, 0 when both are identical, or a
   * status.
   */
  xbzrleEncode(base: number, page: number, pageBytes: number, out: number, capacity: number): number;
  /**
   * Apply changes to the base at `page` in place; return `pageBytes` or a status, after which the page is
   * undefined.
   */
  xbzrleDecode(src: number, srcBytes: number, page: number, pageBytes: number): number;
  /**
   * Encode a page with the WKdm dictionary; `scratch`: `WKDM_SCRATCH_BYTES` bytes. Return the coded bytes or
   * a status.
   */
  wkdmEncode(src: number, srcBytes: number, out: number, capacity: number, scratch: number): number;
  /** Decode to exactly `pageBytes` bytes at `out`; return `pageBytes` or a status. */
  wkdmDecode(src: number, srcBytes: number, out: number, pageBytes: number, scratch: number): number;
  /**
   * Encode one LZ4 block of 1 … 65536 bytes; `scratch`: `LZ4_SCRATCH_BYTES` bytes. Return the coded bytes or
   * a status.
   */
  lz4Encode(src: number, srcBytes: number, out: number, capacity: number, scratch: number): number;
  /** Decode to exactly `blockBytes` bytes at `out`; return `blockBytes` or a status. */
  lz4Decode(src: number, srcBytes: number, out: number, blockBytes: number): number;

  /** Clear an index of `bucketCount` (a power of two) buckets of 64 bytes, 8 entries each. */
  indexInit(index: number, bucketCount: number): void;
  /**
   * Look up each page of class 0 of a run by its fingerprint (the first 8 bytes of its digest), and add it as
   * (image, firstPage + i) when it is new. Write a reference (page u32, image u32) a page to `references`:
   * the page found, or all ones. `known`: 16 bytes an image, of which the first u32 is the address of its
   * pages' digests, or 0; where it is known, a page found has the same digest.
   */
  indexAddPages(
    index: number,
    bucketCount: number,
    digests: number,
    classes: number,
    count: number,
    image: number,
    firstPage: number,
    references: number,
    known: number,
  ): void;
  /** Write the reference stored under the first 8 bytes at `digest` to `reference`, or all ones. */
  indexFind(index: number, bucketCount: number, digest: number, reference: number): void;
  /** Store (image, page) under a fingerprint; a full bucket evicts its oldest image. */
  indexInsert(index: number, bucketCount: number, digest: number, image: number, page: number): void;

  /** Clear a sketch table of `slotCount` (a power of two) slots of 12 bytes. */
  sketchInit(table: number, slotCount: number): void;
  /**
   * Write the sketch of a page to `out`, four u32 features; pages that share a feature are likely similar.
   */
  sketchPage(page: number, pageBytes: number, out: number): void;
  /**
   * Write up to four distinct references (image u32, page u32) that share a feature to `out`; return their
   * number.
   */
  sketchFind(table: number, slotCount: number, features: number, out: number): number;
  /** Store (image, page) under each of the four features. */
  sketchInsert(table: number, slotCount: number, features: number, image: number, page: number): void;
}
