// The fingerprint index: open addressing over slots of 16 bytes, bounded, never moved.
//
//   slot = fingerprint u64 | page u32 | image u32          (image + 1, so that an empty slot is all zero)
//
// A fingerprint lives in one of the 8 slots from its home slot on, 128 bytes: two cache lines. When all 8 are taken, the
// one whose image is oldest gives way (eviction by age), so the index never fills up and never needs a rebuild.

const SLOT_BYTES: usize = 16;
const NEIGHBOURHOOD: u32 = 8;

/** Empties an index of slotCount (a power of two, at least 8) slots. */
export function indexInit(index: usize, slotCount: u32): void {
  memory.fill(index, 0, <usize>slotCount * SLOT_BYTES);
}

/** The slot that holds the fingerprint at `digest` (its first 8 bytes), or 0. */
export function indexFind(index: usize, slotCount: u32, digest: usize): usize {
  const fingerprint = load<u64>(digest);
  let slot = home(index, slotCount, fingerprint);
  for (let i: u32 = 0; i < NEIGHBOURHOOD; i++) {
    if (load<u64>(slot) === fingerprint && load<u32>(slot, 12) !== 0) return slot;
    slot = after(index, slotCount, slot);
  }
  return 0;
}

/** Puts (image, page) under a fingerprint: in its own slot, an empty one, or in place of the oldest neighbour. */
export function indexInsert(index: usize, slotCount: u32, digest: usize, image: u32, page: u32): void {
  const fingerprint = load<u64>(digest);
  let slot = home(index, slotCount, fingerprint);
  let oldest = slot;
  let oldestImage: u32 = 0xffffffff;
  for (let i: u32 = 0; i < NEIGHBOURHOOD; i++) {
    const held = load<u32>(slot, 12);
    if (held === 0 || load<u64>(slot) === fingerprint) {
      oldest = slot;
      break;
    }
    if (held < oldestImage) {
      oldestImage = held;
      oldest = slot;
    }
    slot = after(index, slotCount, slot);
  }
  store<u64>(oldest, fingerprint);
  store<u32>(oldest, page, 8);
  store<u32>(oldest, image + 1, 12);
}

// XXH3 mixes all its bits, so the upper half alone is a fair address.
function home(index: usize, slotCount: u32, fingerprint: u64): usize {
  return index + <usize>(<u32>(fingerprint >> 32) & (slotCount - 1)) * SLOT_BYTES;
}

function after(index: usize, slotCount: u32, slot: usize): usize {
  const next = slot + SLOT_BYTES;
  return next === index + <usize>slotCount * SLOT_BYTES ? index : next;
}
