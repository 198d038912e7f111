import { guestImages, touchWords } from './guest/guest.mjs';

const PAGES = { zero: 4, random: 88, heap: 4, structs: 2, code: 2 };

export const encrypted = {
  name: 'encrypted',
  description: 'a guest whose memory looks random: encrypted buffers and files; some are rewritten',
  images: (options) =>
    guestImages(
      PAGES,
      (guest) => {
        for (const extent of guest.extents)
          if (extent.kind === 'random' && guest.chance(0.1)) guest.write(extent, 'random');
        touchWords(guest, guest.pagesOf('heap', 'structs'), 0.1, 24);
      },
      options,
    ),
};
