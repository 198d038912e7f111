// A synthetic guest: extents of pages of one kind each, distributed by weights, and the guest's writes
// between two snapshots.
import { seeded } from '../../seeded.mjs';
import { PAGE_BYTES, pageKinds, wordsOf } from './kinds.mjs';

const MAX_EXTENT_PAGES = 64;

/**
 * Yield snapshots of one guest over time. `weights`: share of pages of each kind; besides the kinds of
 * kinds.mjs there are `zero` and `copy`, duplicates of other pages. `live(guest)` does the guest's writes
 * between two snapshots.
 */
export async function* guestImages(weights, live, { mebibytes = 64, seed = 1, count = 3 } = {}) {
  const guest = createGuest(weights, Math.round((mebibytes << 20) / PAGE_BYTES), seed);
  for (let i = 0; i < count; i++) {
    if (i > 0) live(guest);
    yield { name: `${i}`.padStart(3, '0'), bytes: guest.bytes.slice() };
  }
}

function createGuest(weights, pages, seed) {
  const random = seeded(seed);
  const below = (limit) => random() % limit;
  const kinds = pageKinds(random);
  const bytes = new Uint8Array(pages * PAGE_BYTES);
  const extents = [];
  const part = (first, count) => bytes.subarray(first * PAGE_BYTES, (first + count) * PAGE_BYTES);
  const copy = (first, count) => {
    for (let page = first; page < first + count; page++) {
      const from = page === 0 ? 0 : below(page);
      bytes.copyWithin(page * PAGE_BYTES, from * PAGE_BYTES, (from + 1) * PAGE_BYTES);
    }
  };
  const guest = {
    bytes,
    extents,
    random,
    below,
    /** Returns true with probability `share`. */
    chance: (share) => random() < share * 2 ** 32,
    page: (number) => wordsOf(part(number, 1)),
    /** Writes new content to an extent. */
    write({ first, count }, kind) {
      part(first, count).fill(0);
      if (kind === 'copy') copy(first, count);
      else if (kind !== 'zero') kinds[kind](part(first, count));
    },
    pagesOf: (...wanted) =>
      extents.flatMap(({ kind, first, count }) =>
        wanted.includes(kind) ? Array.from({ length: count }, (_, i) => first + i) : [],
      ),
  };
  for (let first = 0; first < pages; ) {
    const count = Math.min(pages - first, 1 + Math.floor(MAX_EXTENT_PAGES * (random() / 2 ** 32) ** 2));
    const extent = { kind: weighted(weights, random), first, count };
    guest.write(extent, extent.kind);
    extents.push(extent);
    first += count;
  }
  return guest;
}

/** Change words as a heap does: increment small numbers, copy other words within the page. */
export function touchWords(guest, pages, share, maxWords) {
  for (const number of pages) {
    if (!guest.chance(share)) continue;
    const words = guest.page(number);
    for (let n = 1 + guest.below(maxWords); n > 0; n--) {
      const at = guest.below(words.length);
      words[at] = words[at] < 1 << 20 ? words[at] + 1 + guest.below(3) : words[guest.below(words.length)];
    }
  }
}

function weighted(weights, random) {
  const entries = Object.entries(weights);
  const sum = entries.reduce((total, [, weight]) => total + weight, 0);
  let remaining = (random() / 2 ** 32) * sum;
  for (const [kind, weight] of entries) {
    remaining -= weight;
    if (remaining < 0) return kind;
  }
  return entries.at(-1)[0];
}
