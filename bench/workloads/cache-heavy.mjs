import { guestImages, touchWords } from './guest/guest.mjs';

const FILES = ['text', 'code', 'packed'];
const PAGES = {
  zero: 10,
  copy: 3,
  text: 24,
  code: 20,
  packed: 22,
  heap: 12,
  structs: 5,
  integers: 2,
  stack: 2,
};

export const cacheHeavy = {
  name: 'cache-heavy',
  description: 'a guest full of page cache: text, programs, compressed files; some are replaced',
  images: (options) =>
    guestImages(
      PAGES,
      (guest) => {
        for (const extent of guest.extents) {
          if (!FILES.includes(extent.kind) || !guest.chance(0.04)) continue;
          extent.kind = FILES[guest.below(FILES.length)];
          guest.write(extent, extent.kind);
        }
        touchWords(guest, guest.pagesOf('heap', 'structs', 'stack'), 0.1, 24);
      },
      options,
    ),
};
