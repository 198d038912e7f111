import { guestImages, touchWords } from './guest/guest.mjs';

const PAGES = { zero: 58, copy: 8, code: 10, heap: 8, structs: 5, text: 5, stack: 2, integers: 2, packed: 2 };

export const idle = {
  name: 'idle',
  description: 'an idle guest: most pages are zero or duplicates, few are written',
  images: (options) =>
    guestImages(
      PAGES,
      (guest) => touchWords(guest, guest.pagesOf('heap', 'structs', 'stack'), 0.03, 12),
      options,
    ),
};
