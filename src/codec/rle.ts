import type { PageCodec } from './codec.js';

/** Byte runs in the PackBits format (`docs/codecs/rle.md`). */
export const rle: PageCodec = {
  name: 'rle',
  wireId: 5,
  operands: { bytes: 'own' },
  base: 'none',
  encode: ({ kernels }, page, pageBytes, out, capacity) =>
    kernels.run.rleEncode(page, pageBytes, out, capacity),
  decode: ({ kernels }, coded, codedBytes, page, pageBytes) =>
    kernels.run.rleDecode(coded, codedBytes, page, pageBytes),
};
