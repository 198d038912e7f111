import type { PageCodec } from './codec.js';

/** A bitmap of the non-zero words, then those words: MECOM's first class (`docs/codecs/zero-aware.md`). */
export const zeroAware: PageCodec = {
  name: 'zero-aware',
  wireId: 6,
  operands: { bytes: 'own' },
  base: 'none',
  encode: ({ kernels }, page, pageBytes, out, capacity) =>
    kernels.run.zeroAwareEncode(page, pageBytes, out, capacity),
  decode: ({ kernels }, coded, codedBytes, page, pageBytes) =>
    kernels.run.zeroAwareDecode(coded, codedBytes, page, pageBytes),
};
