import type { PageCodec } from './codec.js';

/** A bitmap of the non-zero words, then those words: MECOM's first class (`docs/codecs/zero-aware.md`). */
export const zeroAware = {
  name: 'zero-aware',
  wireId: 6,
  family: 'page',
  operands: { bytes: 'own' },
  base: 'none',
  costRank: 2,
  pageClass: 'coded',
  label: 'coded alone',
  encode: ({ kernels }, page, pageBytes, out, capacity) =>
    kernels.run.zeroAwareEncode(page, pageBytes, out, capacity),
  decode: ({ kernels }, coded, codedBytes, page, pageBytes) =>
    kernels.run.zeroAwareDecode(coded, codedBytes, page, pageBytes),
} as const satisfies PageCodec;
