// Similar-page search by sketch. A page's sketch is four features, one for each quarter of the page: the
// largest hash among the quarter's 64-byte blocks (a maximum survives edits elsewhere, and blocks that move
// within the quarter). Two pages that share a feature hold the same 64 bytes, so a delta of one against the
// other is likely small. After Broder's min-hash and the Difference Engine's HashSimilarityDetector (OSDI
// 2008), which samples fixed blocks; the maximum is ours.
//
//   slot = feature u32 | image u32 | page u32     (features are odd, so that an empty slot's 0 matches none)

const FEATURES: u32 = 4;
const SLOT_BYTES: usize = 12;
const PRIME_A: u64 = 0x9e3779b185ebca87;
const PRIME_B: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME_C: u64 = 0x165667b19e3779f9;
const PRIME_D: u64 = 0x27d4eb2f165667c5;

/** Clear a sketch table of slotCount (a power of two) slots. */
export function sketchInit(table: usize, slotCount: u32): void {
  memory.fill(table, 0, <usize>slotCount * SLOT_BYTES);
}

/**
 * Write four u32 features of a page of a multiple of 256 bytes; a quarter that is all zero, or shorter than a
 * block, has feature 0.
 */
export function sketchPage(page: usize, pageBytes: u32, out: usize): void {
  const quarterBytes = (pageBytes >> 8) << 6;
  for (let quarter: u32 = 0; quarter < FEATURES; quarter++) {
    let block = page + quarter * quarterBytes;
    const end = block + quarterBytes;
    let largest: u64 = 0;
    for (; block < end; block += 64) {
      const hash = hashBlock(block);
      largest = hash > largest ? hash : largest;
    }
    // The top bits of a maximum are mostly ones; the low half of the product distinguishes blocks. The
    // quarter is mixed in.
    const feature = largest === 0 ? 0 : <u32>(((largest ^ (quarter + 1)) * PRIME_A) >> 32) | 1;
    store<u32>(out + (quarter << 2), feature);
  }
}

/**
 * Write the pages that share a feature with the sketch, each once, as (image u32, page u32); return their
 * number, up to four.
 */
export function sketchFind(table: usize, slotCount: u32, features: usize, out: usize): u32 {
  let found: u32 = 0;
  for (let i: u32 = 0; i < FEATURES; i++) {
    const feature = load<u32>(features + (i << 2));
    if (feature === 0) continue;
    const slot = slotOf(table, slotCount, feature);
    if (load<u32>(slot) !== feature) continue;
    const reference = load<u64>(slot, 4);
    let known = false;
    for (let j: u32 = 0; j < found; j++) known = known || load<u64>(out + (j << 3)) === reference;
    if (known) continue;
    store<u64>(out + (found << 3), reference);
    found++;
  }
  return found;
}

/** Store (image, page) under each feature; a slot keeps its newest page. */
export function sketchInsert(table: usize, slotCount: u32, features: usize, image: u32, page: u32): void {
  for (let i: u32 = 0; i < FEATURES; i++) {
    const feature = load<u32>(features + (i << 2));
    if (feature === 0) continue;
    const slot = slotOf(table, slotCount, feature);
    store<u32>(slot, feature);
    store<u32>(slot, image, 4);
    store<u32>(slot, page, 8);
  }
}

function slotOf(table: usize, slotCount: u32, feature: u32): usize {
  return table + <usize>(((feature * 0x9e3779b1) >> 8) & (slotCount - 1)) * SLOT_BYTES;
}

// Multiply-and-fold over eight words; an all-zero block hashes to 0, so that it is never the maximum.
function hashBlock(block: usize): u64 {
  const a = (load<u64>(block) * PRIME_A) ^ (load<u64>(block, 8) * PRIME_B);
  const b = (load<u64>(block, 16) * PRIME_C) ^ (load<u64>(block, 24) * PRIME_D);
  const c = (load<u64>(block, 32) * PRIME_B) ^ (load<u64>(block, 40) * PRIME_C);
  const d = (load<u64>(block, 48) * PRIME_D) ^ (load<u64>(block, 56) * PRIME_A);
  const mixed = (a + rotl<u64>(b, 21)) ^ rotl<u64>(c + rotl<u64>(d, 29), 43);
  const folded = (mixed ^ (mixed >> 32)) * PRIME_A;
  return folded ^ (folded >> 29);
}
