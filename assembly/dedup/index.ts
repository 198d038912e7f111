// The fingerprint index: buckets of 8 entries, one cache line each, bounded, never moved.
//
//   bucket = 8 x tag u16 | 8 x page u32 | 8 x image u16        tag 0: an empty entry
//
// The upper half of a fingerprint names its bucket, the lowest 16 bits are its tag: a hit is a candidate,
// whose digest or bytes the caller compares; one in some ten thousand is another page. All tags of a bucket
// are compared at once. A full bucket evicts the entry of the oldest image, so the index never needs a
// rebuild.

const BUCKET_BYTES: usize = 64;
const PAGES: usize = 16;
const IMAGES: usize = 48;
const BUCKET_ENTRIES: u32 = 8;
const NO_REFERENCE: u64 = u64.MAX_VALUE;

/** Clear an index of bucketCount (a power of two) buckets of 64 bytes. */
export function indexInit(index: usize, bucketCount: u32): void {
  memory.fill(index, 0, <usize>bucketCount * BUCKET_BYTES);
}

/**
 * Look up a run of pages in order and add those that are new, so that a page also finds an earlier one of the
 * run. `digests` are 16 bytes a page; pages whose class (u16) is not 0 are skipped. Write 8 bytes a page to
 * `references`: the page with the same fingerprint, or NO_REFERENCE when there was none and (image, firstPage
 * + i) was added. `known` has 16 bytes an image, of which the first u32 is the address of the digests of its
 * pages, or 0; a page that is found there is one with the same digest, else (image, firstPage + i) takes its
 * entry. One call for many pages: the table is far larger than the cache, and within a run the processor
 * overlaps the misses.
 */
export function indexAddPages(
  index: usize,
  bucketCount: u32,
  digests: usize,
  classes: usize,
  count: u32,
  image: u32,
  firstPage: u32,
  references: usize,
  known: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    let reference: u64 = NO_REFERENCE;
    if (load<u16>(classes + (i << 1)) === 0) {
      const fingerprint = load<u64>(digests + (i << 4));
      const bucket = bucketOf(index, bucketCount, fingerprint);
      const found = entriesWith(bucket, tagOf(fingerprint));
      if (found !== 0) reference = referenceOf(bucket, ctz(found));
      if (found === 0 || !hasDigest(known, reference, digests + (i << 4))) {
        reference = NO_REFERENCE;
        putEntry(bucket, found === 0 ? entriesWith(bucket, 0) : found, fingerprint, image, firstPage + i);
      }
    }
    store<u64>(references + (i << 3), reference);
  }
}

/**
 * Write the reference (page u32, image u32) stored under the fingerprint at `digest` (its first 8 bytes), or
 * NO_REFERENCE.
 */
export function indexFind(index: usize, bucketCount: u32, digest: usize, reference: usize): void {
  const fingerprint = load<u64>(digest);
  const bucket = bucketOf(index, bucketCount, fingerprint);
  const found = entriesWith(bucket, tagOf(fingerprint));
  store<u64>(reference, found === 0 ? NO_REFERENCE : referenceOf(bucket, ctz(found)));
}

/** Store (image, page) under a fingerprint: in its own entry, an empty one, or the oldest of the bucket. */
export function indexInsert(index: usize, bucketCount: u32, digest: usize, image: u32, page: u32): void {
  const fingerprint = load<u64>(digest);
  const bucket = bucketOf(index, bucketCount, fingerprint);
  const found = entriesWith(bucket, tagOf(fingerprint));
  putEntry(bucket, found === 0 ? entriesWith(bucket, 0) : found, fingerprint, image, page);
}

/** Store into the first entry that has a bit in `free`, or else into the oldest. */
function putEntry(bucket: usize, free: u32, fingerprint: u64, image: u32, page: u32): void {
  const entry: usize = free === 0 ? oldest(bucket) : ctz(free);
  store<u16>(bucket + (entry << 1), tagOf(fingerprint));
  store<u32>(bucket + (entry << 2), page, PAGES);
  store<u16>(bucket + (entry << 1), image, IMAGES);
}

function referenceOf(bucket: usize, entry: u32): u64 {
  return <u64>load<u32>(bucket + ((<usize>entry) << 2), PAGES) | ((<u64>imageOf(bucket, entry)) << 32);
}

/** Whether the page that is referred to has the digest at `digest`, or its image's digests are not known. */
function hasDigest(known: usize, reference: u64, digest: usize): bool {
  const digests = <usize>load<u32>(known + ((<usize>(reference >> 32)) << 4));
  const page = (<usize>(<u32>reference)) << 4;
  return digests === 0 || !v128.any_true(v128.xor(v128.load(digests + page), v128.load(digest)));
}

/** Tag 0 means empty, so 0 becomes 1. */
function tagOf(fingerprint: u64): u32 {
  return max(<u32>fingerprint & 0xffff, 1);
}

// XXH3 mixes all bits: the upper half alone spreads evenly over the buckets.
function bucketOf(index: usize, bucketCount: u32, fingerprint: u64): usize {
  return index + <usize>(<u32>(fingerprint >> 32) & (bucketCount - 1)) * BUCKET_BYTES;
}

/** Return one bit for each entry of the bucket with this tag. */
function entriesWith(bucket: usize, tag: u32): u32 {
  return i16x8.bitmask(i16x8.eq(v128.load(bucket), i16x8.splat(<i16>tag)));
}

function oldest(bucket: usize): u32 {
  let entry: u32 = 0;
  for (let i: u32 = 1; i < BUCKET_ENTRIES; i++) {
    if (imageOf(bucket, i) < imageOf(bucket, entry)) entry = i;
  }
  return entry;
}

function imageOf(bucket: usize, entry: u32): u32 {
  return load<u16>(bucket + ((<usize>entry) << 1), IMAGES);
}
