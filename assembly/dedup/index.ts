// The fingerprint index: buckets of 8 entries, one cache line each, bounded, never moved.
//
//   bucket = 8 x tag u16 | 8 x page u32 | 8 x image u16        tag 0: an empty entry
//
// The upper half of a fingerprint names its bucket, the lowest 16 bits are its tag: what is found is a candidate, whose bytes the
// caller compares anyway; one in some ten thousand is another page. All tags of a bucket are compared at once. When it is full, the
// entry whose image is oldest gives way (eviction by age), so the index never needs a rebuild.

const BUCKET_BYTES: usize = 64;
const PAGES: usize = 16;
const IMAGES: usize = 48;
const BUCKET_ENTRIES: u32 = 8;
const NO_REFERENCE: u64 = u64.MAX_VALUE;

/** Empties an index of bucketCount (a power of two) buckets of 64 bytes. */
export function indexInit(index: usize, bucketCount: u32): void {
  memory.fill(index, 0, <usize>bucketCount * BUCKET_BYTES);
}

/**
 * DedupLevel or puts down a run of pages, in order, so that a page also finds one that came before it in the run. `digests` are 16 bytes
 * a page; pages whose class (u16) is not 0 are left out. Writes 8 bytes a page to `places`: where the same fingerprint was, or
 * NO_REFERENCE when it was not and now stands for (image, firstPage + i). One call for many pages, because a table far larger than the
 * cache is waited for: inside of a run the processor looks up the next pages meanwhile.
 */
export function indexAddPages(
  index: usize,
  bucketCount: u32,
  digests: usize,
  classes: usize,
  count: u32,
  image: u32,
  firstPage: u32,
  places: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    let place: u64 = NO_REFERENCE;
    if (load<u16>(classes + (i << 1)) === 0) {
      const fingerprint = load<u64>(digests + (i << 4));
      const bucket = bucketOf(index, bucketCount, fingerprint);
      const found = entriesWith(bucket, tagOf(fingerprint));
      if (found !== 0) place = placeOf(bucket, ctz(found));
      else put(bucket, entriesWith(bucket, 0), fingerprint, image, firstPage + i);
    }
    store<u64>(places + (i << 3), place);
  }
}

/** Writes the place (page u32, image u32) of the fingerprint at `digest` (its first 8 bytes) to `place`; NO_REFERENCE when there is none. */
export function indexFind(index: usize, bucketCount: u32, digest: usize, place: usize): void {
  const fingerprint = load<u64>(digest);
  const bucket = bucketOf(index, bucketCount, fingerprint);
  const found = entriesWith(bucket, tagOf(fingerprint));
  store<u64>(place, found === 0 ? NO_REFERENCE : placeOf(bucket, ctz(found)));
}

/** Puts (image, page) under a fingerprint: in its own entry, an empty one, or in place of the bucket's oldest. */
export function indexInsert(index: usize, bucketCount: u32, digest: usize, image: u32, page: u32): void {
  const fingerprint = load<u64>(digest);
  const bucket = bucketOf(index, bucketCount, fingerprint);
  const found = entriesWith(bucket, tagOf(fingerprint));
  put(bucket, found === 0 ? entriesWith(bucket, 0) : found, fingerprint, image, page);
}

/** Into the first of the entries that `free` has a bit for, or else the oldest. */
function put(bucket: usize, free: u32, fingerprint: u64, image: u32, page: u32): void {
  const entry: usize = free === 0 ? oldest(bucket) : ctz(free);
  store<u16>(bucket + (entry << 1), tagOf(fingerprint));
  store<u32>(bucket + (entry << 2), page, PAGES);
  store<u16>(bucket + (entry << 1), image, IMAGES);
}

function placeOf(bucket: usize, entry: u32): u64 {
  return <u64>load<u32>(bucket + ((<usize>entry) << 2), PAGES) | ((<u64>imageOf(bucket, entry)) << 32);
}

/** 0 means empty, so 0 is taken for 1. */
function tagOf(fingerprint: u64): u32 {
  return max(<u32>fingerprint & 0xffff, 1);
}

// XXH3 mixes all its bits, so the upper half alone is a fair address.
function bucketOf(index: usize, bucketCount: u32, fingerprint: u64): usize {
  return index + <usize>(<u32>(fingerprint >> 32) & (bucketCount - 1)) * BUCKET_BYTES;
}

/** One bit for each entry of the bucket with this tag. */
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
