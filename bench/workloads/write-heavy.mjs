import { guestImages, touchWords } from './guest/guest.mjs';
import { ROW_WORDS } from './guest/kinds.mjs';

const PAGES = {
  zero: 18,
  copy: 2,
  rows: 30,
  counters: 8,
  heap: 16,
  log: 8,
  code: 8,
  structs: 4,
  integers: 4,
  stack: 2,
};

/** Update rows: timestamp, counter and amount. */
function updateRows(guest) {
  for (const number of guest.pagesOf('rows')) {
    if (!guest.chance(0.6)) continue;
    const words = guest.page(number);
    for (let n = 1 + guest.below(12); n > 0; n--) {
      const at = ROW_WORDS * guest.below(words.length / ROW_WORDS);
      words[at + 1] += 1 + guest.below(1000);
      words[at + 2]++;
      words[at + 3] = guest.below(100_000);
    }
  }
}

function countUp(guest) {
  for (const number of guest.pagesOf('counters')) {
    const words = guest.page(number);
    for (let i = 0; i < words.length; i += 2) if (guest.chance(0.3)) words[i] += guest.below(500);
  }
}

/** Append log lines to pages that were zero. */
function appendLog(guest) {
  for (const extent of guest.extents) {
    if (extent.kind !== 'zero' || !guest.chance(0.08)) continue;
    extent.kind = 'log';
    guest.write(extent, 'log');
  }
}

export const writeHeavy = {
  name: 'write-heavy',
  description: 'a guest that writes: counters and records change in most of their pages, logs grow',
  images: (options) =>
    guestImages(
      PAGES,
      (guest) => {
        updateRows(guest);
        countUp(guest);
        appendLog(guest);
        touchWords(guest, guest.pagesOf('heap', 'structs', 'stack'), 0.5, 40);
      },
      options,
    ),
};
